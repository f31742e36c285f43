"""Programs that a configuration names: no shell, few variables, ended on time with all they started."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from guardrails.core import allowed_environment, run_program

PYTHON = sys.executable
ENVIRONMENT = allowed_environment(os.environ)


def test_output_and_exit_code_are_kept(tmp_path: Path) -> None:
    ran = run_program(
        [PYTHON, "-c", "import sys; print(sys.stdin.read()); sys.exit(7)"], str(tmp_path), ENVIRONMENT, 20, b"hi"
    )
    assert (ran.exit_code, ran.out, ran.succeeded, ran.problem) == (7, b"hi\n", False, None)


def test_arguments_reach_no_shell(tmp_path: Path) -> None:
    word = "$(touch made); `touch made` && touch made\n'\""
    ran = run_program([PYTHON, "-c", "import sys; print(sys.argv[1])", word], str(tmp_path), ENVIRONMENT, 20)
    assert ran.out.decode() == word + "\n"
    assert not list(tmp_path.iterdir())


def test_a_missing_program_is_said_to_be_missing(tmp_path: Path) -> None:
    ran = run_program(["no-such-program-anywhere"], str(tmp_path), ENVIRONMENT, 5)
    assert (ran.exit_code, ran.problem, ran.succeeded) == (None, "missing", False)


@pytest.mark.tier2
def test_what_it_started_ends_with_it_at_its_limit(tmp_path: Path) -> None:
    code = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "open('pid', 'w').write(str(child.pid)); time.sleep(600)"
    )
    ran = run_program([PYTHON, "-c", code], str(tmp_path), ENVIRONMENT, 2)
    assert (ran.exit_code, ran.problem) == (None, "timeout")
    child = int((tmp_path / "pid").read_text())
    for _ in range(100):
        if not alive(child):
            return
        time.sleep(0.05)
    raise AssertionError("the child outlived its parent")


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat")
    return not state.exists() or state.read_text().rpartition(")")[2].split()[0] != "Z"


def test_megabytes_are_read_and_only_the_limit_is_kept(tmp_path: Path) -> None:
    ran = run_program([PYTHON, "-c", "print('x' * 5_000_000)"], str(tmp_path), ENVIRONMENT, 20, limit=1000)
    assert (ran.exit_code, len(ran.out)) == (0, 1000)


def test_only_variables_that_are_named_or_needed_are_seen() -> None:
    environ = {"PATH": "/bin", "LC_ALL": "C", "SECRET_TOKEN": "x", "NAMED": "y", "GIT_DIR": "/elsewhere"}
    assert allowed_environment(environ, ["NAMED"]) == {"PATH": "/bin", "LC_ALL": "C", "NAMED": "y"}
