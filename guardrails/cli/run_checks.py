"""Parse → build contexts → run → report: what every check command does."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timezone
from typing import TYPE_CHECKING, NamedTuple

import click

from guardrails.cli.options import F, Globals, global_options
from guardrails.cli.output import emit
from guardrails.config.settings import CONFIG_FILE, POLICY_JUDGES, PolicyJudge, Settings, from_environment
from guardrails.core.result import Problem, Result, Source, SourceKind
from guardrails.engine import runner
from guardrails.engine.registry import Check
from guardrails.errors import GuardrailError
from guardrails.git.repo import Repo, open_repo
from guardrails.reports.formats.choice import FORMATS
from guardrails.snapshot.base import Snapshot
from guardrails.snapshot.context import CHANGES, CheckContext, PolicyBase, Recall, Scope

if TYPE_CHECKING:
    from guardrails.config.loader import Loaded, LoadedForRun


INTERNAL = 70
_PLAIN_SOURCES: tuple[SourceKind, ...] = ("worktree", "index", "push")


class CheckRequest(NamedTuple):
    """What a check command was asked."""

    command: str
    checks: Sequence[Check]
    source: str | None
    scope: Scope = Scope()
    files: tuple[str, ...] = ()
    format: str = "text"
    output: str | None = None
    exit_zero: bool = False
    if_any: bool = False
    all_notes: bool = True
    pushed_to: tuple[str, ...] = ()
    """what git passes to a pre-push hook: the remote's name and its address"""
    policy: PolicyJudge | None = None
    """whose configuration judges a change; None for what that of the base says"""
    recall: Callable[[Repo, Settings], Recall] | None = None
    """how to ask the memory, for the command that may"""


_OPTIONS = (
    click.option(
        "--source",
        metavar="SOURCE",
        help="What to judge: worktree, index, push, hook, a revision, BASE..TIP or BASE...TIP "
        "(default: worktree, or what --hook judges).",
    ),
    click.option("--format", type=click.Choice(FORMATS), default="text", help="How to report (default: text)."),
    click.option("--output", metavar="FILE", help="Write the report to FILE instead of standard output."),
    click.option("--exit-zero", is_flag=True, help="Exit 0 even with findings (never for codes 2 and 70)."),
    click.option("--if-any", is_flag=True, help="Exit 0 when there is nothing to examine, and say so."),
    click.option(
        "--policy",
        type=click.Choice(POLICY_JUDGES),
        help="Whose configuration judges a change: base, tip, or both (default: policy.judge of the base, else both).",
    ),
)


