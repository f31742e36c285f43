"""`speckit runs prune`: remove what the git directory keeps of runs that are over."""

from __future__ import annotations

from typing import Any

import click

from guardrails.cli.context import global_options, merged
from guardrails.printable import printable

KEPT = 3


@click.command("prune")
@click.option("--keep", type=click.IntRange(min=0), default=KEPT, help=f"Of each SPEC keep so many (default: {KEPT}).")
@click.option("--dry-run", is_flag=True, help="Say what would be removed. Remove nothing.")
@click.option(
    "--database", metavar="URL", help="The Postgres that runs are remembered in (default: SPECKIT_DATABASE, or SQLite)."
)
@global_options
@click.pass_context
def prune(ctx: click.Context, /, *, keep: int, dry_run: bool, database: str | None, **options: Any) -> int:
    """Remove the prompts, answers and steps of completed runs from the git directory, the oldest first.

    Runs that have not completed are left alone, for they can be gone on with; so are a SPEC that somebody is at work
    on, and calls whose cost is in no summary yet.
    Evidence is not touched: 'speckit evidence archive' packs that away.

    \b
    Example:  speckit runs prune --dry-run
              speckit runs prune --keep 1
    """
    from guardrails.cli.judge import load_settings
    from guardrails.git import open_repo
    from guardrails.pipeline.pruning import prune as remove
    from guardrails.pipeline.running import place_of
    from guardrails.reports.numbers import size
    from guardrails.snapshot.worktree import Worktree

    globals_ = merged(ctx, **options)
    repo = open_repo(globals_.repo)
    layout = load_settings(Worktree(repo), repo, globals_).layout
    done = remove(repo, layout, place_of(repo, database), keep, dry=dry_run)
    if not globals_.quiet:
        for each in done.removed:
            click.echo(printable(f"{each.name}  {each.spec}  {size(each.bytes)}"))
    for spec in done.busy:
        click.echo(printable(f"warning: {spec}: somebody is at work on it; it is left alone"), err=True)
    said = "would be removed" if dry_run else "removed"
    click.echo(f"{len(done.removed)} {said}, {size(done.bytes)} in the git directory; evidence is not touched")
    return 0
