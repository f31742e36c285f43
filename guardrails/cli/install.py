"""`speckit install`: native git hooks, kept beside what is there already."""

from __future__ import annotations

from typing import Any

import click

from guardrails.cli.options import Globals, global_options, merged
from guardrails.core.text import printable
from guardrails.git.repo import open_repo
from guardrails.setup import hook_files, install
from guardrails.setup.install import PreparedInstall, apply, prepare


@click.command("install", short_help="Install native git hooks, or remove them.")
@click.option(
    "--hook",
    "names",
    multiple=True,
    type=click.Choice(hook_files.NAMES),
    help="Only this hook; may be repeated (default: all three).",
)
@click.option("--uninstall", is_flag=True, help="Remove the hooks and put back what they replaced.")
@click.option("--dry-run", is_flag=True, help="Say what would be done, do nothing.")
@click.option("--force", is_flag=True, help="Also write to a hooks directory outside the repository.")
@global_options
@click.pass_context
def command(ctx: click.Context, /, *, names: tuple[str, ...], dry_run: bool, **options: Any) -> int:
    """Install native git hooks where git looks for them (core.hooksPath is honoured), or remove them.

    An earlier hook is kept and runs first. Beside pre-commit and prek either order of installing works.

    \b
    Example:  speckit install --hook pre-push
              speckit install --uninstall
    """
    uninstall, force = options.pop("uninstall"), options.pop("force")
    globals_ = merged(ctx, **options)
    wanted = tuple(dict.fromkeys(names)) or hook_files.NAMES
    prepared = prepare(open_repo(globals_.repo), wanted, uninstall=uninstall, force=force)
    if not dry_run:
        apply(prepared)
    _report(prepared, dry_run, globals_)
    return 0


def _report(prepared: PreparedInstall, dry_run: bool, globals_: Globals) -> None:
    if globals_.quiet:
        return
    would = "would be " if dry_run else ""
    click.echo(f"hooks directory: {printable(prepared.directory.path)}")
    for plan in prepared.plans:
        click.echo(f"{plan.hook}: {would if plan.steps else ''}{plan.summary}")
        if globals_.verbose:
            for step in plan.steps:
                click.echo(f"  {_describe(step)}")
        for note in plan.notes:
            click.echo(f"note: {plan.hook}: {note}")
    for note in prepared.notes:
        click.echo(f"note: {printable(note)}")


def _describe(step: install.InstallStep) -> str:
    if isinstance(step, install.Write):
        return f"write {step.name} ({len(step.content)} bytes)"
    if isinstance(step, install.Remove):
        return f"remove {step.name}"
    verb = "keep" if isinstance(step, install.Keep) else "move"
    return f"{verb} {step.source} {'as' if verb == 'keep' else 'to'} {step.target}"
