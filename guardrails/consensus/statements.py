"""What an answer or a synthesis states: its agreements and conflicts, wherever the dialects put them."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from hashlib import sha256
from typing import Any

from guardrails.consensus.model import Agreement, Conflict, StatementKind
from guardrails.core.strict_json import JsonPath
from guardrails.core.text import unsafe

ID_LENGTH = 12
# Ways of writing "there is none" into a list that should have been left empty.
_NONE = frozenset(
    (
        "", "-", "none", "n/a", "na", "nil", "null", "no", "false", "none identified", "none found", "no conflict",
        "no conflicts", "no open conflicts", "no unresolved conflicts", "no objection", "no objections",
        "no disagreement", "no disagreements", "no dissent",
    )
)  # fmt: skip
# What a conflict is called, folded. The first are still open even where the rest would be told as history.
_OPEN = frozenset(("unresolvedconflict", "unresolvedconflicts", "openconflict", "openconflicts"))
_CALLED_CONFLICTS = _OPEN | frozenset(
    ("conflict", "conflicts", "objection", "objections", "disagreement", "disagreements", "dissent", "dissents")
)
_HISTORY = ("conflictsresolved", "resolvedconflicts", "conflictresolution")
_LONGEST_NAME = 60
_WORDS = ("text", "conflict", "issue", "description", "summary", "topic", "title")
_PLACES: tuple[tuple[str, ...], ...] = ((), ("final_plan",), ("output",), ("output", "final_plan"))


def conflicts_in(document: Any) -> tuple[Conflict, ...]:
    """The distinct conflicts a document states, in the words it states them in first."""
    distinct: dict[str, Conflict] = {}
    for _, text in stated(document, "conflicts"):
        found = identity(text)
        distinct.setdefault(found, Conflict(found, text))
    return tuple(distinct.values())


def agreements_in(document: Any) -> tuple[Agreement, ...]:
    """The distinct agreements a document states, in the words it states them in first.

    One that is an object says with `kind` whether it is a decision or a remark; a bare sentence is a remark. One that
    is stated as both is a decision, and so is one of a kind nobody defined: that is the stricter.
    """
    distinct: dict[str, Agreement] = {}
    for key, text in stated(document, "agreements"):
        kind = _kind(_at(document, key))
        found = identity(text)
        first = distinct.setdefault(found, Agreement(found, text, kind))
        if kind == "decision" and first.kind == "remark":
            distinct[found] = first._replace(kind=kind)
    return tuple(distinct.values())


def _at(document: Any, key: JsonPath) -> Any:
    for step in key:
        document = document[step]
    return document


def _kind(item: Any) -> StatementKind:
    if not isinstance(item, dict) or "kind" not in item:
        return "remark"
    said = item["kind"]
    return "remark" if isinstance(said, str) and folded(said) in ("remark", "remarks") else "decision"


def identity(text: str) -> str:
    """A short digest of a statement that survives changes of case, spacing, Unicode form and invisible characters."""
    return sha256(_normal(text).encode("utf-8", "surrogatepass")).hexdigest()[:ID_LENGTH]


def stated(document: Any, what: str) -> Iterator[tuple[JsonPath, str]]:
    """(where, text) of each statement under `what`: "agreements" or "conflicts".

    Agreements count where they are asked for: at the top, in `final_plan` and in `output`, each with and without
    `consensus` above. Conflicts count at any depth and under any of their names: one that was put elsewhere is no less
    stated. `conflicts_resolved` is history, not a statement of a conflict.
    """
    if what == "conflicts":
        yield from _conflicts(document)
        return
    for place in _PLACES:
        base = _reach(document, place)
        for path in ((what,), ("consensus", what)):
            yield from _items(_reach(base, path), (*place, *path))


def folded(name: str) -> str:
    """A key as it is compared: `Open-Conflicts`, `open_conflicts` and `openConflicts` are one. Empty when too long."""
    return "" if len(name) > _LONGEST_NAME else _folded(name)


@lru_cache(maxsize=4096)
def _folded(name: str) -> str:
    """Thousands of answers have the same keys."""
    return "".join(unicodedata.normalize("NFKC", name).casefold().replace("_", "").replace("-", "").split())


_Way = tuple["_Way", str | int] | tuple[()]
"""The way to a value, from its end: a key is made of it only where something is found."""


def _conflicts(document: Any) -> Iterator[tuple[JsonPath, str]]:
    """Every statement of a conflict, in the order of the text. What stands within one belongs to it."""
    stack: list[tuple[_Way, Any, frozenset[str]]] = [((), document, _CALLED_CONFLICTS)]
    while stack:
        way, value, names = stack.pop()
        name = folded(way[1]) if way and isinstance(way[1], str) else ""
        if name in names:
            yield from _items(value, _key(way))
            continue
        if name.startswith(_HISTORY):
            names = _OPEN
        if isinstance(value, dict):
            inner: list[tuple[_Way, Any, frozenset[str]]] = [
                ((way, each), item, names)
                for each, item in value.items()
                # Most of a document says nothing of conflicts, and is passed over before it is walked to.
                if isinstance(item, (dict, list)) or folded(each) in names
            ]
            stack += reversed(inner)
        elif isinstance(value, list):
            inner = [((way, at), item, names) for at, item in enumerate(value) if isinstance(item, (dict, list))]
            stack += reversed(inner)


def _key(way: _Way) -> JsonPath:
    steps: list[str | int] = []
    while way:
        way, step = way
        steps.append(step)
    return tuple(reversed(steps))


def _reach(value: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _items(value: Any, key: JsonPath) -> Iterator[tuple[JsonPath, str]]:
    if not isinstance(value, list):
        text = _text(value)
        if text:
            yield key, text
        return
    for index, item in enumerate(value):
        text = _text(item)
        if text:
            yield (*key, index), text


def _text(item: Any) -> str | None:
    """The words of one statement; None when it states nothing."""
    if isinstance(item, str):
        return None if _is_none(item) else item.strip()
    if not isinstance(item, (dict, list)):
        return str(item).lower() if item else None
    if isinstance(item, dict):
        for word in _WORDS:
            said = item.get(word)
            if isinstance(said, str) and not _is_none(said):
                return said.strip()
    # Its words are not where they were looked for, so all of it is the statement: nothing stated may be lost.
    return json.dumps(item, ensure_ascii=False, sort_keys=True) if item else None


_LONGEST = 100_000
"""Characters of a statement that is compared whatever its case and spacing. A longer one is hostile, and is compared as
it is: taking it apart would take fifty times its size."""


def _normal(text: str) -> str:
    if len(text) > _LONGEST:
        return text
    line = " ".join(unicodedata.normalize("NFKC", text).casefold().split())
    if line.isascii() and line.isprintable():
        return line
    # What nobody sees makes no other statement of it, and may have kept spaces apart.
    return " ".join(unsafe().sub("", line).split())


def _is_none(text: str) -> bool:
    return len(text) < 32 and _normal(text).rstrip(".") in _NONE
