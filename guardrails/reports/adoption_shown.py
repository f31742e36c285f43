"""Adoption as text, CSV and JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from guardrails.printable import printable
from guardrails.reports.adoption import Adoption, Week
from guardrails.reports.adoption_figures import Figures, ProfileCost
from guardrails.reports.adoption_targets import Gap
from guardrails.reports.documents import plain
from guardrails.reports.layouts import csv_table, fields, text_table
from guardrails.reports.numbers import dollars, duration, least, money, share, size

SCHEMA = "speckit.adoption/1"
COLUMNS = (
    "Week",
    "Profile",
    "Runs",
    "Not counted",
    "Failed",
    "Degraded",
    "ok/undec/degr/confl",
    "Agreement",
    "p50",
    "p95",
    "Cost",
    "Cost per run",
)
CSV_COLUMNS = (
    "week", "profile", "runs", "replayed_runs", "empty_runs", "failed_runs", "degraded_runs", "sessions_ok",
    "sessions_undecided", "sessions_degraded", "sessions_conflict", "sessions_agreed", "agreement", "calls",
    "calls_timed", "latency_p50_ms", "latency_p95_ms", "cost_usd", "cost_is_lower_bound", "calls_priced", "runs_called",
    "cost_per_run_usd", "cost_per_run_is_lower_bound", "tokens",
)  # fmt: skip
ALL = "all"


_HEAVIEST = 10
"""SPECs whose evidence is listed as text; JSON has them all."""


def as_text(found: Adoption) -> str:
    """A table with a row for each week and profile, the gaps to the targets, and the alerts."""
    table = text_table(COLUMNS, (row for week in found.weeks for row in week_rows(week)))
    targets = found.targets
    aims = f">= {targets.runs} runs a week, agreement >= {targets.agreement:.2f}, cost <= {dollars(targets.usd)} a run"
    gaps = [
        (week.name + ("" if week.complete else " (under way)"), "; ".join(map(gap, week.gaps)))
        for week in found.weeks
        if week.gaps
    ]
    return "".join(
        (
            table,
            f"\nTargets: {aims}\n",
            fields(gaps, "  ") or "  every week reached them\n",
            "\nAlerts\n",
            *(f"  {each.name} {each.period}: {printable(each.message)}\n" for each in found.alerts),
            *([] if found.alerts else [f"  {no_alert(found)}\n"]),
            "\nEvidence\n",
            fields(
                ((each.spec, f"{size(each.bytes)} in {each.files} files") for each in found.footprints[:_HEAVIEST]),
                "  ",
            )
            or "  none\n",
            _elsewhere(found),
        )
    )


def _elsewhere(found: Adoption) -> str:
    """The runs that are in none of the weeks."""
    parts = (("older", found.before), ("later", found.after), ("undated", found.undated))
    said = " and ".join(f"{number} {what} runs" for what, number in parts if number)
    return f"\n{said} are not in these weeks\n" if said else ""


def no_alert(found: Adoption) -> str:
    """Why there is none: two complete weeks raised none, or there are no two."""
    return "none" if found.watched > 1 else "none: no two complete weeks since the first run"


def gap(each: Gap) -> str:
    """A target that was not seen to be reached, in words."""
    shown = share if each.what == "agreement" else dollars if "cost" in each.what else lambda value: f"{value:g}"
    target = f"(target {shown(each.target)})"
    if each.missed:
        return f"{each.what} {each.why}{' ' if each.why else ''}{shown(each.value)} {target}"
    at = "" if each.value is None else f"{'at least ' if 'cost' in each.what else ''}{shown(each.value)}, "
    return f"{each.what} unknown: {at}{each.why} {target}"


def week_rows(week: Week) -> Iterator[tuple[str, ...]]:
    """A row for each profile of a week; `all` above them where there are several, or none."""
    name = week.name + ("" if week.complete else "*")
    if len(week.rows) != 1:
        yield (name, ALL, *_cells(week.total))
    for row in week.rows:
        yield (name, row.profile, *_cells(row.figures))


def _cells(figures: Figures) -> tuple[str, ...]:
    outcomes = figures.outcomes
    apart = (("replayed", figures.replayed), ("empty", figures.empty))
    return (
        str(figures.runs),
        ", ".join(f"{number} {what}" for what, number in apart if number) or "-",
        str(figures.failed),
        str(figures.degraded),
        f"{outcomes.ok}/{outcomes.undecided}/{outcomes.degraded}/{outcomes.conflict}",
        share(figures.agreement) + _of(figures.agreed, outcomes.all, "sessions", figures.agreement),
        duration(figures.p50_ms),
        duration(figures.p95_ms) + _of(figures.timed, figures.calls, "calls", figures.p95_ms),
        money(figures.cost),
        least(figures.usd_per_run, figures.usd_per_run_is_floor),
    )


def _of(some: int, all_: int, what: str, value: float | None) -> str:
    """How little a figure rests on, where that is not all there is."""
    return "" if value is None or some == all_ else f", {some} of {all_} {what}"


def as_csv(found: Adoption) -> str:
    """One row for each ISO week and profile, and `all` for a week in which nothing ran. Unknown is empty."""
    return csv_table(CSV_COLUMNS, (row for week in found.weeks for row in _csv_rows(week)))


def _csv_rows(week: Week) -> Iterator[tuple[str | float | None, ...]]:
    rows = [(row.profile, row.figures) for row in week.rows] or [(ALL, week.total)]
    for profile, figures in rows:
        outcomes, cost = figures.outcomes, figures.cost
        yield (
            *(week.name, profile, figures.runs, figures.replayed, figures.empty, figures.failed, figures.degraded),
            *(outcomes.ok, outcomes.undecided, outcomes.degraded, outcomes.conflict, figures.agreed, figures.agreement),
            *(figures.calls, figures.timed, figures.p50_ms, figures.p95_ms),
            *(cost.usd, _bound(cost.usd, cost.floor), cost.priced, figures.called),
            *(figures.usd_per_run, _bound(figures.usd_per_run, figures.usd_per_run_is_floor), cost.tokens),
        )


def _bound(usd: float | None, floor: bool) -> str | None:
    return None if usd is None else "yes" if floor else "no"


def as_document(found: Adoption) -> dict[str, Any]:
    """The same facts as one JSON document."""
    return {
        "schema": SCHEMA,
        "source": found.where,
        "targets": plain(found.targets),
        "weeks": [
            {
                "week": week.name,
                "monday": week.monday.isoformat(),
                "complete": week.complete,
                "profiles": [{"profile": row.profile, **plain(row.figures)} for row in week.rows],
                "total": plain(week.total),
                "gaps": plain(week.gaps),
            }
            for week in found.weeks
        ],
        "profiles": [_profile(each) for each in found.profiles],
        "alerts": plain(found.alerts),
        "footprints": plain(found.footprints),
        "weeks_watched": found.watched,
        "older_runs": found.before,
        "later_runs": found.after,
        "undated_runs": found.undated,
    }


def _profile(each: ProfileCost) -> dict[str, Any]:
    return {**plain(each), "stages": {row.stage: {"usd": row.usd, "floor": row.floor} for row in each.stages}}
