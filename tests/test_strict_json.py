from __future__ import annotations

import json
from contextlib import nullcontext
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardrails.core import DEPTH_LIMIT, LINE_LIMIT, VALUE_LIMIT, JsonFlaw, locate, parse_json, parse_lines, walk
from tests.examples import examples

EXAMPLES = examples(300)

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@pytest.mark.parametrize(
    "text", ["{}", "[]", "0", '"x"', "null", ' {"a": {"a": 1}} \n', '{"a":1,"b":":"}', '{"a" : 1}']
)
def test_strict_json_is_read(text: str) -> None:
    assert parse_json(text.encode()) == json.loads(text)


@pytest.mark.parametrize(
    ("text", "kind", "line", "column"),
    [
        pytest.param(b"", "empty", 1, 1, id="an empty file"),
        pytest.param(b" \n\t", "empty", 1, 1, id="a blank file"),
        pytest.param(b"{", "syntax", 1, 2, id="an object that never ends"),
        pytest.param(b'{"a": NaN}', "syntax", 1, 7, id="NaN"),
        pytest.param(b'{"NaN": 1,\n "a": -Infinity}', "syntax", 2, 7, id="minus infinity, not the key of that name"),
        pytest.param(b'{"a": 1} x', "syntax", 1, 10, id="trailing text"),
        pytest.param(b'{"a": 1}{"b": 2}', "syntax", 1, 9, id="two values"),
        pytest.param(b"{'a': 1}", "syntax", 1, 2, id="single quotes"),
        pytest.param(b'{\n  "a": "say "hi""\n}', "syntax", 2, 14, id="an unescaped quote"),
        pytest.param(b'\xef\xbb\xbf{"a": 1}', "encoding", 1, 1, id="a byte order mark"),
        pytest.param(b'{"a":\n "\xff"}', "encoding", 2, 3, id="a byte that is not UTF-8"),
        pytest.param('{"a": 1}'.encode("utf-16"), "encoding", 1, 1, id="UTF-16"),
        pytest.param(b'{"a": 1,\n "a": 2}', "duplicate", 2, 2, id="a key given twice"),
        pytest.param(
            b'{"x": {"a": 1, "b": 2, "\\u0061": 3}}', "duplicate", 1, 24, id="a key given twice, once escaped"
        ),
        pytest.param(b'{"a" : 1, "b": "\\u0022:", "a": 2}', "duplicate", 1, 27, id="a duplicate hidden from counting"),
        pytest.param(b'{"a": 1, "b": "\\"\\u003a", "a": 2}', "duplicate", 1, 27, id="one hidden by an escaped colon"),
        pytest.param(b'{"a": 1, "b": "\\"\\u003A", "a": 2}', "duplicate", 1, 27, id="one hidden, in capitals"),
        pytest.param(b"[" * 200 + b"]" * 200, "depth", 1, DEPTH_LIMIT + 1, id="200 levels"),
        pytest.param(b'{"a":' * 100_000, "depth", 1, 5 * DEPTH_LIMIT + 1, id="100,000 levels"),
        pytest.param(b'"\\ud800"', "syntax", 1, 1, id="half a surrogate pair"),
    ],
)
def test_a_flaw_is_named_and_placed(text: bytes, kind: str, line: int, column: int) -> None:
    with pytest.raises(JsonFlaw) as caught:
        parse_json(text)
    assert (caught.value.kind, caught.value.line) == (kind, line)
    if text != b'"\\ud800"' and kind != "encoding":
        assert caught.value.column == column


def test_many_brackets_side_by_side_are_not_deep() -> None:
    assert len(parse_json(b"[" + b"[]," * 1000 + b"0]")) == 1001


@given(json_values, st.sampled_from([None, 2]), st.booleans(), st.sampled_from([": ", " : ", "\n:"]))
@settings(max_examples=EXAMPLES)
def test_every_value_survives_whatever_its_layout(
    value: object, indent: int | None, ascii_only: bool, colon: str
) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only, separators=(",", colon))
    try:
        encoded = text.encode()
    except UnicodeEncodeError:
        return
    try:
        assert parse_json(encoded) == value
    except JsonFlaw as flaw:
        assert "\\ud" in text, flaw.message


