"""Commands run in a fork of a loaded process as they do in a Python of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import forking
from tests.records import plan_telemetry, telemetry_path
from tests.sandbox import Sandbox, parent

pytestmark = pytest.mark.skipif(not forking.possible, reason="commands are not forked there")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--version"],
        ["--help"],
        ["nope"],
        ["validate", "--format", "json"],
        ["lint"],
        ["config"],
        ["explain", "TEL002"],
        ["--repo", "gone", "lint"],
        pytest.param(["guard", "-v"], marks=pytest.mark.tier2),
        pytest.param(["doctor"], marks=pytest.mark.tier2),
    ],
    ids=" ".join,
)
def test_both_ways_give_the_same_bytes_and_exit_code(sandbox: Sandbox, arguments: list[str]) -> None:
    sandbox.write(telemetry_path("plan"), plan_telemetry(schemaVersion="caf\u00e9"))
    forked, own = sandbox.speckit(*arguments), sandbox.speckit(*arguments, process=True)
    assert (forked.code, forked.out, forked.err) == (own.code, own.out, own.err)


def run(sandbox: Sandbox, *arguments: str, stdin: bytes = b"", timeout: float = 60, **extra: str) -> int:
    environment = {**sandbox.environment, **extra}
    return parent().run(arguments, str(sandbox.root), environment, stdin, timeout).returncode


def test_nothing_of_one_command_is_left_for_the_next(sandbox: Sandbox) -> None:
    sandbox.write(telemetry_path("plan"), "{")
    assert sandbox.speckit("validate", SPECKIT_SOURCE="index").code == 3
    assert sandbox.speckit("validate").code == 1
    sandbox.write(telemetry_path("plan"), plan_telemetry())
    assert sandbox.speckit("validate").code == 0
    sandbox.git("init", "-q", "../other")
    assert sandbox.speckit("validate", cwd=sandbox.root.parent / "other").code == 3
    assert "SPECKIT_SOURCE" not in os.environ


@pytest.mark.parametrize(("words", "code"), [(1, 0), (100_000, 2)], ids=["little", "more than a pipe holds"])
def test_input_is_a_pipe_that_ends(sandbox: Sandbox, words: int, code: int) -> None:
    ran = sandbox.speckit("memory", "add", "-", stdin=b"word " * words)
    assert ran.code == code, ran
    assert "Traceback" not in ran.err


def test_a_command_over_its_time_is_killed(sandbox: Sandbox) -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        run(sandbox, "hal", "mock", timeout=0.5)
    assert run(sandbox, "--version") == 0


@pytest.fixture
def closed_mask() -> Iterator[None]:
    before = os.umask(0o077)
    yield
    os.umask(before)


@pytest.mark.usefixtures("closed_mask")
def test_it_begins_with_the_mask_of_who_asks(sandbox: Sandbox, tmp_path: Path) -> None:
    target = tmp_path / "out.json"
    sandbox.speckit("validate", "--format", "json", "--output", str(target))
    assert target.stat().st_mode & 0o777 == 0o600


def test_what_python_reads_when_it_starts_needs_a_python_of_its_own(sandbox: Sandbox) -> None:
    assert parent().suits(sandbox.environment)
    for name in ("PYTHONPATH", "PYTHONUTF8", "LC_ALL", "LD_PRELOAD"):
        assert not parent().suits({**sandbox.environment, name: "x"})


@pytest.mark.skipif(sys.platform != "linux", reason="children are looked up in /proc")
def test_the_tests_have_no_child_of_it(sandbox: Sandbox) -> None:
    assert sandbox.speckit("--version").code == 0
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)
