"""One stage's consensus on its own, outside a run: asked, recovered and settled, with the same rules as in one."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timezone
from typing import NamedTuple

from guardrails.agents.run_context import RunContext
from guardrails.agents.types import Watch
from guardrails.evidence.names import StageSession, new_session
from guardrails.evidence.signature import signing
from guardrails.runs.ballot_round import CollectBallots, vote
from guardrails.runs.consult import Consultation, Consulted, arbitrate, ask
from guardrails.runs.halt import Halt
from guardrails.runs.history import RecoveryTaken, RunRequest, StageSettled
from guardrails.runs.recovery import Retry, agents_without_answer, next_recovery
from guardrails.runs.rounds import Round
from guardrails.runs.synthesis import StageVerdict, settle

RetryListener = Callable[[Retry], None]


class Single(NamedTuple):
    """How it ended. `judged` is None when the agents could not all be asked, or not vote: then `halt` says why."""

    session: StageSession
    rounds: tuple[Round, ...]
    judged: StageVerdict | None
    halt: Halt | None = None


def consult(
    run_context: RunContext,
    stage: str,
    watch: Watch | None = None,
    tell: RetryListener | None = None,
    session: StageSession | None = None,
    before: tuple[Round, ...] = (),
) -> Single:
    """Ask the agents of a stage until nothing more can be done for its verdict. The caller holds the SPEC's lock.

    Given the `session` of before, a stage that was cut off asks nobody again who has answered. `before` are rounds that
    count against the same budget.
    """
    session = session or new_session(run_context.settings.layout, run_context.spec, stage, _now())
    signing(run_context.repo, run_context.settings.evidence.signature, run_context.say)  # required without a key: now
    request = _request(run_context, session)
    rounds: tuple[Round, ...] = ()
    steps: list[RecoveryTaken] = []
    consulted = ask(run_context, session, Consultation(request.roster(stage), (), before), watch)
    asked = CollectBallots((), before)
    while consulted.halt is None:
        rounds = (*rounds, *([consulted.round] if consulted.round else []))
        if request.method == "ballot":
            voted = vote(run_context, session, asked._replace(earlier=rounds), watch)
            if voted.halt is not None:
                return Single(session, rounds, None, voted.halt)
            rounds = (*rounds, *([voted.round] if voted.round else []))
        judged = settle(run_context, session, rounds, steps, _now())
        settled, told = _settled(stage, judged), len(steps)
        retry = next_recovery(settled, steps, request)
        while retry is not None and not (retry.agents and retry.action != "escalate"):
            steps.append(_recovered(retry))
            retry = next_recovery(settled, steps, request)
        if retry is None:
            if len(steps) > told:  # what was decided last is told, too
                judged = settle(run_context, session, rounds, steps, _now())
            return Single(session, rounds, judged)
        if tell is not None:
            tell(retry)
        time.sleep(retry.wait)
        steps.append(_recovered(retry))
        without_answer = agents_without_answer(settled, retry, request)
        consulted = Consulted(None)
        if without_answer:
            again = retry._replace(agents=without_answer)
            consulted = _again(run_context, session, again, rounds, before, watch)
        asked = CollectBallots((), before, retry.agents, retry.profile)
    return Single(session, (*rounds, *([consulted.round] if consulted.round else [])), None, consulted.halt)


def _again(
    run_context: RunContext,
    session: StageSession,
    retry: Retry,
    rounds: tuple[Round, ...],
    before: tuple[Round, ...],
    watch: Watch | None,
) -> Consulted:
    if retry.action == "arbitrate":
        return arbitrate(run_context, session, retry.agents[0], rounds, before, watch)
    return ask(run_context, session, Consultation(retry.agents, rounds, before, retry.profile), watch)


def _settled(stage: str, judged: StageVerdict) -> StageSettled:
    return StageSettled(
        stage, _now(), judged.verdict, judged.severe, judged.lacking, judged.conflicts, judged.reasons, judged.stale
    )


def _recovered(retry: Retry) -> RecoveryTaken:
    return RecoveryTaken(
        retry.stage, _now(), retry.action, retry.agents, retry.attempt, retry.reason, retry.wait, retry.profile
    )


def _request(run_context: RunContext, session: StageSession) -> RunRequest:
    plan = run_context.plan
    roster = plan.stage(session.stage).roster
    return RunRequest(
        run_context.spec,
        session.stamp,
        (session.stage,),
        (roster,),
        plan.config_sha256,
        plan.profile,
        plan.recovery,
        method=run_context.settings.consensus.method,
    )


def _now() -> datetime:
    return datetime.now(timezone.utc).replace(microsecond=0)
