"""`speckit lint --fix`: mend what is safe in the working tree, and say what was mended."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from difflib import unified_diff
from typing import NamedTuple

import click

from guardrails.checks.lint.fix import fix as fixed
from guardrails.cli.options import Globals
from guardrails.cli.run_checks import load_settings
from guardrails.config.settings import Settings
from guardrails.core import atomic
from guardrails.core.text import printable
from guardrails.errors import GuardrailError
from guardrails.git.repo import open_repo
from guardrails.snapshot.base import Snapshot
from guardrails.snapshot.worktree import Worktree


class Mend(NamedTuple):
    """A file and its text before and after."""

    path: str
    before: str
    after: str


def fix(globals_: Globals, dry_run: bool) -> None:
    """Mend the tracker and the documents of the working tree, or with `dry_run` print the difference."""
    repo = open_repo(globals_.repo)
    tree = Worktree(repo)
    settings = load_settings(tree, repo, globals_)
    for mend in mends(tree, settings):
        if dry_run:
            _show(mend)
            continue
        _write(os.path.join(repo.root, mend.path), mend)
        click.echo(f"mended {printable(mend.path)}", err=True)


def mends(tree: Snapshot, settings: Settings) -> Iterator[Mend]:
    """What would change. Files that are not UTF-8 text are left to the check to complain of."""
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
            yield Mend(path, before, after)


def _show(mend: Mend) -> None:
    lines = unified_diff(
        mend.before.splitlines(), mend.after.splitlines(), f"a/{mend.path}", f"b/{mend.path}", lineterm=""
    )
    for line in lines:
        click.echo(printable(line))


def _write(target: str, mend: Mend) -> None:
    """The whole text or nothing, with the file's own mode."""
    try:
        atomic.write(target, mend.after.encode("utf-8"), stat.S_IMODE(os.stat(target).st_mode), durable=False)
    except OSError as error:
        raise GuardrailError(f"{mend.path}: {error.strerror}", "make it writable and try again") from error
