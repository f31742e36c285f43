"""`.pre-commit-config.yaml`: written new, or amended so that nothing which stands there changes. Pure."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from guardrails.config.yaml import parse_yaml
from guardrails.errors import GuardrailError
from guardrails.setup.manifest import HOOKS, Hook, fields, find, guard_entry, quoted

# Adding to a YAML file's text without touching what stands there. Pure; each edit finds its place by parsing.
#
# An edit returns None where it sees no safe place. The caller still parses the outcome and compares what it means.


def add_key(text: str, line: str) -> str | None:
    """`line` (a whole top-level entry) before the first key."""
    root = _root(text)
    if root is None or not root.value:
        return None
    return _inserted(text, root.value[0][0].start_mark.index, line + "\n")


def append(text: str, key: str, in_line: str | None, as_lines: Callable[[int], str]) -> str | None:
    """One more item in the list under a top-level key.

    `in_line` is the item as it goes between brackets, None when it is too large for that;
    `as_lines` gives it for a list of dashes at the given column.
    """
    items = _list_under(text, key)
    if items is None:
        return None
    if not items.flow_style:
        return _inserted(text, _after(text, items), as_lines(items.start_mark.column))
    if in_line is not None:
        if items.value:
            return _inserted(text, items.value[-1].end_mark.index, ", " + in_line)
        return _inserted(text, items.start_mark.index + 1, in_line)
    if items.value or "#" in text[items.start_mark.index : items.end_mark.index]:
        return None
    head, tail = text[: items.start_mark.index].rstrip(" "), text[items.end_mark.index :]
    return _inserted(head + tail, _line_end(head + tail, len(head)), as_lines(2))


def _root(text: str) -> MappingNode | None:
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    return root if isinstance(root, MappingNode) and not root.flow_style else None


def _list_under(text: str, key: str) -> SequenceNode | None:
    root = _root(text)
    values = [value for name, value in root.value if name.value == key] if root else []
    return values[0] if len(values) == 1 and isinstance(values[0], SequenceNode) else None


def _after(text: str, items: SequenceNode) -> int:
    """Behind the last line of the last item. The end mark of a block runs on over blank lines and comments,
    so the last scalar or bracket in it is what counts."""
    node: Node = items
    while isinstance(node, (SequenceNode, MappingNode)) and not node.flow_style and node.value:
        last = node.value[-1]
        node = last[1] if isinstance(node, MappingNode) else last
    index: int = node.end_mark.index
    block_text = isinstance(node, ScalarNode) and node.style in ("|", ">")
    return index if block_text else _line_end(text, index)


def _line_end(text: str, position: int) -> int:
    found = text.find("\n", position)
    return len(text) if found < 0 else found + 1


def _inserted(text: str, position: int, part: str) -> str:
    head, tail = text[:position], text[position:]
    if part.endswith("\n"):
        if head and not head.endswith("\n"):
            part = "\n" + part
        if "\r\n" in text:
            part = part.replace("\n", "\r\n")
    return head + part + tail


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


class RepoEntry(NamedTuple):
    """What goes under `repos:`. `url` None: hooks that call the speckit on PATH."""

    url: str | None
    rev: str
    hooks: tuple[Hook, ...]

    @property
    def types(self) -> list[str]:
        """The hook types git must have installed for these hooks to run."""
        return list(dict.fromkeys(stage for hook in self.hooks for stage in hook.stages))


def entry(url: str | None, rev: str) -> RepoEntry:
    """One hook for commits, one for pushes; those that call the speckit on PATH also judge messages."""
    guards = (find("speckit-guard"), find("speckit-guard-push"))
    return RepoEntry(url, rev, guards if url else (*guards, MESSAGE_HOOK))


def new_file(added: RepoEntry) -> str:
    """A whole configuration."""
    return f"{TYPES_KEY}: [{', '.join(added.types)}]\n\nrepos:\n" + snippet(added, 2)


def snippet(added: RepoEntry, indent: int) -> str:
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


def amend(text: str, added: RepoEntry) -> Amended | None:
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
    value = parse_yaml(text.encode(), FILE_NAME).value
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


def _meant(before: dict[str, Any], new: list[RepoEntry], missing: list[str]) -> dict[str, Any]:
    repos = (before.get("repos") or []) + [item for added in new for item in _items(added)]
    meant = {**before, "repos": repos} if new else dict(before)
    if missing:
        meant[TYPES_KEY] = [*before.get(TYPES_KEY, []), *missing]
    return meant


def _items(added: RepoEntry) -> list[Any]:
    items: list[Any] = parse_yaml(snippet(added, 0).encode(), FILE_NAME).value
    return items


def _edited(text: str, new: list[RepoEntry], missing: list[str], listed: bool) -> str | None:
    edited: str | None = text
    for added in new:
        edited = append(text, "repos", None, partial(snippet, added))
    if missing and not listed:
        return edited and add_key(edited, f"{TYPES_KEY}: [{', '.join(missing)}]")
    for name in missing:
        edited = edited and append(edited, TYPES_KEY, name, partial(_dash, name))
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
