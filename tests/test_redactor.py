"""Taking secrets out: every form, everywhere, and nothing else."""

from __future__ import annotations

import json
from base64 import b64encode, encodebytes
from collections.abc import Callable
from html import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardrails.secrets import MARK, Redactor
from tests.services.probes.bench import VARIABLE, holds_secret
from tests.test_secret_values import ENCODERS, VALUES


def redactor(value: str) -> Redactor:
    return Redactor((VARIABLE,), {VARIABLE: value})


@pytest.mark.parametrize(
    "data", [b"", b"{}", b'{"status": "ok"}', b"\xff\xfe", b"HAL_SECRET_KAVEDARR_API_KEY", b"[secret]"]
)
def test_what_holds_no_secret_is_left_as_it_is(data: bytes) -> None:
    assert redactor(VALUES["a usual key"]).data(data) == (data, 0)


def test_without_a_value_nothing_is_taken_out() -> None:
    assert Redactor((VARIABLE,), {}).data(b"anything") == (b"anything", 0)


def test_what_stands_around_a_secret_stays() -> None:
    assert redactor("s3cr3t-value").data(b"a s3cr3t-value, and S3CR3T-VALUE.") == (b"a [secret], and [secret].", 2)


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES.keys())
@pytest.mark.parametrize(
    "encode",
    [pytest.param(encode, id=name) for name, encode in ENCODERS.items() if name != "UTF-16"]
    + [pytest.param(lambda value: escape(value).encode(), id="HTML")],
)
def test_a_value_is_taken_out_in_every_form(value: str, encode: Callable[[str], bytes]) -> None:
    clean = redactor(value).data(b"before " + encode(value) + b" after")
    assert clean.data is not None
    assert clean.removed >= 1
    assert not holds_secret(clean.data, value)
    assert encode(value).lower() not in clean.data.lower()


@pytest.mark.parametrize("step", [1, 4, 60, 76])
@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\\n"], ids=["line feed", "both", "escaped"])
def test_a_wrapped_value_is_taken_out_whole_and_however_often(step: int, end: bytes) -> None:
    value = VALUES["a usual key"]
    encoded = b64encode(value.encode())
    wrapped = end.join(encoded[at : at + step] for at in range(0, len(encoded), step))
    clean = redactor(value).data((wrapped + b" # ") * 50)
    assert clean.data is not None
    text = clean.data.replace(end, b"").replace(b" # ", b"").replace(MARK.encode(), b"")
    assert not any(encoded[at : at + 4] in text for at in range(len(encoded) - 4)), "not even a part is left"


def test_of_base64_with_a_secret_in_it_no_character_is_left() -> None:
    text = b"Authorization: Basic " + b64encode(b"user:s3cr3t-value")
    assert redactor("s3cr3t-value").data(text).data == b"Authorization: Basic [secret]"


def test_halves_that_a_removal_joins_are_taken_out_too() -> None:
    clean = redactor("s3cr3t").data(b"x " + b"s3cr3t" * 3 + b" y")
    assert clean.data == b"x [secret][secret][secret] y"


def test_where_the_end_of_a_secret_is_not_known_all_is_withheld() -> None:
    assert redactor("k3y-" * 1000).data(b"x " + b"k3y-" * 1000 + b" y").data is None


@pytest.mark.parametrize(("value", "count"), [("secret", 1), ("[secret]", 0)], ids=["a part", "all of it"])
def test_a_value_that_is_in_the_mark_shows_nothing_but_the_mark(value: str, count: int) -> None:
    assert redactor(value).data(b"x " + value.encode() + b" y") == (b"x [secret] y", count)


@given(st.text(min_size=6, max_size=40), st.binary(max_size=40), st.binary(max_size=40))
def test_any_value_is_taken_out_wherever_it_stands(value: str, before: bytes, after: bytes) -> None:
    value = value.strip()
    if len(value) < 6 or "\0" in value or value.lower() in MARK:
        return
    clean = redactor(value).data(before + value.encode() + b" " + encodebytes(value.encode()) + after)
    assert clean.data is None or value.encode() not in clean.data


def test_in_json_strings_keys_and_numbers_are_cleaned() -> None:
    value = {"a": ["x s3cr3t-1 y", {"s3cr3t-1": None}], "b": True, "n": 12345}
    assert redactor("s3cr3t-1").document(value) == ({"a": [f"x {MARK} y", {MARK: None}], "b": True, "n": 12345}, 2)
    assert redactor("1234567").document({"n": 1234567, "m": [-12345678.5]}) == ({"n": MARK, "m": [f"-{MARK}8.5"]}, 2)


def test_of_a_text_with_a_very_long_value_only_what_stands_before_it_is_shown() -> None:
    value = "k3y-" * 1000
    assert redactor(value).text(f"http://h/{value} y") == f"http://h/{MARK}"


def test_secrets_are_found_in_text_as_json_escapes_it() -> None:
    value = 'a"b\\c\'d"e'
    clean = redactor(value).data(json.dumps({"key": value}).encode())
    assert clean.data == b'{"key": "[secret]"}'


def test_known_tokens_are_taken_out_and_json_stays_json() -> None:
    token = "gh" + "p_" + "a1B2c3D4e5" * 3 + "f6G7h8"
    clean = redactor("s3cr3t-value").data(json.dumps({"a": f"one\n{token}", "b": 1}).encode())
    assert clean == (b'{"a": "one\\n[secret]", "b": 1}', 1)


def test_of_a_private_key_all_is_taken_out_up_to_its_end() -> None:
    key = "-----BEGIN RSA " + "PRIVATE KEY-----\nMIIE\n-----END RSA " + "PRIVATE KEY-----"
    assert redactor("s3cr3t-value").text(f"a\n{key}\nz") == f"a\n-----{MARK}\nz"
