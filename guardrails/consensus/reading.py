"""From one parsed JSON document to what it says: whom it names, when, from what. All dialects, nothing believed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any, NamedTuple

from guardrails.consensus.values import Input, Named, Problem, Prompt, agent_of
from guardrails.jsontext import JsonFlaw, Key, locate, parse
from guardrails.layout import Layout, stage_of
from guardrails.timestamps import parse as parse_time

SPEC_KEYS = ("specId", "spec_id")
SESSION_KEYS = ("session", "sessionId", "session_id")
TIME_KEYS = ("timestamp", "created_at", "createdAt", "exported_at", "generatedAt", "generated_at")
_SHOWN = 60
_SHA256 = re.compile("[0-9a-f]{64}")


Satisfies = Callable[[str, Any], bool]
"""Whether a document satisfies the schema of that name."""


class Context(NamedTuple):
    """What it takes to understand a name: the grammar of SPEC ids, and the agents that are waited for."""

    layout: Layout
    roster: tuple[str, ...]


class Document(NamedTuple):
    """A JSON object and its bytes, or why there is none (then `value` is empty)."""

    value: dict[str, Any]
    data: bytes
    problem: Problem | None = None


def load(data: bytes | None, unreadable: str | None) -> Document:
    """Read strictly: what readers could understand differently is not understood at all."""
    if data is None:
        return Document({}, b"", Problem("unreadable", f"cannot be read: {unreadable}"))
    try:
        value = parse(data)
    except JsonFlaw as flaw:
        return Document({}, data, Problem("unreadable", f"cannot be read: {flaw.message}", flaw.line, flaw.column))
    if not isinstance(value, dict):
        return Document({}, data, Problem("unreadable", "cannot be read: not a JSON object", 1, 1))
    return Document(value, data)


def walk(value: Any) -> Iterator[tuple[Key, Any]]:
    """Every value within a value, itself included, with its key. Depth is bounded by the parser."""
    stack: list[tuple[Key, Any]] = [((), value)]
    while stack:
        key, item = stack.pop()
        yield key, item
        if isinstance(item, dict):
            stack += [((*key, name), item[name]) for name in reversed(item)]
        elif isinstance(item, list):
            stack += [((*key, index), item[index]) for index in reversed(range(len(item)))]


def placeholder_in(text: str) -> str | None:
    """The first `${...}` in a text, shortened for a message."""
    start = text.find("${")
    end = text.find("}", start) if start >= 0 else -1
    return text[start : end + 1][:_SHOWN] if end >= 0 else None


def placeholders(document: Document) -> tuple[Problem, ...]:
    """A problem when anything in the document was never filled in. One names it; there may be more."""
    if b"${" not in document.data and b"\\u00" not in document.data:
        return ()
    for key, item in walk(document.value):
        mark = _mark(item) or (_mark(key[-1]) if key else None)
        if mark:
            line, column = locate(document.data, [key]).get(key, (1, 1))
            return (Problem("placeholder", f"holds the unresolved placeholder {mark}", line, column),)
    return ()


def _mark(item: Any) -> str | None:
    return placeholder_in(item) if isinstance(item, str) else None


def named(value: dict[str, Any], context: Context) -> Named:
    """Whom a document names at its top, and where its inner `output` names somebody recognisably else, that too."""
    inner = value.get("output")
    inner = inner if isinstance(inner, dict) else {}
    id_of = context.layout.id_of
    specs = {id_of(text) or text for text in _strings(value, SPEC_KEYS)}
    specs |= {spec for text in _strings(inner, SPEC_KEYS) if (spec := id_of(text))}
    stages = {stage_of(text) or text for text in _strings(value, ("stage",))}
    stages |= {stage for text in _strings(inner, ("stage",)) if (stage := stage_of(text))}
    agents = {agent_of(text) for text in _strings(value, ("agent",))}
    agents |= {agent for text in _strings(inner, ("agent",)) if (agent := agent_of(text)) in context.roster}
    sessions = frozenset(_strings(value, SESSION_KEYS))
    return Named(frozenset(specs), frozenset(stages), frozenset(agents), sessions)


def _strings(value: dict[str, Any], keys: Iterable[str]) -> list[str]:
    """The values of those keys that are given. What is not text becomes the text that shows it, which fits nowhere."""
    given = [value[key] for key in keys if value.get(key) is not None]
    return [item if isinstance(item, str) else repr(item)[:_SHOWN] for item in given]


def first_text(value: dict[str, Any], keys: Iterable[str]) -> str | None:
    return next((item for key in keys if isinstance(item := value.get(key), str) and item.strip()), None)


def recorded(value: dict[str, Any]) -> datetime | None:
    """When a document says it was made."""
    return next((when for key in TIME_KEYS if (when := parse_time(value.get(key)))), None)


def digest(value: Any) -> str | None:
    """A SHA-256 in the one form that is compared, or None when it is none."""
    text = value.strip().lower().removeprefix("sha256:") if isinstance(value, str) and len(value) < 100 else ""
    return text if _SHA256.fullmatch(text) else None


def inputs(value: dict[str, Any]) -> tuple[Input, ...]:
    """The recorded inputs in order of path. A list that is wrong anywhere records nothing."""
    given = value.get("inputs")
    if not isinstance(given, list):
        return ()
    rows = []
    for item in given:
        path = item.get("path") if isinstance(item, dict) else None
        sha256 = digest(item.get("sha256")) if isinstance(item, dict) else None
        if not isinstance(path, str) or sha256 is None:
            return ()
        rows.append(Input(path, sha256))
    return tuple(sorted(set(rows)))


def prompt(value: dict[str, Any]) -> Prompt:
    """The prompt's version and digest."""
    version = first_text(value, ("promptVersion", "prompt_version"))
    sha256 = digest(first_text(value, ("promptSha256", "prompt_sha256")))
    return Prompt(version, sha256)
