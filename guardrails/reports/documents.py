"""Values → plain JSON: one rule for all reports. Moments are RFC 3339 in UTC, None is null."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any


def plain(value: Any) -> Any:
    """A value made of NamedTuples, tuples and mappings as dictionaries and lists."""
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


def moment(value: datetime | None) -> str | None:
    """A moment as records write it, to the second."""
    return None if value is None else value.strftime("%Y-%m-%dT%H:%M:%SZ")


def written(document: dict[str, Any]) -> str:
    """A document as text: keys in the order they were given, one item a line."""
    import json

    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
