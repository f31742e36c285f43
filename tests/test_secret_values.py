from __future__ import annotations

import json
from base64 import b64encode, encodebytes, urlsafe_b64encode
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardrails.secrets import scan_stream, secret_values

NAME = "HAL_SECRET_KAVEDARR_API_KEY"
ENCODERS: dict[str, Callable[[str], bytes]] = {
    "plain": lambda value: value.encode(),
    "upper case": lambda value: value.upper().encode(),
    "lower case": lambda value: value.lower().encode(),
    "swapped case": lambda value: value.swapcase().encode(),
    "base64": lambda value: b64encode(value.encode()),
    "base64 without padding": lambda value: b64encode(value.encode()).rstrip(b"="),
    "base64 with a line end inside": lambda value: b64encode(value.encode() + b"\n"),
    "URL-safe base64": lambda value: urlsafe_b64encode(value.encode()),
    "base64 one byte in": lambda value: b64encode(b"u" + value.encode() + b"tail"),
    "base64 two bytes in": lambda value: b64encode(b"u:" + value.encode() + b"tail"),
    "base64 three bytes in": lambda value: b64encode(b"us:" + value.encode() + b"tail"),
    "base64 wrapped every 76": lambda value: encodebytes(b"x" * 50 + value.encode() + b"y" * 60),
    "base64 wrapped inside JSON": lambda value: json.dumps(encodebytes(b"x" * 50 + value.encode()).decode()).encode(),
    "hexadecimal": lambda value: value.encode().hex().encode(),
    "upper-case hexadecimal": lambda value: value.encode().hex().upper().encode(),
    "URL": lambda value: quote(value, safe="").encode(),
    "URL with lower-case digits": lambda value: quote(value, safe="").lower().encode(),
    "URL with the slash kept": lambda value: quote(value).encode(),
    "form": lambda value: quote_plus(value).encode(),
    "URL with every byte escaped": lambda value: b"".join(b"%%%02X" % byte for byte in value.encode()),
    "JSON": lambda value: json.dumps(value).encode(),
    "JSON not restricted to ASCII": lambda value: json.dumps(value, ensure_ascii=False).encode(),
    "JSON inside JSON": lambda value: json.dumps(json.dumps({"key": value})).encode(),
    "UTF-16": lambda value: value.encode("utf-16"),
}
VALUES = {
    "a usual key": "kvd-9f8e7d6c5b4a39281706f5e4d3c2b1a0",
    "six characters": "s3cr3t",
    "punctuation": "p/a+s=s&w?o#r'd <x> ~%!",
    "quotes and a backslash": 'a"b\\c\'d"e',
    "several lines": "line one\nline two\nline three",
}


def found(value: str, data: bytes) -> bool:
    return any(hit.variable for hit in scan_stream([data], secret_values((NAME,), {NAME: value}).needles).hits)


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES.keys())
@pytest.mark.parametrize("encode", ENCODERS.values(), ids=ENCODERS.keys())
def test_a_value_is_found_in_every_form(value: str, encode: Callable[[str], bytes]) -> None:
    data = b'{"first": 1,\n "key": ' + encode(value) + b"\n}\n"
    if encode is ENCODERS["UTF-16"]:
        data = encode('{"key": "' + value + '"}')
    assert found(value, data)


def test_a_value_with_letters_beyond_ascii_is_found_in_either_case() -> None:
    assert found("schlüssel-ÄÖ", "x = SCHLÜSSEL-ÄÖ".encode())
    assert found("SCHLÜSSEL-ÄÖ", "x = schlüssel-äö".encode())


def test_a_value_of_several_lines_is_found_with_either_line_end() -> None:
    assert found("line one\nline two", b"x\r\nline one\r\nline two\r\n")


def test_a_value_longer_than_what_is_searched_for_is_found() -> None:
    key = "k3y-" * 2000
    assert found(key, b"x" + key.encode() + b"x")
    assert found(key, b64encode(b"xy" + key.encode()))


@given(st.text(min_size=6, max_size=60).filter(lambda value: len(value.strip()) >= 6), st.binary(max_size=5))
def test_any_value_is_found_in_base64_wherever_it_begins(value: str, before: bytes) -> None:
    raw = value.strip().encode("utf-8", "surrogatepass")
    if "\0" not in value and not any(0xD800 <= ord(char) <= 0xDFFF for char in value):
        assert found(value, b"x " + b64encode(before + raw + b"!") + b" y")


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"kvd-9f8e7d6c5b4a39281706f5e4d3c2b1a", id="the value but for its end"),
        pytest.param(b64encode(b"kvd-9f8e7d6c5b4a3928"), id="half of it in base64"),
        pytest.param(b"HAL_SECRET_KAVEDARR_API_KEY", id="the name of the variable"),
        pytest.param(b"0123456789abcdef" * 4, id="a digest"),
    ],
)
def test_what_is_not_the_value_is_left_alone(data: bytes) -> None:
    assert not found(VALUES["a usual key"], data)


@pytest.mark.parametrize("value", ["", "   ", "\n"])
def test_a_blank_value_is_not_searched_for(value: str) -> None:
    assert secret_values((NAME,), {NAME: value}) == ((), ())
    assert secret_values((NAME,), {}) == ((), ())


@pytest.mark.parametrize("value", ["a", "abcde", " abcde \n"])
def test_a_value_of_fewer_than_six_characters_is_named_as_too_short(value: str) -> None:
    assert secret_values((NAME,), {NAME: value}) == ((), (NAME,))


def test_what_is_around_a_value_in_the_environment_is_not_part_of_it() -> None:
    assert found("  s3cr3t-value\n", b"x=s3cr3t-value;")


def test_two_variables_with_one_value_are_searched_for_once() -> None:
    assert {
        needle.variable for needle in secret_values(("A", "B"), {"A": "same-value", "B": "same-value"}).needles
    } == {"A"}
