"""`speckit install`: write the native hooks where git looks for them, and take them out again."""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig
from collections.abc import Sequence
from typing import NamedTuple, TypeGuard

from guardrails.core import atomic
from guardrails.errors import GuardrailError
from guardrails.git.repo import Repo
from guardrails.setup import hook_files
from guardrails.setup.hook_files import (
    FRAMEWORKS,
    KEPT,
    HookFile,
    HooksDirectory,
    InstalledHook,
    locate,
    observe,
    runs_speckit,
)
from guardrails.setup.manifest import guard_entry

# What installing or removing hooks takes, decided from what was found. Pure: steps out, nothing written.


class Write(NamedTuple):
    """Write an executable file. Names are within the hooks directory."""

    name: str
    content: bytes


class Keep(NamedTuple):
    """Give an earlier hook a second name, so that writing over the first leaves no moment without it."""

    source: str
    target: str


class Move(NamedTuple):
    """Put an earlier hook back where it was, over whatever is there."""

    source: str
    target: str


class Remove(NamedTuple):
    name: str


InstallStep = Write | Keep | Move | Remove


class HookPlan(NamedTuple):
    """`steps` in order; none means it is already as it should be. `notes` are for the reader."""

    hook: str
    steps: tuple[InstallStep, ...]
    summary: str
    notes: tuple[str, ...] = ()


def plan_install(found: InstalledHook, script: bytes) -> HookPlan:
    """Put our hook where git, or the framework in front of us, will run it; keep what is there.

    A framework's own hook stays in front: it runs `<name>.legacy` first, with everything git says on standard
    input. That is also where it moves us when it is installed after us, so the order of installing does not matter.
    Raises GuardrailError when two earlier hooks would have to be kept.
    """
    hook = found.hook
    if hook is not None and hook.maker == "husky":
        raise _husky(found.name)
    if hook is not None and hook.maker in FRAMEWORKS:
        return _behind_framework(found, hook, script)
    if hook is None or _is_ours(hook):
        return _in_front(found, hook, script)
    steps = (*_drop_stale_copy(found), *_keep(found, hook, found.name), Write(found.name, script))
    return HookPlan(
        found.name,
        steps,
        f"installed; the earlier hook is kept as {found.name + KEPT} and runs first",
        _plan_notes(hook),
    )


def _is_ours(hook: HookFile | None) -> TypeGuard[HookFile]:
    return hook is not None and hook.maker == "speckit"


def _in_front(found: InstalledHook, hook: HookFile | None, script: bytes) -> HookPlan:
    chained = f"; {found.name + KEPT} runs first" if found.kept else ""
    if hook is not None and hook.link:
        return HookPlan(found.name, (), "already a link to a speckit hook, left alone")
    if hook is None:
        return HookPlan(found.name, (Write(found.name, script),), "installed" + chained)
    if hook.content == script and hook.executable:
        return HookPlan(found.name, (), "already installed" + chained)
    return HookPlan(found.name, (Write(found.name, script),), "brought up to date" + chained)


def _behind_framework(found: InstalledHook, hook: HookFile, script: bytes) -> HookPlan:
    place = found.name + ".legacy"
    where = f"as {place}, which {hook.maker} runs first"
    legacy = found.legacy
    if legacy is not None and legacy.maker in FRAMEWORKS:
        raise GuardrailError(
            f"{found.name}: {hook.maker} and {legacy.maker} are both installed, each calling the other",
            f"keep one: '{hook.maker} install -f --hook-type {found.name}', then run 'speckit install' again",
        )
    if legacy is not None and legacy.maker == "speckit":
        current = legacy.content == script and legacy.executable
        steps: tuple[InstallStep, ...] = () if current else (Write(place, script),)
        return HookPlan(found.name, steps, f"{'already installed' if current else 'brought up to date'} {where}")
    kept = _keep(found, legacy, place) if legacy is not None else ()
    return HookPlan(found.name, (*kept, Write(place, script)), f"installed {where}")


def _keep(found: InstalledHook, hook: HookFile, place: str) -> tuple[InstallStep, ...]:
    kept = found.kept
    replaceable = kept is None or kept.content == hook.content or (kept.maker == hook.maker != "other")
    if not replaceable:
        raise GuardrailError(
            f"{place} and {found.name + KEPT} are two different hooks, and only one can be kept",
            f"merge them into {place} and delete {found.name + KEPT}, then run 'speckit install' again",
        )
    return (Keep(place, found.name + KEPT),)


