"""`speckit qa`: whether the telemetry of a SPEC can be trusted."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import click

from guardrails.cli.options import Globals, merged
from guardrails.cli.report_options import (
    FAILED,
    NOTHING,
    ReportScope,
    clean,
    file_report,
    redacted,
    rendered,
    report_options,
    report_scope,
    run_settings_of,
    show,
)
from guardrails.core.text import printable

if TYPE_CHECKING:
    from guardrails.config.run_settings import Alerts
    from guardrails.reports.qa import Fired, Qa, Routing

NAME = "validation/telemetry-qa"
"""Below the SPEC's own directory."""


@click.command("qa", short_help="Whether the telemetry of a SPEC can be trusted.")
@click.argument("spec")
@click.option("--weeks", type=click.IntRange(1, 520), default=4, show_default=True, help="ISO weeks to play back.")
@click.option("--route", is_flag=True, help="Send the alerts that fired where `alerts` in .speckit.yaml says.")
@click.option("--dry-run", is_flag=True, help="Show the report, file nothing.")
@click.option("--exit-zero", is_flag=True, help="Exit 0 even where something is wrong.")
@report_options("text", "markdown", "json", "html")
@click.pass_context
def command(
    ctx: click.Context,
    /,
    *,
    spec: str,
    weeks: int,
    route: bool,
    dry_run: bool,
    exit_zero: bool,
    source: str | None,
    style: str,
    output: str | None,
    **options: Any,
) -> int:
    """Every telemetry file against its schema, the fields that say nothing, costs held against each other, and the
    alert rules played back over the history. Filed under the SPEC's validation/telemetry-qa.md and .json.

    Nothing is sent without --route; what was delivered to a place is not sent there again. Only the working tree is
    filed in. Exits 1 when something is wrong, 3 when the SPEC has no evidence.

    \b
    Example:  speckit qa SPEC-KIT-900
              speckit qa SPEC-KIT-900 --route
    """
    globals_ = merged(ctx, **options)
    scope = report_scope(globals_, source)
    spec = scope.settings.layout.require_id(spec)
    found = gather(scope, globals_, spec, weeks, route)
    if found is None:
        click.echo(printable(f"{spec} has no evidence in {scope.snapshot.describe()}"), err=True)
        return NOTHING
    show(scope, _in_form(scope, found, style), output)
    if scope.snapshot.source.kind == "worktree" and not dry_run:
        _file(scope, found)
    return 0 if exit_zero or not found.faults else FAILED


def gather(scope: ReportScope, globals_: Globals, spec: str, weeks: int, route: bool = False) -> Qa | None:
    """The sweep over a SPEC, None when it has no evidence. With `route` its alerts are sent."""
    from guardrails.reports.audit_checks import evidence_of, judge, sealed
    from guardrails.reports.evidence_files import Reach
    from guardrails.reports.qa import Inputs, Routing, population, qa_report
    from guardrails.reports.reduce import folder_of, reduce_evidence
    from guardrails.snapshot.context import Scope

    snapshot, settings = scope.snapshot, scope.settings
    facts = reduce_evidence(snapshot, settings, Reach(spec=spec), footprint=False, tracker=False)
    folder = folder_of(facts.packets, settings.layout, spec)
    entries = evidence_of(snapshot, settings, spec, (f"{folder}/validation", f"{folder}/evidence/tasks_audit"))
    if not entries:
        return None
    judged = judge(snapshot, settings, scope.now, "validate", Scope(paths=tuple(entry.path for entry in entries)))
    inputs = Inputs(judged, population(snapshot, settings, entries), sealed(snapshot, entries))
    run = run_settings_of(scope, globals_)
    found = qa_report(facts, run.budget, inputs, scope.now, weeks, spec, Routing(()))
    return found._replace(routing=_routing(scope, run.alerts, found.fired, route))


def _routing(scope: ReportScope, alerts: Alerts, fired: tuple[Fired, ...], route: bool) -> Routing:
    from guardrails.reports.qa import Routed, Routing
    from guardrails.services.alerts import Notice, deliver, places

    to = places(alerts, scope.repo)
    names = tuple(each.name for each in to)
    if not route:
        return Routing(names)
    notices = [
        Notice(each.id, each.alert.name, each.alert.spec, each.alert.period, each.alert.message)
        for each in redacted(scope, fired)
    ]
    done = deliver(notices, to, scope.repo)
    return Routing(
        names, tuple(Routed(f"{each.notice.name} {each.notice.id}", each.place, each.outcome) for each in done)
    )


def _in_form(scope: ReportScope, found: Qa, form: str) -> str:
    from guardrails.reports.qa import as_document, view

    found = redacted(scope, found)
    return rendered(form, partial(view, found), partial(as_document, found))


def _file(scope: ReportScope, found: Qa) -> None:
    """File the report, and say what became of it. It is made again by every sweep, so a newer one replaces it."""
    from guardrails.reports.reduce import folder_of, reduce_packets

    folder = folder_of(reduce_packets(scope.snapshot, scope.settings, found.spec), scope.settings.layout, found.spec)
    files = {
        f"{folder}/{NAME}.{end}": clean(scope, _in_form(scope, found, style)).encode()
        for style, end in (("markdown", "md"), ("json", "json"))
    }
    file_report(scope, found.spec, "speckit qa", files, replace=True)
