from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardrails.config import STAGES, RecoverySettings
from guardrails.runs import (
    Done,
    Halt,
    HistoryRecord,
    MissingAgent,
    Retry,
    Run,
    StageClosed,
    StageSettled,
    StepFailed,
    next_step,
)
from guardrails.runs.halt import halt
from guardrails.runs.history import from_json, to_json
from tests.runs.histories import BEGUN, ROSTER, Judge, Play, no, request, settled

PLAIN = ["begin", *(action for _ in STAGES for action in ("start", "open", "ask", "vote", "settle", "close"))]


def first(*verdicts: StageSettled) -> Judge:
    """These verdicts in order for their stage, and ok for the rest."""

    def judge(stage: str, times: int) -> StageSettled:
        own = [each for each in verdicts if each.stage == stage]
        return own[times] if times < len(own) else settled(stage)

    return judge


def always(verdict: StageSettled) -> Judge:
    return lambda stage, times: verdict if stage == verdict.stage else settled(stage)


# What passes


def test_six_stages_are_run_in_order_each_step_once() -> None:
    play = Play(request())
    assert isinstance(play.run(), Done)
    assert [step.action for step in play.steps] == PLAIN
    assert play.asked() == [(stage, ROSTER) for stage in STAGES]


def test_only_the_stages_that_were_asked_for_are_run() -> None:
    play = Play(request("tasks", "implement"))
    assert isinstance(play.run(), Done)
    assert {step.stage for step in play.steps} == {"tasks", "implement"}


def test_an_agent_that_answers_at_the_second_time_is_enough() -> None:
    play = Play(request("plan"), first(settled("plan", "degraded", "gemini")))
    assert isinstance(play.run(), Done)
    assert play.asked() == [("plan", ROSTER), ("plan", ("gemini",))]
    assert [step.wait for step in play.told("retry")] == [30.0]
    assert len(play.told("refresh")) == 1


def test_agents_that_have_answered_are_asked_again_in_another_session_of_their_stage() -> None:
    stale = settled("plan", "undecided")._replace(stale=("spec.md is not what they were made from",))
    play = Play(request("plan"), first(stale))
    assert isinstance(play.run(), Done)
    session = ["start", "open", "ask", "vote", "settle", "close"]
    assert [step.action for step in play.steps] == ["begin", *session, "refresh", *session]
    assert play.asked() == [("plan", ROSTER), ("plan", ROSTER)]


def test_a_session_that_was_begun_and_not_asked_is_asked_in_the_next_attempt() -> None:
    stale = settled("plan", "undecided")._replace(stale=("spec.md is not what they were made from",))
    play = Play(request("plan"), first(stale))
    while [step.action for step in play.steps].count("start") < 2:
        step = next_step(play.history, play.request)
        assert isinstance(step, Run | Retry)
        play.steps.append(step)
        play.history.append(play._taken(step))
    again = play.resumed()
    assert isinstance(again.run(), Done)
    assert [step.action for step in again.steps] == ["begin", "open", "ask", "vote", "settle", "close"]
    assert again.asked() == [("plan", ROSTER)]


def test_the_arbiter_is_asked_once_and_may_settle_it() -> None:
    play = Play(request("plan", recovery=RecoverySettings(arbiter="judge")), first(settled("plan", "conflict")))
    assert isinstance(play.run(), Done)
    assert play.asked() == [("plan", ROSTER), ("plan", ("judge",))]


def test_the_fallback_profile_is_the_last_thing_tried() -> None:
    lacking = settled("plan", "degraded", "gemini")
    recovery = RecoverySettings(retries=2, backoff=1.0, fallback="cheap")
    play = Play(request("plan", recovery=recovery), first(lacking, lacking, lacking))
    assert isinstance(play.run(), Done)
    assert [step.wait for step in play.told("retry")] == [1.0, 2.0]
    assert [step.profile for step in play.told("fallback")] == ["cheap"]
    assert play.asked()[1:] == [("plan", ("gemini",))] * 3


def test_a_degraded_stage_passes_when_it_is_allowed_to() -> None:
    play = Play(request("plan", "tasks", allow_degraded=True), always(settled("plan", "degraded", "gemini")))
    assert isinstance(play.run(), Done)
    assert len(play.told("retry")) == 1, "it is recovered from all the same"
    assert not play.told("escalate")


# What halts


