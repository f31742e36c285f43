"""Runs in repositories that lie in odd places, and on disks that will not have it."""

from __future__ import annotations

import os
from pathlib import Path

from guardrails.setup.sample import SPEC
from tests.pipeline.auto_world import Runs
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
