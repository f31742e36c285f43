"""`speckit runs`: what was run, and how it went."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from guardrails.cli.options import Globals, global_options, merged
from guardrails.cli.run_checks import load_settings
from guardrails.config.settings import Settings
from guardrails.core.cost import abbreviated
from guardrails.core.text import printable
from guardrails.git.repo import open_repo
from guardrails.layouts.cost_summary import read_cost
from guardrails.snapshot.worktree import Worktree

if TYPE_CHECKING:
    from guardrails.runs.summary import PastRun


NOTHING = 3
_FORMAT = click.option("--format", "style", type=click.Choice(["text", "json"]), default="text", help="How to report.")


class _Runs(click.Group):
    """`prune` loads the journal's library, which nothing else here needs."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*super().list_commands(ctx), "prune"]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name != "prune":
            return super().get_command(ctx, cmd_name)

        return prune


@click.group("runs", cls=_Runs, invoke_without_command=True, short_help="List the runs of SPECs, or show one.")
@global_options
@click.pass_context
def command(ctx: click.Context, /, **options: Any) -> int | None:
    """The runs there is evidence of. Without a command they are listed.

    \b
    Example:  speckit runs
              speckit runs show 20260131T093000Z-4f2a9c10
    """
    globals_ = merged(ctx, **options)
    ctx.obj = globals_
    return _list(globals_, None, "text") if ctx.invoked_subcommand is None else None


@command.command("list")
@click.argument("spec", required=False)
@_FORMAT
@global_options
@click.pass_context
def list_(ctx: click.Context, /, *, spec: str | None, style: str, **options: Any) -> int:
    """Every run, the latest last: when, how far, how it ended, what it cost. Exits 3 when there is none.

    \b
    Example:  speckit runs list SPEC-KIT-DEMO
    """
    return _list(merged(ctx, **options), spec, style)


def _here(globals_: Globals) -> tuple[Worktree, Settings]:
    repo = open_repo(globals_.repo)
    tree = Worktree(repo)
    return tree, load_settings(tree, repo, globals_)


def _list(globals_: Globals, spec: str | None, style: str) -> int:
    from guardrails.runs.summary import PastRun, past_runs

    tree, settings = _here(globals_)
    wanted = settings.layout.require_id(spec) if spec is not None else None
    found = list(past_runs(tree, settings.layout, wanted))
    runs = [run for run in found if isinstance(run, PastRun)]
    for each in found:
        if not isinstance(each, PastRun):
            click.echo(printable(f"warning: {each.path}: {each.problem}"), err=True)
    if style == "json":
        click.echo(json.dumps({"schema": "speckit.runs/1", "runs": [_row(run) for run in runs]}, indent=2))
    else:
        for run in runs:
            click.echo(printable(_line(run)))
        if not runs:
            click.echo(f"there is no run of {wanted or 'any SPEC'}", err=True)
    return 0 if runs else NOTHING


def _row(run: PastRun) -> dict[str, Any]:
    return {name: value for name, value in run._asdict().items() if name != "document"} | {"cost": run.document["cost"]}


def _line(run: PastRun) -> str:
    cost = run.document["cost"]
    spent = abbreviated(read_cost(cost))
    how = f"{run.outcome} at {run.halted_at}" if run.halted_at else run.outcome
    code = "" if run.exit_code is None else f", exit {run.exit_code}"
    return f"{run.run}  {run.spec}  {run.passed} of {run.stages} stages  {spent}  {how}{code}"


@command.command("show")
@click.argument("run", required=False)
@_FORMAT
@global_options
@click.pass_context
def show(ctx: click.Context, /, *, run: str | None, style: str, **options: Any) -> int:
    """One run, by its name or the beginning of it, else the latest: each stage, its verdict, its retries and its cost.

    \b
    Example:  speckit runs show
              speckit runs show 20260131T093000Z-4f2a9c10 --format json
    """
    from guardrails.runs.summary import find_run

    tree, settings = _here(merged(ctx, **options))
    found = find_run(tree, settings.layout, run)
    if found is None:
        click.echo("there is no run of any SPEC", err=True)
        return NOTHING
    if style == "json":
        click.echo(json.dumps(found.document, indent=2))
        return 0
    for line in _lines(found):
        click.echo(printable(line))
    return 0


def _lines(run: PastRun) -> list[str]:
    document = run.document
    lines = [_line(run), f"  from {document['from']} to {document['to']}, profile {document['profile'] or 'none'}"]
    lines.append(f"  {run.started_at} to {run.finished_at or 'now'}")
    for stage in document["stages"]:
        verdict, cost = stage["verdict"], stage["cost"]
        said = verdict["verdict"] if verdict else "no verdict"
        spent = abbreviated(read_cost(cost))
        lines.append(f"  {stage['stage']}: {stage['status']}, {said}, {spent}")
        lines += [f"    {step['action']} {', '.join(step['agents'])}: {step['reason']}" for step in stage["retries"]]
        lines += [f"    {file['path']}" for file in (*stage["telemetry"], *([verdict] if verdict else []))]
    for name in ("allow_dirty", "allow_degraded", "replay"):
        if document["overrides"].get(name):
            lines.append(f"  override: {name}")
    if document["halt"]:
        lines.append(f"  halt: {document['halt']['message']}")
        if document["halt"].get("hint"):
            lines.append(f"  hint: {document['halt']['hint']}")
    if document["seal"]:
        lines.append(f"  ledger: {document['seal']['ledger']}, {document['seal']['entries']} entries")
    lines.append(f"  summary: {run.path}")
    return lines


# `speckit runs prune`: remove what the git directory keeps of runs that are over.


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
    from guardrails.cli.run_checks import load_settings
    from guardrails.git.repo import open_repo
    from guardrails.reports.figures import size
    from guardrails.runs.cleanup import prune as remove
    from guardrails.runs.run import place_of
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
