"""`speckit guard`: every check bound to a hook, one process, one result."""

from __future__ import annotations

import os
from typing import Any

import click

from guardrails.cli.options import merged
from guardrails.cli.run_checks import CheckRequest, judge, judging_options
from guardrails.engine.registry import CHECKS, HOOKS
from guardrails.snapshot.context import Scope

SOURCES = {"pre-commit": "index", "commit-msg": "index", "pre-push": "push"}
"""What each hook judges when --source does not say."""


@click.command("guard", short_help="Every check bound to a hook, in one process.")
@click.option("--hook", type=click.Choice(HOOKS), help="Run the checks bound to this hook (default: every check).")
@click.argument("files", nargs=-1, metavar="[FILE]...")
@judging_options
@click.pass_context
def command(ctx: click.Context, /, hook: str | None, files: tuple[str, ...], **options: Any) -> int:
    """Every check bound to a hook, in one process with one result.

    File names and what git passes to a hook are accepted; at commit-msg the first one is the message that is judged,
    at pre-push they are the remote that is pushed to and its address.

    \b
    Example:  speckit guard --hook pre-commit
              speckit guard --source origin/main..HEAD --format sarif --output speckit.sarif
    """
    globals_ = merged(ctx, **options)
    request = CheckRequest(
        command="guard",
        checks=tuple(check for check in CHECKS if hook is None or hook in check.hooks),
        source=options["source"] or SOURCES.get(hook or ""),
        scope=Scope(message_file=os.path.abspath(files[0]) if hook == "commit-msg" and files else None),
        format=options["format"],
        output=options["output"],
        exit_zero=options["exit_zero"],
        if_any=options["if_any"],
        policy=options["policy"],
        all_notes=False,
        pushed_to=files if hook == "pre-push" else (),
    )
    return judge(request, globals_)