@given(st.dictionaries(st.text(max_size=5), st.integers(), min_size=1), st.data())
@settings(max_examples=EXAMPLES)
def test_a_duplicate_is_always_found(value: dict[str, int], data: st.DataObject) -> None:
    doubled = data.draw(st.sampled_from(sorted(value)))
    space = data.draw(st.sampled_from(["", " ", "\n"]))
    decoy = data.draw(st.text(alphabet='":\\a ', max_size=6))
    spelled = "".join(data.draw(st.sampled_from([json.dumps(c)[1:-1], f"\\u{ord(c):04x}"])) for c in decoy)
    pairs = [*value.items(), (doubled, 1)]
    members = [f"{json.dumps(name)}{space}: {number}" for name, number in pairs]
    text = "{" + ",".join([*members[:-1], f'"decoy of no other name": "{spelled}"', members[-1]]) + "}"
    with pytest.raises(JsonFlaw) as caught:
        parse_json(text.encode())
    assert caught.value.kind in ("duplicate", "syntax")


@pytest.mark.parametrize(
    "end", [pytest.param("}", id="once each"), pytest.param(', "k7": 0}', id="the last one a second time")]
)
def test_no_name_is_parsed_by_itself(end: str, monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[bytes] = []

    class Counted:
        dumps = staticmethod(orjson.dumps)
        JSONDecodeError = orjson.JSONDecodeError

        @staticmethod
        def loads(data: bytes) -> Any:
            parsed.append(data)
            return orjson.loads(data)

    monkeypatch.setattr("guardrails.core.strict_json.orjson", Counted)
    text = "{" + ",".join(f'"k{at}" : {at}' for at in range(1_000)) + end
    with nullcontext() if end == "}" else pytest.raises(JsonFlaw, match="the key 'k7' is given twice"):
        parse_json(text.encode())
    assert len(parsed) <= 2  # the whole text, and the key that is named


@given(st.binary(max_size=200) | st.text(alphabet='{}[]",:0aN\\u \n').map(str.encode))
@settings(max_examples=EXAMPLES)
def test_any_bytes_are_a_value_or_a_flaw(data: bytes) -> None:
    try:
        parse_json(data)
    except JsonFlaw as flaw:
        assert flaw.line >= 1
        assert flaw.column >= 1


def test_lines_are_numbered_and_each_has_its_own_flaw() -> None:
    rows = list(parse_lines(b'{"a": 1}\n\n{"b": \n{"c": 3}\n'))
    assert [number for number, _ in rows] == [1, 2, 3, 4]
    kinds = [value.kind if isinstance(value, JsonFlaw) else value for _, value in rows]
    assert kinds == [{"a": 1}, "empty", "syntax", {"c": 3}]
    assert isinstance(rows[2][1], JsonFlaw)
    assert rows[2][1].line == 3


def test_values_are_located_by_key() -> None:
    text = b'{\n  "a": [10, {"b": "x"}],\n  "c": null\n}'
    places = locate(text, [("a", 1, "b"), ("c",), (), ("nowhere",)])
    assert places == {("a", 1, "b"): (2, 19), ("c",): (3, 8), (): (1, 1)}


@given(json_values)
@settings(max_examples=EXAMPLES)
def test_every_member_can_be_located(value: object) -> None:
    text = json.dumps(value, indent=1)
    keys: list[tuple[str | int, ...]] = []

    def collect(item: object, key: tuple[str | int, ...]) -> None:
        keys.append(key)
        children = item.items() if isinstance(item, dict) else enumerate(item) if isinstance(item, list) else ()
        for name, child in children:
            collect(child, (*key, name))

    collect(value, ())
    try:
        parse_json(text.encode())
    except JsonFlaw:
        return
    assert set(locate(text.encode(), keys)) == set(keys)


JsonKey = tuple[str | int, ...]


def naive_places(text: str) -> dict[JsonKey, tuple[int, int]]:
    """Where each value of a JSON text stands, by a parser that goes one character at a time."""
    places: dict[JsonKey, tuple[int, int]] = {}
    decoder = json.JSONDecoder()

    def blank(at: int) -> int:
        while text[at] in " \t\r\n,:":
            at += 1
        return at

    def read(at: int, key: JsonKey) -> int:
        at = blank(at)
        places[key] = (text[:at].count("\n") + 1, at - (text[:at].rfind("\n") + 1) + 1)
        if text[at] not in "{[":
            return decoder.raw_decode(text, at)[1]
        inside, index = blank(at + 1), 0
        while text[inside] not in "}]":
            step: str | int = index
            if text[at] == "{":
                step, inside = decoder.raw_decode(text, inside)
            inside, index = blank(read(inside, (*key, step))), index + 1
        return inside + 1

    read(0, ())
    return places


@given(json_values, st.sampled_from([None, 0, 2]), st.booleans(), st.data())
@settings(max_examples=EXAMPLES)
def test_values_are_located_where_a_naive_parser_finds_them(
    value: object, indent: int | None, ascii_only: bool, data: st.DataObject
) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    try:
        parse_json(text.encode("utf-8", "surrogatepass"))
    except JsonFlaw:
        return  # half a surrogate pair
    places = naive_places(text)
    keys = data.draw(st.lists(st.sampled_from(sorted(places, key=repr)), unique=True))
    assert locate(text.encode(), [*keys, ("nowhere", 7)]) == {key: places[key] for key in keys}


class CountedBytes(bytes):
    """Bytes that count how many of them are looked at."""

    seen = 0

    def __getitem__(self, key: Any) -> Any:
        found = super().__getitem__(key)
        self.seen += len(found) if isinstance(found, bytes) else 1
        return found

    def count(self, part: Any, start: Any = 0, end: Any = None, /) -> int:
        self.seen += (len(self) if end is None else end) - start
        return super().count(part, start, end)

    def rfind(self, part: Any, start: Any = 0, end: Any = None, /) -> int:
        self.seen += (len(self) if end is None else end) - start
        return super().rfind(part, start, end)

    def decode(self, *given: Any) -> str:
        self.seen += len(self)
        return super().decode(*given)


@pytest.mark.parametrize("space", [" ", "\n"], ids=["on one line", "on a line each"])
def test_locating_looks_at_each_byte_a_fixed_number_of_times(space: str) -> None:
    text = CountedBytes(("{" + f",{space}".join(f'"k{at}": {at}' for at in range(2_000)) + "}").encode())
    assert len(locate(text, [(f"k{at}",) for at in range(2_000)])) == 2_000
    assert text.seen <= 3 * len(text)


def test_locating_stops_at_the_last_value_that_is_wanted() -> None:
    assert locate(b'{"a": {"b": 1}, "c": ' + b"no JSON", [("a", "b")]) == {("a", "b"): (1, 13)}


def size_flaw(text: bytes) -> tuple[str, str]:
    with pytest.raises(JsonFlaw) as caught:
        parse_json(text)
    return caught.value.kind, caught.value.message


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b"[" + b"0," * VALUE_LIMIT + b"0]", id="numbers"),
        pytest.param(b"[" + b"{}," * VALUE_LIMIT + b"0]", id="objects"),
        pytest.param(b'["",' + b'"",' * VALUE_LIMIT + b'""]', id="empty strings"),
        pytest.param(b"{" + b'"a":1,' * VALUE_LIMIT + b'"b":1}', id="members"),
        pytest.param(b"[" * 60 + b"0," * VALUE_LIMIT + b"0" + b"]" * 60, id="numbers deep inside"),
    ],
)
def test_a_text_of_too_many_values_is_not_parsed(text: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("guardrails.core.strict_json.orjson", None)
    assert size_flaw(text) == ("size", f"more than {VALUE_LIMIT:,} values")


def test_what_stands_in_strings_are_no_values() -> None:
    assert len(parse_json(b'["' + b',\\"{[' * VALUE_LIMIT + b'"]')) == 1


def test_long_strings_of_escapes_are_read() -> None:
    quotes = 300_000
    text = b'{"a" : "' + b'\\"' * quotes + b'\\\\", "b" : 1}'
    assert parse_json(text)["a"] == '"' * quotes + "\\"
    assert locate(text, [("b",)]) == {("b",): (1, len(text) - 1)}


@pytest.mark.parametrize("line", [b"", b"0", b"{}"], ids=["empty", "numbers", "objects"])
def test_too_many_lines_are_one_flaw(line: bytes) -> None:
    [(number, flaw)] = parse_lines((line + b"\n") * (LINE_LIMIT + 1))
    assert isinstance(flaw, JsonFlaw)
    assert (number, flaw.kind, flaw.message) == (1, "size", f"more than {LINE_LIMIT:,} lines")


def test_lines_of_too_many_values_are_one_flaw() -> None:
    [(_, flaw)] = parse_lines((b"[" + b"0," * 999 + b"0]\n") * (VALUE_LIMIT // 1000 + 1))
    assert isinstance(flaw, JsonFlaw)
    assert flaw.kind == "size"


def test_every_value_is_walked_to_in_the_order_of_the_text() -> None:
    value = {"a": [1, {"b": None}], "c": "x"}
    keys = [(), ("a",), ("a", 0), ("a", 1), ("a", 1, "b"), ("c",)]
    assert [key for key, _ in walk(value)] == keys
    assert dict(walk(value))["a", 1, "b"] is None


def test_a_value_deeper_than_the_interpreter_recurses_is_walked() -> None:
    value: list[Any] = []
    for _ in range(2000):
        value = [value]
    assert sum(1 for _ in walk(value)) == 2001
