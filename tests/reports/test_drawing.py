"""Charts: what is drawn, and out of names that nobody should have given."""

from __future__ import annotations

import pytest
from lxml import etree

from guardrails.reports import Chart, Series, Target, chart
from guardrails.reports.formats import draw

KINDS = ("bar", "stacked", "line", "horizontal")


def drawn(made: Chart) -> etree._Element:
    return etree.fromstring(draw(made))


def marks(tree: etree._Element, kind: str) -> list[etree._Element]:
    return [each for each in tree.iter("{*}rect", "{*}circle", "{*}line") if kind in each.get("class", "").split()]


@pytest.mark.parametrize("kind", KINDS)
def test_a_name_with_control_characters_is_drawn_and_harmless(kind: str) -> None:
    name = "<b>\x1b[31m\x00\ud800"
    made = chart("c", "A chart", kind, (name, "b"), [Series(name, (1.0, 2.0))], "tokens", [Target(name, 1.0)])  # type: ignore[arg-type]
    found = draw(made)
    assert "\x1b" not in found
    assert "<b>" not in found
    assert "&lt;b&gt;" in found
    etree.fromstring(found)


@pytest.mark.parametrize("kind", KINDS)
def test_each_known_value_has_a_mark_that_says_what_it_is(kind: str) -> None:
    series = [Series("a", (1.0, None, 3.0)), Series("b", (None, 2.0, None))]
    tree = drawn(chart("c", "A chart", kind, ("x", "y", "z"), series, "usd"))  # type: ignore[arg-type]
    found = [mark[0].text for mark in marks(tree, "dot" if kind == "line" else "bar")]
    assert sorted(found) == ["a, x: $1.00", "a, z: $3.00", "b, y: $2.00"]


def test_bars_are_as_long_as_their_values_and_stacked_ones_stand_on_each_other() -> None:
    series = [Series("a", (1.0, 2.0)), Series("b", (1.0, 0.5))]
    one, other, two, half = marks(drawn(chart("c", "", "stacked", ("x", "y"), series, "number")), "bar")
    height = float(one.get("height"))
    assert float(other.get("height")) == pytest.approx(height, abs=0.2)
    assert float(two.get("height")) == pytest.approx(2 * height, abs=0.2)
    assert float(half.get("height")) == pytest.approx(height / 2, abs=0.2)
    assert float(other.get("y")) + float(other.get("height")) == pytest.approx(float(one.get("y")), abs=0.2)


def test_a_line_is_broken_where_a_value_is_not_known() -> None:
    series = [Series("a", (1.0, 2.0, None, 3.0, 4.0))]
    tree = drawn(chart("c", "", "line", tuple("vwxyz"), series, "number"))
    (path,) = tree.iter("{*}path")
    assert [part for part in path.get("d") if part.isalpha()] == ["M", "L", "M", "L"]


@pytest.mark.parametrize(("kind", "axis"), [("bar", "y"), ("horizontal", "x")])
def test_a_target_lies_where_a_bar_of_its_value_ends(kind: str, axis: str) -> None:
    made = chart("c", "", kind, ("x",), [Series("a", (3.0,))], "number", [Target("target", 3.0)])  # type: ignore[arg-type]
    tree = drawn(made)
    (bar,), (target,) = marks(tree, "bar"), marks(tree, "target")
    end = float(bar.get("y")) if axis == "y" else float(bar.get("x")) + float(bar.get("width"))
    assert float(target.get(f"{axis}1")) == float(target.get(f"{axis}2")) == pytest.approx(end, abs=0.2)


@pytest.mark.parametrize("kind", KINDS)
def test_every_mark_and_text_is_inside_the_drawing(kind: str) -> None:
    labels = tuple(f"SPEC-KIT-{number}-with-a-long-name" for number in range(14))
    made = chart("c", "", kind, labels, [Series("a", tuple(float(n * 1000) for n in range(14)))], "usd")  # type: ignore[arg-type]
    tree = drawn(made)
    _, _, width, height = map(float, tree.get("viewBox").split())
    for each in tree.iter("{*}text", "{*}rect"):
        assert 0 <= float(each.get("x")) <= width
        assert 0 <= float(each.get("y")) <= height


@pytest.mark.parametrize("kind", KINDS)
def test_a_chart_of_zeros_can_be_drawn(kind: str) -> None:
    assert draw(chart("c", "", kind, ("x",), [Series("a", (0.0,))], "share")).startswith("<svg")  # type: ignore[arg-type]
