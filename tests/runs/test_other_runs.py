"""Runs beside each other in one working tree: what a run has recorded is no dirt for another, and nothing else is."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest

from guardrails.checks.ledger import LedgerEntry, line_of
from guardrails.setup import SPEC
from tests.runs.auto_world import ROOT, Runs, until
from tests.sandbox import EVIDENCE, Sandbox

OTHER = "SPEC-KIT-OTHER"


def _poor(runs: Runs, usd: float) -> dict[str, Any]:
    agents = {name: {**runs.agent(name, mode), "model": "m"} for name, mode in runs.modes.items()}
    return {"agents": agents, "budget": {"usd": usd, "prices": {"m": {"input_per_mtok": 1e3, "output_per_mtok": 1e3}}}}


def _beside_it(sandbox: Sandbox) -> None:
    """A second SPEC with the same packet."""
    for path in (ROOT / "demo" / "docs" / SPEC).rglob("*"):
        if path.is_file():
            name = path.relative_to(ROOT / "demo" / "docs" / SPEC)
            sandbox.write(f"docs/{OTHER}/{name}", path.read_text().replace(SPEC, OTHER))
    tracker = (sandbox.root / "SPEC.md").read_text()
    row = tracker.splitlines()[-1].replace(SPEC, OTHER).replace("In Progress", "Backlog").replace("| 1 |", "| 2 |")
    sandbox.write("SPEC.md", tracker + row + "\n")
    sandbox.commit()


def test_a_run_that_could_ask_nobody_does_not_stand_in_the_way_of_the_next(sandbox: Sandbox) -> None:
    runs = Runs(sandbox)
    runs.configure(**_poor(runs, 0.01))
    for _ in range(2):
        ran = runs.auto("--to", "plan")
        assert (ran.code, runs.summary["halt"]["reason"]) == (1, "budget"), ran
    assert len(runs.summaries()) == 2


@pytest.mark.tier2
def test_the_next_stages_can_be_run_before_the_first_are_committed(sandbox: Sandbox) -> None:
    runs = Runs(sandbox)
    assert runs.auto("--to", "plan").code == 0
    ran = runs.auto("--from", "tasks", "--to", "implement")
    assert ran.code == 0, ran
    assert sandbox.speckit("stage", "validate", SPEC).code == 0
    clean = sandbox.speckit("clean-tree")
    assert clean.code == 1, "what is pushed is judged by what is committed"


@pytest.mark.parametrize(
    "what", ["commands/*/spec-*.json", "consensus/*/*_claude.json", "runs/*/*.ledger.jsonl", "runs/*/*Z-????????.json"]
)
@pytest.mark.tier2
def test_evidence_that_was_edited_since_is_dirt(sandbox: Sandbox, what: str) -> None:
    runs = Runs(sandbox)
    assert runs.auto("--to", "plan").code == 0
    path = next((runs.root / EVIDENCE).glob(what))
    path.write_bytes(path.read_bytes().replace(b"plan", b"plam", 1))
    ran = runs.auto("--to", "plan")
    assert (ran.code, runs.summary["halt"]["reason"]) == (1, "dirty-tree"), ran
    assert path.name in ran.out


@pytest.mark.parametrize("path", ["left.txt", f"{EVIDENCE}/notes.txt", f"{EVIDENCE}/consensus/SPEC-KIT-ELSE/x.json"])
def test_a_ledger_vouches_for_nothing_but_evidence_of_its_spec(sandbox: Sandbox, path: str) -> None:
    runs = Runs(sandbox)
    data = b"left\n"
    sandbox.write(path, data)
    line = line_of(LedgerEntry(1, path, sha256(data).hexdigest(), len(data), None))
    sandbox.write(f"{EVIDENCE}/runs/{SPEC}/20260131T093000Z-4f2a9c10.ledger.jsonl", line + b"\n")
    ran = runs.auto("--to", "plan")
    assert (ran.code, runs.summary["halt"]["reason"]) == (1, "dirty-tree"), ran
    assert f"clean-tree: {path}: CLN003 untracked" in ran.out


def test_two_specs_are_run_at_once(sandbox: Sandbox) -> None:
    runs = Runs(sandbox, claude="answer 0.3")
    _beside_it(sandbox)
    process = runs.start("--to", "implement")
    until(lambda: runs.paid() >= 3, process)
    ran = sandbox.speckit("auto", OTHER, "--to", "implement")
    out, err = process.communicate(timeout=60)
    assert (ran.code, process.returncode) == (0, 0), (ran, out.decode(), err.decode())
    again = sandbox.speckit("auto", OTHER, "--from", "validate", "--to", "validate")
    assert again.code == 0, again
    for spec in (SPEC, OTHER):
        assert sandbox.speckit("evidence", "verify", spec).code == 0


def test_what_nobody_at_work_has_recorded_is_dirt(sandbox: Sandbox) -> None:
    runs = Runs(sandbox)
    _beside_it(sandbox)
    sandbox.write(f"{EVIDENCE}/consensus/{OTHER}/spec-plan_20260131T093000Z-4f2a9c10_claude.json", {})
    ran = runs.auto("--to", "plan")
    assert (ran.code, runs.summary["halt"]["reason"]) == (1, "dirty-tree"), ran