@pytest.mark.parametrize(
    ("verdict", "reason", "code"),
    [
        pytest.param(settled("tasks", "conflict"), "conflict", 4, id="a conflict is 4"),
        pytest.param(settled("tasks", "degraded", "gemini"), "degraded", 5, id="degraded is 5"),
        pytest.param(settled("tasks", "undecided"), "undecided", 3, id="undecided is 3"),
        pytest.param(settled("tasks", "degraded", "claude", gone=True), "missing-tool", 3, id="a missing tool is 3"),
    ],
)
def test_a_verdict_that_does_not_pass_halts_the_run(verdict: StageSettled, reason: str, code: int) -> None:
    play = Play(request(), always(verdict))
    stopped = play.run()
    assert isinstance(stopped, Halt)
    assert (stopped.stage, stopped.reason, stopped.exit_code) == ("tasks", reason, code)
    assert isinstance(play.history[-1], StageClosed), "the record of the failure is written"
    assert "implement" not in {step.stage for step in play.steps}


@pytest.mark.parametrize(
    ("reason", "code"), [("guardrail", 1), ("policy", 1), ("dirty-tree", 1), ("missing-tool", 3), ("usage", 2)]
)
@pytest.mark.parametrize("where", ["opens", "closes"])
def test_a_guardrail_that_does_not_hold_halts_the_run(where: str, reason: str, code: int) -> None:
    faults: dict[str, Any] = {where: {"tasks": no("tasks", reason)}}
    play = Play(request(), **faults)
    stopped = play.run()
    assert isinstance(stopped, Halt)
    assert (stopped.reason, stopped.exit_code) == (reason, code)
    assert ("tasks" in dict(play.asked())) == (where == "closes"), "nobody is asked where it did not open"
    assert isinstance(play.history[-1], StageClosed)


def test_agents_that_may_not_be_paid_halt_the_run() -> None:
    stopped = Play(request(), asks={"plan": no("plan", "budget")}).run()
    assert isinstance(stopped, Halt)
    assert (stopped.reason, stopped.exit_code) == ("budget", 1)


def test_agents_that_agree_to_hold_halt_the_run_and_nobody_is_asked_again() -> None:
    recovery = RecoverySettings(retries=3, arbiter="judge", fallback="cheap")
    play = Play(request(recovery=recovery, allow_degraded=True), always(settled("audit", "hold")))
    stopped = play.run()
    assert isinstance(stopped, Halt)
    assert (stopped.stage, stopped.reason, stopped.exit_code) == ("audit", "hold", 1)
    assert stopped.hint is not None
    assert "--new --from audit" in stopped.hint
    assert play.asked()[-1] == ("audit", ROSTER)
    assert not [step for step in play.steps if isinstance(step, Retry)]
    assert "unlock" not in {step.stage for step in play.steps}
    again = play.resumed(always(settled("audit", "hold")))
    assert again.run() == stopped
    assert not again.asked()


def test_an_agent_that_only_lacks_a_ballot_is_asked_for_nothing_else() -> None:
    lacking = MissingAgent("gemini", "a spoiled ballot", answered=True)
    play = Play(request("plan"), first(settled("plan", "degraded")._replace(lacking=(lacking,))))
    assert isinstance(play.run(), Done)
    assert play.asked() == [("plan", ROSTER)]
    assert play.voted() == [("plan", ROSTER), ("plan", ("gemini",))]


def test_an_answer_that_is_made_again_is_voted_on_by_everybody() -> None:
    lacking = (MissingAgent("gemini", "no answer"), MissingAgent("claude", "a spoiled ballot", answered=True))
    play = Play(request("plan"), first(settled("plan", "degraded")._replace(lacking=lacking)))
    assert isinstance(play.run(), Done)
    assert play.asked() == [("plan", ROSTER), ("plan", ("gemini",))]
    assert play.voted() == [("plan", ROSTER), ("plan", ROSTER)]


def test_in_a_chain_nobody_is_asked_for_a_ballot() -> None:
    asked = request("plan", "tasks")._replace(method="chain")
    lacking = MissingAgent("claude", "a spoiled ballot", answered=True)
    play = Play(asked, first(settled("plan", "degraded")._replace(lacking=(lacking,))))
    assert isinstance(play.run(), Done)
    assert play.asked() == [("plan", ROSTER), ("plan", ("claude",)), ("tasks", ROSTER)]
    assert play.voted() == []


