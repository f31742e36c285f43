"""`speckit evidence`: whether evidence is what was written, and where old evidence goes."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any

import click

from guardrails.cli.context import global_options, merged
from guardrails.cli.evidence_archive import archive, here, restore, stats
from guardrails.cli.judge import Request, judge, judging_options
from guardrails.cli.report import write_report
from guardrails.errors import GuardrailError
from guardrails.registry import check_named
from guardrails.subject import Scope


@click.group("evidence", short_help="Verify evidence, archive it, bring it back, measure it.")
def command() -> None:
    """Whether evidence is what was written, and where old evidence goes.

    \b
    Example:  speckit evidence verify SPEC-KIT-DEMO
              speckit evidence archive --spec SPEC-KIT-DEMO --dry-run
    """


@command.command("verify")
@click.argument("spec", required=False)
@click.option("--run", "run", metavar="RUN", help="Only this run.")
@click.option("--require-signature", is_flag=True, help="Every seal must be signed by an allowed signer.")
@judging_options
@click.pass_context
def verify(ctx: click.Context, /, *, spec: str | None, run: str | None, require_signature: bool, **options: Any) -> int:
    """Verify that the evidence of every run is what the run wrote, and that archives are intact.

    Found and named are files that were edited, removed or added after the run, ledgers that were reordered, cut short
    or rewritten, seals that don't fit, and verdicts older than the documents they judged. This is integrity: that
    files belong together. Who sealed them only a signature says; those that are there are verified against git's
    gpg.ssh.allowedSignersFile.

    \b
    Example:  speckit evidence verify
              speckit evidence verify SPEC-KIT-DEMO --source origin/main..HEAD --require-signature
    """
    from guardrails.evidence.signature_check import RequiredSignatures, Signatures

    globals_ = merged(ctx, **options)
    ledgers = check_named("evidence verify")
    signatures = RequiredSignatures if require_signature else Signatures
    request = Request(
        command="evidence verify",
        checks=(ledgers, signatures(*ledgers._replace(name="signatures"))),
        source=options["source"],
        scope=Scope(spec=spec, run=run),
        format=options["format"],
        output=options["output"],
        exit_zero=options["exit_zero"],
        if_any=options["if_any"],
    )
    return judge(request, globals_)


@command.command("export")
@click.argument("run", metavar="RUN")
@click.option("--spec", metavar="SPEC", help="The SPEC, where several have a run of that name.")
@click.option("--output", metavar="FILE", help="Write to FILE instead of standard output.")
@global_options
@click.pass_context
def export(ctx: click.Context, /, *, run: str, spec: str | None, output: str | None, **options: Any) -> int:
    """Write a finished run as an in-toto Statement v1 with the test-result predicate.

    The run is verified first. The statement itself is not signed: put it into an envelope with the tool of your choice.

    \b
    Example:  speckit evidence export 20260131T093000Z-4f2a9c10 --output run.intoto.json
    """
    from guardrails.checks.ledger_runs import shelf
    from guardrails.evidence.archiving import require_sound
    from guardrails.evidence.attestation import statement

    globals_ = merged(ctx, **options)
    repo, worktree, settings = here(globals_, spec)
    only = settings.layout.require_id(spec) if spec else None
    found = [each for each in shelf(worktree, settings.layout, only).runs if each.name == run]
    if len(found) != 1:
        several = f"several SPECs have a run {run!r}" if found else f"there is no run {run!r} here"
        raise GuardrailError(several, "say which with --spec" if found else "restore it first if it was archived")
    require_sound(repo, settings, found[0].spec, datetime.now(timezone.utc), run)
    text = json.dumps(statement(found[0], worktree.read(found[0].ledger) or b""), indent=2) + "\n"
    write_report(text, output)
    return 0


command.add_command(archive)
command.add_command(restore)
command.add_command(stats)
