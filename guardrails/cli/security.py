"""`speckit security`: the security review of a SPEC."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import click

from guardrails.checks.security_review.form import TRACKER
from guardrails.cli.options import Globals, global_options, merged
from guardrails.cli.run_checks import CheckRequest, judge, load_settings
from guardrails.core.text import printable
from guardrails.engine.registry import Check
from guardrails.evidence.lock import locked
from guardrails.git.repo import open_repo
from guardrails.services.memory.write import note
from guardrails.services.security_reviews import ReviewContext, ReviewDecision, Standing, keep
from guardrails.snapshot.context import Scope
from guardrails.snapshot.worktree import Worktree

CHECK = Check(
    "security",
    "The security review of a SPEC is signed off.",
    "guardrails.checks.security_review.check",
    ("DOC",),
    (),
    "",
)


@click.command("security", short_help="Keep the security review of a SPEC, sign it off, or check it.")
@click.argument("spec")
@click.option("--check", is_flag=True, help="Only judge whether the review is signed off, filled in and unchanged.")
@click.option("--sign-off", is_flag=True, help="Record that whoever --by names approves the document as it is.")
@click.option("--reject", metavar="REASON", help="Record that whoever --by names does not approve it, and why.")
@click.option("--not-required", metavar="REASON", help="Record that no review is required, and why.")
@click.option("--by", metavar="NAME", help="Who decides: a name under Approval in the review.")
@global_options
@click.pass_context
def command(ctx: click.Context, /, spec: str, *, check: bool, **options: Any) -> int:
    """Make security-review.md in SPEC's directory, never over one that is there, and record where the review stands.

    It has context, data classification, threats by STRIDE, artifacts, exceptions and approval. What is still open is
    listed. A sign-off is recorded with the digest of the document: a change after it needs a new one.

    Exits 0 when it was recorded, 1 when open fields keep it from being signed off or --check finds something.

    \b
    Example:  speckit security SPEC-KIT-DEMO
              speckit security SPEC-KIT-DEMO --sign-off --by "A. Reviewer"
    """
    decision = _decision(options.pop("sign_off"), options.pop("reject"), options.pop("not_required"), options.pop("by"))
    globals_ = merged(ctx, **options)
    if check:
        if decision:
            raise click.UsageError("--check records nothing")
        return judge(CheckRequest("security", (CHECK,), None, Scope(spec=spec)), globals_)
    repo = open_repo(globals_.repo)
    tree = Worktree(repo)
    settings = load_settings(tree, repo, globals_)
    spec = settings.layout.require_id(spec)
    with locked(repo, spec, "speckit security"):
        review_context = ReviewContext(repo, tree, settings, spec, datetime.now(timezone.utc))
        standing = keep(review_context, decision)
        _remember(review_context, decision, standing)
    _show(standing, spec, globals_)
    return 1 if standing.refused else 0


def _decision(sign_off: bool, reject: str | None, not_required: str | None, by: str | None) -> ReviewDecision | None:
    if sum((sign_off, reject is not None, not_required is not None)) > 1:
        raise click.UsageError("one of --sign-off, --reject and --not-required at a time")
    if (sign_off or reject is not None) != (by is not None):
        raise click.UsageError("--sign-off and --reject need --by, and nothing else does")
    if sign_off:
        return ReviewDecision("approved", by)
    if reject is not None:
        if not reject.strip():
            raise click.UsageError("--reject needs a reason")
        return ReviewDecision("rejected", by, reject)
    return ReviewDecision("not-required", None, not_required) if not_required is not None else None


def _remember(review_context: ReviewContext, decision: ReviewDecision | None, standing: Standing) -> None:
    record = next((written for written in standing.written if written.path.endswith(TRACKER)), None)
    if decision is None or record is None:
        return
    text = f"security review of {review_context.spec}: {decision.kind}"
    text += (f" by {decision.name}" if decision.name else "") + (f": {decision.reason}" if decision.reason else "")
    tags = (f"spec:{review_context.spec}", "type:security", f"status:{standing.status}")
    for warning in note(review_context.repo, review_context.settings, text, tags, record):
        click.echo(f"warning: {printable(warning)}", err=True)


def _show(standing: Standing, spec: str, globals_: Globals) -> None:
    for line, message in standing.opened:
        click.echo(f"{printable(standing.path)}:{line}: open: {printable(message)}")
    if standing.refused:
        click.echo("error: nothing was signed: the review is not filled in", err=True)
    if globals_.quiet:
        return
    for written in standing.written:
        click.echo(f"{printable(written.path)}: written")
    click.echo(f"security: {spec} is {standing.status}; {len(standing.opened)} open")
