"""Ballots of real runs in archives: packed, restored and judged like answers."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from guardrails.setup import SPEC
from tests.runs.auto_world import Runs
from tests.sandbox import EVIDENCE, Sandbox


def filed(root: Path) -> dict[str, bytes]:
    """The evidence of consensus by name."""
    return {path.name: path.read_bytes() for path in sorted((root / EVIDENCE / "consensus" / SPEC).iterdir())}


@pytest.mark.tier2
def test_ballots_and_their_metrics_are_packed_restored_and_missed(sandbox: Sandbox) -> None:
    runs = Runs(sandbox, gemini="fail")
    quick = {"consensus": {"retries": 0, "backoff": "1ms"}}
    runs.configure(**quick)
    assert runs.auto("--to", "plan").code == 5
    runs.modes["gemini"] = "answer"
    runs.configure(**quick)
    assert runs.auto("--resume").code == 0
    first = filed(sandbox.root)
    ballots = {name for name in first if "_ballot" in name}
    assert len(ballots) == 10, "two that were cast anew, and the metrics of each"
    time.sleep(1)  # names tell whole seconds
    sandbox.commit()
    assert runs.auto("--to", "plan").code == 0
    base = sandbox.commit()
    ran = sandbox.speckit("evidence", "archive", "--spec", SPEC, "--keep", "1", "--active")
    assert ran.code == 0, ran
    assert first.keys().isdisjoint(filed(sandbox.root)), "all of the session, ballots too"
    packed = sandbox.commit()
    assert judged(sandbox, f"{base}..HEAD", "HEAD") == {0}
    [name] = [path.name.partition(".")[0] for path in (sandbox.root / EVIDENCE / "archive" / SPEC).glob("*.tar.gz")]
    assert sandbox.speckit("evidence", "restore", name).code == 0
    assert {each: data for each, data in filed(sandbox.root).items() if each in first} == first
    assert sandbox.speckit("evidence", "verify").code == 0
    sandbox.commit()
    assert judged(sandbox, f"{base}..HEAD", f"{packed}..HEAD", "HEAD") == {0}
    archives = sandbox.root / EVIDENCE / "archive" / SPEC
    for path in archives.iterdir():
        path.unlink()
    for each in ballots:
        (sandbox.root / EVIDENCE / "consensus" / SPEC / each).unlink()
    sandbox.commit()
    gone = {
        row["path"].rpartition("/")[2]
        for row in sandbox.judge("guard", "--source", f"{base}..HEAD").document["findings"]
    }
    assert ballots <= gone


def judged(sandbox: Sandbox, *sources: str) -> set[int]:
    """The exit codes of `guard` over some sources."""
    return {sandbox.speckit("guard", "--hook", "pre-push", "--source", source).code for source in sources}
