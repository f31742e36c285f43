"""Runs that halt, are committed, and go on: what agents answered stays, in the range as in HEAD."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from guardrails.setup import SPEC
from tests.runs.auto_world import Runs
from tests.sandbox import EVIDENCE, Ran, Sandbox

QUICK: dict[str, Any] = {"retries": 0, "backoff": "1ms"}


def consensus(root: Path, tail: str) -> dict[str, bytes]:
    """The files of consensus whose names end so."""
    return {path.name: path.read_bytes() for path in sorted((root / EVIDENCE / "consensus" / SPEC).glob(f"*{tail}"))}


def guard(sandbox: Sandbox, source: str) -> Ran:
    return sandbox.speckit("guard", "--hook", "pre-push", "--source", source)


def assert_kept(before: dict[str, bytes], after: dict[str, bytes]) -> None:
    assert before
    assert {name: after.get(name) for name in before} == before


def test_a_retry_after_a_commit_leaves_the_ballots_that_were_cast(sandbox: Sandbox) -> None:
    runs = Runs(sandbox, gemini="fail")
    runs.configure(consensus=QUICK)
    assert runs.auto("--to", "plan").code == 5
    base = sandbox.commit()
    cast = consensus(runs.root, "_ballot.json")
    runs.modes["gemini"] = "answer"
    runs.configure(consensus=QUICK)
    done = runs.auto("--resume")
    assert done.code == 0, done
    sandbox.commit()
    assert_kept(cast, consensus(runs.root, "_ballot.json"))
    assert len(consensus(runs.root, "_ballot_2.json")) == 2, "of those who had voted without the third answer"
    assert [runs.paid(name) for name in ("claude", "gpt_pro")] == [1, 1]
    for source in (f"{base}..HEAD", "HEAD"):
        ran = guard(sandbox, source)
        assert ran.code == 0, ran
