"""What a tool of an MCP server returned, as the protocol's JSON, taken apart. Servers differ; nothing is believed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


class Refused(Exception):
    """Why a conversation came to nothing. Completes "the memory server …"."""


def require_done(result: Mapping[str, Any]) -> None:
    """Raise Refused when a tool says that it failed, by protocol or in the words many servers use."""
    value = _value(result)
    if result.get("isError") or (isinstance(value, dict) and value.get("success") is False):
        raise Refused(f"reports an error: {' '.join(_texts(result))[:200] or 'it does not say which'}")


def _texts(result: Mapping[str, Any]) -> list[str]:
    return [str(item.get("text") or "") for item in result.get("content") or () if item.get("type") == "text"]


def _value(result: Mapping[str, Any]) -> Any:
    """What a tool returned, where it is data: as such, or as the JSON in its only text."""
    value = result.get("structuredContent")
    texts = _texts(result)
    if value is None and len(texts) == 1:
        try:
            return json.loads(texts[0])
        except (ValueError, RecursionError):
            return None
    return value


def found(result: Mapping[str, Any]) -> tuple[str, ...]:
    """The texts of what was found: one for each in a list, else the words that were answered, as they are."""
    value = _value(result)
    if isinstance(value, dict):  # servers put the list below one name or another
        value = next((item for item in value.values() if isinstance(item, list)), None)
    if isinstance(value, list):
        return tuple(map(_item, value))
    return tuple(text for text in _texts(result) if text.strip())


def _item(item: Any) -> str:
    """The text of one result: its own, that of the memory in it, or all of it as JSON."""
    inner = item.get("memory", item) if isinstance(item, dict) else item
    for name in ("content", "text"):
        if isinstance(inner, dict) and isinstance(inner.get(name), str):
            return str(inner[name])
    return inner if isinstance(inner, str) else json.dumps(item)
