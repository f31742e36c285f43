"""Runs in repositories that lie in odd places, and on disks that will not have it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from guardrails.setup import SPEC
from tests.runs.auto_world import ANSWERS, Runs
from tests.sandbox import EVIDENCE, Sandbox


def _sandbox(tmp_path: Path, name: str) -> Sandbox:
    home, root = tmp_path / "home", tmp_path / name
    home.mkdir()
    root.mkdir()
    made = Sandbox(root, home)
    made.git("init", "-q", "-b", "main")
    return made


def test_a_path_may_hold_any_bytes(tmp_path: Path) -> None:
    name = os.fsdecode(b"a 'b\" $(touch pwned) \\ %41 \xff\xfe\xc3\xa9")
    runs = Runs(_sandbox(tmp_path, name), gemini="file", claude="prose")
    agents = {each: runs.agent(each, mode) for each, mode in runs.modes.items()}
    agents["gemini"] |= {"command": [*agents["gemini"]["command"], "0", "{output}"], "output": "file"}
    runs.configure(agents=agents)
    ran = runs.auto("--to", "tasks")
    assert ran.code == 0, ran
    assert runs.summary["outcome"] == "completed"
    assert runs.sandbox.speckit("evidence", "verify").code == 0
    assert not list(tmp_path.rglob("pwned"))


def test_a_linked_worktree_has_runs_of_its_own(sandbox: Sandbox, tmp_path: Path) -> None:
    runs = Runs(sandbox)
    linked = tmp_path / "linked tree"
    sandbox.git("worktree", "add", "-q", "-b", "side", str(linked))
    ran = sandbox.speckit("auto", SPEC, "--to", "plan", cwd=linked)
    assert ran.code == 0, ran
    assert SPEC in sandbox.speckit("runs", cwd=linked).out
    assert sandbox.speckit("runs").code == 3
    assert not (runs.root / EVIDENCE).exists()
    again = sandbox.speckit("auto", SPEC, "--resume", cwd=sandbox.root)
    assert again.code == 2, again


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A file system of 3 MB, in which anybody may write."""
    place, mount = tmp_path / "small", shutil.which("mount")
    place.mkdir()
    done = mount and subprocess.run([mount, "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(place)], check=False)
    if not done or done.returncode:
        pytest.skip("file systems cannot be mounted here")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def _on(place: Path, tmp_path: Path) -> Runs:
    home, root = tmp_path / "home", place / "repo"
    home.mkdir()
    root.mkdir()
    made = Sandbox(root, home)
    made.git("init", "-q", "-b", "main")
    return Runs(made)


def _fill(place: Path, left: int) -> Path:
    """Leave so many bytes free."""
    found = os.statvfs(place)
    path = place / "full"
    path.write_bytes(b"x" * (found.f_bavail * found.f_frsize - left))
    return path


@pytest.mark.parametrize("left", [0, 100_000, 400_000, 900_000])
@pytest.mark.tier2
def test_a_full_disk_ends_a_run_that_goes_on_once_there_is_room(small: Path, tmp_path: Path, left: int) -> None:
    runs = _on(small, tmp_path)
    full = _fill(small, left)
    ran = runs.auto()
    assert ran.code == 2, ran
    assert "hint: make room on this disk" in ran.out + ran.err
    assert "Traceback" not in ran.err
    for path in (runs.root / "docs").rglob("*.json*"):
        for line in path.read_text().splitlines() if path.suffix == ".jsonl" else [path.read_text()]:
            json.loads(line)
    full.unlink()
    done = runs.auto()
    if done.code == 2:  # where the halt itself could still be remembered
        done = runs.auto("--resume")
    assert done.code == 0, done
    assert runs.paid() == ANSWERS


def test_a_git_directory_that_cannot_be_written_is_said_to_be(small: Path, tmp_path: Path) -> None:
    runs = _on(small, tmp_path)
    subprocess.run(["mount", "-o", "remount,ro", str(small)], check=True)
    ran = runs.auto()
    assert ran.code == 2, ran
    assert "hint: it is mounted read-only" in ran.err
    assert runs.auto("--dry-run", TMPDIR=str(tmp_path)).code == 0
