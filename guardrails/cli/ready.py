"""`speckit ready`: whether a run can begin."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any

import click

from guardrails.cli.options import Globals, global_options, merged
from guardrails.cli.run_checks import load_run_config
from guardrails.core.text import printable
from guardrails.git.repo import Repo, open_repo
from guardrails.services.readiness import ReadinessContext, ReadinessProbe, ReadinessResult, examine, worst_first
from guardrails.snapshot.worktree import Worktree

COLOURS = {"passed": "green", "warned": "yellow", "failed": "red", "skipped": "cyan"}


@click.command("ready", short_help="Ask whether a run can begin: agents, servers, programs, disk.")
@click.argument("spec", required=False)
@click.option("--format", "style", type=click.Choice(["text", "json"]), default="text", help="How to report.")
@global_options
@click.pass_context
def command(ctx: click.Context, /, spec: str | None, style: str, **options: Any) -> int:
    """Ask every agent, program and MCP server at once whether it answers; look at git, variables, disk and limits.

    Each line says passed, warned, failed or skipped, why, and what to run next. With a SPEC they become evidence.

    Exits 0 when nothing that is required failed (warnings are shown even with -q), 1 when something did, 3 when all
    that failed is a program or library that is not there.

    \b
    Example:  speckit ready SPEC-KIT-DEMO
    """
    globals_ = merged(ctx, **options)
    repo = open_repo(globals_.repo)
    named = globals_.config or repo.environment.get("SPECKIT_CONFIG")
    loaded = load_run_config(Worktree(repo), repo.environment, named)
    spec = loaded.settings.layout.require_id(spec) if spec is not None else None
    context = ReadinessContext(repo, loaded.settings, loaded.run, spec)
    ready = examine(context)
    written = _record(repo, context, ready)
    _show_json(context, ready, written) if style == "json" else _show_text(ready, written, globals_)
    return ready.exit_code


def _record(repo: Repo, context: ReadinessContext, ready: ReadinessResult) -> str | None:
    """Where the answers were kept; None without a SPEC."""
    if context.spec is None:
        return None
    from guardrails.evidence.lock import locked
    from guardrails.evidence.names import new_session
    from guardrails.services.readiness import record

    with locked(repo, context.spec, "speckit ready"):
        session = new_session(context.settings.layout, context.spec, "tasks", datetime.now(timezone.utc))
        return record(context, ready, session).path


def _show_text(ready: ReadinessResult, written: str | None, globals_: Globals) -> None:
    for probe in worst_first(ready.probes):
        if probe.status in ("failed", "warned") or not globals_.quiet:
            _show(probe, globals_)
    for line in ready.escalation:
        click.echo(f"escalate {printable(line)}")
    if globals_.quiet:
        return
    counts = {status: sum(probe.status == status for probe in ready.probes) for status in COLOURS}
    click.echo(f"ready: {ready.verdict}: " + ", ".join(f"{count} {status}" for status, count in counts.items()))
    if written:
        click.echo(f"record: {printable(written)}")


def _show(probe: ReadinessProbe, globals_: Globals) -> None:
    word = f"{probe.status:<7}"
    if globals_.colored():
        word = click.style(word, fg=COLOURS[probe.status], bold=probe.status != "passed")
    time = "" if probe.latency_ms is None else f" ({probe.latency_ms} ms)"
    click.echo(f"{word} {probe.kind} {printable(probe.name)}: {printable(probe.message)}{time}")
    if probe.hint and probe.status in ("failed", "warned"):
        click.echo(f"        hint: {printable(probe.hint)}")


def _show_json(context: ReadinessContext, ready: ReadinessResult, written: str | None) -> None:
    from guardrails.services.readiness import row

    rows = [{**row(probe), "hint": probe.hint and printable(probe.hint)} for probe in ready.probes]
    document = {
        "schema": "speckit.ready/1",
        "spec": context.spec,
        "verdict": ready.verdict,
        "exit_code": ready.exit_code,
        "probes": rows,
        "escalation": list(ready.escalation),
        "record": written,
    }
    click.echo(json.dumps(document, indent=2))
    for probe in ready.probes:  # whoever reads only the exit code is shown them all the same
        if probe.status in ("failed", "warned"):
            click.echo(f"{probe.status}: {printable(f'{probe.name}: {probe.message}')}", err=True)
