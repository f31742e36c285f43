"""Adoption as text, CSV and JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from guardrails.printable import printable
from guardrails.reports.adoption import Adoption, Figures, Gap, Week
from guardrails.reports.documents import plain
from guardrails.reports.layouts import csv_table, fields, text_table
from guardrails.reports.numbers import dollars, duration, money, share, size

SCHEMA = "speckit.adoption/1"
COLUMNS = (
    "Week",
    "Profile",
    "Runs",
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
    "week", "profile", "runs", "failed_runs", "degraded_runs", "sessions_ok", "sessions_undecided", "sessions_degraded",
    "sessions_conflict", "agreement", "latency_p50_ms", "latency_p95_ms", "cost_usd", "cost_is_lower_bound",
    "cost_per_run_usd", "tokens",
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
    notes = (
        [f"{found.before} older runs and {found.undated} undated ones are not in these weeks"]
        if found.before or found.undated
        else []
    )
    return "".join(
        (
            table,
            f"\nTargets: {aims}\n",
            fields(gaps, "  ") or "  every week reached them\n",
            "\nAlerts\n",
            *(f"  {each.name} {each.period}: {printable(each.message)}\n" for each in found.alerts),
            *([] if found.alerts else ["  none\n"]),
            "\nEvidence\n",
            fields(
                ((each.spec, f"{size(each.bytes)} in {each.files} files") for each in found.footprints[:_HEAVIEST]),
                "  ",
            )
            or "  none\n",
            *(f"\n{note}\n" for note in notes),
        )
    )


def gap(missed: Gap) -> str:
    """A missed target in words."""
    shown = share if missed.what == "agreement" else dollars if "cost" in missed.what else lambda value: f"{value:g}"
    if missed.value is None:
        return f"{missed.what} unknown (target {shown(missed.target)})"
    return f"{missed.what} {shown(missed.value)} (target {shown(missed.target)})"


def week_rows(week: Week) -> Iterator[tuple[str, ...]]:
    """A row for each profile of a week; `all` above them where there are several, or none."""
    name = week.name + ("" if week.complete else "*")
    if len(week.rows) != 1:
        yield (name, ALL, *_cells(week.total))
    for row in week.rows:
        yield (name, row.profile, *_cells(row.figures))


def _cells(figures: Figures) -> tuple[str, ...]:
    outcomes = figures.outcomes
    return (
        str(figures.runs),
        str(figures.failed),
        str(figures.degraded),
        f"{outcomes.ok}/{outcomes.undecided}/{outcomes.degraded}/{outcomes.conflict}",
        share(figures.agreement),
        duration(figures.p50_ms),
        duration(figures.p95_ms),
        money(figures.cost),
        dollars(figures.usd_per_run),
    )


def as_csv(found: Adoption) -> str:
    """One row for each ISO week and profile, and `all` for a week in which nothing ran. Unknown is empty."""
    return csv_table(CSV_COLUMNS, (row for week in found.weeks for row in _csv_rows(week)))


def _csv_rows(week: Week) -> Iterator[tuple[str | float | None, ...]]:
    rows = [(row.profile, row.figures) for row in week.rows] or [(ALL, week.total)]
    for profile, figures in rows:
        outcomes, cost = figures.outcomes, figures.cost
        bound = None if cost.usd is None else "yes" if cost.floor else "no"
        yield (
            *(week.name, profile, figures.runs, figures.failed, figures.degraded, outcomes.ok, outcomes.undecided),
            *(outcomes.degraded, outcomes.conflict, figures.agreement, figures.p50_ms, figures.p95_ms, cost.usd, bound),
            *(figures.usd_per_run, cost.tokens),
        )


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
        "profiles": [{**plain(each), "stages": dict(each.stages)} for each in found.profiles],
        "alerts": plain(found.alerts),
        "footprints": plain(found.footprints),
        "older_runs": found.before,
        "undated_runs": found.undated,
    }
