"""A chart as SVG that stands by itself in a page: no script, no style, no font of its own, nothing to fetch.

pygal draws it. What it adds for its script is taken out, its colours come from the page (so that they follow the
reader's theme), and each mark gets the title that its script would have shown.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

from guardrails.core.text import printable
from guardrails.errors import Undecidable
from guardrails.reports.view import Chart


def ticks(most: float, steps: int = 4) -> list[float]:
    """Round numbers from 0 to at least `most`, about `steps` of them."""
    if most <= 0:
        return [0.0, 1.0]
    raw = most / steps
    size = 10.0 ** len(str(int(raw))) / 10 if raw >= 1 else _small(raw)
    step = next(size * factor for factor in (1, 2, 2.5, 5, 10) if size * factor >= raw - 1e-12)
    count = 1
    while step * count < most - 1e-9:
        count += 1
    return [round(step * number, 10) for number in range(count + 1)]


def _small(raw: float) -> float:
    size = 1.0
    while size > raw and size > 1e-9:
        size /= 10
    return size


WIDTH, HEIGHT = 460, 250
FONT = 13
"""Pixels, as the page's style has it: margins are made for labels of this size."""
_LABEL, _BESIDE = 15, 24
"""Characters of a label below and beside the axis; the table has all of it."""
_ROOM, _WIDE, _GAP = 400, 7, 3
"""Pixels below an axis, of a character there, and between two labels: of more labels than fit every second or third is
written."""


def draw(chart: Chart) -> str:
    """The chart as one `<svg>` element, hidden from screen readers: its text alternative stands beside it.

    Raises Undecidable when the library for it is missing.
    """
    return _draw(_shown(chart))


def _draw(chart: Chart) -> str:
    try:
        import pygal
        from pygal.etree import etree
    except ImportError as error:
        raise Undecidable(
            "charts cannot be drawn: pygal cannot be imported", "pip install 'speckit-guardrails[auto]'"
        ) from error
    kinds = {"bar": pygal.Bar, "stacked": pygal.StackedBar, "line": pygal.Line, "horizontal": pygal.HorizontalBar}
    flat = chart.kind == "horizontal"
    if flat:  # it is drawn from below
        turned = tuple(each._replace(values=each.values[::-1]) for each in chart.series)
        chart = chart._replace(labels=chart.labels[::-1], series=turned)
    grain = _grain(chart)
    scale = [value * grain for value in ticks(_top(chart) / grain)]
    made = kinds[chart.kind](
        width=WIDTH,
        height=50 + 34 * max(2, len(chart.labels)) if flat else HEIGHT,
        style=pygal.style.Style(label_font_size=FONT, major_label_font_size=FONT),
        css=[],
        js=[],
        show_legend=False,
        truncate_label=-1,
        margin=6,
        margin_left=6 + max(map(len, chart.labels)) if flat else 6,
        margin_right=34 if chart.kind == "line" else 18,
        spacing=6,
        range=(0, scale[-1]),
        zero=0,
        x_labels=[_label(chart, at) for at in range(len(chart.labels))],
        y_labels=[{"value": value, "label": chart.written(value)} for value in scale],
        dots_size=3.5,
    )
    for series in chart.series:
        named = zip(series.values, chart.labels, strict=True)
        made.add(series.name, [None if value is None else {"value": value, "label": label} for value, label in named])
    tree = made.render_tree()
    _clean(tree)
    _target_lines(etree, tree, chart, scale[-1])
    _titles(etree, tree, chart)
    tree.set("aria-hidden", "true")
    tree.set("focusable", "false")
    del tree.attrib["id"]
    return str(etree.tostring(tree).decode("utf-8"))


def _shown(chart: Chart) -> Chart:
    """Its names as a reader may see them: XML cannot hold what a terminal would obey."""
    return chart._replace(
        labels=tuple(map(printable, chart.labels)),
        series=tuple(each._replace(name=printable(each.name)) for each in chart.series),
        targets=tuple(each._replace(name=printable(each.name)) for each in chart.targets),
    )


def _grain(chart: Chart) -> float:
    """What the scale is counted in: whole seconds or minutes of milliseconds, where it reaches that far."""
    if chart.unit != "ms":
        return 1.0
    most = max((value for each in chart.series for value in each.values if value is not None), default=0.0)
    return 60_000.0 if most > 120_000 else 1000.0 if most > 1000 else 1.0