def _drop_stale_copy(found: InstalledHook) -> tuple[InstallStep, ...]:
    """lefthook moves a hook it finds to `<name>.old`, never runs it, and later refuses to overwrite it."""
    return (Remove(found.name + ".old"),) if _is_ours(found.old) else ()


def _plan_notes(hook: HookFile) -> tuple[str, ...]:
    if hook.maker == "lefthook":
        return ("'lefthook install' would move this hook away: put 'speckit guard' into lefthook.yml instead",)
    if not hook.executable:
        return ("the earlier hook is not executable, so git did not run it and neither will speckit",)
    if runs_speckit(hook.content):
        return ("the earlier hook mentions speckit too: it may judge twice",)
    if b"basename" in hook.content or b"##*/" in hook.content or hook.link:
        return ("the earlier hook now runs under another name: check that it does not go by its own file name",)
    return ()


def _husky(name: str) -> GuardrailError:
    return GuardrailError(
        f"{name}: this hooks directory belongs to husky, which rewrites it",
        f'add this line to .husky/{name}: {guard_entry(name)} -- "$@"',
    )


def plan_uninstall(found: InstalledHook) -> HookPlan:
    """Take our hook out wherever it lies and put back what it replaced, bytes and mode.

    An earlier hook goes back to where ours stood; it is left alone when somebody else stands there now.
    """
    places = [found.name + suffix for suffix, file in _places(found) if _is_ours(file) and not file.link]
    if not places:
        return _nothing_of_ours(found)
    first, rest = places[0], places[1:]
    steps: list[InstallStep] = [Move(found.name + KEPT, first) if found.kept else Remove(first)]
    steps += [Remove(place) for place in rest]
    return HookPlan(found.name, tuple(steps), "removed; the earlier hook is back" if found.kept else "removed")


def _places(found: InstalledHook) -> tuple[tuple[str, HookFile | None], ...]:
    return (("", found.hook), (".legacy", found.legacy), (".old", found.old))


def _nothing_of_ours(found: InstalledHook) -> HookPlan:
    if found.kept is None:
        return HookPlan(found.name, (), "not installed")
    if found.hook is None:
        return HookPlan(found.name, (Move(found.name + KEPT, found.name),), "the earlier hook is back")
    note = f"{found.name + KEPT} is what speckit once kept, but another hook stands in its place: yours to merge"
    return HookPlan(found.name, (), "not installed", (note,))


MODE = 0o755


class PreparedInstall(NamedTuple):
    """What will be done, decided before anything is written."""

    directory: HooksDirectory
    plans: tuple[HookPlan, ...]
    notes: tuple[str, ...]


def prepare(repo: Repo, names: Sequence[str], *, uninstall: bool, force: bool) -> PreparedInstall:
    """Plan for the named hooks. Raises GuardrailError when the place, or one of the hooks, is not ours to change."""
    directory = locate(repo)
    _require_ours(directory, force)
    found = [observe(directory.path, name) for name in names]
    if uninstall:
        return PreparedInstall(directory, tuple(map(plan_uninstall, found)), ())
    # A hook that others get by git must not name a place on this machine.
    command = None if directory.shared else command_path()
    plans = tuple(plan_install(one, hook_files.render(one.name, command)) for one in found)
    return PreparedInstall(directory, plans, _notes(repo, directory))


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


def apply(prepared: PreparedInstall) -> None:
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


def _carry_out(directory: str, step: InstallStep) -> None:
    if isinstance(step, Write):
        atomic.write(os.path.join(directory, step.name), step.content, MODE)
    elif isinstance(step, Remove):
        os.unlink(os.path.join(directory, step.name))
    else:
        source, target = os.path.join(directory, step.source), os.path.join(directory, step.target)
        keep = isinstance(step, Keep)
        (_second_name if keep else os.replace)(source, target)


def _second_name(source: str, target: str) -> None:
    if os.path.lexists(target):
        os.unlink(target)  # the plan found it to be the same hook, or an older one of the same manager
    try:
        os.link(source, target, follow_symlinks=False)
    except (OSError, NotImplementedError):
        os.replace(source, target)  # a file system without hard links
