"""`consensus check`: the verdict of each stage, recomputed from the agents' own outputs, never read.

Judged is the latest session of every stage that has consensus evidence. Older sessions are read for their dates only.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from guardrails.consensus.findings import Place, anchor, report
from guardrails.consensus.gathering import FOLDER, Candidate, Case, candidates, cases, current
from guardrails.consensus.sessions import CLOCK_ALLOWANCE, Session, belongs, group, latest
from guardrails.consensus.statements import identity, stated
from guardrails.consensus.values import AgentOutput, Question, Record, Resolution, Verdict
from guardrails.consensus.verdict import judge
from guardrails.finding import Checked, Finding, Observation, Skipped
from guardrails.jsontext import locate, parse
from guardrails.rules.consensus import NOTHING, UNDATED, UNDECIDED
from guardrails.snapshot import Snapshot, is_plain
from guardrails.subject import Subject

_NOT_LATEST = "of a session that is not the latest of its stage"


def check(subject: Subject) -> Iterator[Observation]:
    """One finding for each cause that keeps the verdict of a stage from being ok."""
    found: list[Candidate] = []
    for each in candidates(subject.snapshot, subject.settings.layout, subject.scope):
        if isinstance(each, Skipped):
            yield each
        else:
            found.append(each)
    yield from _required(subject)
    from guardrails.schema import is_valid

    filed = cases(subject.snapshot, subject.settings, found, is_valid)
    if not filed:
        yield from _named_in_vain(subject)
    for _, case in sorted(filed.items()):
        yield from _judge_case(subject, case)


def _required(subject: Subject) -> Iterator[Finding]:
    """What the configuration requires of consensus evidence must be there."""
    root, only = subject.settings.layout.evidence, subject.scope.spec
    for entry in subject.settings.evidence.require:
        path = entry.strip("/")
        parts = path.split("/")
        if parts[0] != FOLDER or (only and len(parts) > 1 and subject.settings.layout.id_of(parts[1]) != only):
            continue
        if not is_plain(path) or not subject.snapshot.entries(f"{root}/{path}"):
            text = f"required consensus evidence is not there: {entry}"
            yield NOTHING.at(f"{root}/{FOLDER}", text, hint="run the stage whose evidence belongs there")


def _named_in_vain(subject: Subject) -> Iterator[Finding]:
    """What an argument names must be there."""
    spec, stage = subject.scope.spec, subject.scope.stage
    if spec is None and stage is None:
        return
    named = f"stage {stage}" if spec is None else spec if stage is None else f"stage {stage} of {spec}"
    where = f"{subject.settings.layout.evidence}/{FOLDER}"
    text = f"no consensus evidence for {named} in {subject.snapshot.describe()}"
    yield NOTHING.at(where, text, hint="run the stage, or check the spelling", spec=spec, stage=stage)


def _judge_case(subject: Subject, case: Case) -> Iterator[Observation]:
    sessions = group(case.outputs, case.records, case.witnesses)
    judged = latest(sessions)
    seen: set[str] = set()
    for session in judged:
        resolutions = [each for each in case.resolutions if belongs(each, session)]
        seen |= {file.path for file in session.files} | {each.path for each in resolutions}
        yield from _judge_session(subject, case.question._replace(stamp=session.stamp), session, resolutions)
    for path in sorted(case.paths):
        yield Checked(path) if path in seen else Skipped(path, _NOT_LATEST)
    for session in sessions:
        if session.when is None and session not in judged:
            spec, stage = case.question.spec, case.question.stage
            text = f"{spec} {stage}: files without any date were taken to be older than those that have one"
            yield UNDATED.at(anchor(session), text, spec=spec, stage=stage)


def _judge_session(
    subject: Subject, question: Question, session: Session, resolutions: Sequence[Resolution]
) -> Iterator[Finding]:
    settings = subject.settings
    now = current(subject.snapshot, settings.layout, question.spec, session.outputs)
    verdict = judge(question, session.outputs, session.records, resolutions, now, settings.consensus)
    yield from report(question, session, resolutions, verdict, _places(subject.snapshot, verdict, session))
    if session.when and session.when > subject.now + CLOCK_ALLOWANCE:
        text = f"{question.spec} {question.stage}: undecided: its latest session is dated in the future"
        hint = "no later session could ever be the latest: correct the clock and run the stage again"
        yield UNDECIDED.at(anchor(session), text, hint=hint, spec=question.spec, stage=question.stage)


def _places(snapshot: Snapshot, verdict: Verdict, session: Session) -> dict[str, Place]:
    """Where each unresolved conflict is stated: first by an agent, else by the synthesis."""
    wanted = {conflict.id for conflict in verdict.conflicts}
    places: dict[str, Place] = {}
    sources: tuple[AgentOutput | Record, ...] = (*verdict.usable, *session.records)
    for path in [file.path for file in sources if file.conflicts]:
        data = snapshot.read(path) if wanted else None
        if data is None:
            continue
        keys = {identity(text): key for key, text in stated(parse(data), "conflicts")}
        found = locate(data, [keys[each] for each in keys if each in wanted])
        for each in wanted & keys.keys():
            places[each] = Place(path, *found[keys[each]])
        wanted -= keys.keys()
    return places
