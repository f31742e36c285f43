"""`speckit evidence`: whether evidence is what was written, and where old evidence goes."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import click

from guardrails.cli.options import Globals, global_options, merged
from guardrails.cli.output import write_report
from guardrails.cli.run_checks import CheckRequest, judge, judging_options, load_settings
from guardrails.config.settings import Settings
from guardrails.core.finding import Observation
from guardrails.core.text import MEGABYTE, bytes_text, plural, printable
from guardrails.engine.registry import Check, check_named
from guardrails.errors import GuardrailError, Undecidable
from guardrails.git.repo import Repo, open_repo
from guardrails.snapshot.context import CheckContext, Scope
from guardrails.snapshot.worktree import Worktree

if TYPE_CHECKING:
    from guardrails.evidence.archive import ArchiveContext, ArchivedRun
    from guardrails.evidence.retention import Holding, RetentionPlan


# `speckit evidence archive`, `restore` and `stats`: where old evidence goes, and how much there is.


def open_evidence(globals_: Globals, spec: str | None = None) -> tuple[Repo, Worktree, Settings]:
    """Where we are. Raises Undecidable where some of the evidence, or of the SPEC's, is not there to be seen."""
    from guardrails.checks.ledger.runs import evidence_location
    from guardrails.snapshot.sparse import left_out

    repo = open_repo(globals_.repo)
    worktree = Worktree(repo)
    settings = load_settings(worktree, repo, globals_)
    only = settings.layout.require_id(spec) if spec else None
    places = [found for path in left_out(worktree) if (found := evidence_location(settings.layout, path))]
    away = sum(only in (None, found.spec) for found in places)
    if away:
        message = f"{plural(away, 'file')} of evidence are not checked out (sparse), so nobody can say what there is"
        raise Undecidable(message, "git sparse-checkout disable, or add evidence.root to it")
    return repo, worktree, settings


def _say(globals_: Globals, line: str) -> None:
    if not globals_.quiet:
        click.echo(printable(line))


@click.command("archive")
@click.option("--spec", required=True, metavar="SPEC", help="The SPEC whose old runs are packed.")
@click.option("--keep", type=click.IntRange(min=1), help="How many runs stay (default: evidence.keep_runs).")
@click.option("--dry-run", is_flag=True, help="Say exactly what would be packed and what stays. Change nothing.")
@click.option("--active", is_flag=True, help="Even though the tracker does not call the SPEC Done.")
@global_options
@click.pass_context
def archive(ctx: click.Context, /, *, spec: str, keep: int | None, dry_run: bool, active: bool, **options: Any) -> int:
    """Pack all but the last runs of a SPEC into archives, verify these, and only then remove the originals.

    Runs count by recorded time. What holds the latest session of a stage stays, and so does what the tracker or a
    record that stays names. A SPEC that is not Done keeps everything. Interrupted, it loses nothing; run it again.

    \b
    Example:  speckit evidence archive --spec SPEC-KIT-DEMO --dry-run
              speckit evidence archive --spec SPEC-KIT-DEMO --keep 3
    """
    from guardrails.evidence import archive as archive_module
    from guardrails.evidence.lock import locked
    from guardrails.evidence.retention import plan

    globals_ = merged(ctx, **options)
    repo, worktree, settings = open_evidence(globals_, spec)
    spec = settings.layout.require_id(spec)
    keep = keep or settings.evidence.keep_runs
    archive_context = archive_module.ArchiveContext(
        repo, settings, spec, archive_module.who(repo), f"keep {keep}", lambda: datetime.now(timezone.utc)
    )
    if dry_run:
        return _rehearse(archive_context, worktree, keep, active, globals_)
    with locked(repo, spec, "speckit evidence archive"):
        with _progress(globals_, "finishing", None) as advance:
            for done in archive_module.finish(archive_context, advance):
                _say(globals_, f"finished {_packed(done)}")
        archive_module.require_sound(repo, settings, spec, archive_context.now())
        made = plan(Worktree(repo), settings, spec, keep, active)
        if not _announce(made, Worktree(repo), settings, globals_):
            return 0
        return _pack(archive_context, made, globals_)


