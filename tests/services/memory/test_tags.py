from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardrails.config import STAGES
from guardrails.errors import GuardrailError
from guardrails.services.memory import known, mark, parse, require
from tests.services.memory.makers import LAYOUT


class TestOneForm:
    @pytest.mark.parametrize(
        ("given", "kept"),
        [
            pytest.param("spec:SPEC-KIT-900", "spec:SPEC-KIT-900", id="as it is"),
            pytest.param("spec:SPEC-KIT-900-generic-smoke", "spec:SPEC-KIT-900", id="a SPEC with its slug"),
            pytest.param("stage:spec-plan", "stage:plan", id="a stage as commands name it"),
            pytest.param("agent:GPT-Pro", "agent:gpt_pro", id="an agent in another spelling"),
            pytest.param("type:audit", "type:audit", id="a type"),
            pytest.param("topic:größe", "topic:größe", id="letters of any script"),
            pytest.param("topic:gro\u0308ße", "topic:größe", id="letters in parts"),
            pytest.param("at:12:30", "at:12:30", id="a colon in the value"),
            pytest.param(" type:audit ", "type:audit", id="blanks around it"),
        ],
    )
    def test_a_tag_is_kept_and_searched_in_one_form(self, given: str, kept: str) -> None:
        assert require(given, LAYOUT) == kept
        assert parse(given.strip(), LAYOUT) == kept

    def test_a_tag_without_a_key_gets_one(self) -> None:
        assert require("urgent", LAYOUT) == "tag:urgent"
        assert parse("urgent", LAYOUT) is None

    def test_a_longer_spec_is_another(self) -> None:
        assert parse("spec:SPEC-KIT-9001", LAYOUT) != parse("spec:SPEC-KIT-900", LAYOUT)


class TestRefused:
    @pytest.mark.parametrize(
        "text",
        [
            *("", " ", ":", "a:", ":b", "a b", "a: b", 'a:"b"', "A:b", "a:-b", "http://x", "a::b", "a:b\nc"),
            *("a:b\x1b[0m", "a:b\0", "a:\u202eb", "a:b\u200b", "x" * 300, "a:" + "x" * 300, "k" * 40 + ":v"),
        ],
    )
    def test_what_is_no_tag(self, text: str) -> None:
        with pytest.raises(GuardrailError):
            require(text, LAYOUT)

    @pytest.mark.parametrize(
        ("text", "says"), [("spec:kit", "not a SPEC id"), ("stage:deploy", "no stage"), ("importance:8", "importance")]
    )
    def test_what_names_nothing_that_is(self, text: str, says: str) -> None:
        with pytest.raises(GuardrailError, match=says):
            require(text, LAYOUT)


@pytest.mark.parametrize("value", [None, 3, [], "", "two words", "${stage}", "a\nb", "\x1b[0m"])
def test_a_record_that_says_no_name_has_no_tag(value: object) -> None:
    assert known("session", value, LAYOUT) is None


@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_is_a_tag(stage: str) -> None:
    assert require(f"stage:{stage}", LAYOUT) == f"stage:{stage}"


@given(st.text(max_size=60))
def test_nothing_breaks_it_and_one_form_stays_as_it_is(text: str) -> None:
    tag = parse(text, LAYOUT)
    if tag is not None:
        assert parse(tag, LAYOUT) == tag
        assert not any(map(str.isspace, tag))


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
def test_a_mark_is_one_plain_word_and_stands_for_one_tag(tag: str) -> None:
    assert mark(tag).isalnum()
    assert mark(tag) == mark(tag).lower()
    assert bytes.fromhex(mark(tag)[1:]).decode() == tag
