"""Costs held against each other: metrics of calls, event lines, cost summary. To the cent; unknown equals nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Literal, NamedTuple

from guardrails.layout import STAGES
from guardrails.reports.numbers import dollars, spent, total
from guardrails.reports.values import Call, CostSummary, Facts, Money, Session

CENT = 0.005
"""Half a cent: amounts that are closer are the same to the cent."""

State = Literal["agrees", "differs", "unknown"]


class Line(NamedTuple):
    """One session (or all of a stage, where the summary gives only sums). A witness that tells nothing is None.

    `repeated` are calls of agents that were asked again: their metrics gave way to those of the last attempt, so only
    the event lines tell of them.
    """

    stage: str
    session: str | None
    metrics: Money | None
    events: Money | None
    summary: Money | None
    repeated: Money | None = None
    state: State = "agrees"
    differences: tuple[str, ...] = ()


class Reconciliation(NamedTuple):
    """`archived` are sessions the summary counts whose evidence is not here: nothing to hold them against."""

    summary: CostSummary | None
    lines: tuple[Line, ...]
    archived: tuple[str, ...]
    total: Line

    @property
    def agrees(self) -> bool:
        """Whether there is something to hold against each other, and all of it is the same."""
        return bool(self.lines) and all(line.state == "agrees" for line in (*self.lines, self.total))

    @property
    def differences(self) -> tuple[Line, ...]:
        return tuple(line for line in (*self.lines, self.total) if line.state != "agrees")


def reconcile(facts: Facts, spec: str) -> Reconciliation:
    """What the records of one SPEC say its calls cost."""
    sessions = [each for each in facts.sessions if each.spec == spec and (each.metrics or each.events)]
    summary = next((each for each in reversed(facts.costs) if each.spec == spec and not each.problem), None)
    if summary is not None and summary.sessions:
        return _by_session(sessions, summary)
    lines = [_line(stage, None, mine, _stage_sum(summary, stage)) for stage in STAGES if (mine := _of(sessions, stage))]
    lines += [
        _line(row.stage, None, [], row.money)
        for row in (summary.stages if summary else ())
        if not _of(sessions, row.stage)
    ]
    return Reconciliation(summary, tuple(lines), (), _total(lines, summary.total if summary else None))


def _of(sessions: Sequence[Session], stage: str) -> list[Session]:
    return [each for each in sessions if each.stage == stage]


def _stage_sum(summary: CostSummary | None, stage: str) -> Money | None:
    return next((row.money for row in summary.stages if row.stage == stage), None) if summary else None


def _by_session(sessions: Sequence[Session], summary: CostSummary) -> Reconciliation:
    rows = {(row.stage, row.session): row.money for row in summary.sessions}
    lines = [_line(each.stage, each.stamp, [each], rows.get((each.stage, each.stamp or ""))) for each in sessions]
    here = {(each.stage, each.stamp) for each in sessions}
    archived = tuple(row.session for row in summary.sessions if (row.stage, row.session) not in here)
    # Its own total counts what was archived; the rows that remain are what can be compared.
    counted = summary.total if not archived else total([money for key, money in rows.items() if key in here])
    return Reconciliation(summary, tuple(lines), archived, _total(lines, counted))


def _line(stage: str, session: str | None, sessions: Sequence[Session], summary: Money | None) -> Line:
    metrics = [call for each in sessions for call in each.metrics]
    events = [call for each in sessions for call in each.events]
    repeated = [call for each in sessions for call in _repeated(each)]
    told, listed = (spent(calls) if calls else None for calls in (metrics, events))
    return _judged(Line(stage, session, told, listed, summary, spent(repeated) if repeated else None))


def _repeated(session: Session) -> Iterator[Call]:
    last = {call.agent: call.attempt for call in session.metrics if call.attempt is not None}
    for call in session.events:
        if call.attempt is not None and call.attempt < last.get(call.agent, 0):
            yield call


def _total(lines: Sequence[Line], summary: Money | None) -> Line:
    columns = ([getattr(line, name) for line in lines] for name in ("metrics", "events", "repeated"))
    sums = [total(known) if (known := [each for each in column if each]) else None for column in columns]
    return _judged(Line("total", None, sums[0], sums[1], summary, sums[2]))


def _judged(line: Line) -> Line:
    """With what differs. A witness that is not there at all is only a difference where it is the summary, or where it
    would be the only one."""
    found = tuple(_differences(line))
    given = [each for each in (line.metrics, line.events, line.summary) if each is not None]
    known = all(each.usd is not None and not each.floor for each in given)
    state: State = "differs" if found else "agrees" if known else "unknown"
    if state == "unknown":
        found = ("at least one call has no known price",)
    return line._replace(state=state, differences=found)


def _differences(line: Line) -> Iterator[str]:
    told = total([line.metrics, line.repeated]) if line.metrics and line.repeated else line.metrics
    named = (("metrics", told), ("event lines", line.events), ("cost summary", line.summary))
    given = [(name, money) for name, money in named if money is not None]
    if line.summary is None:
        yield "the cost summary does not count it"
    elif len(given) == 1:
        yield "only the cost summary tells of it"
    for (one, first), (other, second) in pairwise(given):
        yield from _between(one, first, other, second)


def _between(one: str, first: Money, other: str, second: Money) -> Iterator[str]:
    if first.usd is not None and second.usd is not None:
        if abs(first.usd - second.usd) >= CENT:
            apart = dollars(abs(first.usd - second.usd))
            yield f"{one} {dollars(first.usd)}, {other} {dollars(second.usd)}: {apart} apart"
    elif first.usd is not second.usd:
        yield f"{one} {dollars(first.usd)}, {other} {dollars(second.usd)}"
    if first.calls is not None and second.calls is not None and first.calls != second.calls:
        yield f"{one} tell of {first.calls} calls, {other} of {second.calls}"
