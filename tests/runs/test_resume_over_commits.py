"""Runs that halt, are committed, and go on: what agents answered stays, in the range as in HEAD."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from guardrails.setup import SPEC
from tests.runs.agents_world import Cast, answer
from tests.runs.auto_world import Runs, kill, until
from tests.runs.stage_world import TRIO
from tests.sandbox import EVIDENCE, Ran, Sandbox

QUICK: dict[str, Any] = {"retries": 0, "backoff": "1ms"}
KEPT = ("_gemini.json", "_claude.json", "_gpt_pro.json", "_ballot.json", "_metrics.json")


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
        assert ran.code == 0, ran.out


@pytest.mark.tier2
def test_answers_from_documents_that_changed_stay_and_everybody_is_asked_in_another_session(sandbox: Sandbox) -> None:
    runs = Runs(sandbox, gemini="fail")
    runs.configure(consensus=QUICK)
    assert runs.auto("--to", "plan").code == 5
    base = sandbox.commit()
    before = consensus(runs.root, ".json")
    document = runs.root / "docs" / SPEC / "spec.md"
    document.write_text(document.read_text() + "\nOne more thing.\n")
    runs.modes["gemini"] = "answer"
    runs.configure(consensus=QUICK)
    done = runs.auto("--resume")
    assert done.code == 0, done
    sandbox.commit()
    kept = {name: data for name, data in before.items() if not name.endswith(("_synthesis.json", "_verdict.json"))}
    assert_kept(kept, consensus(runs.root, ".json"))
    sessions = {name.partition("Z-")[2][:8] for name in consensus(runs.root, "_verdict.json")}
    assert len(sessions) == 2
    stage = runs.summary["stages"][0]
    assert stage["verdict"]["path"].count(stage["session"]) == 1, "of the latest session"
    assert [runs.paid(name) for name in ("gemini", "claude", "gpt_pro")] == [2, 2, 2]
    paid = runs.paid() + runs.ballots()
    assert runs.summary["cost"]["calls"] == paid
    costs = json.loads((runs.root / EVIDENCE / "costs" / f"{SPEC}_cost_summary.json").read_text())
    assert costs["calls"] == paid, "each call once"
    for source in (f"{base}..HEAD", "HEAD"):
        ran = guard(sandbox, source)
        assert ran.code == 0, ran.out
    assert sandbox.speckit("consensus", "check", SPEC).code == 0


@pytest.mark.tier2
def test_who_comes_after_a_missing_agent_of_a_chain_answers_anew_in_another_session(sandbox: Sandbox) -> None:
    cast = Cast(sandbox, consensus={"method": "chain", **QUICK})
    agreed = [{"id": f"s{number}", "vote": "agree", "because": ""} for number in (1, 2)]
    cast.does("claude-ballot", {"exit": 1}, {"say": answer(ballot=agreed)})
    cast.says("gpt_pro-ballot", answer(ballot=agreed))
    assert sandbox.speckit("auto", SPEC, "--to", "plan").code == 5
    base = sandbox.commit()
    before = consensus(sandbox.root, "_gemini.json") | consensus(sandbox.root, "_gpt_pro.json")
    done = sandbox.speckit("auto", SPEC, "--resume", "--format", "json")
    assert done.code == 0, done.err
    sandbox.commit()
    assert_kept(before, consensus(sandbox.root, ".json"))
    assert len(consensus(sandbox.root, "_gemini.json")) == 2
    called = [cast.calls(name) + cast.ballots(name) for name in TRIO]
    assert called == [1, 2, 2], "the first was asked the same, and has answered"
    assert done.document["cost"]["calls"] == 5
    for source in (f"{base}..HEAD", "HEAD"):
        ran = guard(sandbox, source)
        assert ran.code == 0, ran.out


@pytest.mark.tier2
def test_a_conflict_that_a_person_settles_after_a_commit_takes_nothing_away(sandbox: Sandbox) -> None:
    cast = Cast(sandbox, consensus=QUICK)
    cast.says("claude", answer(conflicts=("SQLite or Postgres",)))
    assert sandbox.speckit("auto", SPEC, "--to", "plan").code == 4
    base = sandbox.commit()
    before = {name: data for tail in KEPT for name, data in consensus(sandbox.root, tail).items()}
    resolve = ("consensus", "resolve", "plan", SPEC, "--conflict", "1", "--because", "SQLite: one file")
    assert sandbox.speckit(*resolve).code == 0
    settled = sandbox.commit()
    done = sandbox.speckit("auto", SPEC, "--resume")
    assert done.code == 0, done
    sandbox.commit()
    assert_kept(before, consensus(sandbox.root, ".json"))
    assert [cast.calls(name) + cast.ballots(name) for name in TRIO] == [2, 2, 2], "nobody is asked again"
    for source in (f"{base}..HEAD", f"{settled}..HEAD", "HEAD"):
        ran = guard(sandbox, source)
        assert ran.code == 0, ran.out


@pytest.mark.tier2
def test_a_run_that_is_killed_in_its_second_session_goes_on_there_and_pays_for_every_call_once(
    sandbox: Sandbox,
) -> None:
    runs = Runs(sandbox, gemini="fail")
    runs.configure(consensus=QUICK)
    assert runs.auto("--to", "plan").code == 5
    base = sandbox.commit()
    document = runs.root / "docs" / SPEC / "spec.md"
    document.write_text(document.read_text() + "\nOne more thing.\n")
    runs.modes |= {"gemini": "answer", "claude": "answer 0.5"}
    runs.configure(consensus=QUICK)
    process = runs.start("--resume")
    until(lambda: runs.paid() == 6, process)
    kill(process)
    done = runs.auto("--resume")
    assert done.code == 0, done
    assert [runs.paid(name) for name in ("gemini", "claude", "gpt_pro")] == [2, 2, 2]
    assert runs.summary["cost"]["calls"] == runs.paid() + runs.ballots()
    assert len(consensus(runs.root, "_verdict.json")) == 2
    sandbox.commit()
    for source in (f"{base}..HEAD", "HEAD"):
        ran = guard(sandbox, source)
        assert ran.code == 0, ran.out
