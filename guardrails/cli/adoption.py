"""`speckit adoption`: runs a week, what came of them and what they cost."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from guardrails.cli.options import merged
from guardrails.cli.report_options import NOTHING, ReportScope, redacted, rendered, report_options, report_scope, show
from guardrails.reports.evidence_files import Reach

if TYPE_CHECKING:
    from guardrails.reports.adoption import Adoption


@click.command("adoption", short_help="Runs a week by profile: outcomes, latency, cost, alerts.")
@click.option("--weeks", type=click.IntRange(1, 520), default=4, show_default=True, help="ISO weeks to look back.")
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), help="The last day to count (default: today).")
@report_options("text", "json", "csv", "html")
@click.pass_context
def command(
    ctx: click.Context,
    /,
    *,
    weeks: int,
    until: datetime | None,
    source: str | None,
    style: str,
    output: str | None,
    **options: Any,
) -> int:
    """Runs a week by routing profile, backfilled from evidence: outcomes, latency, cost, and what misses its target.

    A run is one run of the sequencer, or a stage that was run alone. Verdicts are recomputed. Two weeks in a row below
    3 runs, below an agreement of 0.85 or above $3.50 a run raise an alert. Exits 3 when no run is recorded at all.

    \b
    Example:  speckit adoption --weeks 8
              speckit adoption --format csv --output adoption.csv
    """
    from guardrails.reports.adoption import as_document, view

    scope = report_scope(merged(ctx, **options), source)
    if until is not None:
        scope = scope._replace(now=until.replace(tzinfo=timezone.utc) + timedelta(hours=23, minutes=59, seconds=59))
    found = _gathered(scope, weeks)
    made = partial(view, found, scope.settings.evidence, scope.now)
    show(scope, rendered(style, made, partial(as_document, found)), output)
    runs = found.before + found.undated + sum(week.total.runs for week in found.weeks)
    if not runs:
        click.echo(f"no run is recorded in {scope.snapshot.describe()}", err=True)
    return 0 if runs else NOTHING


def _gathered(scope: ReportScope, weeks: int) -> Adoption:
    from guardrails.reports.adoption import adoption_report
    from guardrails.reports.cache import Cache
    from guardrails.reports.reduce import reduce_evidence

    cache = Cache(scope.repo, scope.snapshot)
    facts = reduce_evidence(scope.snapshot, scope.settings, Reach(), tracker=False, memo=cache)
    cache.save()
    return redacted(scope, adoption_report(facts, scope.now, weeks))
