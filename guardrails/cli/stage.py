"""`speckit stage`: the guardrail of one stage."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any

import click

from guardrails.agents.run_context import RunContext
from guardrails.cli.options import Globals, global_options, merged
from guardrails.cli.run_context import run_context_here
from guardrails.config.layout import STAGES
from guardrails.core.text import printable
from guardrails.evidence.attestation import attest
from guardrails.evidence.lock import locked
from guardrails.evidence.names import new_session
from guardrails.evidence.signature import signing
from guardrails.layouts.evidence_names import session_name
from guardrails.runs.check_result import CheckResult
from guardrails.runs.checkpoint import Checkpoint
from guardrails.runs.policy import substituted
from guardrails.runs.serialize import pack
from guardrails.runs.stage import Closed, close_stage, open_stage
from guardrails.runs.stage_definitions import ready, require_spec, services_of
from guardrails.runs.tree import tree_state
from guardrails.secrets.redact import Redactor, redactor_of
from guardrails.services.probes.run import target_of

COLOURS = {"passed": "green", "failed": "red", "skipped": "yellow"}


@click.command("stage", short_help="Run the guardrail of one stage, and record it.")
@click.argument("stage", type=click.Choice(STAGES))
@click.argument("spec")
@click.option("--allow-degraded", is_flag=True, help="Let degraded verdicts of earlier stages pass; never at unlock.")
@click.option("--profile", metavar="NAME", help="The profile that holds (default: SPECKIT_PROFILE, or none).")
@click.option("--dry-run", is_flag=True, help="Say what would be run. Run nothing, write nothing.")
@click.option("--format", type=click.Choice(["text", "json"]), default="text", help="How to report (default: text).")
@global_options
@click.pass_context
def command(
    ctx: click.Context,
    /,
    *,
    stage: str,
    spec: str,
    allow_degraded: bool,
    profile: str | None,
    dry_run: bool,
    **options: Any,
) -> int:
    """Judge the tree, the SPEC's documents, the stage's checks, policy and probes, and write telemetry of it.

    No agents are asked. What is skipped is shown as skipped, and satisfies nothing that is required. Exits 1 when
    something failed, 3 when it cannot be known or a tool is missing, 4 and 5 on conflicting and degraded verdicts.

    \b
    Example:  speckit stage plan SPEC-KIT-DEMO
              speckit stage unlock SPEC-KIT-DEMO --dry-run
    """
    style = options.pop("format")
    globals_ = merged(ctx, **options)
    run_context = run_context_here(globals_, spec, profile, allow_degraded=allow_degraded)
    require_spec(run_context)
    if dry_run:
        for line in announced(run_context, stage):
            click.echo(printable(line))
        return 0
    with locked(run_context.repo, run_context.spec, f"speckit stage {stage}"):
        closed = _run(run_context, stage)
    if style == "json":
        click.echo(json.dumps(_document(run_context, closed), indent=2))
    else:
        _show(run_context, closed, globals_)
    return closed.exit_code


def _run(run_context: RunContext, stage: str) -> Closed:
    evidence, say = run_context.settings.evidence, run_context.say
    signing(run_context.repo, evidence.signature, say)  # required without a key: now, before anything is written
    session = new_session(run_context.settings.layout, run_context.spec, stage, datetime.now(timezone.utc))
    opened = open_stage(run_context, session, tree_state(run_context), ())
    closed = close_stage(run_context, session, opened, None, ())
    Checkpoint(run_context.repo, session).forget()
    written = (*opened.written, *closed.written)
    own = [file.path for file in written if session_name(file.path) == session.name]
    attested = attest(run_context.repo, run_context.settings, session, say, also=own)
    return closed._replace(written=(*written, *attested))


def announced(run_context: RunContext, stage: str) -> list[str]:
    """What the guardrail of a stage would do, line by line; the last says that nothing was done."""
    plan = ready(run_context, stage)
    redactor = redactor_of(run_context.settings, run_context.environment)
    lines = [f"documents: {', '.join(plan.rules.documents)}", f"checks: {', '.join(('clean-tree', *plan.checks))}"]
    lines += [f"verdict of {each}: must be ok" for each in plan.verdicts]
    for layer, commands in (("prefilter", plan.prefilter), ("final", plan.final)):
        lines += [
            f"policy {layer}: {redactor.text(' '.join(substituted(a, run_context.spec, stage)))}" for a in commands
        ]
    for each in services_of(run_context):
        if each.name in plan.probes:
            lines.append(redactor.text(f"{each.key}: {each.mode} ({each.origin}): would ask {target_of(each)}"))
    return [*lines, "nothing was run, nothing was written"]


def _document(run_context: RunContext, closed: Closed) -> dict[str, Any]:
    made: dict[str, Any] = {
        "schema": "speckit.stage/1",
        "spec": run_context.spec,
        "stage": closed.stage,
        "status": closed.status,
        "exit_code": closed.exit_code,
        "halt": pack(closed.halt),
        "checks": [{"name": row.name, "status": row.status, "message": row.message} for row in closed.rows],
        "warnings": list(closed.warnings),
        "written": [{"path": file.path, "sha256": file.sha256} for file in closed.written],
        "telemetry": closed.telemetry.path if closed.telemetry else None,
    }
    clean: dict[str, Any] = redactor_of(run_context.settings, run_context.environment).document(made)[0]
    return clean


def _show(run_context: RunContext, closed: Closed, globals_: Globals) -> None:
    redactor = redactor_of(run_context.settings, run_context.environment)
    for row in closed.rows:
        if row.status == "failed" or not globals_.quiet:
            click.echo(_line(redactor, row, globals_))
            if row.hint and row.status == "failed":
                click.echo(f"  hint: {printable(redactor.text(row.hint))}")
    for layer in closed.layers:
        if not layer.commands and not globals_.quiet:
            click.echo(f"policy {layer.layer}: skipped: {printable(redactor.text(layer.message or ''))}")
    if globals_.quiet or globals_.verbose:  # otherwise the rows say it
        for text in closed.warnings:
            click.echo(f"warning: {printable(redactor.text(text))}")
    if globals_.quiet:
        return
    if closed.telemetry:
        click.echo(f"telemetry: {printable(closed.telemetry.path)}")
    stopped = f": {closed.halt.reason}, exit {closed.exit_code}" if closed.halt else ""
    click.echo(f"{closed.stage}: {closed.status}{stopped}")


def _line(redactor: Redactor, row: CheckResult, globals_: Globals) -> str:
    status = click.style(row.status, fg=COLOURS[row.status]) if globals_.colored() else row.status
    return ": ".join((row.name, status, *([printable(redactor.text(row.message))] if row.message else [])))
