"""A finding is readable whatever it is about."""

from __future__ import annotations

import pytest

from guardrails.core import LONGEST_TEXT, Rule

RULE = Rule("TST001", "tested", "A rule.", "Why.", "an example", "Fix it.")


def test_texts_of_usual_length_stay_as_they_are() -> None:
    made = RULE.at("p" * LONGEST_TEXT, "m" * LONGEST_TEXT, hint="h" * LONGEST_TEXT, spec="s", stage=None)
    assert (made.path, made.message, made.hint) == ("p" * LONGEST_TEXT, "m" * LONGEST_TEXT, "h" * LONGEST_TEXT)
    assert (made.spec, made.stage) == ("s", None)


@pytest.mark.parametrize("name", ["path", "message", "hint", "spec", "stage"])
def test_a_text_without_end_is_cut(name: str) -> None:
    given = {"path": "a", "message": "b", name: "x" * 1_000_000}
    text = getattr(RULE.at(**given), name)
    assert text == "x" * LONGEST_TEXT + "... (1,000,000 characters)"


def test_texts_that_begin_the_same_stay_two_findings() -> None:
    assert RULE.at("a", "x" * 5_000) != RULE.at("a", "x" * 5_001)
