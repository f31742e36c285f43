"""What the report commands share: their options, and gather → redact → render → emit."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

from guardrails.cli.options import F, Globals, global_options
from guardrails.cli.output import write_report
from guardrails.config.settings import Settings
from guardrails.core.text import printable
from guardrails.errors import GuardrailError
from guardrails.git.repo import Repo, open_repo
from guardrails.snapshot.base import Snapshot

if TYPE_CHECKING:
    from guardrails.config.run_settings import RunSettings
    from guardrails.reports.view import View
    from guardrails.secrets.redact import Redactor


Value = TypeVar("Value")
NOTHING = 3
FAILED = 1


class ReportScope(NamedTuple):
    """What a report is about: one snapshot, the settings that hold for it, and when."""

    repo: Repo
    snapshot: Snapshot
    settings: Settings
    now: datetime


def report_options(*formats: str) -> Callable[[F], F]:
    """The options of a report that can be had in these formats, the first by default."""

    def add(function: F) -> F:
        options = (
            click.option(
                "--source", metavar="SOURCE", help="Where to read: worktree, index or a revision (default: worktree)."
            ),
            click.option(
                "--format",
                "style",
                type=click.Choice(formats),
                default=formats[0],
                help=f"How to show it (default: {formats[0]}).",
            ),
            click.option("--output", metavar="FILE", help="Write it to FILE instead of standard output."),
        )
        for option in reversed(options):
            function = option(function)
        return global_options(function)

    return add


def report_scope(globals_: Globals, source: str | None) -> ReportScope:
    """The one snapshot that `source` names. Raises GuardrailError when it names several, or none."""
    from guardrails.cli.run_checks import load_settings

    gc.disable()  # reports make many small values and no cycles, and end
    repo = open_repo(globals_.repo)
    text = source or repo.environment.get("SPECKIT_SOURCE") or "worktree"
    if text == "worktree":
        from guardrails.snapshot.worktree import Worktree

        snapshots: Sequence[Snapshot] = [Worktree(repo)]
    else:
        from guardrails.snapshot.sources import resolve

        snapshots = resolve(repo, text)
    if len(snapshots) != 1:
        raise GuardrailError(f"{text} names {len(snapshots)} states, a report is about one", "name one with --source")
    return ReportScope(repo, snapshots[0], load_settings(snapshots[0], repo, globals_), moment_of(repo))


def run_settings_of(scope: ReportScope, globals_: Globals) -> RunSettings:
    """The budget, profiles and routes that hold for a snapshot."""
    from guardrails.cli.run_checks import load_run_config

    named = globals_.config or scope.repo.environment.get("SPECKIT_CONFIG")
    return load_run_config(scope.snapshot, scope.repo.environment, named).run


def moment_of(repo: Repo) -> datetime:
    """Now, or the moment SOURCE_DATE_EPOCH gives (https://reproducible-builds.org/specs/source-date-epoch/)."""
    given = repo.environment.get("SOURCE_DATE_EPOCH", "").strip()
    if not given:
        return datetime.now(timezone.utc).replace(microsecond=0)
    try:
        return datetime.fromtimestamp(int(given), timezone.utc)
    except (ValueError, OverflowError, OSError) as error:
        raise GuardrailError(
            f"SOURCE_DATE_EPOCH={given!r} is no time", "give seconds since 1970, or unset it"
        ) from error


def redactor_for(scope: ReportScope) -> Redactor:
    """What keeps secrets out of every report."""
    from guardrails.secrets.redact import Redactor

    return Redactor((*Settings().secrets.variables, *scope.settings.secrets.variables), os.environ)


def redacted(scope: ReportScope, value: Value) -> Value:
    """What a report says, without any secret that evidence quotes. To be asked for before it is written: Markdown,
    HTML, CSV and JSON escape what a secret is made of, and then nobody would know it again."""
    return redactor_for(scope).value(value)


def clean(scope: ReportScope, text: str) -> str:
    """A report without any secret that evidence quotes, and without what UTF-8 cannot hold."""
    from guardrails.core.text import utf8

    return utf8(redactor_for(scope).text(text))


def rendered(form: str, view: Callable[[], View], document: Callable[[], dict[str, Any]]) -> str:
    """A report in one form: JSON is of its facts, every other one of its view."""
    if form == "json":
        from guardrails.reports.formats.plain_json import written

        return written(document())
    from guardrails.reports.formats.choice import view_renderer

    return view_renderer(form)(view())


def file_report(scope: ReportScope, spec: str, command: str, files: Mapping[str, bytes], *, replace: bool) -> None:
    """File what a command says of a SPEC with its evidence, and say what became of each file."""
    from guardrails.evidence.lock import locked
    from guardrails.evidence.store import EvidenceStore
    from guardrails.reports.audit import MADE
    from guardrails.reports.save import file

    with locked(scope.repo, spec, command):
        earlier = {path: scope.snapshot.read(path) for path in files}
        for each in file(EvidenceStore(scope.repo.root), files, earlier, MADE.encode(), replace):
            hint = ": it was changed by hand; --replace files a new one over it" if each.outcome == "kept" else ""
            click.echo(f"{each.outcome}: {printable(each.path)}{hint}", err=True)


def show(scope: ReportScope, text: str, output: str | None) -> None:
    """Print a report, or write it to a file as a whole."""
    write_report(clean(scope, text), output)
