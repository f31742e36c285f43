"""`speckit audit`: the packet that an auditor gets."""

from __future__ import annotations

from collections.abc import Iterator
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
from guardrails.errors import Undecidable

if TYPE_CHECKING:
    from guardrails.reports.audit import Audit
    from guardrails.reports.view import View

FOLDER = "evidence/tasks_audit"
"""Below the SPEC's own directory."""


@click.command("audit", short_help="The audit packet of a SPEC: verdicts, costs, conflicts, sign-off.")
@click.argument("spec")
@click.option("--dry-run", is_flag=True, help="Show the packet, file nothing.")
@click.option("--replace", is_flag=True, help="File it over a packet that was changed by hand: signatures are lost.")
@click.option("--exit-zero", is_flag=True, help="Exit 0 even where something does not hold.")
@report_options("text", "markdown", "json", "html")
@click.pass_context
def command(
    ctx: click.Context,
    /,
    *,
    spec: str,
    dry_run: bool,
    replace: bool,
    exit_zero: bool,
    source: str | None,
    style: str,
    output: str | None,
    **options: Any,
) -> int:
    """Verdicts, cost reconciliation, conflicts, variance, ledger digests, and a checklist: what a machine verified and
    what a person has to sign. Filed in Markdown, JSON and HTML under the SPEC's evidence/tasks_audit/.

    Only the working tree is filed in; of another --source the packet is shown. The name of a packet comes from the
    digest of its evidence, and unchanged evidence gives the same bytes apart from the time. Exits 1 when something that
    a machine can verify does not hold or is not known, 3 when nothing is known of the SPEC.

    \b
    Example:  speckit audit SPEC-KIT-900
              speckit audit SPEC-KIT-900 --format json --dry-run
    """
    globals_ = merged(ctx, **options)
    scope = report_scope(globals_, source)
    spec = scope.settings.layout.require_id(spec)
    found = gather(scope, globals_, spec)
    if found is None:
        click.echo(printable(f"nothing is known of {spec} in {scope.snapshot.describe()}"), err=True)
        return NOTHING
    show(scope, _in_form(scope, found, style), output)
    if scope.snapshot.source.kind == "worktree" and not dry_run:
        _file(scope, found, replace)
    return 0 if found.holds or exit_zero else FAILED


def gather(scope: ReportScope, globals_: Globals, spec: str) -> Audit | None:
    """The packet of a SPEC, None when nothing is known of it."""
    from guardrails.reports.audit import AuditEvidence, audit_packet
    from guardrails.reports.audit_checks import evidence_of, judge, sealed
    from guardrails.reports.evidence_files import Reach
    from guardrails.reports.reduce import reduce_evidence
    from guardrails.snapshot.context import Scope

    snapshot, settings = scope.snapshot, scope.settings
    facts = reduce_evidence(snapshot, settings, Reach(spec=spec), footprint=False)
    if spec not in facts.specs:
        return None
    own = [f"{packet.path}/{folder}" for packet in facts.packets.get(spec, ()) for folder in (FOLDER, "validation")]
    entries = evidence_of(snapshot, settings, spec, own or [f"{settings.layout.docs}/{spec}/{FOLDER}"])
    asked = ("accept", "evidence verify")
    judged = [judge(snapshot, settings, scope.now, name, Scope(spec=spec)) for name in asked]
    if entries:
        paths = tuple(entry.path for entry in entries)
        judged.insert(0, judge(snapshot, settings, scope.now, "validate", Scope(paths=paths)))
    evidence = AuditEvidence(tuple(judged), sealed(snapshot, entries))
    return audit_packet(facts, settings, run_settings_of(scope, globals_).budget, evidence, scope.now, spec)


def report_view(scope: ReportScope, found: Audit) -> View:
    """The packet laid out."""
    from guardrails.reports.audit import view

    return view(found, scope.settings.consensus.min_agreement)


def _in_form(scope: ReportScope, found: Audit, form: str) -> str:
    from guardrails.reports.audit import as_document

    found = redacted(scope, found)
    return rendered(form, partial(report_view, scope, found), partial(as_document, found))


def _rendered_all(scope: ReportScope, found: Audit) -> Iterator[tuple[str, bytes]]:
    """(extension, bytes) of the packet in each form. Without the libraries of pages there is none, and that is said."""
    for style, end in (("markdown", "md"), ("json", "json"), ("html", "html")):
        try:
            yield end, clean(scope, _in_form(scope, found, style)).encode()
        except Undecidable as error:
            click.echo(f"no page is filed: {error.message}; {error.hint}", err=True)


def _file(scope: ReportScope, found: Audit, replace: bool) -> None:
    """File the packet, and say what became of it."""
    from guardrails.reports.reduce import folder_of

    folder = folder_of({found.spec: found.state.packets}, scope.settings.layout, found.spec)
    name = f"{folder}/{FOLDER}/audit_{found.sealed.sha256[:12]}"
    files = {f"{name}.{end}": text for end, text in _rendered_all(scope, found)}
    file_report(scope, found.spec, "speckit audit", files, replace=replace)