def _rehearse(archive_context: ArchiveContext, worktree: Worktree, keep: int, active: bool, globals_: Globals) -> int:
    """What would happen, every file by name."""
    from guardrails.evidence import archive as archive_module
    from guardrails.evidence.retention import plan

    unfinished = [row for row in archive_module.read_manifest(archive_context).archives if row.removed_at is None]
    for row in unfinished:
        _say(globals_, f"would finish {row.run}: {len(row.members)} files are packed and may lie here still")
    if not unfinished:  # else the tree is between two states, and finishing comes first
        archive_module.require_sound(
            archive_context.repo, archive_context.settings, archive_context.spec, archive_context.now()
        )
    made = plan(worktree, archive_context.settings, archive_context.spec, keep, active)
    if _announce(made, worktree, archive_context.settings, globals_, "would pack"):
        for unit in made.packed:
            for path in unit.paths:
                _say(globals_, f"would remove {path}")
    return 0


def _announce(
    made: RetentionPlan, worktree: Worktree, settings: Settings, globals_: Globals, verb: str = "packing"
) -> bool:
    """Say what is planned before anything is done. Returns whether there is something to do."""
    from guardrails.evidence.retention import sizes_below

    if not made.packed and not made.kept:
        raise GuardrailError(f"{made.spec} has no runs and no sessions to archive", "check the spelling of the SPEC")
    if made.active is not None:
        _say(globals_, f"{made.spec} is active ({made.active}): everything stays; --active packs even so")
        return False
    sizes = sizes_below(worktree, settings.layout)
    for kept in made.kept:
        if globals_.verbose or kept.unit.run is not None:
            _say(globals_, f"keeping {kept.unit.name}: {kept.reason}")
    for unit in made.packed:
        size = sum(sizes.get(path, 0) for path in unit.paths)
        _say(globals_, f"{verb} {unit.name}: {plural(len(unit.paths), 'file')}, {bytes_text(size)}")
    if not made.packed:
        _say(globals_, f"{made.spec}: nothing to pack")
    return bool(made.packed)


def _pack(archive_context: ArchiveContext, made: RetentionPlan, globals_: Globals) -> int:
    from guardrails.evidence import archive as archive_module
    from guardrails.evidence.retention import sizes_below

    sizes = sizes_below(Worktree(archive_context.repo), archive_context.settings.layout)
    due = 2 * sum(sizes.get(path, 0) for unit in made.packed for path in unit.paths)  # packed, and read back
    before = archive_module.size_of(archive_context)
    with _progress(globals_, "packing", due) as advance:
        for done in archive_module.archive(archive_context, made, advance):
            _say(globals_, f"packed {_packed(done)}")
    after = archive_module.size_of(archive_context)
    _say(globals_, f"{archive_context.spec}: {bytes_text(before)} before, {bytes_text(after)} after, measured")
    return 0


def _packed(done: ArchivedRun) -> str:
    return f"{done.run}: {plural(done.files, 'file')}, {bytes_text(done.unpacked)} as {bytes_text(done.packed)}"


