"""`speckit consensus`: what the agents agreed on."""

from __future__ import annotations

from typing import Any

import click

from guardrails.cli.options import merged, spec_among
from guardrails.cli.run_checks import CheckRequest, judge, judging_options
from guardrails.config.layout import STAGES
from guardrails.engine.registry import check_named
from guardrails.snapshot.context import Scope

_LATER = {"run": "Ask the agents of a stage, and compute the verdict.", "resolve": "Settle a conflict, and say why."}
"""Commands that a hook never starts: imported when they are called."""


class _Consensus(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*super().list_commands(ctx), *_LATER]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _LATER:
            return super().get_command(ctx, cmd_name)
        from guardrails.cli import consensus_run  # all that a run needs; a push checks and never runs

        return consensus_run.run if cmd_name == "run" else consensus_run.resolve


@click.group("consensus", cls=_Consensus, short_help="Make the agents' consensus, and judge it, recomputed.")
def command() -> None:
    """What the agents agreed on, stage by stage.

    \b
    Example:  speckit consensus check SPEC-KIT-DEMO
    """


@command.command("check")
@click.argument("arguments", nargs=-1, metavar="[SPEC]")
@click.option("--stage", type=click.Choice(STAGES), help="Only this stage.")
@judging_options
@click.pass_context
def check(ctx: click.Context, /, arguments: tuple[str, ...], stage: str | None, **options: Any) -> int:
    """Recompute the verdict of every stage from the agents' own outputs.

    Exits 4 on an unresolved conflict, 5 when agents are missing or disagree too much, 3 when it cannot be known.

    \b
    Example:  speckit consensus check SPEC-KIT-DEMO --stage plan
    """
    globals_ = merged(ctx, **options)
    request = CheckRequest(
        command="consensus check",
        checks=(check_named("consensus check"),),
        source=options["source"],
        scope=Scope(spec=spec_among(arguments), stage=stage),
        format=options["format"],
        output=options["output"],
        exit_zero=options["exit_zero"],
        if_any=options["if_any"],
        policy=options["policy"],
    )
    return judge(request, globals_)
