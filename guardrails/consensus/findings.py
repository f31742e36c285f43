"""A verdict in findings: one for each cause, at the file that shows it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from guardrails.consensus.eligibility import faults_of_record
from guardrails.consensus.model import Conflict, ConsensusQuestion, ConsensusVerdict, FileProblem, Resolution, short
from guardrails.consensus.rules import (
    BALLOT,
    CONFLICT,
    DEGRADED,
    FOREIGN_RECORD,
    HOLD,
    MISSING_AGENT,
    NO_POSITION,
    OVERSTATED,
    PLACEHOLDER,
    RESOLUTION,
    STALE,
    UNDECIDED,
    UNREADABLE,
    UNUSABLE,
)
from guardrails.consensus.sessions import ConsensusSession
from guardrails.consensus.verdict import faults_of_resolution, target_of
from guardrails.core.finding import Finding, Rule, Severity
from guardrails.core.limits import CONFLICTS, at_most

_OF_FLAW = {"unreadable": UNREADABLE, "placeholder": PLACEHOLDER, "foreign": FOREIGN_RECORD}


class StatementLocation(NamedTuple):
    """Where a statement stands."""

    path: str
    line: int
    column: int


def _needs(verdict: ConsensusVerdict) -> str | None:
    """What would change the verdict, as a hint."""
    return f"it takes {'; '.join(verdict.remedies)}" if verdict.remedies else None


def anchor(session: ConsensusSession) -> str:
    """The file that stands for a session: its synthesis, else another record, else an output."""
    syntheses = [record.path for record in session.records if record.role == "synthesis"]
    return (syntheses or [file.path for file in session.files])[0]


def report(
    question: ConsensusQuestion,
    session: ConsensusSession,
    resolutions: Sequence[Resolution],
    verdict: ConsensusVerdict,
    places: dict[str, StatementLocation],
) -> Iterator[Finding]:
    """Everything that keeps this verdict from being ok, and everything that claims it were. Nothing when it is ok.

    `places` says where each conflict is stated, by its id.
    """
    made = _Maker(question, anchor(session))
    yield from made.verdict(verdict, places)
    for agent in verdict.missing:
        roster = ", ".join(question.roster)
        yield made.at(MISSING_AGENT, f"{agent} of the roster ({roster}) has no output", hint="run it again")
    for each in verdict.unusable:
        level: Severity = "error" if each.of_roster else "note"
        said = f"the output of {each.output.agent} does not count: it "
        yield made.problems(UNUSABLE, each.output.path, said, each.reasons, level)
    yield from made.ballots(verdict)
    yield from made.records(session, verdict)
    yield from made.resolutions(resolutions, verdict)


class _Maker:
    """Makes findings about one session."""

    def __init__(self, question: ConsensusQuestion, path: str) -> None:
        self._question = question
        self._path = path

    def at(
        self,
        rule: Rule,
        message: str,
        *,
        path: str | None = None,
        line: int | None = None,
        column: int | None = None,
        hint: str | None = None,
        severity: Severity | None = None,
    ) -> Finding:
        spec, stage = self._question.spec, self._question.stage
        text = f"{spec} {stage}: {message}"
        where = path or self._path
        return rule.at(where, text, line=line, column=column, hint=hint, severity=severity, spec=spec, stage=stage)

    def problems(
        self, rule: Rule, path: str, said: str, problems: Sequence[FileProblem], severity: Severity | None = None
    ) -> Finding:
        """One finding for a file with all that is wrong with it, at the first place known."""
        line, column = next(((each.line, each.column) for each in problems if each.line), (None, None))
        text = said + ", and ".join(each.text for each in problems)
        return self.at(rule, text, path=path, line=line, column=column, severity=severity)

    def verdict(self, verdict: ConsensusVerdict, places: dict[str, StatementLocation]) -> Iterator[Finding]:
        listed, more = at_most(verdict.conflicts, CONFLICTS)
        for conflict in listed:
            yield self.conflict(conflict, places.get(conflict.id))
        if more:
            total = len(verdict.conflicts)
            yield self.at(CONFLICT, f"{more} more unresolved conflicts are not listed; there are {total} in all")
        yield from self.positions(verdict)
        if verdict.shortfalls and verdict.kind in ("degraded", "undecided"):
            severe = " (severe: don't retry, escalate)" if verdict.severe else ""
            yield self.at(DEGRADED, f"degraded{severe}: {', '.join(verdict.shortfalls)}", hint=_needs(verdict))
        if verdict.kind == "undecided":
            told = {*verdict.stale, *verdict.shortfalls, *verdict.unclear}
            for reason in verdict.reasons:
                if reason not in told:
                    yield self.at(UNDECIDED, f"undecided: {reason}")
        for text in verdict.stale:
            yield self.at(STALE, text, hint="run the stage again, or restore it")

    def positions(self, verdict: ConsensusVerdict) -> Iterator[Finding]:
        """Who holds and why, and who says neither yes nor no, each at the answer that says so."""
        level: Severity = "error" if verdict.kind == "hold" else "note"
        for output in verdict.usable:
            why = "; ".join(output.position.reasons)
            if output.position.proceeds is False:
                text = f"{output.agent} holds: {why}"
                yield self.at(HOLD, text, path=output.path, hint=_needs(verdict), severity=level)
            elif output.position.proceeds is None and output.agent in self._question.roster:
                text = f"{output.agent} does not say whether to proceed: {why}"
                yield self.at(NO_POSITION, text, path=output.path, hint="run the stage again")

    def ballots(self, verdict: ConsensusVerdict) -> Iterator[Finding]:
        for each in verdict.uncounted:
            level: Severity = "error" if each.of_roster else "note"
            said = f"the ballot of {each.agent} does not count: it "
            yield self.problems(BALLOT, each.path, said, each.reasons, level)
        if verdict.agreement is None or verdict.kind in ("hold", "conflict"):
            return  # nobody voted, and the verdict says so, or nobody has to
        for agent in sorted({*verdict.unvoted} - {each.agent for each in verdict.uncounted}):
            yield self.at(BALLOT, f"{agent} has not voted", hint="run the stage again")

    def conflict(self, conflict: Conflict, place: StatementLocation | None) -> Finding:
        path, line, column = place or (None, None, None)
        saying = ", with 'proceed' true or false" if conflict.cause == "split" else ""
        hint = (
            f"decide it and record a resolution of {conflict.id}{saying}; 'speckit explain {CONFLICT.code}' shows how"
        )
        return self.at(
            CONFLICT,
            f"unresolved conflict {conflict.id}: {short(conflict.text)}",
            path=path,
            line=line,
            column=column,
            hint=hint,
        )

    def records(self, session: ConsensusSession, verdict: ConsensusVerdict) -> Iterator[Finding]:
        for record in session.records:
            for problem in faults_of_record(record, self._question):
                rule = _OF_FLAW.get(problem.flaw)
                if rule:
                    yield self.problems(rule, record.path, f"the {record.role} ", (problem,))
        for record, said in verdict.overstated:
            yield self.at(OVERSTATED, f"the {record.role} {said}", path=record.path)

    def resolutions(self, resolutions: Sequence[Resolution], verdict: ConsensusVerdict) -> Iterator[Finding]:
        stated = {conflict.id for conflict in verdict.conflicts} | {each.conflict.id for each in verdict.resolved}
        for resolution in resolutions:
            faults = faults_of_resolution(resolution, self._question)
            if faults:
                rule = _OF_FLAW.get(faults[0].flaw, RESOLUTION)
                rule = RESOLUTION if rule is FOREIGN_RECORD else rule
                yield self.problems(rule, resolution.path, "the resolution ", faults)
            elif target_of(resolution) not in stated:
                text = "the resolution names no conflict of its session"
                yield self.at(RESOLUTION, text, path=resolution.path, severity="warning")