@contextmanager
def _progress(globals_: Globals, what: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """A bar on a terminal, for work that takes long; nothing where nobody sees it."""
    if globals_.quiet or not sys.stderr.isatty() or (total is not None and total < MEGABYTE):
        yield lambda _size: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    # Drawn by us and by no thread: measuring forks, and a process with threads must not.
    with Progress(*columns, console=Console(stderr=True), auto_refresh=False, transient=True) as bar:
        task, drawn = bar.add_task(what, total=total), [0]

        def advance(size: int) -> None:
            bar.advance(task, size)
            drawn[0] += size
            if drawn[0] >= MEGABYTE:
                drawn[0] = 0
                bar.refresh()

        yield advance


@click.command("restore")
@click.argument("archive_or_run", metavar="RUN|ARCHIVE")
@click.option("--spec", metavar="SPEC", help="The SPEC, where several have a run of that name.")
@click.option("--dry-run", is_flag=True, help="Verify the archive and say what would come back. Change nothing.")
@global_options
@click.pass_context
def restore(ctx: click.Context, /, *, archive_or_run: str, spec: str | None, dry_run: bool, **options: Any) -> int:
    """Verify an archive and bring its files back to where they lay.

    Nothing is written before all of it was verified; a different file that lies where one belongs stops it. The
    archive stays, and the next 'archive' takes the run away again.

    \b
    Example:  speckit evidence restore 20260131T093000Z-4f2a9c10
    """
    from guardrails.evidence import archive as archive_module
    from guardrails.evidence.lock import locked

    globals_ = merged(ctx, **options)
    repo, worktree, settings = open_evidence(globals_, spec)
    spec = settings.layout.require_id(spec) if spec else None
    source = archive_module.find(worktree, settings.layout, archive_or_run, spec)
    total = 2 * sum(member.size for member in source.row.members)
    with (
        locked(repo, settings.layout.require_id(source.spec), "speckit evidence restore"),
        _progress(globals_, "restoring", total) as advance,
    ):
        done = archive_module.restore(repo.root, settings.layout, source, advance, dry_run)
    for member in done.written if dry_run or globals_.verbose else ():
        _say(globals_, f"{'would restore' if dry_run else 'restored'} {member.path}")
    verb = "would be restored" if dry_run else "restored"
    line = f"{source.row.run}: {plural(len(done.written), 'file')} {verb}, {len(done.present)} there already"
    _say(globals_, f"{line}; verified by the manifest")
    return 0


@click.command("stats")
@click.argument("spec", required=False)
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", help="How to report.")
@global_options
@click.pass_context
def stats(ctx: click.Context, /, *, spec: str | None, format_: str, **options: Any) -> int:
    """Show what each SPEC's evidence holds: bytes, runs, growth a run, and how many runs there is room for.

    \b
    Example:  speckit evidence stats SPEC-KIT-DEMO
    """
    from guardrails.evidence.retention import holdings

    globals_ = merged(ctx, **options)
    _, worktree, settings = open_evidence(globals_, spec)
    only = settings.layout.require_id(spec) if spec else None
    found = holdings(worktree, settings.layout, settings.evidence.limit_bytes, only)
    if not found:
        if only is None:  # nothing was asked for by name: there is nothing to examine
            raise Undecidable("no SPEC has evidence", "check evidence.root")
        raise GuardrailError(f"{only} has no evidence", "check the spelling of the SPEC, and evidence.root")
    if format_ == "json":
        document = {"limit_bytes": settings.evidence.limit_bytes, "specs": [row._asdict() for row in found]}
        click.echo(json.dumps(document, indent=2))
        return 0
    for row in found:
        click.echo(printable(_line(row, settings.evidence.limit_bytes)))
    return 0


def _line(row: Holding, limit: int) -> str:
    runs = f"{row.runs} runs" + (f", {row.sessions} sessions outside runs" if row.sessions else "")
    packed = f", {row.archives} archives of {bytes_text(row.archive_bytes)}" if row.archives else ""
    growth = "growth a run unknown" if row.growth is None else f"{bytes_text(row.growth)} a run"
    left = "" if row.left is None else f", room for {row.left} more"
    held = f"{bytes_text(row.total)} of {bytes_text(limit)} in {plural(row.files, 'file')}"
    return f"{row.spec}: {held}; {runs}{packed}; {growth}{left}"


@click.group("evidence", short_help="Verify evidence, archive it, bring it back, measure it.")
def command() -> None:
    """Whether evidence is what was written, and where old evidence goes.

    \b
    Example:  speckit evidence verify SPEC-KIT-DEMO
              speckit evidence archive --spec SPEC-KIT-DEMO --dry-run
    """


class AllArchives(Check):
    """The check of `guard`, which also opens the archives that the base has."""

    __slots__ = ()

    def run(self, context: CheckContext) -> Iterator[Observation]:
        from guardrails.checks.ledger.check import check_thoroughly

        return check_thoroughly(context) if self.concerns(context) else iter(())


class SignedEvidence(AllArchives):
    """The same, and whatever carries a verdict has to be signed, whatever the configuration says."""

    __slots__ = ()

    def run(self, context: CheckContext) -> Iterator[Observation]:
        evidence = context.settings.evidence._replace(signature="required")
        return super().run(context._replace(settings=context.settings._replace(evidence=evidence)))


@command.command("verify")
@click.argument("spec", required=False)
@click.option("--run", "run", metavar="RUN", help="Only this run.")
@click.option("--require-signature", is_flag=True, help="Whatever carries a verdict must be signed.")
@judging_options
@click.pass_context
def verify(ctx: click.Context, /, *, spec: str | None, run: str | None, require_signature: bool, **options: Any) -> int:
    """Verify that the evidence of every run is what the run wrote, and that archives are intact.

    Found and named are files that were edited, removed or added after the run, ledgers that were reordered, cut short
    or rewritten, seals that don't fit, and verdicts older than the documents they judged. This is integrity: that
    files belong together. Who made them only a signature says; those that are there are verified, by the file that
    evidence.allowed_signers names in the base, or else the one that git's global configuration names.

    \b
    Example:  speckit evidence verify
              speckit evidence verify SPEC-KIT-DEMO --source origin/main..HEAD --require-signature
    """
    globals_ = merged(ctx, **options)
    check = check_named("evidence verify")
    request = CheckRequest(
        command="evidence verify",
        checks=((SignedEvidence if require_signature else AllArchives)(*check),),
        source=options["source"],
        scope=Scope(spec=spec, run=run),
        format=options["format"],
        output=options["output"],
        exit_zero=options["exit_zero"],
        if_any=options["if_any"],
        policy=options["policy"],
    )
    return judge(request, globals_)


@command.command("export")
@click.argument("run", metavar="RUN")
@click.option("--spec", metavar="SPEC", help="The SPEC, where several have a run of that name.")
@click.option("--output", metavar="FILE", help="Write to FILE instead of standard output.")
@global_options
@click.pass_context
def export(ctx: click.Context, /, *, run: str, spec: str | None, output: str | None, **options: Any) -> int:
    """Write a finished run as an in-toto Statement v1 with the test-result predicate.

    The run is verified first. The statement itself is not signed: put it into an envelope with the tool of your choice.

    \b
    Example:  speckit evidence export 20260131T093000Z-4f2a9c10 --output run.intoto.json
    """
    from guardrails.checks.ledger.runs import evidence_inventory
    from guardrails.evidence.archive import require_sound
    from guardrails.evidence.attestation import statement

    globals_ = merged(ctx, **options)
    repo, worktree, settings = open_evidence(globals_, spec)
    only = settings.layout.require_id(spec) if spec else None
    found = [each for each in evidence_inventory(worktree, settings.layout, only).runs if each.name == run]
    if len(found) != 1:
        several = f"several SPECs have a run {run!r}" if found else f"there is no run {run!r} here"
        raise GuardrailError(several, "say which with --spec" if found else "restore it first if it was archived")
    require_sound(repo, settings, found[0].spec, datetime.now(timezone.utc), run)
    text = json.dumps(statement(found[0], worktree.read(found[0].ledger) or b""), indent=2) + "\n"
    write_report(text, output)
    return 0


command.add_command(archive)
command.add_command(restore)
command.add_command(stats)
