"""`consensus check`: the verdict of each stage, recomputed from the agents' own outputs, never read.

Judged is the latest session of every stage that has consensus evidence. Older sessions are read for their dates only.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from guardrails.consensus.findings import StatementLocation, anchor, report
from guardrails.consensus.load import FOLDER, ConsensusCase, ConsensusFile, candidates, cases, current_inputs
from guardrails.consensus.model import (
    AgentOutput,
    ConsensusQuestion,
    ConsensusVerdict,
    Current,
    OutcomeRecord,
    agent_of,
)
from guardrails.consensus.rules import NOTHING, REPLAYED, UNDATED, UNDECIDED
from guardrails.consensus.sessions import CLOCK_ALLOWANCE, ConsensusSession, belongs, group, latest
from guardrails.consensus.statements import identity, stated
from guardrails.consensus.verdict import compute_verdict
from guardrails.core.finding import Checked, Finding, Observation, Skipped
from guardrails.core.limits import CONFLICTS
from guardrails.core.paths import is_plain
from guardrails.core.strict_json import JsonFlaw, locate, parse_json
from guardrails.snapshot.base import Snapshot
from guardrails.snapshot.context import CheckContext

_NOT_LATEST = "of a session that is not the latest of its stage"


def check(context: CheckContext) -> Iterator[Observation]:
    """One finding for each cause that keeps the verdict of a stage from being ok.

    Raises GuardrailError when the scope names something that cannot be a SPEC id: nothing is ever matched by pattern.
    """
    if context.scope.spec is not None:
        spec = context.settings.layout.require_id(context.scope.spec)
        context = context._replace(scope=context.scope._replace(spec=spec))
    found: list[ConsensusFile] = []
    for each in candidates(context.snapshot, context.settings.layout, context.scope):
        if isinstance(each, ConsensusFile):
            found.append(each)
        else:
            yield each
    yield from _required(context)
    from guardrails.core.schema import is_valid

    filed = cases(context.snapshot, context.settings, found, is_valid)
    if not filed:
        yield from _named_in_vain(context)
    stages = [_in_sessions(case) for _, case in sorted(filed.items())]
    answers = (output for stage in stages for session in stage.judged for output in session.outputs)
    now = current_inputs(context.snapshot, context.settings.layout, answers)
    for stage in stages:
        yield from _judge_stage(context, stage, now.of(stage.case.question.spec))


class _Stage(NamedTuple):
    """One stage of one SPEC: what was filed, in which sessions, and the latest of them."""

    case: ConsensusCase
    sessions: list[ConsensusSession]
    judged: list[ConsensusSession]


def _in_sessions(case: ConsensusCase) -> _Stage:
    sessions = group(case.outputs, case.records, case.witnesses, case.ballots)
    return _Stage(case, sessions, latest(sessions))


def _required(context: CheckContext) -> Iterator[Finding]:
    """What the configuration requires of consensus evidence must be there."""
    root, only = context.settings.layout.evidence, context.scope.spec
    for entry in context.settings.evidence.require:
        path = entry.strip("/")
        parts = path.split("/")
        if parts[0] != FOLDER or (only and len(parts) > 1 and context.settings.layout.id_of(parts[1]) != only):
            continue
        if not is_plain(path) or not context.snapshot.entries(f"{root}/{path}"):
            text = f"required consensus evidence is not there: {entry}"
            yield NOTHING.at(f"{root}/{FOLDER}", text, hint="run the stage whose evidence belongs there")


def _named_in_vain(context: CheckContext) -> Iterator[Finding]:
    """What an argument names must be there."""
    spec, stage = context.scope.spec, context.scope.stage
    if spec is None and stage is None:
        return
    named = f"stage {stage}" if spec is None else spec if stage is None else f"stage {stage} of {spec}"
    where = f"{context.settings.layout.evidence}/{FOLDER}"
    text = f"no consensus evidence for {named} in {context.snapshot.describe()}"
    yield NOTHING.at(where, text, hint="run the stage, or check the spelling", spec=spec, stage=stage)


def _judge_stage(context: CheckContext, stage: _Stage, now: Current) -> Iterator[Observation]:
    case = stage.case
    seen: set[str] = set()
    for session in stage.judged:
        resolutions = [each for each in case.resolutions if belongs(each, session)]
        seen |= {file.path for file in session.files} | {each.path for each in resolutions}
        question = case.question._replace(stamp=session.stamp)
        verdict = compute_verdict(
            question, session.outputs, session.ballots, session.records, resolutions, now, context.settings.consensus
        )
        yield from report(question, session, resolutions, verdict, _places(context.snapshot, verdict, session))
        yield from _replayed(context, question, session)
        yield from _of_the_future(context, question, session)
    for path in sorted(case.paths):
        yield Checked(path) if path in seen else Skipped(path, _NOT_LATEST)
    yield from _undated(stage)


def _replayed(context: CheckContext, question: ConsensusQuestion, session: ConsensusSession) -> Iterator[Finding]:
    """Answers out of recordings count only where the configuration declares them."""
    declared = {agent_of(name) for name in context.settings.replays}
    for kind, files in (("answer", session.outputs), ("ballot", session.ballots)):
        for file in files:
            if file.replayed and file.agent not in declared:
                text = f"{question.spec} {question.stage}: the {kind} of {file.agent} came from a recording"
                hint = f"ask live agents, or declare agents.{file.agent}.replay"
                yield REPLAYED.at(file.path, text, hint=hint, spec=question.spec, stage=question.stage)


def _undated(stage: _Stage) -> Iterator[Finding]:
    spec, name = stage.case.question.spec, stage.case.question.stage
    for session in stage.sessions:
        if session.when is None and session not in stage.judged:
            text = f"{spec} {name}: files without any date were taken to be older than those that have one"
            yield UNDATED.at(anchor(session), text, spec=spec, stage=name)


def _of_the_future(context: CheckContext, question: ConsensusQuestion, session: ConsensusSession) -> Iterator[Finding]:
    """A session that is not yet would be the latest for ever."""
    if session.when and session.when > context.now + CLOCK_ALLOWANCE:
        text = f"{question.spec} {question.stage}: undecided: its latest session is dated in the future"
        hint = "correct the clock and run the stage again; until then no honest session can be the latest"
        yield UNDECIDED.at(anchor(session), text, hint=hint, spec=question.spec, stage=question.stage)


def _places(snapshot: Snapshot, verdict: ConsensusVerdict, session: ConsensusSession) -> dict[str, StatementLocation]:
    """Where each unresolved conflict that is listed is stated: first by an agent, else by the synthesis."""
    wanted = {conflict.id for conflict in verdict.conflicts[:CONFLICTS]}
    places: dict[str, StatementLocation] = {}
    sources: tuple[AgentOutput | OutcomeRecord, ...] = (*verdict.usable, *session.records)
    for path in [file.path for file in sources if file.conflicts]:
        data = snapshot.read(path) if wanted else None
        if data is None:
            continue
        named = ((identity(text), key) for key, text in stated(_reparsed(data), "conflicts"))
        keys = {each: key for each, key in named if each in wanted}
        found = locate(data, keys.values())
        for each in wanted & keys.keys():
            places[each] = StatementLocation(path, *found[keys[each]])
        wanted -= keys.keys()
    return places


def _reparsed(data: bytes) -> object:
    """The document that was read before; nothing if somebody has replaced it since, in the working tree."""
    try:
        return parse_json(data)
    except JsonFlaw:
        return None
