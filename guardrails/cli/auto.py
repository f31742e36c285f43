"""`speckit auto`: a SPEC through all its stages."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timezone
from types import FrameType
from typing import Any, NamedTuple, NoReturn

import click

from guardrails.agents.run_context import RunContext
from guardrails.cli.options import Globals, global_options, merged
from guardrails.cli.run_display import Board, RunDisplay
from guardrails.cli.stage import announced
from guardrails.config.layout import STAGES
from guardrails.core.cost import abbreviated, dollars
from guardrails.core.text import printable
from guardrails.errors import GuardrailError
from guardrails.evidence.lock import locked
from guardrails.evidence.names import run_path
from guardrails.layouts.cost_summary import read_cost
from guardrails.runs.dry_run import Rehearsed, bill, over_budget
from guardrails.runs.dry_run import rehearse as render
from guardrails.runs.executor import CrashMessage, StepExecutor
from guardrails.runs.halt import Halt
from guardrails.runs.resume import RunDecision
from guardrails.runs.run import RunOptions, choose_run, perform, place_of, stages_between
from guardrails.runs.summary import INTERRUPTED
from guardrails.secrets.redact import redactor_of

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
    from guardrails.cli.run_context import run_context_here
    from guardrails.runs.run import RunOptions
    from guardrails.runs.stage_definitions import require_spec

    given = click.core.ParameterSource.COMMANDLINE
    named = frozenset(word for name, word in _NAMED.items() if ctx.get_parameter_source(name) == given)
    run_context = run_context_here(globals_, spec, own["profile"])
    require_spec(run_context)
    asked = RunOptions(
        begin=own["begin"],
        end=own["end"],
        resume=own["resume"],
        new=own["new"],
        profile=own["profile"],
        allow_degraded=own["allow_degraded"],
        database=own["database"],
    )
    if own["dry_run"]:
        return rehearse(run_context, asked, globals_)
    return run(AutoCommand(run_context, asked, named, globals_, as_json=own["format"] == "json"))


# `speckit auto --dry-run`: what a run would do, and what it would cost.


def rehearse(run_context: RunContext, asked: RunOptions, globals_: Globals) -> int:
    """Print the plan of a run, and where its prompts lie. Nothing is called; nothing is written anywhere else."""
    stages = stages_between(asked.begin, asked.end)
    done = render(run_context, stages)
    if not globals_.quiet:
        for stage in stages:
            _show(run_context, stage, done)
    for text in done.cut:
        click.echo(printable(f"cut: {text} are given"))
    for line in (*_kit(run_context, done), *_consensus(run_context, stages, done)):
        click.echo(printable(line))
    expected, cap = done.cost(), run_context.plan.budget.usd
    click.echo(f"{run_context.spec}: {bill(done.calls)}")
    if over_budget(cap, expected):
        click.echo(f"warning: the budget is {dollars(cap)}: the run would halt when it is reached")
    click.echo(f"prompts: {done.folder}")
    click.echo("nobody was asked, nothing was written anywhere else")
    return 0


def _show(run_context: RunContext, stage: str, done: Rehearsed) -> None:
    click.echo(f"{stage}:")
    for line in announced(run_context, stage)[:-1]:
        click.echo(printable(f"  {line}"))
    for call in done.calls:
        if call.stage != stage:
            continue
        known = call.estimate
        cost = "no price" if known.usd is None else f"~{dollars(known.usd)}"
        turn = "" if call.wave == 1 or call.ballot else f", in turn {call.wave}"
        name = f"{call.agent} (ballot)" if call.ballot else call.agent
        said = f"{name}: {known.model or 'its own model'}, {call.bytes:,} bytes of prompt, {cost}{turn}"
        click.echo(printable(f"  {said}"))


def _kit(run_context: RunContext, done: Rehearsed) -> Iterator[str]:
    """Which context kit the prompts embed, and what is wrong with it."""
    from guardrails.checks.context_kit.check import check
    from guardrails.core.finding import Finding
    from guardrails.snapshot.context import CheckContext, Scope
    from guardrails.snapshot.worktree import Worktree

    if done.kit is None:
        yield f"kit: none; 'speckit context {run_context.spec}' makes one"
        return
    context = CheckContext(
        Worktree(run_context.repo), run_context.settings, datetime.now(timezone.utc), Scope(spec=run_context.spec)
    )
    wrong = [seen for seen in check(context) if isinstance(seen, Finding)]
    yield f"kit: {done.kit.version}, sha256 {done.kit.sha256}{'' if wrong else ', current'}"
    yield from (f"warning: {each.path}: {each.rule.code} {each.message}; {each.hint}" for each in wrong)


def _consensus(run_context: RunContext, stages: Sequence[str], done: Rehearsed) -> Iterator[str]:
    """Whether a verdict would be degraded before anybody is asked: by agents that cannot be called."""
    from guardrails.runs.tools import why_not
    from guardrails.services.readiness import ReadinessContext, advice

    chosen = tuple(stage for stage in run_context.plan.stages if stage.name in stages)
    context = ReadinessContext(
        run_context.repo, run_context.settings, run_context.plan._replace(stages=chosen), run_context.spec
    )
    able = {name for name in context.roster if why_not(run_context, run_context.plan.agent(name)) is None}
    lacking = advice(context, able)
    yield from (f"warning: {line}" for line in lacking)
    for call in done.calls:
        if not call.told:
            yield f"warning: the kit was cut out of the prompt of {call.agent} in {call.stage}"
    if not lacking:
        given = (
            f"with kit {done.kit.version}" if done.kit and all(call.told for call in done.calls) else "without a kit"
        )
        yield f"consensus {given}: not degraded, all agents of {len(chosen)} stages can be called"


# One run of `speckit auto`: under the SPEC's lock, shown while it goes, stopped cleanly when somebody stops it.


class AutoCommand(NamedTuple):
    """What was typed. `named` are the parts of it that were, and are no defaults."""

    run_context: RunContext
    asked: RunOptions
    named: frozenset[str]
    globals_: Globals
    as_json: bool = False


class OperatorStop(KeyboardInterrupt):
    """The operator has stopped it, or the system ends."""


def run(command: AutoCommand) -> int:
    """Run it to its end, report, and return the exit code. Does not return when it is stopped."""
    run_context = command.run_context
    hide = redactor_of(run_context.settings, run_context.environment).text
    display = RunDisplay(command.globals_, hide)
    with _stoppable(), locked(run_context.repo, run_context.spec, "speckit auto"):
        journal = place_of(run_context.repo, command.asked.database)
        run_context, chosen = choose_run(run_context, journal, command.asked, command.named)
        board = Board(chosen.request.stages, display.tell, chosen.history)
        executor = StepExecutor(run_context._replace(say=display.tell), chosen.request, board, _crashed)
        if chosen.left:
            display.tell(f"{run_context.spec}: {chosen.left}; going on with it")
        try:
            with display.showing(board):
                end = perform(journal, chosen, executor)
        except OperatorStop:
            _stop(command, chosen, executor)
    summary = _summary(run_context, chosen)
    _report(command, chosen, summary)
    return end.exit_code if isinstance(end, Halt) else 0


def _crashed(error: Exception) -> CrashMessage:
    from guardrails.cli.crash import refusal, report

    refused = refusal(error)
    if refused is not None:
        return CrashMessage(refused.message, refused.hint, "usage")
    problem = report(error)
    return CrashMessage(problem.message, problem.hint)


@contextmanager
def _stoppable() -> Iterator[None]:
    """SIGINT and SIGTERM end the waiting for a run, not the process in the middle of things."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        for each in (signal.SIGINT, signal.SIGTERM):
            signal.signal(each, signal.SIG_IGN)
        raise OperatorStop

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _stop(command: AutoCommand, chosen: RunDecision, executor: StepExecutor) -> NoReturn:
    """Write down that it was stopped, say how it goes on, and end.

    The step that is under way is not remembered and will be taken again. Agents go on by themselves, for they are paid;
    what they answer is found when the run goes on. The process ends at once: its threads have nothing left to do.
    """
    from guardrails.core.programs import end_all

    with suppress(OSError, GuardrailError):  # a summary that cannot be written does not keep it from ending
        executor.interrupt()
    end_all()
    spec = chosen.request.spec
    click.echo(f"interrupted: {spec} at {executor.at}; nothing that was done or paid is lost", err=True)
    click.echo(f"hint: speckit auto {spec} --resume goes on with it", err=True)
    with suppress(OSError, ValueError):
        if command.as_json:
            click.echo(json.dumps(_summary(command.run_context, chosen), indent=2))
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(INTERRUPTED)


def _summary(run_context: RunContext, chosen: RunDecision) -> dict[str, Any]:
    path = run_path(run_context.settings.layout, run_context.spec, chosen.request.run)
    with open(os.path.join(run_context.repo.root, path), "rb") as stream:
        document: dict[str, Any] = json.load(stream)
    return document


def _report(command: AutoCommand, chosen: RunDecision, summary: dict[str, Any]) -> None:
    if command.as_json:
        click.echo(json.dumps(summary, indent=2))
        return
    layout, spec = command.run_context.settings.layout, chosen.request.spec
    halt, money = summary["halt"], summary["cost"]
    passed = [stage["stage"] for stage in summary["stages"] if stage["status"] == "passed"]
    cost = abbreviated(read_cost(money))
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
