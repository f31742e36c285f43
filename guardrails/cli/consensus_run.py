"""`speckit consensus run` and `resolve`: make the agents' consensus of one stage, and settle what they dispute."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import click

from guardrails.agents.run_context import RunContext
from guardrails.agents.types import CallProgress
from guardrails.cli.options import Globals, global_options, merged
from guardrails.cli.run_context import run_context_here
from guardrails.config.layout import STAGES
from guardrails.core.text import printable
from guardrails.errors import GuardrailError
from guardrails.evidence.attestation import attest
from guardrails.evidence.lock import locked
from guardrails.evidence.signature import signing
from guardrails.runs.conflicts import ConflictDecision, OpenConflicts, open_conflicts, write_resolution
from guardrails.runs.consult import prepare
from guardrails.runs.dry_run import bill, planned_calls
from guardrails.runs.halt import Halt
from guardrails.runs.recovery import Retry
from guardrails.runs.single import consult
from guardrails.runs.stage_definitions import require_spec
from guardrails.runs.synthesis import StageVerdict

EXITS = {"ok": 0, "hold": 1, "conflict": 4, "degraded": 5, "undecided": 3}


@click.command("run")
@click.argument("stage", type=click.Choice(STAGES))
@click.argument("spec")
@click.option("--profile", metavar="NAME", help="The routing profile to ask by (default: SPECKIT_PROFILE, or none).")
@click.option("--dry-run", is_flag=True, help="Show the prompts. Ask nobody, write nothing.")
@global_options
@click.pass_context
def run(ctx: click.Context, /, *, stage: str, spec: str, profile: str | None, dry_run: bool, **options: Any) -> int:
    """Ask the agents of a stage, have them vote on what they said, file it, and compute the verdict.

    Agents whose answer or ballot cannot be used are asked again as `consensus` in .speckit.yaml says. Exits 0 when they
    agree, 1 when they agree that it must not go on, or over budget, 4 on a conflict, 5 when agents are missing or
    disagree too much, 3 when it cannot be known.

    \b
    Example:  speckit consensus run plan SPEC-KIT-DEMO --dry-run
              speckit consensus run plan SPEC-KIT-DEMO
    """
    globals_ = merged(ctx, **options)
    run_context = run_context_here(globals_, spec, profile)
    require_spec(run_context)
    if dry_run:
        for line in _prompts(run_context, stage):
            click.echo("\n".join(map(printable, line.splitlines())))
        return 0
    with locked(run_context.repo, run_context.spec, f"speckit consensus run {stage}"):
        done = consult(run_context, stage, _watch(globals_), _tell(globals_))
    if done.judged is None:
        assert done.halt is not None
        return _stopped(done.halt)
    _show(run_context, stage, done.judged, globals_)
    return EXITS[done.judged.verdict]


def _prompts(run_context: RunContext, stage: str) -> Iterator[str]:
    """What each agent would be asked, as far as it is known before anybody has answered."""
    prepared = prepare(run_context, stage)
    calls = list(planned_calls(run_context, stage, prepared))
    for call, prompt in calls:
        turn = "asked first" if call.wave == 1 else f"asked in turn {call.wave}"
        turn = "ballot, once all have answered; its statements are made up" if call.ballot else turn
        yield f"=== {call.agent} ({turn}) ==="
        yield prompt
    for cut in prepared.context.cut:
        yield f"note: {cut.path}: {cut.kept} of {cut.size} bytes are in the context"
    yield bill([call for call, _ in calls])
    yield "nobody was asked, nothing was written"


def _watch(globals_: Globals) -> Any:
    def watch(progress: CallProgress) -> None:
        if globals_.quiet:
            return
        said: str = progress.state
        if progress.finished is not None:
            problem, took = progress.finished.problem, progress.finished.latency_ms / 1000
            said = f"answered after {took:.1f} s" if problem is None else f"failed after {took:.1f} s: {problem}"
        click.echo(printable(f"{progress.agent}: {said}"), err=True)

    return watch


def _tell(globals_: Globals) -> Any:
    def tell(retry: Retry) -> None:
        if not globals_.quiet:
            wait = f" in {retry.wait:g} s" if retry.wait else ""
            click.echo(printable(f"{retry.action}{wait}: {', '.join(retry.agents)} ({retry.reason})"), err=True)

    return tell


def _stopped(halt: Halt) -> int:
    click.echo(f"error: {printable(halt.message)}", err=True)
    if halt.hint:
        click.echo(f"hint: {printable(halt.hint)}", err=True)
    return halt.exit_code


def _show(run_context: RunContext, stage: str, judged: StageVerdict, globals_: Globals) -> None:
    severe = " (severe)" if judged.severe else ""
    share = "unknown" if judged.participation is None else f"{judged.participation:.2f}"
    agreed = "unknown" if judged.agreement is None else f"{judged.agreement:.2f}"
    click.echo(f"{stage}: {judged.verdict}{severe}: participation {share}, agreement {agreed}")
    for reason in judged.reasons:
        click.echo(printable(f"  {reason}"))
    for lack in judged.lacking:
        click.echo(printable(f"  {lack.agent}: {lack.reason}"))
    for number, conflict in enumerate(judged.conflicts, 1):
        click.echo(printable(f"  conflict {number}: {conflict}"))
    for warning in judged.warnings:
        click.echo(printable(f"warning: {warning}"), err=True)
    if globals_.quiet:
        return
    click.echo(f"record: {printable(judged.verdict_file.path)}")
    if judged.conflicts:
        click.echo(f"hint: speckit consensus resolve {stage} {run_context.spec} --conflict 1 --because TEXT")


@click.command("resolve")
@click.argument("stage", type=click.Choice(STAGES))
@click.argument("spec")
@click.option("--conflict", metavar="N", help="Number or id of the conflict (default: list the open ones).")
@click.option("--because", metavar="TEXT", help="What was decided, and why.")
@click.option(
    "--proceed/--hold", default=None, help="Where agents disagree about going on: what was decided (default: proceed)."
)
@click.option("--by", metavar="NAME", help="Who decided (default: who git would name as author).")
@global_options
@click.pass_context
def resolve(
    ctx: click.Context,
    /,
    *,
    stage: str,
    spec: str,
    conflict: str | None,
    because: str | None,
    proceed: bool | None,
    by: str | None,
    **options: Any,
) -> int:
    """Settle a conflict of the latest session of a stage: which one, what was decided, and why.

    Without --conflict the open ones are listed with their numbers, and it exits 4 while there are any. A resolution
    holds for the session it is recorded for; a conflict that comes back in a later one has to be settled again.

    \b
    Example:  speckit consensus resolve plan SPEC-KIT-DEMO
              speckit consensus resolve plan SPEC-KIT-DEMO --conflict 1 --because 'SQLite: one file, no server'
    """
    run_context = run_context_here(merged(ctx, **options), spec)
    found = open_conflicts(run_context, stage)
    if conflict is None:
        return _list(found)
    chosen = found.find(conflict)
    if because is None or not any(map(str.isalnum, because)):
        raise GuardrailError("a resolution says why", "add --because 'what was decided, and why'")
    if proceed is not None and chosen.cause != "split":
        raise GuardrailError(f"conflict {chosen.id} is not about whether to go on", "leave --proceed and --hold out")
    goes_on = proceed is not False if chosen.cause == "split" else None
    who = by or _user(run_context)
    later = found.session.started + timedelta(seconds=1)  # what the session filed has the second it was started in
    moment, settings = max(datetime.now(timezone.utc), later), run_context.settings
    signing(run_context.repo, settings.evidence.signature, run_context.say)  # required without a key: before it is made
    with locked(run_context.repo, run_context.spec, "speckit consensus resolve"):
        made = write_resolution(
            run_context, found.session, chosen, ConflictDecision(because.strip(), who, goes_on), moment
        )
        attest(run_context.repo, settings, found.session._replace(started=moment), run_context.say)
    decided = {None: "", True: " (proceed)", False: " (hold)"}[goes_on]
    click.echo(printable(f"settled{decided}: {chosen.id}: {chosen.text}"))
    click.echo(f"record: {printable(made.path)}")
    left = len(found.conflicts) - 1
    click.echo(
        f"{left} left" if left else f"none left; speckit auto {run_context.spec} --resume goes on with a halted run"
    )
    return 0


def _list(found: OpenConflicts) -> int:
    for number, conflict in enumerate(found.conflicts, 1):
        click.echo(printable(f"{number}  {conflict.id}  {conflict.text}"))
    click.echo(f"{len(found.conflicts)} open, {found.settled} settled in session {found.session.stamp}")
    return EXITS["conflict"] if found.conflicts else 0


def _user(run_context: RunContext) -> str:
    """The person git would name as the author of a commit."""
    said = run_context.repo.run("var", "GIT_AUTHOR_IDENT", ok=(0, 128)).decode("utf-8", "replace")
    name = said.partition(" <")[0].strip()
    if not name:
        raise GuardrailError("nobody is named who decided", "add --by NAME, or set git's user.name")
    return name
