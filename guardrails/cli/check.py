"""The commands that run one check each, made from its registry row; `lint --fix` fixes first."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from typing import Any, NamedTuple

import click

from guardrails.cli.options import Globals, merged
from guardrails.cli.run_checks import CheckRequest, judge, judging_options, load_settings
from guardrails.config.settings import Settings
from guardrails.core import atomic
from guardrails.core.text import printable
from guardrails.engine.registry import Check, check_named
from guardrails.errors import GuardrailError
from guardrails.git.repo import open_repo
from guardrails.snapshot.base import Snapshot

NARROWS = frozenset({"validate"})
"""Checks that judge only the files they are given; the others judge the repository as a whole."""


_WHOLE = "The whole repository is judged; file names are accepted and ignored."


def make(name: str) -> click.Command:
    """The click command of the check with that name."""
    check = check_named(name)
    narrows = name in NARROWS

    @click.pass_context
    @judging_options
    def run(ctx: click.Context, /, **options: Any) -> int:
        globals_ = merged(ctx, **options)
        return _run(check, narrows, options, globals_)

    scope = "Every FILE that is named is judged, or all evidence when none is." if narrows else _WHOLE
    run = click.argument("files", nargs=-1, metavar="[FILE]...")(run)
    for option in _EXTRAS.get(name, ()):
        run = option(run)
    text = f"{check.summary}\n\n{scope}\n\n\b\nExample:  {check.example}"
    return click.command(name, help=text, short_help=check.summary)(run)


def _run(check: Check, narrows: bool, options: dict[str, Any], globals_: Any) -> int:
    if options.get("fix"):
        fix(globals_, dry_run=options["dry_run"])
        if options["dry_run"]:
            return 0
    request = CheckRequest(
        command=check.name,
        checks=(check,),
        source=options["source"],
        files=options["files"] if narrows else (),
        format=options["format"],
        output=options["output"],
        exit_zero=options["exit_zero"],
        if_any=options["if_any"],
        policy=options["policy"],
    )
    return judge(request, globals_)


_EXTRAS = {
    "lint": (
        click.option("--dry-run", is_flag=True, help="With --fix: show what would change, change nothing."),
        click.option("--fix", is_flag=True, help="First mend padding, alignment and date style in the working tree."),
    ),
}


# `speckit lint --fix` fixes what is safe in the working tree, and says what it fixed.


class TextFix(NamedTuple):
    """A file and its text before and after."""

    path: str
    before: str
    after: str


def fix(globals_: Globals, dry_run: bool) -> None:
    """Mend the tracker and the documents of the working tree, or with `dry_run` print the difference."""
    from guardrails.snapshot.worktree import Worktree

    repo = open_repo(globals_.repo)
    tree = Worktree(repo)
    settings = load_settings(tree, repo, globals_)
    for mend in text_fixes(tree, settings):
        if dry_run:
            _show(mend)
            continue
        _write(os.path.join(repo.root, mend.path), mend)
        click.echo(f"mended {printable(mend.path)}", err=True)


def text_fixes(tree: Snapshot, settings: Settings) -> Iterator[TextFix]:
    """What would change. Files that are not UTF-8 text are left to the check to complain of."""
    from guardrails.checks.lint.fix import fix_text as fixed  # loads the reader of Markdown

    layout = settings.layout
    names = [document.name for document in settings.documents]
    folders = [folder for folder in tree.folders(layout.docs) if layout.id_of(folder)]
    for path in (layout.tracker, *(f"{layout.docs}/{folder}/{name}" for folder in folders for name in names)):
        data = tree.read(path)
        try:
            before = data.decode("utf-8") if data is not None else ""
        except UnicodeDecodeError:
            continue
        after = fixed(before, settings)
        if after != before:
            yield TextFix(path, before, after)


def _show(mend: TextFix) -> None:
    from difflib import unified_diff

    lines = unified_diff(
        mend.before.splitlines(), mend.after.splitlines(), f"a/{mend.path}", f"b/{mend.path}", lineterm=""
    )
    for line in lines:
        click.echo(printable(line))


def _write(target: str, mend: TextFix) -> None:
    """The whole text or nothing, with the file's own mode."""
    try:
        atomic.write(target, mend.after.encode("utf-8"), stat.S_IMODE(os.stat(target).st_mode), durable=False)
    except OSError as error:
        raise GuardrailError(f"{mend.path}: {error.strerror}", "make it writable and try again") from error
