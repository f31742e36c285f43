"""Strict JSON: what every reader of evidence must agree on, and where in the text each value stands.

Refused: anything RFC 8259 refuses (NaN, trailing text), what readers take differently (duplicate keys, a byte order
mark, encodings other than UTF-8), and what is made to exhaust them: nesting beyond DEPTH_LIMIT, more than VALUE_LIMIT
values, more than LINE_LIMIT lines. Everything here takes time and memory in proportion to the text, on one line as on
many.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any, Literal

import orjson

DEPTH_LIMIT = 64
"""Levels of arrays and objects. Real evidence has at most ten; deeper text is made to break readers."""

VALUE_LIMIT = 500_000
"""Values of one text, counted before it is parsed. A value of two bytes takes over a hundred as an object: without a
limit, 30 MB of text take gigabytes. Real evidence has at most some ten thousand."""
LINE_LIMIT = 100_000
"""Lines of one JSON Lines text."""

FlawKind = Literal["syntax", "encoding", "empty", "duplicate", "depth", "size"]
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
    if opened > DEPTH_LIMIT or opened + data.count(b",") >= VALUE_LIMIT:
        _require_bounded(data)
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise _explain(data, error) from None
    if not _keys_are_unique(data, value):
        _refuse_repeated_key(data)
    return value


def _keys_are_unique(data: bytes, value: Any) -> bool:
    """Whether it is cheaply proven that no key was dropped as a duplicate.

    Either the text is the normal form of its value, as our own writers leave it. Or names are counted instead of
    walked: each is followed by a colon, so a text with as many `":` as its normal form lost none, unless a space
    stands before a colon, or an escaped quote or colon is counted in the normal form only. Then the colons outside
    strings are counted, which is exact and takes longer.
    """
    if data.startswith((b"{\n  ", b"[\n  ")) and data == orjson.dumps(
        value, option=_NORMAL_LINE if data.endswith(b"\n") else _NORMAL
    ):
        return True
    normal = orjson.dumps(value)
    same = data.count(b'":') == normal.count(b'":')
    if same and not _SPACED_COLON(data) and b"\\u00" not in data:
        return True
    return _without_strings(data).count(b":") == _without_strings(normal).count(b":")


def parse_lines(data: bytes) -> Iterator[tuple[int, Any | JsonFlaw]]:
    """(line number, value or flaw) of each line of JSON Lines; a blank line is a flaw, a final newline is not.

    A text beyond LINE_LIMIT or VALUE_LIMIT is one flaw, and none of its lines is read.
    """
    try:
        _require_few_lines(data)
    except JsonFlaw as flaw:
        yield 1, flaw
        return
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


def _require_few_lines(data: bytes) -> None:
    if data.count(b"\n") > LINE_LIMIT:
        raise JsonFlaw("size", f"more than {LINE_LIMIT:,} lines", 1, 1)
    if data.count(b",") + data.count(b"{") + data.count(b"[") >= VALUE_LIMIT:
        _without_strings(data)


def walk(value: Any) -> Iterator[tuple[JsonPath, Any]]:
    """Every value within a JSON value, itself included, with its key, in the order of the text: as deep as it goes."""
    yield (), value
    stack: list[tuple[JsonPath, Iterator[tuple[str | int, Any]]]] = [((), _members(value))]
    while stack:
        key, members = stack[-1]
        for step, item in members:
            inner = (*key, step)
            yield inner, item
            if isinstance(item, (dict, list)):
                stack.append((inner, _members(item)))
                break
        else:
            stack.pop()


def _members(value: Any) -> Iterator[tuple[str | int, Any]]:
    if isinstance(value, dict):
        return iter(value.items())
    return enumerate(value) if isinstance(value, list) else iter(())


class _Wanted:
    """A value on the way to one that is looked for: what is below it by name or index, and its own key if it is one."""

    __slots__ = ("below", "key")

    def __init__(self) -> None:
        self.below: dict[str | int, _Wanted] = {}
        self.key: JsonPath | None = None


class _Container:
    """An open array or object that holds something that is looked for, and how far it was read."""

    __slots__ = ("index", "name", "wanted")

    def __init__(self, wanted: _Wanted, index: int | None) -> None:
        self.wanted = wanted
        self.index = index
        """of the value that comes next in an array; None in an object"""
        self.name: str | None = None
        """of the value that comes next in an object, once it was read"""


def locate(data: bytes, keys: Iterable[JsonPath]) -> dict[JsonPath, tuple[int, int]]:
    """Where the values at `keys` stand in a valid JSON text: (line, column) of each that is there."""
    root = _Wanted()
    left = 0
    for key in keys:
        wanted = root
        for step in key:
            wanted = wanted.below.setdefault(step, _Wanted())
        left += wanted.key is None
        wanted.key = key
    found: dict[JsonPath, tuple[int, int]] = {}
    if not left:  # sound records ask for nothing
        return found
    place = _Places(data)
    for key, offset in _offsets(data, root):
        found[key] = place.at(offset)
        if len(found) == left:
            break
    return found


def _offsets(data: bytes, root: _Wanted) -> Iterator[tuple[JsonPath, int]]:
    """(key, offset in bytes) of each wanted value, in the order of the text. What holds none of them is passed over."""
    open_: list[_Container] = []
    passed_over = 0
    """how deep in something that holds nothing wanted"""
    for match in _TOKEN.finditer(_without_escapes(data)):
        mark, at = match[0], match.start()
        if passed_over:
            passed_over += 1 if mark in b"{[" else -1 if mark in b"}]" else 0
            continue
        if mark in b"}]":
            open_.pop()
            continue
        here = open_[-1] if open_ else None
        if here is not None and here.index is None and here.name is None:
            here.name = _name(data, match.start(), match.end())
            continue
        wanted = _next(here) if here is not None else root
        if wanted is not None and wanted.key is not None:
            yield wanted.key, at
        if mark in b"{[":
            if wanted is None or not wanted.below:
                passed_over = 1
            else:
                open_.append(_Container(wanted, None if mark == b"{" else 0))


def _next(here: _Container) -> _Wanted | None:
    """What is wanted of the value that stands next in a container."""
    if here.index is None:
        name, here.name = here.name, None
        return here.wanted.below.get(name or "")
    here.index += 1
    return here.wanted.below.get(here.index - 1)


def _name(data: bytes, start: int, end: int) -> str:
    name: str = orjson.loads(data[start:end])
    return name


class _Places:
    """Lines and columns (1-based, in characters) of offsets that only grow: each byte is counted once."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._offset, self._line, self._column = 0, 1, 1

    def at(self, offset: int) -> tuple[int, int]:
        passed = self._data[self._offset : offset]
        lines = passed.count(b"\n")
        if lines:
            self._line += lines
            self._column = 1
            passed = passed[passed.rfind(b"\n") + 1 :]
        self._column += len(passed.translate(None, _CONTINUATIONS))
        self._offset = offset
        return self._line, self._column


