"""`speckit status`: the state of each SPEC."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from guardrails.cli.options import merged
from guardrails.cli.report_options import NOTHING, ReportScope, redacted, rendered, report_options, report_scope, show
from guardrails.core.text import printable

if TYPE_CHECKING:
    from guardrails.reports.status import StatusReport
    from guardrails.reports.view import View


@click.command("status", short_help="The state of each SPEC, and the step to take next.")
@click.argument("spec", required=False)
@click.option(
    "--stale-hours",
    type=click.FloatRange(min=0),
    default=24.0,
    show_default=True,
    help="Hours without new evidence after which a SPEC that is not Done is stale.",
)
@report_options("text", "json", "html")
@click.pass_context
def command(
    ctx: click.Context,
    /,
    *,
    spec: str | None,
    stale_hours: float,
    source: str | None,
    style: str,
    output: str | None,
    **options: Any,
) -> int:
    """Packet, tracker row, guardrail and recomputed verdict of each stage, evidence, agents, waivers, and what to do
    next: of one SPEC in full, or of all in one table.

    Exits 3 when there is no such SPEC, or none at all.

    \b
    Example:  speckit status
              speckit status SPEC-KIT-DEMO --format json
    """
    from guardrails.reports.status import as_document, view

    scope = report_scope(merged(ctx, **options), source)
    if spec is not None:
        spec = scope.settings.layout.require_id(spec)
    found = _gathered(scope, stale_hours, spec)

    def made() -> View:  # what is shown is a small part of what was found
        return redacted(scope, view(found, scope.settings.evidence, scope.now, whole=spec is not None))

    show(scope, rendered(style, made, lambda: as_document(redacted(scope, found))), output)
    if found.specs:
        return 0
    click.echo(printable(f"nothing is known of {spec or 'any SPEC'} in {scope.snapshot.describe()}"), err=True)
    return NOTHING


def _gathered(scope: ReportScope, stale_hours: float, spec: str | None) -> StatusReport:
    from guardrails.reports.evidence_files import Reach
    from guardrails.reports.reduce import reduce_evidence
    from guardrails.reports.status import status_report

    facts = reduce_evidence(scope.snapshot, scope.settings, Reach(spec=spec, latest=True))
    return status_report(facts, scope.settings, scope.now, stale_hours, spec)
