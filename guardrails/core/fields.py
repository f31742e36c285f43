"""Getting typed values out of a parsed JSON object that anybody may have written: the right type, or None."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

LONGEST = 300
"""Characters of a text from evidence that a report keeps."""
_MOST = 1e15
"""A number beyond this is no count, amount or time of anything here."""


def table(value: Any) -> dict[str, Any]:
    """`value` if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def rows(value: Any) -> list[dict[str, Any]]:
    """The objects in a list; nothing where there is no list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def text(value: Any) -> str | None:
    """A text that says something, on one line and cut to what a report can hold."""
    if not isinstance(value, str):
        return None
    # What is cut is cut before it is split: a hostile text may be as large as a file.
    line = " ".join(value[: LONGEST * 4].split())
    if not line:
        return None
    return line if len(line) <= LONGEST and len(value) <= LONGEST * 4 else line[: LONGEST - 3] + "..."


def first(value: dict[str, Any], keys: Iterable[str]) -> str | None:
    """The first of those keys that holds a text."""
    return next((found for key in keys if (found := text(value.get(key)))), None)


def number(value: Any) -> float | None:
    """A finite number that is not negative."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= _MOST:
        return None
    return float(value) if math.isfinite(value) else None


def whole(value: Any) -> int | None:
    """A whole number that is not negative."""
    found = number(value)
    return None if found is None else int(found)
