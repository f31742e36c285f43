"""What was filed for one session, read back from disk: the verdict is about what is there, not about what was meant."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from guardrails.agents.run_context import RunContext
from guardrails.consensus.load import FOLDER, ConsensusFile, cases, current_inputs
from guardrails.consensus.model import (
    AgentOutput,
    Ballot,
    ConsensusQuestion,
    ConsensusVerdict,
    Current,
    OutcomeRecord,
    Resolution,
    Role,
    ask,
)
from guardrails.consensus.records import RecordContext, read_record
from guardrails.consensus.sessions import ConsensusSession, SessionKey, belongs
from guardrails.consensus.verdict import compute_verdict
from guardrails.core.schema import is_valid
from guardrails.evidence.names import StageSession
from guardrails.layouts.evidence_names import evidence_name
from guardrails.snapshot.worktree import Worktree


class SessionAnswers(NamedTuple):
    """The answers of a session, what settles its conflicts, and the documents as they are now."""

    question: ConsensusQuestion
    outputs: tuple[AgentOutput, ...]
    ballots: tuple[Ballot, ...]
    resolutions: tuple[Resolution, ...]
    current: Current


def load_answers(run_context: RunContext, session: StageSession) -> SessionAnswers:
    """All that was filed for a session, apart from what is made of it."""
    snapshot = Worktree(run_context.repo)
    question = ask(session.spec, session.stage, run_context.plan.stage(session.stage).roster, session.stamp)
    filed = cases(snapshot, run_context.settings, _candidates(run_context, snapshot, session), is_valid)
    case = filed.get((session.spec, session.stage))
    outputs = tuple(sorted(case.outputs, key=lambda each: each.path)) if case else ()
    ballots = tuple(sorted(case.ballots, key=lambda each: each.path)) if case else ()
    resolutions = tuple(case.resolutions) if case else ()
    now = current_inputs(snapshot, run_context.settings.layout, outputs).of(session.spec)
    return SessionAnswers(question, outputs, ballots, _of_session(resolutions, session), now)


def _candidates(run_context: RunContext, snapshot: Worktree, session: StageSession) -> Iterator[ConsensusFile]:
    """The answers of this session, and the resolutions of this stage."""
    layout = run_context.settings.layout
    for entry in snapshot.entries(f"{layout.evidence}/{FOLDER}/{session.spec}"):
        name = evidence_name(layout, entry.path)
        if name is None or (name.spec, name.stage) != (session.spec, session.stage):
            continue
        if name.kind == "resolution" or (name.kind in ("agent_output", "ballot") and name.stamp == session.stamp):
            yield ConsensusFile(entry, name)


def _of_session(resolutions: tuple[Resolution, ...], session: StageSession) -> tuple[Resolution, ...]:
    anchor = ConsensusSession(SessionKey("", ""), None, (), (_stamped(session),), ())
    return tuple(each for each in resolutions if belongs(each, anchor))


def _stamped(session: StageSession) -> OutcomeRecord:
    return OutcomeRecord("", "synthesis", stamp=session.stamp)


def record_of(run_context: RunContext, gathered: SessionAnswers, role: Role, path: str, data: bytes) -> OutcomeRecord:
    """The value of a synthesis or verdict as every reader will see it."""
    name = evidence_name(run_context.settings.layout, path)
    assert name is not None
    context = RecordContext(run_context.settings.layout, gathered.question.roster)
    return read_record(path, role, name, data, context, is_valid)


def verdict_of(
    run_context: RunContext, gathered: SessionAnswers, records: tuple[OutcomeRecord, ...]
) -> ConsensusVerdict:
    """The verdict on the answers read back, with the records that were made of it."""
    return compute_verdict(
        gathered.question,
        gathered.outputs,
        gathered.ballots,
        records,
        gathered.resolutions,
        gathered.current,
        run_context.settings.consensus,
    )
