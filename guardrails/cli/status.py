"""`speckit status`: the state of each SPEC."""

from __future__ import annotations

from typing import Any

import click

from guardrails.cli.options import merged
from guardrails.cli.report_options import NOTHING, Place, place, report_options, safe, show
from guardrails.core.text import printable


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
    globals_ = merged(ctx, **options)
    here = place(globals_, source)
    if spec is not None:
        spec = here.settings.layout.require_id(spec)
    text, count = _report(here, spec, stale_hours, style)
    show(here, text, output)
    if count:
        return 0
    click.echo(printable(f"nothing is known of {spec or 'any SPEC'} in {here.snapshot.describe()}"), err=True)
    return NOTHING


def _report(here: Place, spec: str | None, stale_hours: float, style: str) -> tuple[str, int]:
    from guardrails.reports.evidence_files import Reach
    from guardrails.reports.reduce import reduce
    from guardrails.reports.status import as_document, as_text, status

    facts = reduce(here.snapshot, here.settings, Reach(spec=spec, latest=True))
    found = status(facts, here.settings, here.now, stale_hours, spec)
    if style == "json":
        from guardrails.reports.formats.plain_json import written

        return written(as_document(safe(here, found))), len(found.specs)
    if style == "html":
        from guardrails.reports.pages import status_page

        return status_page(safe(here, found), here.settings, here.now), len(found.specs)
    return as_text(found, whole=spec is not None), len(found.specs)
