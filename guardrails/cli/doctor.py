"""`speckit doctor`: whether the guardrails can do their work here."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import Any

import click

from guardrails.cli.options import Globals, global_options, merged
from guardrails.cli.run_checks import load_config
from guardrails.config.settings import Settings
from guardrails.core.text import printable
from guardrails.git.repo import Repo, open_repo
from guardrails.setup.canary import CanaryOutcome, chosen, examine_canary, rows
from guardrails.setup.diagnosis import DoctorRow
from guardrails.setup.doctor import examine, exit_code
from guardrails.snapshot.worktree import Worktree

COLOURS = {"ok": "green", "warn": "yellow", "fail": "red", "unknown": "magenta"}


@click.command("doctor", short_help="Check that the guardrails can do their work here.")
@click.option("--canary", is_flag=True, help="Plant known violations in a scratch clone, and require the hooks' no.")
@click.option("--rule", "rules", metavar="CODE", multiple=True, help="With --canary: only the violation of this rule.")
@global_options
@click.pass_context
def command(ctx: click.Context, /, *, canary: bool, rules: tuple[str, ...], **options: Any) -> int:
    """Check git, speckit, the configuration and the hooks; each line says what to do about it.

    With --canary one known violation for each rule is planted in a scratch clone, and the installed hooks are run for
    real: whatever they let through is reported. The repository itself is not touched.

    Exit code 1 when something fails, 3 when something cannot be known here, else 0.

    \b
    Example:  speckit doctor
              speckit doctor --canary
    """
    globals_ = merged(ctx, **options)
    repo = open_repo(globals_.repo)
    named = globals_.config or repo.environment.get("SPECKIT_CONFIG")

    def load() -> Settings:
        return load_config(Worktree(repo), repo.environment, named).settings

    if rules and not canary:
        raise click.UsageError("--rule needs --canary")
    rows = plant(repo, load(), rules, globals_.quiet) if canary else list(examine(repo, load))
    for row in rows:
        if not globals_.quiet or row.level != "ok":
            _show(row, globals_)
    return exit_code(rows)


def _show(row: DoctorRow, globals_: Globals) -> None:
    level = f"{row.level:<7}"
    if globals_.colored():
        level = click.style(level, fg=COLOURS[row.level])
    click.echo(f"{level} {row.subject}: {printable(row.message)}")
    if row.hint and row.level != "ok":
        click.echo(f"        hint: {printable(row.hint)}")


# The part of `speckit doctor` that plants violations.


def plant(repo: Repo, settings: Settings, rules: Sequence[str], quiet: bool) -> list[DoctorRow]:
    """What became of the canaries of some rules, or of all. Progress is shown on a terminal."""
    canaries = chosen([rule.upper() for rule in rules])
    outcomes = examine_canary(repo, settings, canaries)
    if not quiet and sys.stderr.isatty():
        outcomes = _shown(outcomes, len(canaries))
    return list(rows(list(outcomes), not rules))


def _shown(outcomes: Iterator[CanaryOutcome], total: int) -> Iterator[CanaryOutcome]:
    from rich.console import Console
    from rich.progress import track

    yield from track(outcomes, "planting", total=total, console=Console(stderr=True), transient=True)
