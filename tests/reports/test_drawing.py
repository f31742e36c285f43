"""Charts out of names that nobody should have given."""

from __future__ import annotations

import pytest

from guardrails.reports.formats.svg import draw
from guardrails.reports.view import Series, Target, chart


@pytest.mark.parametrize("kind", ["bar", "stacked", "line", "horizontal"])
def test_a_name_with_control_characters_is_drawn_and_harmless(kind: str) -> None:
    name = "<b>\x1b[31m\x00\ud800"
    made = chart("c", "A chart", kind, (name, "b"), [Series(name, (1.0, 2.0))], "tokens", [Target(name, 1.0)])  # type: ignore[arg-type]
    drawn = draw(made)
    assert "\x1b" not in drawn
    assert "<b>" not in drawn
    assert "&lt;b&gt;" in drawn
