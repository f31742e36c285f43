"""Adoption: runs a week by routing profile, what came of them, how long agents took and what they cost."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

from guardrails.checks.footprint import NO_SPEC
from guardrails.consensus.values import KINDS
from guardrails.layout import STAGES
from guardrails.reports.executions import Execution, executions
from guardrails.reports.numbers import added, mean, percentile
from guardrails.reports.numbers import total as sum_up
from guardrails.reports.values import Facts, Money

NO_PROFILE = "none named"


class Targets(NamedTuple):
    """What a week should reach, and what it must not fall short of two weeks in a row. `usd` is for one run."""

    runs: int = 5
    agreement: float = 0.90
    usd: float = 3.00
    alert_runs: int = 3
    alert_agreement: float = 0.85
    alert_usd: float = 3.50


class Outcomes(NamedTuple):
    """How many consensus sessions had each recomputed verdict."""

    ok: int = 0
    undecided: int = 0
    degraded: int = 0
    conflict: int = 0

    @property
    def all(self) -> int:
        return sum(self)


class Figures(NamedTuple):
    """Some runs in figures. Latencies in milliseconds, of single calls of agents; `usd_per_run` is the mean of the runs
    whose cost is known. Replayed runs count as runs, but their latency and cost are left out."""

    runs: int
    failed: int
    degraded: int
    outcomes: Outcomes
    agreement: float | None
    p50_ms: float | None
    p95_ms: float | None
    cost: Money
    usd_per_run: float | None


class Row(NamedTuple):
    """One ISO week of one profile."""

    profile: str
    figures: Figures


class Gap(NamedTuple):
    """A target that a week missed, or of which nothing is known (`value` None)."""

    what: str
    value: float | None
    target: float


class Week(NamedTuple):
    """One ISO week. `complete` is False for one that has not ended."""

    name: str
    monday: date
    complete: bool
    rows: tuple[Row, ...]
    total: Figures
    gaps: tuple[Gap, ...]


class Alert(NamedTuple):
    """Something that somebody should be told. `period` is what it is about: two weeks, or a session."""

    name: str
    period: str
    message: str
    value: float | None
    threshold: float | None
    spec: str | None = None


class Weighed(NamedTuple):
    spec: str
    bytes: int
    files: int


class ProfileCost(NamedTuple):
    """What a run of a profile costs by stage, as a mean over `runs` paid runs of these weeks; None where unknown."""

    profile: str
    runs: int
    stages: tuple[tuple[str, float | None], ...]


class Adoption(NamedTuple):
    where: str
    targets: Targets
    weeks: tuple[Week, ...]
    profiles: tuple[ProfileCost, ...]
    alerts: tuple[Alert, ...]
    footprints: tuple[Weighed, ...]
    before: int
    """runs older than the first week"""
    undated: int


def adoption(facts: Facts, now: datetime, weeks: int, targets: Targets = Targets()) -> Adoption:  # noqa: B008
    """The last `weeks` ISO weeks up to `now`, the one under way included."""
    last = monday_of(now.date())
    first = last - timedelta(weeks=weeks - 1)
    found = executions(facts)
    dated = [(each, monday_of(each.started.date())) for each in found if each.started]
    begun = min((week for _, week in dated), default=last)  # before it, nobody could have run anything
    made = []
    for number in range(weeks):
        monday = first + timedelta(weeks=number)
        runs = [each for each, week in dated if week == monday]
        made.append(_week(monday, monday < last, runs, targets))
    return Adoption(
        where=facts.where,
        targets=targets,
        weeks=tuple(made),
        profiles=tuple(_by_profile([each for each, week in dated if week >= first])),
        alerts=tuple(week_alerts([each for each in made if each.monday >= begun], targets)),
        footprints=weighed(facts),
        before=sum(week < first for _, week in dated),
        undated=len(found) - len(dated),
    )


def _by_profile(runs: Sequence[Execution]) -> Iterator[ProfileCost]:
    paid = [each for each in runs if not each.replayed and each.calls]
    for name in sorted({each.profile or NO_PROFILE for each in paid}):
        mine = [each for each in paid if (each.profile or NO_PROFILE) == name]
        sums = {stage: added(_of_stage(each, stage) for each in mine) for stage in STAGES}
        rows = tuple((stage, None if usd is None else usd / len(mine)) for stage, usd in sums.items())
        yield ProfileCost(name, len(mine), rows)


def _of_stage(run: Execution, stage: str) -> float | None:
    return added(call.usd for session in run.sessions if session.stage == stage for call in session.calls)


def weighed(facts: Facts) -> tuple[Weighed, ...]:
    """The evidence of each SPEC, the heaviest first."""
    rows = [Weighed(spec, each.total, each.files) for spec, each in facts.footprints.items() if spec != NO_SPEC]
    return tuple(sorted(rows, key=lambda row: (-row.bytes, row.spec)))


def monday_of(day: date) -> date:
    """The Monday of a day's ISO week."""
    return day - timedelta(days=day.weekday())


