"""`speckit evidence`: whether evidence is what was written, and where old evidence goes."""

from __future__ import annotations

from typing import Any

import click

from guardrails.cli.context import merged
from guardrails.cli.evidence_archive import archive, restore, stats
from guardrails.cli.judge import Request, judge, judging_options
from guardrails.registry import check_named
from guardrails.subject import Scope


@click.group("evidence", short_help="Verify evidence, archive it, bring it back, measure it.")
def command() -> None:
    """Whether evidence is what was written, and where old evidence goes.

    \b
    Example:  speckit evidence verify
    """


@command.command("verify")
@click.argument("spec", required=False)
@click.option("--run", "run", metavar="RUN", help="Only this run.")
@judging_options
@click.pass_context
def verify(ctx: click.Context, /, *, spec: str | None, run: str | None, **options: Any) -> int:
    """Verify that the evidence of every run is what the run wrote, and that archives are intact.

    Found and named are files that were edited, removed or added after the run, ledgers that were reordered, cut short
    or rewritten, seals that don't fit, and verdicts older than the documents they judged. This is integrity: that
    files belong together. Who sealed them only a signature says.

    \b
    Example:  speckit evidence verify
              speckit evidence verify SPEC-KIT-DEMO --source origin/main..HEAD --format sarif
    """
    globals_ = merged(ctx, **options)
    request = Request(
        command="evidence verify",
        checks=(check_named("evidence verify"),),
        source=options["source"],
        scope=Scope(spec=spec, run=run),
        format=options["format"],
        output=options["output"],
        exit_zero=options["exit_zero"],
        if_any=options["if_any"],
    )
    return judge(request, globals_)


command.add_command(archive)
command.add_command(restore)
command.add_command(stats)
