"""`speckit config`: each effective value and where it came from."""

from __future__ import annotations

import json
from typing import Any

import click

from guardrails.cli.options import global_options, merged
from guardrails.cli.run_checks import load_run_config
from guardrails.config.settings import Settings
from guardrails.core.text import printable
from guardrails.git.repo import open_repo
from guardrails.secrets.redact import Redactor
from guardrails.snapshot.worktree import Worktree


@click.command("config", short_help="Show each effective setting and where it comes from.")
@click.option("--format", "style", type=click.Choice(["text", "json"]), default="text", help="How to print them.")
@global_options
@click.pass_context
def command(ctx: click.Context, /, style: str, **options: Any) -> int:
    """Show each effective setting, and whether a default, a line of .speckit.yaml or a variable set it.

    Of secrets only the names of their variables are shown; a value that is one is shown as [secret].

    \b
    Example:  speckit config
    """
    globals_ = merged(ctx, **options)
    repo = open_repo(globals_.repo)
    named = globals_.config or repo.environment.get("SPECKIT_CONFIG")
    loaded = load_run_config(Worktree(repo), repo.environment, named)
    redactor = Redactor((*Settings().secrets.variables, *loaded.settings.secrets.variables), repo.environment)
    values = [value._replace(value=redactor.value(value.value)) for value in loaded.values]
    if style == "json":
        click.echo(json.dumps([value._asdict() for value in values], indent=2))
        return 0
    width = max(len(value.key) for value in values)
    for value in values:
        click.echo(f"{printable(value.key):<{width}} = {json.dumps(value.value)}  ({printable(value.origin)})")
    return 0
