"""`speckit cost`: what the agents of a SPEC have cost."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import click

from guardrails.cli.options import merged
from guardrails.cli.report_options import ReportScope, redacted, rendered, report_options, report_scope, show
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

    scope = report_scope(merged(ctx, **options), source)
    found = _gathered(scope, scope.settings.layout.require_id(spec))
    show(scope, rendered(style, partial(view, found), partial(as_document, found)), output)
    return 0


def _gathered(scope: ReportScope, spec: str) -> CostSummary:
    from guardrails.evidence.costs import read_costs
    from guardrails.evidence.names import cost_path

    path = cost_path(scope.settings.layout, spec)
    entry = scope.snapshot.entry(path)
    if entry is None:
        raise Undecidable(
            f"{spec} has no cost summary in {scope.snapshot.describe()}", f"every run of a stage writes {path}"
        )
    data = scope.snapshot.read(path)
    if data is None:
        raise Undecidable(f"{path}: a {entry.kind} that cannot be read", "make it a regular file")
    return redacted(scope, read_costs(data, path, spec))
