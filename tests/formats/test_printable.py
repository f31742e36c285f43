from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardrails.core import printable, utf8

KEPT = [
    pytest.param("plain ASCII ~!@#$%^&*()", id="plain ASCII"),
    pytest.param("naïve Ελληνικά кириллица", id="letters of other scripts"),
    pytest.param("漢字かな　한글", id="East Asian text with its wide space"),
    pytest.param("עברית عربى हिन्दी ไทย", id="right-to-left letters and combining marks"),
    pytest.param("🙂 ⚠\ufe0f", id="an emoji and its variation selector"),
    pytest.param("a\u00a0b", id="a no-break space"),
    pytest.param("C:\\dir\\new", id="backslashes"),
    pytest.param("", id="nothing"),
]


@pytest.mark.parametrize("text", KEPT)
def test_ordinary_text_is_kept(text: str) -> None:
    assert printable(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("a\nb\r\tc", r"a\nb\r\tc", id="line ends and tabs"),
        pytest.param("\x1b[31mred", r"\x1b[31mred", id="an escape sequence"),
        pytest.param("\x00\x07\x08\x7f", r"\x00\x07\x08\x7f", id="C0 controls and DEL"),
        pytest.param("\x85\x9b31m", r"\x85\x9b31m", id="C1 controls"),
        pytest.param("\u202ea\u2066b\u2069\u200f\u061c", r"\u202ea\u2066b\u2069\u200f\u061c", id="bidi controls"),
        pytest.param("a\u200bb\u200d\u2060\ufeff\u00ad", r"a\u200bb\u200d\u2060\ufeff\xad", id="zero-width characters"),
        pytest.param("\u2028\u2029", r"\u2028\u2029", id="line and paragraph separators"),
        pytest.param("\u3164\u115f\uffa0", r"\u3164\u115f\uffa0", id="fillers that look like nothing"),
        pytest.param("x\U000e0041\U000e0100", r"x\U000e0041\U000e0100", id="tags and hidden variation selectors"),
        pytest.param("a\udc80\udcff", r"a\x80\xff", id="bytes that are not UTF-8"),
        pytest.param("\ud800\udfff", r"\ud800\udfff", id="other lone surrogates"),
        pytest.param("\ufffe\uffff", r"\ufffe\uffff", id="noncharacters XML cannot hold"),
    ],
)
def test_what_would_disturb_a_terminal_is_escaped(text: str, shown: str) -> None:
    assert printable(text) == shown


@given(st.text(st.characters()))
def test_whatever_comes_in_what_goes_out_is_one_harmless_line(text: str) -> None:
    shown = printable(text)
    assert not {unicodedata.category(character) for character in shown} & {"Cc", "Cs", "Zl", "Zp"}
    assert not set("\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff") & set(shown)
    assert printable(shown) == shown
    shown.encode("utf-8")


@given(st.text(st.characters()))
def test_utf8_changes_lone_surrogates_only(text: str) -> None:
    made = utf8(text)
    made.encode("utf-8")
    if not any(unicodedata.category(character) == "Cs" for character in text):
        assert made == text


def test_utf8_keeps_controls_and_shows_bytes() -> None:
    assert utf8("\x1b\n\u202e\udc80") == "\x1b\n\u202e\\x80"