def test_ballots_that_may_not_be_paid_halt_the_run_and_are_asked_for_by_a_further_attempt() -> None:
    play = Play(request("plan"), votes={"plan": no("plan", "budget")})
    stopped = play.run()
    assert isinstance(stopped, Halt)
    assert (stopped.reason, stopped.exit_code) == ("budget", 1)
    assert "settle" not in [step.action for step in play.steps], "no verdict is made of answers nobody voted on"
    again = play.resumed()
    assert isinstance(again.run(), Done)
    assert (again.asked(), again.voted()) == ([], [("plan", ROSTER)])


def test_a_step_that_failed_halts_the_run_with_its_own_code() -> None:
    play = Play(request("plan"))
    play.run()
    history: list[HistoryRecord] = [*play.history[:3], StepFailed("plan", BEGUN, halt("plan", "internal", "it broke"))]
    stopped = next_step(history, request("plan"))
    assert isinstance(stopped, Halt)
    assert stopped.exit_code == 70


def test_many_missing_agents_are_not_asked_again() -> None:
    play = Play(request("plan"), always(settled("plan", "degraded", "gemini", "claude", severe=True)))
    stopped = play.run()
    assert isinstance(stopped, Halt)
    assert stopped.exit_code == 5
    assert len(play.asked()) == 1
    assert [step.action for step in play.steps if isinstance(step, Retry)] == ["escalate"]
    assert [step.action for step in play.steps][-3:] == ["escalate", "settle", "close"], "it is told before the end"


def test_a_program_that_is_not_there_is_not_waited_for() -> None:
    lacking = settled("plan", "degraded", "gemini", gone=True)
    play = Play(request("plan", recovery=RecoverySettings(fallback="cheap")), always(lacking))
    assert isinstance(play.run(), Halt)
    assert not play.told("retry")
    assert len(play.told("fallback")) == 1, "another profile may have another program"


def test_a_degraded_stage_never_reaches_unlock() -> None:
    play = Play(request(allow_degraded=True), always(settled("implement", "degraded", "gemini")))
    stopped = play.run()
    assert isinstance(stopped, Halt)
    assert (stopped.stage, stopped.exit_code) == ("unlock", 5)
    assert "unlock" not in {step.stage for step in play.steps}
    assert {stage for stage, _ in play.asked()} == set(STAGES) - {"unlock"}


# What is resumed


def test_a_settled_conflict_is_judged_again_without_asking_anybody() -> None:
    halted = Play(request(), always(settled("plan", "conflict")))
    assert isinstance(halted.run(), Halt)
    again = halted.resumed()
    assert isinstance(again.run(), Done)
    assert [step.action for step in again.steps[:4]] == ["begin", "open", "settle", "close"]
    assert "plan" not in dict(again.asked())


def test_only_those_who_have_not_answered_are_asked_again() -> None:
    lacking = settled("tasks", "degraded", "gemini")
    halted = Play(request("plan", "tasks"), always(lacking))
    assert isinstance(halted.run(), Halt)
    again = halted.resumed(lambda stage, times: lacking if times < 4 else settled(stage))
    assert isinstance(again.run(), Done)
    assert again.asked() == [("tasks", ("gemini",))]


def test_a_stage_that_passed_is_not_touched_by_a_further_attempt() -> None:
    halted = Play(request(), opens={"tasks": no("tasks", "dirty-tree")})
    assert isinstance(halted.run(), Halt)
    again = halted.resumed()
    assert isinstance(again.run(), Done)
    assert "plan" not in {step.stage for step in again.steps[1:]}


def test_a_stage_that_was_let_pass_is_made_good_by_an_attempt_that_lets_nothing_pass() -> None:
    lacking = settled("implement", "degraded", "gemini")
    halted = Play(request(allow_degraded=True), always(lacking))
    assert isinstance(halted.run(), Halt)
    again = halted.resumed(lambda stage, times: lacking if times < 3 and stage == "implement" else settled(stage))
    assert isinstance(again.run(), Done)
    assert again.asked() == [("implement", ("gemini",)), ("unlock", ROSTER)]


def test_documents_that_changed_meanwhile_are_asked_about_once_more() -> None:
    halted = Play(request("plan"), always(settled("plan", "conflict")))
    assert isinstance(halted.run(), Halt)
    stale = settled("plan", "undecided")._replace(stale=("docs/SPEC-KIT-DEMO/spec.md changed",))
    again = halted.resumed(lambda stage, times: stale if times < 2 else settled(stage))
    assert isinstance(again.run(), Done)
    assert again.asked() == [("plan", ROSTER)]


def test_agents_that_could_not_be_paid_are_asked_by_a_further_attempt() -> None:
    halted = Play(request("plan"), asks={"plan": no("plan", "budget")})
    assert isinstance(halted.run(), Halt)
    again = halted.resumed()
    assert isinstance(again.run(), Done)
    assert again.asked() == [("plan", ROSTER)]


