"""`speckit init`: a first configuration, the hooks' entries, and what they will and won't look at."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import click

from guardrails import __version__
from guardrails.cli.options import global_options, merged
from guardrails.core.text import printable
from guardrails.git.repo import open_repo
from guardrails.setup.init import FileChange, PreparedInit, apply, checked, prepare, unchecked


@click.command("init", short_help="Set a repository up: configuration and hooks.")
@click.option("--repo-url", metavar="URL", help="Let pre-commit install speckit from URL (default: speckit on PATH).")
@click.option("--rev", default=f"v{__version__}", show_default=True, help="With --repo-url: the revision to pin.")
@click.option("--dry-run", is_flag=True, help="Show what would be written, write nothing.")
@click.option("--force", is_flag=True, help="Replace an existing .speckit.yaml.")
@global_options
@click.pass_context
def command(
    ctx: click.Context, /, *, repo_url: str | None, rev: str, dry_run: bool, force: bool, **options: Any
) -> int:
    """Write .speckit.yaml for what the repository has, keep git from converting evidence (.gitattributes), and add
    speckit to .pre-commit-config.yaml.

    What stands in .pre-commit-config.yaml is not touched; where adding to it is not safe, the lines are printed.

    \b
    Example:  speckit init --dry-run
              speckit init
    """
    globals_ = merged(ctx, **options)
    repo = open_repo(globals_.repo)
    prepared = prepare(repo, repo_url, rev, force=force)
    if not dry_run:
        apply(repo, prepared.changes)
    if globals_.quiet:
        _show_left(prepared)
    else:
        _report(prepared, dry_run)
    return 0


def _report(prepared: PreparedInit, dry_run: bool) -> None:
    for change in prepared.changes:
        click.echo(f"{change.path}: {'would be ' if dry_run else ''}{change.done}")
        if dry_run:
            click.echo(_difference(change), nl=False)
    for line in prepared.kept:
        click.echo(line)
    _show_left(prepared)
    for note in prepared.notes:
        click.echo(f"note: {printable(note)}")
    _table("will be judged", checked(prepared.found))
    _table("won't be judged", unchecked(prepared.found, prepared.entry))
    _table("next", _next(prepared))


def _show_left(prepared: PreparedInit) -> None:
    for what, text in prepared.left:
        click.echo(f"\nleft to you: {what}:\n")
        click.echo("".join(f"    {line}\n" if line else "\n" for line in text.splitlines()))


def _difference(change: FileChange) -> str:
    from difflib import unified_diff

    before, after = (change.before or "").splitlines(), change.after.splitlines()
    return "".join(
        f"    {printable(line.rstrip())}\n" for line in list(unified_diff(before, after, lineterm="", n=1))[2:]
    )


def _table(title: str, rows: Iterable[tuple[str, str]]) -> None:
    rows = list(rows)
    if not rows:
        return
    width = max(len(name) for name, _ in rows)
    click.echo(f"\n{title}:")
    for name, text in rows:
        click.echo(f"  {name:<{width}}  {printable(text)}")


def _next(prepared: PreparedInit) -> list[tuple[str, str]]:
    rows = []
    framework = prepared.framework
    if framework:
        rows = [
            (f"{framework} install", "puts the hooks in place"),
            ("speckit install --hook pre-push", f"judges every pushed ref; {framework} hands over the first one only"),
        ]
    return [
        *rows,
        ("speckit guard", "judges the working tree now"),
        ("speckit doctor", "says what is still missing"),
    ]
