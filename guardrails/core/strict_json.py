"""Strict JSON: what every reader of evidence must agree on, and where in the text each value stands.

Refused: anything RFC 8259 refuses (NaN, trailing text), and what readers take differently: duplicate keys,
a byte order mark, encodings other than UTF-8, nesting beyond DEPTH_LIMIT.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any, Literal, NamedTuple

import orjson

DEPTH_LIMIT = 64
"""Levels of arrays and objects. Real evidence has at most ten; deeper text is made to break readers."""

FlawKind = Literal["syntax", "encoding", "empty", "duplicate", "depth"]
JsonPath = tuple[str | int, ...]


class JsonFlaw(Exception):
    """Why a text is not strict JSON, and where (1-based; column in characters)."""

    def __init__(self, kind: FlawKind, message: str, line: int, column: int) -> None:
        super().__init__(message)
        self.kind: FlawKind = kind
        self.message = message
        self.line = line
        self.column = column


_SPACED_COLON = re.compile(rb'"[ \t\r\n]+:').search


_NORMAL = orjson.OPT_INDENT_2
_NORMAL_LINE = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE


def parse_json(data: bytes) -> Any:
    """The value in `data`. Raises JsonFlaw."""
    opened = data.count(b"{") + data.count(b"[")
    if opened > DEPTH_LIMIT:
        _require_shallow(data)
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise _explain(data, error) from None
    if not _keys_are_unique(data, value):
        _require_unique_keys(data)
    return value


def _keys_are_unique(data: bytes, value: Any) -> bool:
    """Whether it is cheaply proven that no key was dropped as a duplicate.

    Either the text is the normal form of its value, as our own writers leave it. Or keys are counted instead of
    walked: each is followed by a colon, so a text with as many `":` as its normal form lost none, unless a space
    stands before a colon, or an escaped quote or colon is counted in the normal form only.
    """
    if data == orjson.dumps(value, option=_NORMAL_LINE if data.endswith(b"\n") else _NORMAL):
        return True
    same = data.count(b'":') == orjson.dumps(value).count(b'":')
    return same and not _SPACED_COLON(data) and b"\\u00" not in data


def parse_lines(data: bytes) -> Iterator[tuple[int, Any | JsonFlaw]]:
    """(line number, value or flaw) of each line of JSON Lines; a blank line is a flaw, a final newline is not."""
    lines = data.split(b"\n")
    if lines and not lines[-1]:
        lines.pop()
    for number, line in enumerate(lines, 1):
        try:
            yield number, parse_json(line.removesuffix(b"\r"))
        except JsonFlaw as flaw:
            yield number, JsonFlaw(flaw.kind, flaw.message, number, flaw.column)


def record_bytes(document: dict[str, Any]) -> bytes:
    """A record as it is written: the normal form, on lines, ending in one."""
    return orjson.dumps(document, option=_NORMAL_LINE)


def walk(value: Any) -> Iterator[tuple[JsonPath, Any]]:
    """Every value within a JSON value, itself included, with its key, in the order of the text: as deep as it goes."""
    stack: list[tuple[JsonPath, Any]] = [((), value)]
    while stack:
        key, item = stack.pop()
        yield key, item
        if isinstance(item, dict):
            stack += [((*key, name), item[name]) for name in reversed(item)]
        elif isinstance(item, list):
            stack += [((*key, index), item[index]) for index in reversed(range(len(item)))]


def position(text: str, offset: int) -> tuple[int, int]:
    """The 1-based line and column of a character offset."""
    return text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)


def locate(data: bytes, keys: Iterable[JsonPath]) -> dict[JsonPath, tuple[int, int]]:
    """Where the values at `keys` stand in a valid JSON text: (line, column) of each that is there."""
    wanted = set(keys)
    if not wanted:  # sound records ask for nothing
        return {}
    text = data.decode("utf-8", "replace")
    found: dict[JsonPath, tuple[int, int]] = {}
    line, start = 1, 0  # of the line the last offset was in: offsets only grow, so lines are counted once
    for key, offset, _ in _positions(text):
        if key in wanted:
            line += text.count("\n", start, offset)
            start = text.rfind("\n", start, offset) + 1 or start
            found[key] = (line, offset - start + 1)
    return found


def _explain(data: bytes, error: orjson.JSONDecodeError) -> JsonFlaw:
    """What is wrong, from the standard library's parser, whose positions and words are exact."""
    import json

    if not data.strip():
        return JsonFlaw("empty", "the file is empty", 1, 1)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as fault:
        before = data[: fault.start]
        column = len(before[before.rfind(b"\n") + 1 :].decode("utf-8", "replace")) + 1
        return JsonFlaw("encoding", f"not UTF-8 at byte {fault.start}", before.count(b"\n") + 1, column)
    if text.startswith("\ufeff"):
        return JsonFlaw("encoding", "the file begins with a byte order mark", 1, 1)
    try:
        json.loads(text, parse_constant=_refuse_constant)
    except json.JSONDecodeError as fault:
        return JsonFlaw("syntax", f"not JSON: {fault.msg}", fault.lineno, fault.colno)
    except _ConstantError as fault:
        offset = _bare_word(text, str(fault))
        return JsonFlaw("syntax", f"not JSON: {fault} is not a JSON number", *position(text, offset))
    except (ValueError, RecursionError):
        pass  # a number too long for Python, or a tree too deep for it
    return JsonFlaw("syntax", f"not JSON: {error.msg}", error.lineno, error.colno)


