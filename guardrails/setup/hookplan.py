"""What installing or removing hooks takes, decided from what was found. Pure: steps out, nothing written."""

from __future__ import annotations

from typing import NamedTuple, TypeGuard

from guardrails.errors import GuardrailError
from guardrails.manifest import guard_entry
from guardrails.setup.hookfile import FRAMEWORKS, KEPT, HookFile, runs_speckit
from guardrails.setup.hooksdir import Found


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


Step = Write | Keep | Move | Remove


class Plan(NamedTuple):
    """`steps` in order; none means it is already as it should be. `notes` are for the reader."""

    hook: str
    steps: tuple[Step, ...]
    summary: str
    notes: tuple[str, ...] = ()


def install(found: Found, script: bytes) -> Plan:
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
    return Plan(
        found.name, steps, f"installed; the earlier hook is kept as {found.name + KEPT} and runs first", _notes(hook)
    )


def _is_ours(hook: HookFile | None) -> TypeGuard[HookFile]:
    return hook is not None and hook.maker == "speckit"


def _in_front(found: Found, hook: HookFile | None, script: bytes) -> Plan:
    chained = f"; {found.name + KEPT} runs first" if found.kept else ""
    if hook is not None and hook.link:
        return Plan(found.name, (), "already a link to a speckit hook, left alone")
    if hook is None:
        return Plan(found.name, (Write(found.name, script),), "installed" + chained)
    if hook.content == script and hook.executable:
        return Plan(found.name, (), "already installed" + chained)
    return Plan(found.name, (Write(found.name, script),), "brought up to date" + chained)


def _behind_framework(found: Found, hook: HookFile, script: bytes) -> Plan:
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
        steps: tuple[Step, ...] = () if current else (Write(place, script),)
        return Plan(found.name, steps, f"{'already installed' if current else 'brought up to date'} {where}")
    kept = _keep(found, legacy, place) if legacy is not None else ()
    return Plan(found.name, (*kept, Write(place, script)), f"installed {where}")


def _keep(found: Found, hook: HookFile, place: str) -> tuple[Step, ...]:
    kept = found.kept
    replaceable = kept is None or kept.content == hook.content or (kept.maker == hook.maker != "other")
    if not replaceable:
        raise GuardrailError(
            f"{place} and {found.name + KEPT} are two different hooks, and only one can be kept",
            f"merge them into {place} and delete {found.name + KEPT}, then run 'speckit install' again",
        )
    return (Keep(place, found.name + KEPT),)


def _drop_stale_copy(found: Found) -> tuple[Step, ...]:
    """lefthook moves a hook it finds to `<name>.old`, never runs it, and later refuses to overwrite it."""
    return (Remove(found.name + ".old"),) if _is_ours(found.old) else ()


def _notes(hook: HookFile) -> tuple[str, ...]:
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


def uninstall(found: Found) -> Plan:
    """Take our hook out wherever it lies and put back what it replaced, bytes and mode.

    An earlier hook goes back to where ours stood; it is left alone when somebody else stands there now.
    """
    places = [found.name + suffix for suffix, file in _places(found) if _is_ours(file) and not file.link]
    if not places:
        return _nothing_of_ours(found)
    first, rest = places[0], places[1:]
    steps: list[Step] = [Move(found.name + KEPT, first) if found.kept else Remove(first)]
    steps += [Remove(place) for place in rest]
    return Plan(found.name, tuple(steps), "removed; the earlier hook is back" if found.kept else "removed")


def _places(found: Found) -> tuple[tuple[str, HookFile | None], ...]:
    return (("", found.hook), (".legacy", found.legacy), (".old", found.old))


def _nothing_of_ours(found: Found) -> Plan:
    if found.kept is None:
        return Plan(found.name, (), "not installed")
    if found.hook is None:
        return Plan(found.name, (Move(found.name + KEPT, found.name),), "the earlier hook is back")
    note = f"{found.name + KEPT} is what speckit once kept, but another hook stands in its place: yours to merge"
    return Plan(found.name, (), "not installed", (note,))
