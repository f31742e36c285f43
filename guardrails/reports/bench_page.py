"""A benchmark as a page: which of the profiles is the better buy."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from guardrails.reports import bench_shown as shown
from guardrails.reports.bench import ALL, METRICS, Comparison, Metric
from guardrails.reports.bench_figures import MINIMUM
from guardrails.reports.bench_shown import About
from guardrails.reports.charts import Chart, Series, told
from guardrails.reports.documents import moment
from guardrails.reports.numbers import money
from guardrails.reports.page import Fact, Link, Page, Section, render, table
from guardrails.reports.page_charts import in_grains


def bench_page(about: About, found: Comparison, now: datetime, links: Sequence[Link] = ()) -> str:
    """The medians as charts, the comparisons as tables, and what all of it rests on."""
    seen = sum(each.finding in ("lower", "higher") for row in found.rows for each in row.differences)
    compared = sum(len(row.differences) for row in found.rows)
    runs, asked = min(found.runs), bool(about.proofs)
    facts = (
        Fact(
            "Runs of each",
            str(runs),
            f"{about.asked} asked for",
            "good" if runs >= max(MINIMUM, about.asked) else "warn",
        ),
        Fact("Differences seen", str(seen), f"in {compared} comparisons"),
        Fact("Asked the same", "proved" if asked else "not proved", "", "good" if asked else "bad"),
        Fact("Paid", money(about.paid)),
    )
    charts = tuple(chart for metric in METRICS if (chart := _chart(found, metric)).known)
    tables = tuple(table(title, shown.header(found, rows.other), rows.cells) for title, rows in shown.tables(found))
    ended = table("How the runs ended", shown.ENDED, map(shown.ended, found.outcomes), range(2, 9))
    sections = (
        Section("medians", "Medians by stage", charts=charts),
        Section("comparison", "Comparison", tables=tables),
        Section("ended", "How the runs ended", tables=(ended,)),
        Section("grounds", "Grounds", lines=tuple(shown.remarks(about, found))),
    )
    title, what = f"Benchmark of {about.spec}", f"{', '.join(found.profiles)}; {about.source}"
    return render(Page(title, what, moment(now) or "", facts, sections, tuple(links)))


def _chart(found: Comparison, metric: Metric) -> Chart:
    rows = [row for row in found.rows if row.metric == metric.key]
    labels = tuple("all stages" if row.stage == ALL else row.stage for row in rows)
    series = tuple(
        Series(name, tuple(row.spreads[at].median for row in rows)) for at, name in enumerate(found.profiles)
    )
    written = shown.SHOWN[metric.unit]
    alt = ". ".join(told(each, labels, written) for each in series) + "."
    most = 1.0 if metric.unit == "share" else None
    title = metric.label[:1].upper() + metric.label[1:]
    made = Chart(f"chart-{metric.key}", title, "bar", labels, series, alt, written, most=most)
    return in_grains(made) if metric.unit == "ms" else made