class _ConstantError(ValueError):
    """NaN or an infinity, which the standard library accepts and JSON does not know."""


def _refuse_constant(name: str) -> Any:
    raise _ConstantError(name)


_TOKEN = re.compile(r'[{}\[\],:]|"[^"\\]*(?:\\.[^"\\]*)*"?|[^\s{}\[\],:"]+', re.DOTALL)


def _bare_word(text: str, word: str) -> int:
    return next((match.start() for match in _TOKEN.finditer(text) if match[0] == word), 0)


def _require_shallow(data: bytes) -> None:
    depth = 0
    text = data.decode("utf-8", "replace")
    for match in _TOKEN.finditer(text):
        mark = match[0]
        if mark in "{[":
            depth += 1
            if depth > DEPTH_LIMIT:
                raise JsonFlaw("depth", f"nested more than {DEPTH_LIMIT} levels deep", *position(text, match.start()))
        elif mark in "}]":
            depth -= 1


def _require_unique_keys(data: bytes) -> None:
    text = data.decode("utf-8")
    seen: set[JsonPath] = set()
    for key, _, named_at in _positions(text):
        if named_at is None:
            continue
        if key in seen:
            raise JsonFlaw("duplicate", f"the key {key[-1]!r} is given twice", *position(text, named_at))
        seen.add(key)


class _Level(NamedTuple):
    """An open array, with the number of values seen in it, or an open object (None)."""

    key: JsonPath
    seen: int | None


def _positions(text: str) -> Iterator[tuple[JsonPath, int, int | None]]:
    """(key, offset of the value, offset of its name or None) of every value of a valid JSON text, in order."""
    stack: list[_Level] = []
    name: tuple[str, int] | None = None
    tokens = _TOKEN.finditer(text)
    for match in tokens:
        mark, at = match[0], match.start()
        if mark in "}]":
            stack.pop()
            continue
        if mark in ",:":
            continue
        level = stack[-1] if stack else None
        if level is not None and level.seen is None and name is None:
            name = (orjson.loads(mark.encode("utf-8", "surrogatepass")), at)
            continue
        key, named_at = _next_key(stack, name)
        name = None
        yield key, at, named_at
        if mark in "{[":
            stack.append(_Level(key, None if mark == "{" else 0))


def _next_key(stack: list[_Level], name: tuple[str, int] | None) -> tuple[JsonPath, int | None]:
    if not stack:
        return (), None
    level = stack[-1]
    if level.seen is None:
        assert name is not None
        return (*level.key, name[0]), name[1]
    stack[-1] = _Level(level.key, level.seen + 1)
    return (*level.key, level.seen), None
