"""`speckit auto --dry-run`: what a run would do, and what it would cost."""

from __future__ import annotations

import click

from guardrails.cli.context import Globals
from guardrails.cli.run_display import money_text
from guardrails.cli.stage import announced
from guardrails.pipeline.rehearsal import Rehearsed, over_budget
from guardrails.pipeline.rehearsal import rehearse as render
from guardrails.pipeline.running import Asked, stages_between
from guardrails.pipeline.world import World
from guardrails.printable import printable


def rehearse(world: World, asked: Asked, globals_: Globals) -> int:
    """Print the plan of a run, and where its prompts lie. Nothing is called; nothing is written anywhere else."""
    stages = stages_between(asked.begin, asked.end)
    done = render(world, stages)
    if not globals_.quiet:
        for stage in stages:
            _show(world, stage, done)
    for text in done.cut:
        click.echo(printable(f"cut: {text} are given"))
    expected, cap = done.cost(), world.plan.budget.usd
    cost = money_text(expected.usd, expected.source, expected.calls, expected.priced_calls)
    cost = f"cost {cost}" if expected.usd is None else cost
    click.echo(f"{world.spec}: {expected.calls} calls, about {expected.tokens or 0:,} tokens, {cost}")
    if over_budget(cap, expected):
        click.echo(f"warning: the budget is ${cap:.2f}: the run would halt when it is reached")
    click.echo(f"prompts: {done.folder}")
    click.echo("nobody was asked, nothing was written anywhere else")
    return 0


def _show(world: World, stage: str, done: Rehearsed) -> None:
    click.echo(f"{stage}:")
    for line in announced(world, stage)[:-1]:
        click.echo(printable(f"  {line}"))
    for call in done.calls:
        if call.stage != stage:
            continue
        known = call.estimate
        cost = "no price" if known.usd is None else f"~${known.usd:.4f}"
        turn = "" if call.wave == 1 else f", in turn {call.wave}"
        said = f"{call.agent}: {known.model or 'its own model'}, {call.bytes:,} bytes of prompt, {cost}{turn}"
        click.echo(printable(f"  {said}"))
