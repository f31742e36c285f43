"""Runs: what was started once. Stage telemetry and consensus sessions are joined, and stages put into their runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import NamedTuple

from guardrails.core.cost import Cost
from guardrails.core.timestamps import parse_stamp
from guardrails.reports.figures import spent, total_of
from guardrails.reports.model import CallRecord, Facts, RunRecord, SessionReport, StageRecord

_ENDED = frozenset(("passed", "failed", "halted"))
"""What a summary says of a stage that was examined."""


class StageRun(NamedTuple):
    """One run of one stage: its telemetry, its consensus session, or both."""

    spec: str
    stage: str
    when: datetime | None
    record: StageRecord | None
    session: SessionReport | None

    @property
    def run(self) -> str | None:
        """The run of the sequencer that it belongs to, where one of its records says."""
        return (self.record.run if self.record else None) or (self.session.run if self.session else None)


class Execution(NamedTuple):
    """One run: of the sequencer, or of a stage that was run alone. `started` is None when nothing in it is dated."""

    name: str
    spec: str
    profile: str | None
    started: datetime | None
    stages: tuple[StageRun, ...]
    summary: RunRecord | None

    @property
    def sessions(self) -> tuple[SessionReport, ...]:
        return tuple(each.session for each in self.stages if each.session)

    @property
    def calls(self) -> tuple[CallRecord, ...]:
        return tuple(call for session in self.sessions for call in session.calls)

    @property
    def called(self) -> bool:
        """Whether agents were called, as far as any record tells."""
        return bool(self.sessions) or (self.summary is not None and self.summary.cost.spends)

    @property
    def examined(self) -> bool:
        """Whether anything was: agents asked, or something of a stage judged. A run that was halted before is empty."""
        judged = {part.outcome for each in self.stages if each.record for part in each.record.parts}
        ended = {each.status for each in self.summary.stages} if self.summary else set()
        return self.called or bool(judged & {"passed", "failed"}) or bool(ended & _ENDED)

    @property
    def cost(self) -> Cost:
        """What its agents' calls cost. Its summary is asked for what no record of a call is left of: where it counts
        more calls than there are, the recorded ones are the least that it was."""
        found = total_of([spent(session.calls) for session in self.sessions])
        told = self.summary.cost if self.summary else Cost()
        if (told.calls or 0) <= (found.calls or 0) and self.sessions:
            return found
        if found.micros is None or (told.micros is not None and told.micros >= found.micros):
            return told
        return found + Cost(calls=(told.calls or 0) - (found.calls or 0))

    @property
    def failed(self) -> bool:
        """Whether a guardrail of it failed, or its summary says that it did not come to its end."""
        halted = self.summary is not None and self.summary.outcome in ("halted", "interrupted")
        return halted or any(each.record is not None and each.record.outcome == "failed" for each in self.stages)

    @property
    def replayed(self) -> bool:
        """Whether answers came from recordings: then its times and costs tell nothing of agents."""
        return (self.summary is not None and self.summary.replayed) or any(call.replayed for call in self.calls)


def stage_runs(facts: Facts) -> Iterator[StageRun]:
    """Telemetry and consensus of one session are one run of its stage.

    Both carry the same stamp; older consensus files name only the moment, which fits any session of that moment.
    """
    waiting: dict[tuple[str, str, datetime], list[SessionReport]] = {}
    for session in facts.sessions:
        stamp = parse_stamp(session.stamp)
        if stamp is None:
            yield StageRun(session.spec, session.stage, session.when, None, session)
        else:
            waiting.setdefault((session.spec, session.stage, stamp.when), []).append(session)
    seen: set[tuple[str, str, datetime | None, str | None]] = set()
    for record in facts.records:
        # The same record was kept under two styles of one stamp.
        same = (record.spec, record.stage, record.when, record.session)
        if record.when is not None and same in seen:
            continue
        seen.add(same)
        stamp = parse_stamp(record.stamp)
        matches = waiting.get((record.spec, record.stage, stamp.when), []) if stamp else []
        session_ = next((each for each in matches if stamp and _fits(stamp.session, each)), None)
        if session_ is not None:
            matches.remove(session_)
        when = record.when or (session_.when if session_ else None)
        yield StageRun(record.spec, record.stage, when, record, session_)
    for left in waiting.values():
        yield from (StageRun(each.spec, each.stage, each.when, None, each) for each in left)


def _fits(nonce: str | None, session: SessionReport) -> bool:
    stamp = parse_stamp(session.stamp)
    return stamp is not None and (nonce == stamp.session or nonce is None or stamp.session is None)


def executions(facts: Facts) -> list[Execution]:
    """Every run, oldest first; those without a date come first of all."""
    summaries = {(run.spec, run.name): run for run in facts.runs}
    grouped: dict[tuple[str, str], list[StageRun]] = {key: [] for key in summaries}
    for each in stage_runs(facts):
        grouped.setdefault((each.spec, _name(each)), []).append(each)
    made = [_execution(key, stages, summaries.get(key)) for key, stages in grouped.items()]
    return sorted(made, key=lambda each: (each.started.timestamp() if each.started else 0.0, each.spec, each.name))


def _name(each: StageRun) -> str:
    """The run a stage run belongs to. The `guardrail.*` dialect has one session id, its process, for all stages."""
    if each.run:
        return each.run
    record = each.record
    if record and record.session and record.when and record.path.rpartition("/")[2].startswith("guardrail-"):
        return f"{record.when:%Y%m%d}-{record.session}"
    stamp = (record.stamp if record else None) or (each.session.stamp if each.session else None)
    return f"{each.stage}-{stamp or (record.path if record else 'undated')}"


def _execution(key: tuple[str, str], stages: Iterable[StageRun], summary: RunRecord | None) -> Execution:
    ordered = tuple(sorted(stages, key=lambda each: (each.when.timestamp() if each.when else 0.0, each.stage)))
    started = summary.started if summary else None
    moments = [each.when for each in ordered if each.when]
    return Execution(
        name=key[1],
        spec=key[0],
        profile=summary.profile if summary else None,
        started=started or min(moments, default=None),
        stages=ordered,
        summary=summary,
    )