# Whatever happens

VERDICTS = st.builds(
    lambda verdict, lacking, severe, gone, stale: (verdict, lacking, severe, gone, stale),
    st.sampled_from(["ok", "ok", "ok", "conflict", "degraded", "undecided"]),
    st.lists(st.sampled_from(ROSTER), unique=True),
    st.booleans(),
    st.booleans(),
    st.booleans(),
)
RECOVERIES = st.builds(
    RecoverySettings, st.integers(0, 3), st.sampled_from([0.0, 1.0]), st.sampled_from([None, "cheap"]),
    st.sampled_from([None, "judge"]),
)  # fmt: skip
HALTS = st.dictionaries(
    st.sampled_from(STAGES), st.sampled_from([no("plan", "policy"), no("plan", "dirty-tree")]), max_size=1
)


@st.composite
def plays(draw: st.DrawFn) -> Play:
    begin, end = sorted((draw(st.integers(0, 5)), draw(st.integers(0, 5))))
    asked = request(*STAGES[begin : end + 1], recovery=draw(RECOVERIES), allow_degraded=draw(st.booleans()))
    said = draw(st.lists(VERDICTS, max_size=40))

    def judge(stage: str, times: int) -> StageSettled:
        if not said:
            return settled(stage)
        verdict, lacking, severe, gone, stale = said.pop()
        made = settled(stage, verdict, *lacking, severe=severe, gone=gone)
        return made._replace(stale=("spec.md",) if stale and verdict != "ok" else ())

    return Play(asked, judge, opens=draw(HALTS), closes=draw(HALTS), asks=draw(HALTS))


@given(plays())
def test_every_history_leads_to_one_step_and_to_an_end(play: Play) -> None:
    end = play.run()
    recovery = play.request.recovery
    for stage in play.request.stages:
        own = [record for record in play.history if getattr(record, "stage", None) == stage]
        actions = [record.action for record in play.told("retry") if record in own]
        assert len(actions) <= recovery.retries
        for once in ("fallback", "arbitrate", "escalate"):
            assert len([record for record in play.told(once) if record in own]) <= 1
    assert isinstance(end, Halt | Done)
    if isinstance(end, Halt):
        assert end.exit_code != 0
    else:
        assert {stage for stage, _ in play.asked()} == set(play.request.stages)


@given(plays())
def test_unlock_is_never_begun_before_every_verdict_is_ok(play: Play) -> None:
    play.run()
    if not any(step.stage == "unlock" and step.action == "start" for step in play.steps):
        return
    for stage in play.request.stages[:-1]:
        verdicts = [
            record.verdict for record in play.history if isinstance(record, StageSettled) and record.stage == stage
        ]
        assert verdicts
        assert verdicts[-1] == "ok"


@given(plays())
def test_a_stage_begins_only_after_the_one_before_it_was_closed(play: Play) -> None:
    play.run()
    begun = list(dict.fromkeys(step.stage for step in play.steps if step.action == "start"))
    assert begun == list(play.request.stages[: len(begun)])
    for before, after in pairwise(play.steps):
        assert before.stage == after.stage or before.action == "close" or before.action == "begin"


@given(plays())
def test_a_further_attempt_ends_too_and_never_asks_who_answered(play: Play) -> None:
    end = play.run()
    if isinstance(end, Done) or end.reason == "budget":
        return
    again = play.resumed()
    assert isinstance(again.run(), Done)
    done = {stage for stage, _ in play.asked()}
    if not play.asks:
        assert not done & {stage for stage, _ in again.asked()}


@given(plays())
def test_each_prefix_of_a_history_leads_to_the_step_that_was_taken(play: Play) -> None:
    """So a run that was cut off goes on as if it had not been."""
    play.run()
    for length, step in enumerate(play.steps):
        assert next_step(play.history[:length], play.request) == step


@given(plays())
def test_a_history_survives_the_journal(play: Play) -> None:
    play.run()
    assert [from_json(to_json(record)) for record in play.history] == play.history


@pytest.mark.parametrize("document", [None, 1, "x", [], {}, {"kind": "other"}, {"kind": "shut"}])
def test_what_is_no_record_is_refused(document: Any) -> None:
    with pytest.raises(ValueError):
        from_json(document)


def test_a_run_step_names_its_stage() -> None:
    assert next_step((), request("audit")) == Run("begin", "audit")
