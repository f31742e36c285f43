"""Values → plain JSON: one rule for all reports. Moments are RFC 3339 in UTC, None is null."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from guardrails.core.cost import Cost
from guardrails.core.timestamps import stamped


def plain(value: Any) -> Any:
    """A value made of NamedTuples, tuples and mappings as dictionaries and lists."""
    if isinstance(value, Cost):
        return _cost(value)
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return {name: plain(item) for name, item in zip(value._fields, value, strict=True)}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, (set, frozenset)):
        return sorted(plain(item) for item in value)
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, datetime):
        return moment(value)
    return value


def _cost(cost: Cost) -> dict[str, Any]:
    """`floor` says that `usd` is a lower bound; tokens are null unless they are known of every call."""
    return {
        "usd": cost.usd,
        "tokens": cost.total_tokens,
        "source": cost.source,
        "calls": cost.calls,
        "priced": cost.priced,
        "floor": cost.partial,
    }


def moment(value: datetime | None) -> str | None:
    """A moment as records write it, to the second."""
    return None if value is None else stamped(value)


def written(document: dict[str, Any]) -> str:
    """A document as text: keys in the order they were given, one item a line.

    What could disturb a terminal is written as JSON escapes, which are the same value; bytes that are not UTF-8, which
    JSON cannot hold, as the four characters `\\xNN`.
    """
    import json

    from guardrails.core.text import unsafe

    text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    return text if text.isascii() and "\x7f" not in text else unsafe().sub(_escape, text)


def _escape(match: re.Match[str]) -> str:
    from guardrails.core.text import printable

    character = match[0]
    if character == "\n":
        return character
    if "\ud800" <= character <= "\udfff":
        return printable(character).replace("\\", "\\\\")
    units = character.encode("utf-16-be")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))