_CONTINUATIONS = bytes(range(0x80, 0xC0))
"""Bytes of UTF-8 that begin no character."""


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
        place = _Places(data).at(_bare_word(data, str(fault).encode()))
        return JsonFlaw("syntax", f"not JSON: {fault} is not a JSON number", *place)
    except (ValueError, RecursionError):
        pass  # a number too long for Python, or a tree too deep for it
    return JsonFlaw("syntax", f"not JSON: {error.msg}", error.lineno, error.colno)


class _ConstantError(ValueError):
    """NaN or an infinity, which the standard library accepts and JSON does not know."""


def _refuse_constant(name: str) -> Any:
    raise _ConstantError(name)


# Strings are found in a copy without escapes, of the same length: then one ends at the next quote, and the expression
# needs no repeated group, for which `re` keeps a record of each repetition.
_TOKEN = re.compile(rb'[{}\[\]]|"[^"]*"?|[^\s{}\[\],:"]+')
_STRING = re.compile(rb'"[^"]*"?')
_BRACKET = re.compile(rb"[{}\[\]]")
_BRACKET_OR_NAME = re.compile(rb'[{}\[\]]|("[^"]*")[ \t\r\n]*:|"[^"]*"')
_BRACKET_OR_STRING = re.compile(rb'[{}\[\]]|"[^"]*"?')


def _without_escapes(data: bytes) -> bytes:
    return data.replace(rb"\\", b"__").replace(rb"\"", b"__") if b"\\" in data else data


def _without_strings(data: bytes) -> bytes:
    """The text between the strings. Raises JsonFlaw when it has more than VALUE_LIMIT values."""
    text = _without_escapes(data)
    if text.count(b'"') <= 4 * VALUE_LIMIT:  # a value has at most a name and itself
        bare = _STRING.sub(b"", text)
        if bare.count(b",") + bare.count(b"{") + bare.count(b"[") < VALUE_LIMIT:
            return bare
    raise JsonFlaw("size", f"more than {VALUE_LIMIT:,} values", 1, 1)


def _bare_word(data: bytes, word: bytes) -> int:
    return next((match.start() for match in _TOKEN.finditer(_without_escapes(data)) if match[0] == word), 0)


def _require_bounded(data: bytes) -> None:
    """Raises JsonFlaw where parsing would take too much."""
    if _too_deep(_BRACKET, _without_strings(data)) is not None:
        at = _too_deep(_BRACKET_OR_STRING, _without_escapes(data)) or 0
        raise JsonFlaw("depth", f"nested more than {DEPTH_LIMIT} levels deep", *_Places(data).at(at))


def _too_deep(marks: re.Pattern[bytes], text: bytes) -> int | None:
    """The offset of the first bracket that is too deep."""
    depth = 0
    for match in marks.finditer(text):
        mark = match[0]
        if mark in b"{[":
            depth += 1
            if depth > DEPTH_LIMIT:
                return match.start()
        elif mark in b"}]":
            depth -= 1
            if depth < 0:  # no JSON: the parser says where
                return None
    return None


def _refuse_repeated_key(data: bytes) -> None:
    """Raises JsonFlaw at the first key that is given twice."""
    levels: list[set[bytes | str]] = []
    """the names in each open array or object: bytes as they stand, or what escapes and all mean"""
    escaped = b"\\" in data
    for match in _BRACKET_OR_NAME.finditer(_without_escapes(data)):
        mark = match[0]
        if mark in b"{[":
            levels.append(set())
        elif mark in b"}]":
            levels.pop()
        elif match[1] is not None:
            name = _name(data, match.start(), match.end(1)) if escaped else match[1]
            if name in levels[-1]:
                shown = _shown(_name(data, match.start(), match.end(1)))
                place = _Places(data).at(match.start())
                raise JsonFlaw("duplicate", f"the key {shown} is given twice", *place)
            levels[-1].add(name)


_SHOWN = 80


def _shown(name: str) -> str:
    return repr(name if len(name) <= _SHOWN else name[: _SHOWN - 3] + "...")
