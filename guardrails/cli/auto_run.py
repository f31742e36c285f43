"""One run of `speckit auto`: under the SPEC's lock, shown while it goes, stopped cleanly when somebody stops it."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, NamedTuple, NoReturn

import click

from guardrails.cli.context import Globals
from guardrails.cli.run_board import Board
from guardrails.cli.run_display import Display, money_text
from guardrails.errors import GuardrailError
from guardrails.evidence.lock import locked
from guardrails.evidence.names import run_path
from guardrails.pipeline.choosing import Chosen
from guardrails.pipeline.halting import Halt
from guardrails.pipeline.hiding import Hiding
from guardrails.pipeline.performing import Performer, Said
from guardrails.pipeline.run_summary import INTERRUPTED
from guardrails.pipeline.running import Asked, choose_run, perform, place_of
from guardrails.pipeline.world import World
from guardrails.printable import printable


class Command(NamedTuple):
    """What was typed. `named` are the parts of it that were, and are no defaults."""

    world: World
    asked: Asked
    named: frozenset[str]
    globals_: Globals
    as_json: bool = False


class Stopped(KeyboardInterrupt):
    """The operator has stopped it, or the system ends."""


def run(command: Command) -> int:
    """Run it to its end, report, and return the exit code. Does not return when it is stopped."""
    world = command.world
    hide = Hiding(world).text
    display = Display(command.globals_, hide)
    with _stoppable(), locked(world.repo, world.spec, "speckit auto"):
        place = place_of(world.repo, command.asked.database)
        world, chosen = choose_run(world, place, command.asked, command.named)
        board = Board(chosen.request.stages, display.tell, chosen.history)
        performer = Performer(world._replace(say=display.tell), chosen.request, board, _crashed)
        if chosen.left:
            display.tell(f"{world.spec}: {chosen.left}; going on with it")
        try:
            with display.showing(board):
                end = perform(place, chosen, performer)
        except Stopped:
            _stop(command, chosen, performer)
    summary = _summary(world, chosen)
    _report(command, chosen, summary)
    return end.exit_code if isinstance(end, Halt) else 0


def _crashed(error: Exception) -> Said:
    from guardrails.cli.crash import refusal, report

    refused = refusal(error)
    if refused is not None:
        return Said(refused.message, refused.hint, "usage")
    problem = report(error)
    return Said(problem.message, problem.hint)


@contextmanager
def _stoppable() -> Iterator[None]:
    """SIGINT and SIGTERM end the waiting for a run, not the process in the middle of things."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        for each in (signal.SIGINT, signal.SIGTERM):
            signal.signal(each, signal.SIG_IGN)
        raise Stopped

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _stop(command: Command, chosen: Chosen, performer: Performer) -> NoReturn:
    """Write down that it was stopped, say how it goes on, and end.

    The step that is under way is not remembered and will be taken again. Agents go on by themselves, for they are paid;
    what they answer is found when the run goes on. The process ends at once: its threads have nothing left to do.
    """
    from guardrails.programs import end_all

    with suppress(OSError, GuardrailError):  # a summary that cannot be written does not keep it from ending
        performer.interrupt()
    end_all()
    spec = chosen.request.spec
    click.echo(f"interrupted: {spec} at {performer.at}; nothing that was done or paid is lost", err=True)
    click.echo(f"hint: speckit auto {spec} --resume goes on with it", err=True)
    with suppress(OSError, ValueError):
        if command.as_json:
            click.echo(json.dumps(_summary(command.world, chosen), indent=2))
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(INTERRUPTED)


def _summary(world: World, chosen: Chosen) -> dict[str, Any]:
    path = run_path(world.settings.layout, world.spec, chosen.request.run)
    with open(os.path.join(world.repo.root, path), "rb") as stream:
        document: dict[str, Any] = json.load(stream)
    return document


def _report(command: Command, chosen: Chosen, summary: dict[str, Any]) -> None:
    if command.as_json:
        click.echo(json.dumps(summary, indent=2))
        return
    layout, spec = command.world.settings.layout, chosen.request.spec
    halt, money = summary["halt"], summary["cost"]
    passed = [stage["stage"] for stage in summary["stages"] if stage["status"] == "passed"]
    cost = money_text(money["usd"], money["source"], money["calls"], money["priced_calls"])
    spent = "cost unknown" if cost == "unknown" else cost
    done = f"{len(passed)} of {len(chosen.request.stages)} stages passed, {money['calls']} calls, {spent}"
    if halt is None:
        click.echo(f"{spec}: completed: {done}")
    else:
        click.echo(f"{spec}: halted at {halt['stage']} ({halt['reason']}, exit {summary['exit_code']}): {done}")
        click.echo(printable(halt["message"]))
    if not command.globals_.quiet:
        click.echo(f"evidence: {layout.evidence}/ (commands, consensus, costs, runs), each under {spec}")
        click.echo(f"summary: {run_path(layout, spec, chosen.request.run)}")
    if halt is not None and halt["hint"]:
        click.echo(printable(f"hint: {halt['hint']}"))
    elif halt is None and not command.globals_.quiet:
        click.echo("next: commit the evidence, then run 'speckit guard --hook pre-push'")
