"""`speckit runs prune`: what completed runs left in the git directory is removed, and nothing that anybody needs."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from guardrails.setup import SPEC
from tests.runs.auto_world import Runs, kill, until
from tests.sandbox import SPECKIT, Sandbox


def _calls(runs: Runs) -> set[str]:
    return {path.name for path in (runs.root / ".git" / "speckit" / "calls").iterdir()}


def _tree(root: Path) -> set[tuple[str, int]]:
    return {(str(path), path.lstat().st_size) for path in root.rglob("*") if "runs.db" not in path.name}


@pytest.mark.tier2
def test_completed_runs_are_removed_but_for_the_newest(sandbox: Sandbox) -> None:
    runs = Runs(sandbox)
    for _ in range(3):
        assert runs.auto("--to", "plan").code == 0
    names = sorted(summary["run"] for summary in runs.summaries())
    assert sandbox.speckit("consensus", "run", "plan", SPEC).code == 0
    before = _tree(runs.root)
    rehearsed = sandbox.speckit("runs", "prune", "--keep", "2", "--dry-run")
    assert rehearsed.code == 0, rehearsed
    assert "would be removed" in rehearsed.out
    assert _tree(runs.root) == before
    done = sandbox.speckit("runs", "prune", "--keep", "2")
    assert (done.code, names[0] in done.out, names[1] in done.out, names[2] in done.out) == (0, True, True, False), done
    assert names[2] in _calls(runs)
    assert not _calls(runs) & set(names[:2])
    assert sandbox.speckit("runs", "prune", "--keep", "2").out.startswith("0 removed, 0 bytes")
    sandbox.commit()
    assert sandbox.speckit("evidence", "verify", SPEC).code == 0
    assert [run["run"] for run in sandbox.speckit("runs", "list", "--format", "json").document["runs"]] == names
    assert runs.auto("--from", "tasks", "--to", "tasks").code == 0
    everything = sandbox.speckit("runs", "prune", "--keep", "0", "-q")
    assert everything.out.startswith("3 removed, "), everything
    assert _calls(runs) == set()


@pytest.mark.tier2
def test_what_can_be_gone_on_with_stays_and_so_does_what_is_at_work(sandbox: Sandbox) -> None:
    runs = Runs(sandbox, claude="answer 3")
    process = runs.start("--to", "plan")
    until(lambda: runs.paid() == 3, process)
    busy = sandbox.speckit("runs", "prune", "--keep", "0")
    assert (busy.code, busy.out[:9]) == (0, "0 removed"), busy
    kill(process)
    assert sandbox.speckit("runs", "prune", "--keep", "0").out.startswith("0 removed")
    done = runs.auto("--resume")
    assert done.code == 0, done
    assert runs.paid() == 3, "nobody was asked twice"
    runs.modes |= {"gemini": "fail", "claude": "answer"}
    runs.configure(consensus={"retries": 0})
    assert runs.auto("--to", "plan").code == 5
    assert sandbox.speckit("runs", "prune", "--keep", "0").out.splitlines()[-1].startswith("1 removed, ")
    runs.modes["gemini"] = "answer"
    runs.configure(consensus={"retries": 0})
    assert runs.auto("--resume").code == 0
    assert runs.paid("claude") == 2, "it had answered"


@pytest.mark.tier2
def test_calls_that_are_in_no_cost_summary_stay_until_they_are(sandbox: Sandbox) -> None:
    runs = Runs(sandbox, claude="answer 0.5")
    asked = [*SPECKIT, "consensus", "run", "plan", SPEC]
    process = subprocess.Popen(asked, cwd=runs.root, env=sandbox.environment, stderr=subprocess.PIPE)
    until(lambda: runs.paid() == 3, process)
    kill(process)
    until(lambda: "answered" in Path(runs.ledger("claude")).read_text())
    until(lambda: len(list((runs.root / ".git/speckit/calls").glob("*/*/result.json"))) == 3)
    assert sandbox.speckit("runs", "prune", "--keep", "0").out.startswith("0 removed")
    assert sandbox.speckit("consensus", "run", "plan", SPEC).code == 0
    assert "Of 9 calls: 6 answers, 3 ballots." in sandbox.speckit("cost", SPEC).out
    assert sandbox.speckit("runs", "prune", "--keep", "0").out.splitlines()[-1].startswith("2 removed")


def test_what_cannot_be_removed_is_not_said_to_be(sandbox: Sandbox) -> None:
    runs = Runs(sandbox)
    assert runs.auto("--to", "plan").code == 0
    folder = next((runs.root / ".git/speckit/calls").iterdir())
    kept = folder.with_name("kept")
    folder.rename(kept)
    folder.symlink_to(kept)
    ran = sandbox.speckit("runs", "prune", "--keep", "0")
    assert (ran.code, ran.out) == (2, ""), ran
    assert f"{folder} cannot be removed" in ran.err
    assert kept.is_dir()
