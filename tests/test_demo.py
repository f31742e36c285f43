"""`speckit demo`: what README begins with."""

from __future__ import annotations

import json
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from guardrails.cli import demo
from guardrails.config import STAGES
from guardrails.consensus import conflicts_in
from guardrails.setup import SPEC
from tests.sandbox import Ran, Sandbox

DEMO = Path(__file__).parent.parent / "demo"
ROSTER = {stage: ["claude", "gemini", "gpt_pro"] for stage in STAGES} | {
    "implement": ["claude", "gemini", "gpt_codex", "gpt_pro"]
}


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Ran]:
    """A demo that has been run once, in an environment that switches what is not its own."""
    folder = tmp_path_factory.mktemp("demo")
    place = folder / "sample"
    sandbox = Sandbox(folder, folder)
    return place, sandbox.speckit("demo", str(place), SPECKIT_PROFILE="none-such", SPEC_OPS_HAL_MODE="live")


def test_it_halts_is_settled_resumes_and_its_evidence_holds(sandbox: Sandbox, shown: tuple[Path, Ran]) -> None:
    place, ran = shown
    assert ran.code == 0, ran
    assert "halted at plan (conflict, exit 4)" in ran.out
    assert f"{SPEC}: completed: 6 of 6 stages passed, 38 calls, $0.00" in ran.out
    assert "guard: pass" in ran.out
    assert str(place) in ran.out
    (summary,) = place.glob(f"docs/evidence/runs/{SPEC}/*Z-????????.json")
    document = json.loads(summary.read_text())
    assert (document["outcome"], document["overrides"]["replay"]) == ("completed", True)
    assert sandbox.git("-C", str(place), "status", "--porcelain").out == ""
    guard = sandbox.speckit("--repo", str(place), "guard")
    assert guard.code == 0, guard
    assert sandbox.speckit("--repo", str(place), "guard", "--hook", "ci", "--source", "HEAD").code == 0


def test_what_it_says_to_try_next_works(sandbox: Sandbox, shown: tuple[Path, Ran], tmp_path: Path) -> None:
    made, ran = shown
    place = shutil.copytree(made, tmp_path / "sample", symlinks=True)
    tries = re.findall(r"^  speckit (.*?)  +\S", ran.out.partition("Try next")[2], re.MULTILINE)
    assert len(tries) == 4
    *_, last = ran.out.splitlines()
    assert re.fullmatch(r"  echo more >> \S+; speckit consensus check  +a verdict is about certain bytes", last)
    for line in tries:
        words = [word.strip('"') for word in re.findall(r'"[^"]*"|\S+', line)]
        tried = sandbox.speckit(*words, cwd=place)
        assert tried.code == 0, (line, tried)
        assert tried.out


def test_it_says_where_the_command_is_when_the_shell_does_not_find_it(tmp_path: Path, monkeypatch: Any) -> None:
    folder = tmp_path / "an env" / "bin"
    folder.mkdir(parents=True)
    (folder / "speckit").write_text("#!/bin/sh\n")
    (folder / "speckit").chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(folder / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert demo._path_hint() == f", after export PATH='{folder}':$PATH"
    monkeypatch.setenv("PATH", str(folder))
    assert demo._path_hint() == ""


@pytest.mark.tier2
def test_without_a_folder_it_makes_one(sandbox: Sandbox, tmp_path: Path) -> None:
    ran = sandbox.speckit("demo", "-q", cwd=tmp_path, TMPDIR=str(tmp_path))
    assert ran.code == 0, ran
    assert len(list(tmp_path.glob("speckit-demo-*"))) == 1


@pytest.mark.parametrize("what", ["full", "file"])
def test_a_folder_that_is_not_empty_is_left_alone(sandbox: Sandbox, tmp_path: Path, what: str) -> None:
    place = tmp_path / what
    if what == "full":
        place.mkdir()
        (place / "mine.txt").write_text("mine")
    else:
        place.write_text("mine")
    ran = sandbox.speckit("demo", str(place))
    assert ran.code == 2, ran
    assert sorted(tmp_path.rglob("mine.txt")) == ([place / "mine.txt"] if what == "full" else [])


def test_there_is_a_recording_of_every_agent_and_one_conflict_in_all_of_them() -> None:
    found: dict[str, list[str]] = {}
    ballots: dict[str, list[str]] = {}
    conflicts = []
    for path in sorted((DEMO / "recordings").glob("*_*.json")):
        if path.name.endswith(".usage.json"):
            continue
        stage, _, agent = path.stem.removesuffix("_ballot").partition("_")
        answer = json.loads(path.read_text(encoding="utf-8"))
        assert (answer["stage"], answer["agent"]) == (stage, agent)
        if path.stem.endswith("_ballot"):
            ballots.setdefault(stage, []).append(agent)
            continue
        found.setdefault(stage, []).append(agent)
        assert answer["decision"]["proceed"] is True
        conflicts += [(path.stem, each.text) for each in conflicts_in(answer)]
    assert {stage: sorted(agents) for stage, agents in found.items()} == ROSTER
    assert {stage: sorted(agents) for stage, agents in ballots.items()} == ROSTER
    assert [name for name, _ in conflicts] == ["plan_claude"]
