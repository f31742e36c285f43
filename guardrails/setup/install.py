"""`speckit install`: write the native hooks where git looks for them, and take them out again."""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig
from collections.abc import Sequence
from typing import NamedTuple

from guardrails.errors import GuardrailError
from guardrails.git import Repo
from guardrails.setup import files, hookfile, hookplan
from guardrails.setup.hooksdir import HooksDirectory, locate, observe

MODE = 0o755


class Prepared(NamedTuple):
    """What will be done, decided before anything is written."""

    directory: HooksDirectory
    plans: tuple[hookplan.Plan, ...]
    notes: tuple[str, ...]


def prepare(repo: Repo, names: Sequence[str], *, uninstall: bool, force: bool) -> Prepared:
    """Plan for the named hooks. Raises GuardrailError when the place, or one of the hooks, is not ours to change."""
    directory = locate(repo)
    _require_ours(directory, force)
    found = [observe(directory.path, name) for name in names]
    if uninstall:
        return Prepared(directory, tuple(map(hookplan.uninstall, found)), ())
    # A hook that others get by git must not name a place on this machine.
    command = None if directory.shared else command_path()
    plans = tuple(hookplan.install(one, hookfile.render(one.name, command)) for one in found)
    return Prepared(directory, plans, _notes(repo, directory))


def _require_ours(directory: HooksDirectory, force: bool) -> None:
    if directory.outside and not force:
        raise GuardrailError(
            f"{directory.outside}; hooks there may run for other repositories too",
            "see 'git config --show-origin core.hooksPath'; set it for this repository, or add --force",
        )
    if os.path.lexists(directory.path) and not os.path.isdir(directory.path):
        raise GuardrailError(
            f"{directory.path} is not a directory, so git runs no hooks",
            "git config --unset core.hooksPath",
        )


def _notes(repo: Repo, directory: HooksDirectory) -> tuple[str, ...]:
    notes = []
    if directory.shared:
        notes.append(f"{directory.path} is part of the working tree: commit the hooks, or have git ignore them")
    if os.path.isfile(os.path.join(repo.root, ".git")) and not directory.configured:
        notes.append("the hooks hold for every working tree of this repository")
    return tuple(notes)


def command_path() -> str | None:
    """The speckit that is running, as an absolute path a hook can start; None when there is no such program.

    `python -m guardrails` is no substitute: it would import from the directory the hook runs in.
    """
    name = "speckit.exe" if os.name == "nt" else "speckit"
    started = os.path.abspath(sys.argv[0])
    candidates = [started] if os.path.basename(started) in (name, "speckit") else []
    candidates.append(os.path.join(sysconfig.get_path("scripts"), name))
    on_path = shutil.which("speckit")
    if on_path:
        candidates.append(os.path.abspath(on_path))
    usable = (path for path in candidates if os.path.isfile(path) and os.access(path, os.X_OK))
    found = next(usable, None)
    return found.replace(os.sep, "/") if found else None


def apply(prepared: Prepared) -> None:
    """Carry the plans out, hook by hook. Raises GuardrailError when the file system refuses."""
    directory = prepared.directory.path
    steps = [step for plan in prepared.plans for step in plan.steps]
    try:
        if steps:
            os.makedirs(directory, exist_ok=True)
        for step in steps:
            _carry_out(directory, step)
    except OSError as error:
        raise GuardrailError(
            f"{error.filename or directory}: {error.strerror}", "make it writable, then try again"
        ) from error


def _carry_out(directory: str, step: hookplan.Step) -> None:
    if isinstance(step, hookplan.Write):
        files.write(os.path.join(directory, step.name), step.content, MODE)
    elif isinstance(step, hookplan.Remove):
        os.unlink(os.path.join(directory, step.name))
    else:
        source, target = os.path.join(directory, step.source), os.path.join(directory, step.target)
        keep = isinstance(step, hookplan.Keep)
        (_second_name if keep else os.replace)(source, target)


def _second_name(source: str, target: str) -> None:
    if os.path.lexists(target):
        os.unlink(target)  # the plan found it to be the same hook, or an older one of the same manager
    try:
        os.link(source, target, follow_symlinks=False)
    except (OSError, NotImplementedError):
        os.replace(source, target)  # a file system without hard links