def judging_options(function: F) -> F:
    """Add the options every check shares."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return global_options(function)


class FinalExit(int):
    """An exit code after which nothing is left to do: the report is written, and nothing is held open."""


def judge(request: CheckRequest, globals_: Globals) -> FinalExit:
    """Run the request, report, and return the exit code. A run that cannot judge reports why, in the same format."""
    # A check makes many small values and no cycles, and ends: collecting garbage would only cost time.
    gc.disable()
    contexts: list[CheckContext] = []
    try:
        contexts = _contexts(request, globals_)
        result = runner.run_checks(request.command, request.checks, contexts, request.if_any)
    except GuardrailError as error:
        result = _failed(request, Problem(error.message, error.hint), error.exit_code)
    except Exception as error:  # noqa: BLE001  an internal error is reported in the format that was asked for, too
        from guardrails.cli.crash import report

        result = _failed(request, report(error), INTERNAL)
    return FinalExit(
        emit(
            _redacted(result, [each for context in contexts for each in (context.settings, context.settings_of_base)]),
            request,
            globals_,
        )
    )


def _redacted(result: Result, known: Sequence[Settings]) -> Result:
    """Without the secrets that findings may quote, in every format. Where no configuration could be read, the
    variables that count by default do."""
    if not (result.findings or result.examined.skipped or result.problem):
        return result
    from guardrails.secrets.redact import Redactor

    variables = [name for settings in (*known, Settings()) for name in settings.secrets.variables]
    return Redactor(variables, os.environ).result(result)


def _failed(request: CheckRequest, problem: Problem, code: int) -> Result:
    source = request.source or os.environ.get("SPECKIT_SOURCE") or "worktree"
    kind: SourceKind = "range" if ".." in source else "commit"
    if source == "hook":
        source = "index"
    for plain in _PLAIN_SOURCES:
        if source == plain:
            return runner.failed(request.command, Source(plain), problem, code)
    return runner.failed(request.command, Source(kind, source), problem, code)


def _contexts(request: CheckRequest, globals_: Globals) -> list[CheckContext]:
    repo = open_repo(globals_.repo)
    source = request.source or repo.environment.get("SPECKIT_SOURCE") or "worktree"
    return [_check_context(snapshot, request, repo, globals_) for snapshot in _resolve(repo, source, request.pushed_to)]


def _resolve(repo: Repo, source: str, pushed_to: tuple[str, ...]) -> list[Snapshot]:
    if source == "worktree":  # spares the common case an import
        from guardrails.snapshot.checkout import working_tree

        return [working_tree(repo)]
    from guardrails.snapshot.sources import resolve

    return resolve(repo, source, pushed_to)


def _check_context(snapshot: Snapshot, request: CheckRequest, repo: Repo, globals_: Globals) -> CheckContext:
    settings = load_settings(snapshot, repo, globals_)
    scope = request.scope
    if request.files:
        scope = scope._replace(paths=tuple(relative(repo.root, name) for name in request.files))
    if scope.spec is not None:
        scope = scope._replace(spec=settings.layout.require_id(scope.spec))
    recall = request.recall(repo, settings) if request.recall else None
    base = _base(snapshot, settings, request, repo, globals_)
    return CheckContext(snapshot, settings, datetime.now(timezone.utc), scope, recall, base)


def _base(
    snapshot: Snapshot, settings: Settings, request: CheckRequest, repo: Repo, globals_: Globals
) -> PolicyBase | None:
    """The base of a change to how it is judged, unless whoever runs this said what it is judged by."""
    if request.policy == "tip" or snapshot.source.kind not in CHANGES or _named_config(repo, globals_):
        return None
    from guardrails.snapshot.sources import policy_bases

    bases = policy_bases(snapshot, settings)
    if not bases:
        return None
    compared, *merged = bases
    try:
        before = load_settings(compared, repo, globals_)
    except GuardrailError as error:
        problem = f"in {compared.describe()}: {error.message}"
        return PolicyBase(compared, settings, tuple(merged), request.policy or "both", problem)
    judge_ = request.policy or before.policy.judge
    return None if judge_ == "tip" else PolicyBase(compared, before, tuple(merged), judge_)


def _named_config(repo: Repo, globals_: Globals) -> str | None:
    """The configuration file that somebody named in place of the repository's own."""
    return globals_.config or repo.environment.get("SPECKIT_CONFIG")


def load_settings(snapshot: Snapshot, repo: Repo, globals_: Globals) -> Settings:
    """The settings that hold for a snapshot: its own `.speckit.yaml`, unless --config or SPECKIT_CONFIG names one."""
    environ = repo.environment
    named = _named_config(repo, globals_)
    if named or snapshot.entries(CONFIG_FILE):
        return load_config(snapshot, environ, named).settings
    return from_environment(environ)


def load_config(snapshot: Snapshot, environ: Mapping[str, str], named: str | None) -> Loaded:
    """The configuration as it is judged with: what is committed with the bytes it speaks of."""
    from guardrails.config import loader  # hooks start often, and most repositories need no file

    return loader.load_settings(_config_bytes(snapshot, named), named or CONFIG_FILE, environ)


def load_run_config(snapshot: Snapshot, environ: Mapping[str, str], named: str | None) -> LoadedForRun:
    """As `load_config`, with the settings of runs."""
    from guardrails.config import loader

    return loader.load_for_run(_config_bytes(snapshot, named), named or CONFIG_FILE, environ)


def _config_bytes(snapshot: Snapshot, named: str | None) -> bytes | None:
    if named:
        return _read_named(named)
    entries = snapshot.entries(CONFIG_FILE)
    if not entries:
        return None
    data = snapshot.read(CONFIG_FILE)
    if data is None:
        raise GuardrailError(f"{CONFIG_FILE}: a {entries[0].kind} that cannot be read", "make it a regular file")
    return data


def _read_named(path: str) -> bytes:
    try:
        if os.path.exists(path) and not os.path.isfile(path):
            raise GuardrailError(f"{path}: not a regular file", "name a readable file with --config")
        with open(path, "rb") as stream:
            return stream.read()
    except OSError as error:
        raise GuardrailError(f"{path}: {error.strerror}", "name a readable file with --config") from error


def relative(root: str, name: str) -> str:
    """A file argument as a path below the root. Raises GuardrailError when it lies outside.

    The directory is resolved, the last part is not: a link is judged as a link.
    """
    folder, last = os.path.split(os.path.abspath(name))
    try:
        inside = os.path.relpath(os.path.join(os.path.realpath(folder), last), root).replace(os.sep, "/")
    except ValueError:  # another drive
        inside = ".."
    if inside == ".." or inside.startswith("../") or os.path.isabs(inside):
        raise GuardrailError(f"{name}: outside the repository {root}", "name files of the repository")
    return inside
