from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from guardrails.core import faults
from guardrails.runs import AgentsAsked, Circumstances, Done, Halt, rounds_of, summary_document
from tests.runs.histories import DOCUMENT, Play, no, request, settled
from tests.runs.test_planner import always, plays

SEAL = {"ledger": "docs/evidence/runs/x.ledger.jsonl", "entries": 3, "head": "d" * 64, "signature": None}


def summary(play: Play, end: Halt | Done | None, stopped: bool = False) -> dict[str, Any]:
    made = summary_document(play.request, play.history, end, Circumstances(3.0), stopped)
    return {**made, "seal": SEAL if made["outcome"] != "running" else None}


def test_a_completed_run_lists_every_stage_with_what_it_cost() -> None:
    play = Play(request())
    document = summary(play, play.run())
    assert (document["outcome"], document["exit_code"], document["halt"]) == ("completed", 0, None)
    assert [stage["status"] for stage in document["stages"]] == ["passed"] * 6
    assert document["stages"][0]["cost"] == {
        "usd": 3.0, "tokens": None, "source": "measured", "calls": 6, "priced_calls": 6
    }  # fmt: skip
    assert (document["cost"]["usd"], document["cost"]["calls"]) == (18.0, 36)
    assert document["digests"]["documents"] == [{"path": DOCUMENT, "sha256": "a" * 64}]


def test_what_its_agents_dispute_halts_a_stage_and_what_its_guardrail_finds_fails_it() -> None:
    play = Play(request(), always(settled("plan", "conflict")))
    document = summary(play, play.run())
    assert (document["outcome"], document["exit_code"]) == ("halted", 4)
    assert [stage["status"] for stage in document["stages"]] == ["halted"]
    play = Play(request(), opens={"tasks": no("tasks")})
    assert [stage["status"] for stage in summary(play, play.run())["stages"]] == ["passed", "failed"]


def test_recovery_is_listed_in_order() -> None:
    play = Play(request("plan"), always(settled("plan", "degraded", "gemini")))
    (stage,) = summary(play, play.run())["stages"]
    assert [step["action"] for step in stage["retries"]] == ["refresh", "retry", "escalate"]
    assert stage["cost"]["calls"] == 10, "failed calls and all ballots were paid, too"


def test_a_run_that_was_stopped_says_130_and_lists_what_was_finished() -> None:
    play = Play(request(), opens={"tasks": no("tasks")})
    play.run()
    del play.history[-1]
    document = summary(play, None, stopped=True)
    assert (document["outcome"], document["exit_code"], document["halt"]) == ("interrupted", 130, None)
    assert [stage["stage"] for stage in document["stages"]] == ["plan"]


def test_a_resumed_run_counts_a_call_that_was_cut_short_once() -> None:
    play = Play(request("plan"), asks={"plan": no("plan", "budget")})
    play.run()
    assert len(rounds_of(play.history)) == 1
    again = play.resumed()
    again.run()
    assert [record.ballots for record in again.history if isinstance(record, AgentsAsked)] == [False, False, True]
    assert len(rounds_of(again.history)) == 2


@given(plays(), st.integers(1, 60), st.booleans())
def test_every_summary_satisfies_its_schema(play: Play, length: int, stopped: bool) -> None:
    end = play.run()
    assert list(faults("run_summary", summary(play, end))) == []
    del play.history[length:]
    if play.history:
        assert list(faults("run_summary", summary(play, None, stopped))) == []
