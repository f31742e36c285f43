"""`.pre-commit-config.yaml`: written new, or amended so that nothing which stands there changes. Pure."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import yaml

from guardrails.errors import GuardrailError
from guardrails.manifest import HOOKS, Hook, fields, find, guard_entry, quoted
from guardrails.setup import yamledit
from guardrails.yamlfile import parse

FILE_NAME = ".pre-commit-config.yaml"
TYPES_KEY = "default_install_hook_types"

_OLD_STAGES = {"commit": "pre-commit", "push": "pre-push"}

MESSAGE_HOOK = Hook(
    "speckit-guard-message",
    "speckit guard (message)",
    "Every check bound to a commit message.",
    guard_entry("commit-msg"),
    ("commit-msg",),
)


class Entry(NamedTuple):
    """What goes under `repos:`. `url` None: hooks that call the speckit on PATH."""

    url: str | None
    rev: str
    hooks: tuple[Hook, ...]

    @property
    def types(self) -> list[str]:
        """The hook types git must have installed for these hooks to run."""
        return list(dict.fromkeys(stage for hook in self.hooks for stage in hook.stages))


def entry(url: str | None, rev: str) -> Entry:
    """One hook for commits, one for pushes; those that call the speckit on PATH also judge messages."""
    guards = (find("speckit-guard"), find("speckit-guard-push"))
    return Entry(url, rev, guards if url else (*guards, MESSAGE_HOOK))


def new_file(added: Entry) -> str:
    """A whole configuration."""
    return f"{TYPES_KEY}: [{', '.join(added.types)}]\n\nrepos:\n" + snippet(added, 2)


def snippet(added: Entry, indent: int) -> str:
    """The item for the list under `repos:`, indented by `indent` spaces."""
    if added.url:
        lines = [f"- repo: {quoted(added.url)}", f"  rev: {quoted(added.rev)}", "  hooks:"]
        lines += [f"    - id: {hook.id}" for hook in added.hooks]
    else:
        lines = ["- repo: local", "  hooks:", *(line for hook in added.hooks for line in _local(hook))]
    return "".join(f"{' ' * indent}{line}\n" for line in lines)


def _local(hook: Hook) -> list[str]:
    rows = [(key, text) for key, text in fields(hook, "system") if key != "description"]
    if "commit-msg" in hook.stages:  # the one file name at that stage is the message to judge
        rows = [(key, "true" if key == "pass_filenames" else text) for key, text in rows]
    first, *rest = (f"{key}: {text}" for key, text in rows)
    return [f"    - {first}", *(f"      {line}" for line in rest)]


class Amended(NamedTuple):
    """`text` is None where nothing needs adding. `notes` are for the reader."""

    text: str | None
    notes: tuple[str, ...] = ()


def amend(text: str, added: Entry) -> Amended | None:
    """`text` with the entry and the hook types it needs, None when that cannot be done without touching the rest.

    The outcome is parsed again and must mean exactly the old plus the new.
    """
    try:
        before = _parsed(text)
        new = [] if stages_of(before) else [added]
        missing = _missing_types(before, added.types if new else stages_of(before))
        after = _edited(text, new, missing, TYPES_KEY in before)
        if after is None or _parsed(after) != _meant(before, new, missing):
            return None
    except (GuardrailError, yaml.YAMLError, RecursionError, ValueError, TypeError):
        return None
    return Amended(None if after == text else after, _notes(before, missing))


def _parsed(text: str) -> dict[str, Any]:
    value = parse(text.encode(), FILE_NAME).value
    if not isinstance(value, dict):
        raise GuardrailError(f"{FILE_NAME}: not a mapping")
    return value


def _missing_types(before: dict[str, Any], needed: list[str]) -> list[str]:
    """Hook types to add. Where the key is absent the framework means `[pre-commit]`."""
    have = before.get(TYPES_KEY)
    wanted = [name for name in needed if name != "manual"]
    if have is None:
        return [] if set(wanted) <= {"pre-commit"} else list(dict.fromkeys(["pre-commit", *wanted]))
    return [name for name in wanted if name not in have]


def _meant(before: dict[str, Any], new: list[Entry], missing: list[str]) -> dict[str, Any]:
    repos = (before.get("repos") or []) + [item for added in new for item in _items(added)]
    meant = {**before, "repos": repos} if new else dict(before)
    if missing:
        meant[TYPES_KEY] = [*before.get(TYPES_KEY, []), *missing]
    return meant


def _items(added: Entry) -> list[Any]:
    items: list[Any] = parse(snippet(added, 0).encode(), FILE_NAME).value
    return items


def _edited(text: str, new: list[Entry], missing: list[str], listed: bool) -> str | None:
    edited: str | None = text
    for added in new:
        edited = yamledit.append(text, "repos", None, partial(snippet, added))
    if missing and not listed:
        return edited and yamledit.add_key(edited, f"{TYPES_KEY}: [{', '.join(missing)}]")
    for name in missing:
        edited = edited and yamledit.append(edited, TYPES_KEY, name, partial(_dash, name))
    return edited


def _dash(name: str, indent: int) -> str:
    return f"{' ' * indent}- {name}\n"


def _hooks(config: Any) -> list[dict[str, Any]]:
    """Every hook in a parsed configuration, whatever its shape."""
    repos = config.get("repos") if isinstance(config, dict) else None
    lists = [repo.get("hooks") for repo in repos if isinstance(repo, dict)] if isinstance(repos, list) else []
    return [hook for hooks in lists if isinstance(hooks, list) for hook in hooks if isinstance(hook, dict)]


def stages_of(config: Any) -> list[str]:
    """The stages at which a parsed configuration runs speckit; none when it does not."""
    known = {hook.id: hook.stages for hook in (*HOOKS, MESSAGE_HOOK)}
    found: list[str] = []
    for hook in _hooks(config):
        name, stages = str(hook.get("id")), hook.get("stages")
        if name in known or "speckit" in str(hook.get("entry", "")):
            found += map(str, stages) if isinstance(stages, list) else known.get(name, ("pre-commit",))
    return list(dict.fromkeys(_OLD_STAGES.get(stage, stage) for stage in found))


def others_of(config: Any) -> list[str]:
    """The ids of the hooks of a parsed configuration that do not run speckit."""
    known = {hook.id for hook in (*HOOKS, MESSAGE_HOOK)}
    ids = [str(hook.get("id")) for hook in _hooks(config) if "speckit" not in str(hook.get("entry", ""))]
    return [name for name in ids if name not in known]


def _notes(before: dict[str, Any], missing: list[str]) -> tuple[str, ...]:
    """Adding types changes when hooks run that name no stages: they run at every installed type."""
    later = [name for name in missing if name != "pre-commit"]
    silent = [str(hook.get("id")) for hook in _hooks(before) if "stages" not in hook]
    if not later or not silent or "default_stages" in before:
        return ()
    return (
        f"{', '.join(silent)}: unless their repositories name stages, these now also run at {' and '.join(later)}; "
        "'default_stages: [pre-commit]' keeps them to commits",
    )
