"""The latest session of each stage of one SPEC: its recomputed verdict, and the answers that count in it."""

from __future__ import annotations

from typing import NamedTuple

from guardrails.consensus.load import Candidate, candidates, cases, present
from guardrails.consensus.model import Verdict
from guardrails.consensus.sessions import Session, belongs, group, latest
from guardrails.consensus.verdict import judge
from guardrails.core.schema import is_valid
from guardrails.snapshot.context import Scope, Subject


class Latest(NamedTuple):
    """One stage. `outputs` are the usable answers and `syntheses` the syntheses, as paths in order."""

    verdicts: tuple[Verdict, ...]
    outputs: tuple[str, ...]
    syntheses: tuple[str, ...]

    @property
    def is_ok(self) -> bool:
        return bool(self.verdicts) and all(verdict.kind == "ok" for verdict in self.verdicts)


def latest_of(subject: Subject, spec: str) -> dict[str, Latest]:
    """By stage; a stage without consensus evidence is not in it."""
    found = candidates(subject.snapshot, subject.settings.layout, Scope(spec=spec))
    filed = cases(subject.snapshot, subject.settings, (each for each in found if isinstance(each, Candidate)), is_valid)
    made = {}
    for (_, stage), case in filed.items():
        sessions = latest(group(case.outputs, case.records, case.witnesses))
        outputs = [output for session in sessions for output in session.outputs]
        now = present(subject.snapshot, subject.settings.layout, outputs).of(spec)
        verdicts = []
        for session in sessions:
            resolutions = [each for each in case.resolutions if belongs(each, session)]
            question = case.question._replace(stamp=session.stamp)
            settings = subject.settings.consensus
            verdicts.append(judge(question, session.outputs, session.records, resolutions, now, settings))
        usable = sorted({output.path for verdict in verdicts for output in verdict.usable})
        made[stage] = Latest(tuple(verdicts), tuple(usable), _syntheses(sessions))
    return made


def _syntheses(sessions: list[Session]) -> tuple[str, ...]:
    records = [record for session in sessions for record in session.records]
    return tuple(sorted(record.path for record in records if record.role == "synthesis" and not record.problems))
