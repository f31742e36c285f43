"""`speckit doctor`: whether the guardrails can do their work here."""

from __future__ import annotations

from typing import Any

import click

from guardrails.cli.context import Globals, global_options, merged
from guardrails.cli.judge import load_config
from guardrails.git import open_repo
from guardrails.printable import printable
from guardrails.setup.diagnosis import Row
from guardrails.setup.doctor import examine, exit_code
from guardrails.snapshot.worktree import Worktree

COLOURS = {"ok": "green", "warn": "yellow", "fail": "red", "unknown": "magenta"}


@click.command("doctor", short_help="Check that the guardrails can do their work here.")
@global_options
@click.pass_context
def command(ctx: click.Context, /, **options: Any) -> int:
    """Check git, speckit, the configuration and the hooks; each line says what to do about it.

    Exit code 1 when something fails, 3 when something cannot be known here, else 0.

    \b
    Example:  speckit doctor
    """
    globals_ = merged(ctx, **options)
    repo = open_repo(globals_.repo)
    named = globals_.config or repo.environment.get("SPECKIT_CONFIG")
    rows = list(examine(repo, lambda: load_config(Worktree(repo), repo.environment, named).settings))
    for row in rows:
        if not globals_.quiet or row.level != "ok":
            _show(row, globals_)
    return exit_code(rows)


def _show(row: Row, globals_: Globals) -> None:
    level = f"{row.level:<7}"
    if globals_.colored():
        level = click.style(level, fg=COLOURS[row.level])
    click.echo(f"{level} {row.subject}: {printable(row.message)}")
    if row.hint and row.level != "ok":
        click.echo(f"        hint: {printable(row.hint)}")
