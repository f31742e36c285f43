"""The one JSON object an agent was asked for, found in what it printed around it.

An object that breaks off or is not JSON is skipped whole: a piece from inside it is never taken for the answer, for
what was lost may be what mattered.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from guardrails.jsontext import JsonFlaw, parse


class Found(NamedTuple):
    """An object, or why there is none."""

    value: dict[str, Any] | None
    problem: str | None = None


# Colours and cursor movements, and titles and links up to their end mark. Classes that exclude the escape character
# and each other: no text makes this slow.
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b\n]*(?:\x07|\x1b\\)|[ -/]*[0-~])")
_FENCE = re.compile(r"^[ \t]*(`{3,}|~{3,})[ \t]*([A-Za-z0-9_-]*)[ \t]*\r?$", re.MULTILINE)
_OPENS = re.compile(r'\{[ \t\r\n]*["}]')
"""How a JSON object begins; a brace of code or prose seldom does."""
_BRACE = re.compile(r'[{}]|"[^"\\]*(?:\\.[^"\\]*)*"?', re.DOTALL)
_DECODER = json.JSONDecoder()


def without_escapes(text: str) -> str:
    """`text` as it would read on a screen that knows no colours."""
    return _ESCAPES.sub("", text) if "\x1b" in text else text


def find_object(text: str) -> Found:
    """The object in `text`: all of it, or what a fence holds, or the largest one among prose."""
    whole = text.strip()
    if not whole:
        return Found(None, "there is no output")
    first = _parsed(whole)
    if first.value is not None or _is_whole(whole):
        return first
    for parts in (_fenced(whole), _among_prose(whole)):
        if found := _largest(parts):
            return found
    return Found(None, first.problem if whole.startswith("{") else "there is no JSON object in the output")


def _is_whole(text: str) -> bool:
    """Whether `text` is one JSON value of another kind, so that what lies inside it is not the answer."""
    if text[0] == "{":
        return False
    try:
        value, end = _DECODER.raw_decode(text)
    except (ValueError, RecursionError):
        return False
    return end == len(text) and not isinstance(value, dict)


def _parsed(text: str) -> Found:
    try:
        value = parse(text.encode("utf-8", "surrogatepass"))
    except JsonFlaw as flaw:
        return Found(None, f"{flaw.message} (line {flaw.line}, column {flaw.column})")
    if not isinstance(value, dict):
        return Found(None, f"a JSON object was expected, not {_KINDS[type(value)]}")
    return Found(value) if value else Found(None, "the object is empty")


_KINDS = {list: "an array", str: "a string", int: "a number", float: "a number", bool: "true or false"}
_KINDS[type(None)] = "null"


def _largest(parts: Iterator[str]) -> Found | None:
    """The longest text, parsed; of several as long, the last."""
    longest = ""
    for part in parts:
        if len(part) >= len(longest):
            longest = part
    return _parsed(longest) if longest else None


def _fenced(text: str) -> Iterator[str]:
    """What stands between fences that are said to hold JSON, or say nothing and begin like an object."""
    opened: re.Match[str] | None = None
    for fence in _FENCE.finditer(text):
        if opened is None:
            opened = fence
        elif not fence[2] and fence[1].startswith(opened[1]):
            inside = text[opened.end() : fence.start()].strip()
            if opened[2].lower().startswith("json") or (not opened[2] and _OPENS.match(inside)):
                yield inside
            opened = None


def _among_prose(text: str) -> Iterator[str]:
    """Every object that stands in the text by itself. Each character is looked at a fixed number of times."""
    at, in_array = 0, False
    while opening := _OPENS.search(text, at):
        start = opening.start()
        before = text[at:start].rstrip()[-1:]
        in_array = before == "[" or (in_array and before == ",")
        end = _closed(text, start)
        if end is None:
            return  # it breaks off: all that follows may be inside it
        if not in_array and _is_object(text[start:end]):
            yield text[start:end]
        at = end


def _closed(text: str, start: int) -> int | None:
    """Where the brace at `start` is closed, as JSON counts braces."""
    depth = 0
    for mark in _BRACE.finditer(text, start):
        if mark[0] == "{":
            depth += 1
        elif mark[0] == "}":
            depth -= 1
            if not depth:
                return mark.end()
    return None


def _is_object(text: str) -> bool:
    try:
        _DECODER.raw_decode(text)
    except RecursionError:
        return True  # too deep, which the strict parser says
    except ValueError:
        return False
    return True
