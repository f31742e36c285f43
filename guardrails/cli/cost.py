"""`speckit cost`: what the agents of a SPEC have cost."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import click

from guardrails.cli.options import merged
from guardrails.cli.report_options import ReportScope, place, rendered, report_options, safe, show
from guardrails.errors import Undecidable

if TYPE_CHECKING:
    from guardrails.layouts.cost_summary import CostSummary


@click.command("cost", short_help="What the agents of a SPEC have cost, by stage.")
@click.argument("spec")
@report_options("text", "json")
@click.pass_context
def command(
    ctx: click.Context, /, *, spec: str, source: str | None, style: str, output: str | None, **options: Any
) -> int:
    """Dollars, tokens and calls of each stage of a SPEC, from its cost summary. What is not known is shown as unknown,
    and a total that some calls are missing from as the lower bound it is.

    Exits 3 when there is no cost summary, or none that can be read.

    \b
    Example:  speckit cost SPEC-KIT-900
              speckit cost SPEC-KIT-900 --format json
    """
    from guardrails.reports.cost import as_document, view

    here = place(merged(ctx, **options), source)
    found = _gathered(here, here.settings.layout.require_id(spec))
    show(here, rendered(style, partial(view, found), partial(as_document, found)), output)
    return 0


def _gathered(here: ReportScope, spec: str) -> CostSummary:
    from guardrails.evidence.costs import read_costs
    from guardrails.evidence.names import cost_path

    path = cost_path(here.settings.layout, spec)
    entry = here.snapshot.entry(path)
    if entry is None:
        raise Undecidable(
            f"{spec} has no cost summary in {here.snapshot.describe()}", f"every run of a stage writes {path}"
        )
    data = here.snapshot.read(path)
    if data is None:
        raise Undecidable(f"{path}: a {entry.kind} that cannot be read", "make it a regular file")
    return safe(here, read_costs(data, path, spec))
