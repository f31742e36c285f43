"""`speckit auto --dry-run`: what a run would do, and what it would cost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timezone

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
    for line in (*_kit(world, done), *_consensus(world, stages, done)):
        click.echo(printable(line))
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


def _kit(world: World, done: Rehearsed) -> Iterator[str]:
    """Which context kit the prompts embed, and what is wrong with it."""
    from guardrails.checks.context_kits import check
    from guardrails.finding import Finding
    from guardrails.snapshot.worktree import Worktree
    from guardrails.subject import Scope, Subject

    if done.kit is None:
        yield f"kit: none; 'speckit context {world.spec}' makes one"
        return
    subject = Subject(Worktree(world.repo), world.settings, datetime.now(timezone.utc), Scope(spec=world.spec))
    wrong = [seen for seen in check(subject) if isinstance(seen, Finding)]
    yield f"kit: {done.kit.version}, sha256 {done.kit.sha256}{'' if wrong else ', current'}"
    yield from (f"warning: {each.path}: {each.rule.code} {each.message}; {each.hint}" for each in wrong)


def _consensus(world: World, stages: Sequence[str], done: Rehearsed) -> Iterator[str]:
    """Whether a verdict would be degraded before anybody is asked: by agents that cannot be called."""
    from guardrails.pipeline.tools import why_not
    from guardrails.probes.asking import Asking
    from guardrails.probes.escalation import advice

    chosen = tuple(stage for stage in world.plan.stages if stage.name in stages)
    asking = Asking(world.repo, world.settings, world.plan._replace(stages=chosen), world.spec)
    able = {name for name in asking.roster if why_not(world, world.plan.agent(name)) is None}
    lacking = advice(asking, able)
    yield from (f"warning: {line}" for line in lacking)
    for call in done.calls:
        if not call.told:
            yield f"warning: the kit was cut out of the prompt of {call.agent} in {call.stage}"
    if not lacking:
        given = (
            f"with kit {done.kit.version}" if done.kit and all(call.told for call in done.calls) else "without a kit"
        )
        yield f"consensus {given}: not degraded, all agents of {len(chosen)} stages can be called"
