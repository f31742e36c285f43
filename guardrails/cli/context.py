"""`speckit context`: what agents are told beside a SPEC's documents."""

from __future__ import annotations

from typing import Any

import click

from guardrails.cli.options import Globals, global_options, merged
from guardrails.cli.run_checks import CheckRequest, judge, load_settings
from guardrails.config.settings import Settings
from guardrails.core.text import printable
from guardrails.engine.registry import Check
from guardrails.evidence.lock import locked
from guardrails.git.repo import Repo, open_repo
from guardrails.services.context_kits import PlannedKit, carry_out, plan
from guardrails.services.memory.write import note
from guardrails.snapshot.context import Scope
from guardrails.snapshot.worktree import Worktree

CHECK = Check(
    "context", "The context kit of a SPEC is current.", "guardrails.checks.context_kit.check", ("DOC",), (), ""
)


@click.command("context", short_help="Make the context kit of a SPEC, or check it.")
@click.argument("spec")
@click.option("--check", is_flag=True, help="Only judge the kit that is there: current, whole, unedited.")
@click.option("--dry-run", is_flag=True, help="Say what would change. Write nothing.")
@global_options
@click.pass_context
def command(ctx: click.Context, /, spec: str, *, check: bool, dry_run: bool, **options: Any) -> int:
    """Make the context kit of SPEC in its directory: context/README.md, which prompts embed, and an archive of it.

    It holds a synopsis of plan.md, excerpts of the product requirements, the governance checklist and the guidance for
    retries, each with the digest of its source. The same documents make the same bytes. No file that speckit did not
    make is overwritten.

    Exits 0 when the kit is current, 1 when --check finds that it is not, 2 when it cannot be made.

    \b
    Example:  speckit context SPEC-KIT-DEMO --dry-run
    """
    globals_ = merged(ctx, **options)
    if check and dry_run:
        raise click.UsageError("--check writes nothing anyway")
    if check:
        return judge(CheckRequest("context", (CHECK,), None, Scope(spec=spec)), globals_)
    repo = open_repo(globals_.repo)
    settings = load_settings(Worktree(repo), repo, globals_)
    spec = settings.layout.require_id(spec)
    if dry_run:
        _show(plan(Worktree(repo), settings, spec), globals_, would=True)
        return 0
    with locked(repo, spec, "speckit context"):
        planned = plan(Worktree(repo), settings, spec)
        _write(repo, settings, spec, planned)
    _show(planned, globals_, would=False)
    return 0


def _write(repo: Repo, settings: Settings, spec: str, planned: PlannedKit) -> None:
    for written in carry_out(repo, planned):
        if written.path.endswith(".md"):
            text = f"context kit of {spec}: version {planned.kit.version}" + _instead(planned)
            for warning in note(repo, settings, text, (f"spec:{spec}", "stage:tasks", "type:context-kit"), written):
                click.echo(f"warning: {printable(warning)}", err=True)


def _instead(planned: PlannedKit) -> str:
    return f", in place of {planned.before}" if planned.before not in (None, planned.kit.version) else ""


def _show(planned: PlannedKit, globals_: Globals, *, would: bool) -> None:
    if globals_.quiet:
        return
    done = {"write": "written", "replace": "replaced", "keep": "unchanged"}
    for change in planned.changes:
        said = done[change.action] if not would or change.action == "keep" else f"would be {done[change.action]}"
        click.echo(f"{printable(change.path)}: {said} ({len(change.data)} bytes)")
    state = "is current" if planned.current else "would be made" if would else "is made"
    click.echo(f"context: version {planned.kit.version} {state}{_instead(planned)}")
    for path, digest in planned.kit.rows:
        click.echo(f"source: {printable(path)} {digest[:12]}")
