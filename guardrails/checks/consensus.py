"""`consensus check`: the verdict of each stage, recomputed from the agents' own outputs, never read.

Judged is the latest session of every stage that has consensus evidence. Older sessions are read for their dates only.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from guardrails.consensus.findings import anchor, report
from guardrails.consensus.gathering import FOLDER, Candidate, Case, candidates, cases, current
from guardrails.consensus.sessions import CLOCK_ALLOWANCE, Session, belongs, group, latest
from guardrails.consensus.statements import conflict_of, stated
from guardrails.consensus.values import Question, Resolution, Verdict
from guardrails.consensus.verdict import judge
from guardrails.finding import Checked, Finding, Observation, Skipped
from guardrails.jsontext import locate, parse
from guardrails.rules.consensus import NOTHING, UNDATED, UNDECIDED
from guardrails.snapshot import Snapshot, is_plain
from guardrails.subject import Subject

_OLDER = "superseded: a later session was judged"


def check(subject: Subject) -> Iterator[Observation]:
    """One finding for each cause that keeps the verdict of a stage from being ok."""
    found: list[Candidate] = []
    for each in candidates(subject.snapshot, subject.settings.layout, subject.scope):
        if isinstance(each, Skipped):
            yield each
        else:
            found.append(each)
    yield from _required(subject)
    filed = cases(subject.snapshot, subject.settings, found, _satisfies)
    if not filed:
        yield from _named_in_vain(subject)
    for _, case in sorted(filed.items()):
        yield from _judge_case(subject, case)


def _satisfies(document: object) -> bool:
    from guardrails.schema import is_valid

    return is_valid("agent_output", document)


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
    yield from _undated(case.question, sessions, judged)
    unread = {file.path for file in (*case.outputs, *case.records, *case.resolutions) if _is_unread(file.problems)}
    seen: set[str] = set()
    for session in judged:
        resolutions = [each for each in case.resolutions if belongs(each, session)]
        seen.update(file.path for file in (*session.outputs, *session.records, *resolutions))
        yield from _judge_session(subject, case.question._replace(stamp=session.stamp), session, resolutions)
    for file in sorted({file.path for file in (*case.outputs, *case.records, *case.resolutions)}):
        if file in unread:
            yield Skipped(file, "cannot be read")
        else:
            yield Checked(file) if file in seen else Skipped(file, _OLDER)


def _is_unread(problems: Sequence[object]) -> bool:
    return False