def _top(chart: Chart) -> float:
    if chart.most is not None:
        return chart.most
    columns = zip(*(each.values for each in chart.series), strict=True)
    stacked = chart.kind == "stacked"
    tops = [
        math.fsum(known) if stacked else max(known) for row in columns if (known := [v for v in row if v is not None])
    ]
    return max((*tops, *(target.value for target in chart.targets)), default=1.0) * 1.02


def _label(chart: Chart, at: int) -> str:
    shown = [_short(label) for label in chart.labels]
    every = 1 if chart.kind == "horizontal" else _every(shown)
    if (len(shown) - 1 - at) % every:
        return ""
    label = shown[at]
    most = _BESIDE if chart.kind == "horizontal" else _LABEL
    return label if len(label) <= most else label[: most - 1] + "…"


def _every(labels: Sequence[str]) -> int:
    """The least step at which no label runs into the next: each has its middle below its mark."""
    for step in range(1, len(labels)):
        kept = [min(len(label), _LABEL) for label in labels[::-step]]
        if all((one + other) / 2 * _WIDE + _GAP <= step * _ROOM / len(labels) for one, other in pairwise(kept)):
            return step
    return max(1, len(labels))


def _short(label: str) -> str:
    """A week without its year: that stands in the table, and in the sentence beside the chart."""
    return label[5:] if label[4:6] == "-W" else label


def _clean(tree: Any) -> None:
    """Out with scripts, styles, comments and what only its script would fill."""
    for parent in list(tree.iter()):
        for child in list(parent):
            name = child.tag if isinstance(child.tag, str) else "comment"
            own_title = name == "title" and "bar" not in parent.get("class", "")
            if (
                name in ("defs", "script", "style", "comment")
                or own_title
                or "tooltip" in child.get("class", "").split()
            ):
                parent.remove(child)
    for element in tree.iter():
        element.attrib.pop("style", None)


def _titles(etree: Any, tree: Any, chart: Chart) -> None:
    """Each mark says what it is: `cheap, 2026-W05: 3 runs`. Browsers show that without any script."""
    for series in [each for each in tree.iter("g") if "series" in each.get("class", "").split()]:
        number = next(int(word[6:]) for word in series.get("class").split() if word.startswith("serie-"))
        for mark in [each for each in series.iter("g") if each.get("class") in ("bar", "dots")]:
            told = {part.get("class"): part.text or "" for part in mark.iter("desc")}
            for part in list(mark.iter("desc")):
                mark.remove(part)
            title = etree.SubElement(mark, "title")
            where = told.get("label", "")
            title.text = (
                f"{chart.series[number].name}{', ' + where if where else ''}: {_value(chart, told.get('value', ''))}"
            )


def _value(chart: Chart, text: str) -> str:
    try:
        return chart.written(float(text))
    except ValueError:
        return text


def _target_lines(etree: Any, tree: Any, chart: Chart, end: float) -> None:
    """A dashed line for each target, where the scale has its value."""
    axis = "x" if chart.kind == "horizontal" else "y"
    plot = next(each for each in tree.iter("g") if each.get("class") == "plot")
    places = list(_scale(plot, axis))
    if len(places) < 2:
        return
    first, last = places[0], places[-1]
    ground = next(each for each in plot if each.tag == "rect")
    width, height = ground.get("width"), ground.get("height")
    for target in chart.targets:
        at = f"{first + (last - first) * min(1.0, target.value / end):.2f}"
        ends = (
            {"x1": at, "x2": at, "y1": "0", "y2": height}
            if axis == "x"
            else {"x1": "0", "x2": width, "y1": at, "y2": at}
        )
        line = etree.SubElement(plot, "line", {"class": "target", **ends})
        etree.SubElement(line, "title").text = f"{target.name}: {chart.written(target.value)}"


def _scale(plot: Any, axis: str) -> Iterator[float]:
    """Where the guides of the value axis lie, from 0 on."""
    group = next(
        each for each in plot if axis in each.get("class", "").split() and "axis" in each.get("class", "").split()
    )
    for guide in group:
        path = next((each.get("d") for each in guide if each.tag == "path"), None)
        if path:
            x, y = path[1:].split(" ")[:2]
            yield float(x if axis == "x" else y)
