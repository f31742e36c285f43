"""`speckit auto`: a SPEC through all its stages."""

from __future__ import annotations

from typing import Any

import click

from guardrails.cli.context import Globals, global_options, merged
from guardrails.layout import STAGES

_STAGE = click.Choice(STAGES)


@click.command("auto", short_help="Take a SPEC through its stages: guardrails, agents, verdicts.")
@click.argument("spec")
@click.option("--from", "begin", type=_STAGE, help="The first stage (default: plan). Those before it must hold.")
@click.option("--to", "end", type=_STAGE, help="The last stage (default: unlock).")
@click.option(
    "--resume",
    is_flag=False,
    flag_value="",
    metavar="[RUN]",
    help="Go on with a run that halted or was cut off (default: the latest).",
)
@click.option("--new", is_flag=True, help="Begin a new run even where one is not finished.")
@click.option("--profile", metavar="NAME", help="The routing profile (default: SPECKIT_PROFILE, or none).")
@click.option("--allow-degraded", is_flag=True, help="Let degraded verdicts pass; recorded, and never up to unlock.")
@click.option("--dry-run", is_flag=True, help="Render the prompts and the plan into a temporary folder. Call nobody.")
@click.option(
    "--database", metavar="URL", help="Remember runs in this Postgres (default: SPECKIT_DATABASE, or SQLite)."
)
@click.option("--format", type=click.Choice(["text", "json"]), default="text", help="How to report (default: text).")
@global_options
@click.pass_context
def command(ctx: click.Context, /, *, spec: str, **options: Any) -> int:
    """Take SPEC through plan, tasks, implement, validate, audit and unlock: each stage's guardrail, its agents, their
    verdict. It halts where something does not hold, and says why and what to do.

    Every step is remembered. A run that was cut off goes on where it was when it is started again; one that halted goes
    on with --resume, once its cause is dealt with. No call that was made is ever paid for twice.

    Exits 4 on a conflict, 5 when agents are missing, 1 when a guardrail, a policy or the budget says no, 3 when a tool
    is missing or nothing can be known, 130 when it was interrupted.

    \b
    Example:  speckit auto SPEC-KIT-DEMO
              speckit auto SPEC-KIT-DEMO --resume
              speckit auto SPEC-KIT-DEMO --from tasks --to validate --dry-run
    """
    own = {name: options.pop(name) for name in _OWN}
    globals_ = merged(ctx, **options)
    if own["resume"] is not None and own["new"]:
        raise click.UsageError("--resume and --new exclude each other")
    return _run(ctx, spec, own, globals_)


_OWN = ("begin", "end", "resume", "new", "profile", "allow_degraded", "dry_run", "database", "format")
_NAMED = {"begin": "from", "end": "to", "profile": "profile", "allow_degraded": "allow_degraded"}


def _run(ctx: click.Context, spec: str, own: dict[str, Any], globals_: Globals) -> int:
    from guardrails.cli.auto_run import Command, run
    from guardrails.cli.world import world_here
    from guardrails.pipeline.packet import require_spec
    from guardrails.pipeline.running import Asked

    given = click.core.ParameterSource.COMMANDLINE
    named = frozenset(word for name, word in _NAMED.items() if ctx.get_parameter_source(name) == given)
    world = world_here(globals_, spec, own["profile"])
    require_spec(world)
    asked = Asked(
        begin=own["begin"],
        end=own["end"],
        resume=own["resume"],
        new=own["new"],
        profile=own["profile"],
        allow_degraded=own["allow_degraded"],
        database=own["database"],
    )
    if own["dry_run"]:
        from guardrails.cli.auto_dry import rehearse

        return rehearse(world, asked, globals_)
    return run(Command(world, asked, named, globals_, as_json=own["format"] == "json"))
