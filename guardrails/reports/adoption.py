"""Adoption: runs a week by routing profile, what came of them, how long agents took and what they cost."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple

from guardrails.checks.footprint import NO_SPEC
from guardrails.reports.adoption_figures import NO_PROFILE, Figures, ProfileCost, by_profile, figures
from guardrails.reports.adoption_targets import Alert, Ended, Gap, Targets, alerts, gaps
from guardrails.reports.executions import Execution, executions
from guardrails.reports.values import Facts


class Row(NamedTuple):
    """One ISO week of one profile."""

    profile: str
    figures: Figures


class Week(NamedTuple):
    """One ISO week. `complete` is False for one that has not ended."""

    name: str
    monday: date
    complete: bool
    rows: tuple[Row, ...]
    total: Figures
    gaps: tuple[Gap, ...]


class Weighed(NamedTuple):
    spec: str
    bytes: int
    files: int


class Adoption(NamedTuple):
    where: str
    targets: Targets
    weeks: tuple[Week, ...]
    profiles: tuple[ProfileCost, ...]
    alerts: tuple[Alert, ...]
    watched: int
    """complete weeks since the first run: alerts are about two of them"""
    footprints: tuple[Weighed, ...]
    before: int
    """runs older than the first week"""
    after: int
    """runs later than the last week"""
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
    watched = [Ended(each.name, each.total) for each in made if each.complete and each.monday >= begun]
    return Adoption(
        where=facts.where,
        targets=targets,
        weeks=tuple(made),
        profiles=tuple(by_profile([each for each, week in dated if first <= week <= last])),
        alerts=tuple(alerts(watched, targets)),
        watched=len(watched),
        footprints=weighed(facts),
        before=sum(week < first for _, week in dated),
        after=sum(week > last for _, week in dated),
        undated=len(found) - len(dated),
    )


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
    return Week(week_name(monday), monday, complete, tuple(rows), whole, tuple(gaps(whole, targets)))
