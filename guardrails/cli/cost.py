"""`speckit cost`: what the agents of a SPEC have cost."""

from __future__ import annotations

from typing import Any

import click

from guardrails.cli.options import merged
from guardrails.cli.report_options import Place, place, report_options, safe, show
from guardrails.errors import Undecidable


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
    globals_ = merged(ctx, **options)
    here = place(globals_, source)
    show(here, _report(here, here.settings.layout.require_id(spec), style), output)
    return 0


def _report(here: Place, spec: str, style: str) -> str:
    from guardrails.evidence.costs import read_costs
    from guardrails.evidence.names import cost_path
    from guardrails.reports.cost import as_document, as_text

    path = cost_path(here.settings.layout, spec)
    entry = here.snapshot.entry(path)
    if entry is None:
        raise Undecidable(
            f"{spec} has no cost summary in {here.snapshot.describe()}", f"every run of a stage writes {path}"
        )
    data = here.snapshot.read(path)
    if data is None:
        raise Undecidable(f"{path}: a {entry.kind} that cannot be read", "make it a regular file")
    costs = read_costs(data, path, spec)
    if style == "json":
        from guardrails.reports.formats.plain_json import written

        return written(as_document(safe(here, costs)))
    return as_text(costs)