def week_name(monday: date) -> str:
    """An ISO week as ISO 8601 writes it: `2026-W05`."""
    year, week, _ = monday.isocalendar()
    return f"{year}-W{week:02}"


def _week(monday: date, complete: bool, runs: Sequence[Execution], targets: Targets) -> Week:
    profiles = sorted({each.profile or NO_PROFILE for each in runs})
    rows = [Row(name, figures([each for each in runs if (each.profile or NO_PROFILE) == name])) for name in profiles]
    whole = figures(runs)
    return Week(week_name(monday), monday, complete, tuple(rows), whole, tuple(_gaps(whole, targets)))


def figures(runs: Sequence[Execution]) -> Figures:
    """Some runs in figures."""
    sessions = [session for each in runs for session in each.sessions]
    paid = [each for each in runs if not each.replayed]
    latencies = [call.latency_ms for each in paid for call in each.calls]
    kinds = [session.then.kind for session in sessions]
    return Figures(
        runs=len(runs),
        failed=sum(each.failed for each in runs),
        degraded=sum(any(session.then.kind == "degraded" for session in each.sessions) for each in runs),
        outcomes=Outcomes(**{kind: kinds.count(kind) for kind in KINDS}),
        agreement=mean(session.then.agreement for session in sessions),
        p50_ms=percentile(latencies, 0.50),
        p95_ms=percentile(latencies, 0.95),
        cost=sum_up([each.cost for each in paid]),
        usd_per_run=mean(each.cost.usd for each in paid),
    )


def _gaps(whole: Figures, targets: Targets) -> Iterator[Gap]:
    if whole.runs < targets.runs:
        yield Gap("runs", whole.runs, targets.runs)
    if whole.agreement is None or whole.agreement < targets.agreement:
        yield Gap("agreement", whole.agreement, targets.agreement)
    if whole.usd_per_run is None or whole.usd_per_run > targets.usd:
        yield Gap("cost per run", whole.usd_per_run, targets.usd)


def week_alerts(weeks: Iterable[Week], targets: Targets) -> Iterator[Alert]:
    """What went wrong two weeks in a row. A week that has not ended says nothing yet, and unknown is not low."""
    ended = [week for week in weeks if week.complete]
    for before, week in pairwise(ended):
        period, pair = f"{before.name}/{week.name}", (before.total, week.total)
        if all(each.runs < targets.alert_runs for each in pair):
            runs, most = week.total.runs, targets.alert_runs
            yield Alert(
                "adoption-low-runs", period, f"{pair[0].runs} and {runs} runs, fewer than {most} a week", runs, most
            )
        low = [
            each.agreement for each in pair if each.agreement is not None and each.agreement < targets.alert_agreement
        ]
        if len(low) == 2:
            said = f"agreement {low[0]:.2f} and {low[1]:.2f}, below {targets.alert_agreement:.2f}"
            yield Alert("adoption-low-agreement", period, said, low[1], targets.alert_agreement)
        dear = [
            each.usd_per_run for each in pair if each.usd_per_run is not None and each.usd_per_run > targets.alert_usd
        ]
        if len(dear) == 2:
            said = f"${dear[0]:.2f} and ${dear[1]:.2f} a run, above ${targets.alert_usd:.2f}"
            yield Alert("adoption-high-cost", period, said, dear[1], targets.alert_usd)
