"""A chart as SVG that stands by itself in a page: no script, no style, no font of its own, nothing to fetch.

Its colours and its font come from the page, so that they follow the reader's theme. Each mark has a title, which
browsers show without any script.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape
from itertools import pairwise
from typing import NamedTuple

from guardrails.core.text import printable
from guardrails.reports.view import Chart

WIDTH, HEIGHT = 460, 250
_TOP, _BOTTOM, _RIGHT = 12, 30, 20
_GAP, _FONT = 4, 13
"""Pixels between two texts, and of a line, as the page's style has it."""
_BELOW, _BESIDE = 15, 24
"""Characters of a label below and beside the axis; the table has all of it."""
_FILLED, _THICKEST = 0.76, 64
"""How much of its place a bar fills, and the most pixels that it does."""


class Plot(NamedTuple):
    """Where a chart is drawn: a box in pixels, how many labels share one axis, and the end of the other. Values grow
    upwards, or to the right where it is `flat`."""

    left: float
    width: float
    height: float
    labels: int
    end: float
    flat: bool

    @property
    def place(self) -> float:
        """The pixels that each label has."""
        return (self.height if self.flat else self.width) / max(1, self.labels)

    def value(self, value: float) -> float:
        """Where a value lies on its axis."""
        part = min(1.0, max(0.0, value / self.end))
        return self.left + self.width * part if self.flat else _TOP + self.height * (1 - part)

    def middle(self, at: int) -> float:
        """The middle of the place of a label."""
        return (_TOP if self.flat else self.left) + self.place * (at + 0.5)


def draw(chart: Chart) -> str:
    """The chart as one `<svg>` element, hidden from screen readers: its text alternative stands beside it."""
    flat = chart.kind == "horizontal"
    height = 50 + 34 * max(2, len(chart.labels)) if flat else HEIGHT
    grain = _grain(chart)
    scale = [value * grain for value in ticks(_top(chart) / grain)]
    values = [(value, chart.written(value)) for value in scale]
    labels = [_cut(_short(printable(label)), _BESIDE if flat else _BELOW) for label in chart.labels]
    left = 3 * _GAP + max(map(_width, labels if flat else [text for _, text in values]), default=0)
    plot = Plot(left, WIDTH - _RIGHT - left, height - _TOP - _BOTTOM, len(labels), scale[-1], flat)
    parts = (
        *_guides(plot, values),
        *_labels(plot, labels),
        *(_lines(plot, chart) if chart.kind == "line" else _bars(plot, chart)),
        *_targets(plot, chart),
    )
    box = f'viewBox="0 0 {WIDTH} {height}" aria-hidden="true" focusable="false"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {box}>{"".join(parts)}</svg>'


def _guides(plot: Plot, values: Sequence[tuple[float, str]]) -> Iterator[str]:
    """A line and a text for each value of the scale. Texts below the axis are left out where they would collide."""
    widest = max(_width(text) for _, text in values) + _GAP
    every = math.ceil(widest / (plot.width / (len(values) - 1))) if plot.flat else 1
    for number, (value, text) in enumerate(values):
        yield _across(plot, value, "guide") + "/>"
        if number % every == 0:
            yield (
                _text_below(plot, plot.value(value), text) if plot.flat else _text_beside(plot, plot.value(value), text)
            )


def _labels(plot: Plot, labels: Sequence[str]) -> Iterator[str]:
    every = 1 if plot.flat else _every(labels, plot.place)
    for at, label in enumerate(labels):
        if (len(labels) - 1 - at) % every == 0:
            where = plot.middle(at)
            yield _text_beside(plot, where, label) if plot.flat else _text_below(plot, where, label)


def _every(labels: Sequence[str], place: float) -> int:
    """The least step at which no label runs into the next: each has its middle below its mark."""
    for step in range(1, len(labels)):
        kept = [_width(label) for label in labels[::-step]]
        if all((one + other) / 2 + _GAP <= step * place for one, other in pairwise(kept)):
            return step
    return max(1, len(labels))


def _text_below(plot: Plot, x: float, text: str) -> str:
    half = _width(text) / 2  # no text is cut off by the edge of the drawing
    inside = min(max(x, half), WIDTH - half)
    return _text(inside, _TOP + plot.height + 1.5 * _GAP + _FONT, "middle", text)


def _text_beside(plot: Plot, y: float, text: str) -> str:
    return _text(plot.left - 1.5 * _GAP, y + _FONT / 3, "end", text)


def _text(x: float, y: float, anchor: str, text: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _bars(plot: Plot, chart: Chart) -> Iterator[str]:
    """Bars side by side, or on top of each other where they are stacked."""
    beside = 1 if chart.kind == "stacked" else len(chart.series)
    thick = min(_FILLED * plot.place / beside, _THICKEST)
    for at in range(len(chart.labels)):
        bottom = 0.0
        for number, series in enumerate(chart.series):
            value = series.values[at]
            if value is None:
                continue
            offset = 0 if chart.kind == "stacked" else number
            first = plot.middle(at) + thick * (offset - beside / 2)
            yield _bar(plot, first, thick, bottom, bottom + value, number) + _title(chart, number, at) + "</rect>"
            bottom += value if chart.kind == "stacked" else 0.0


def _bar(plot: Plot, first: float, thick: float, low: float, high: float, number: int) -> str:
    near, far = sorted((plot.value(low), plot.value(high)))
    x, y, width, height = (near, first, far - near, thick) if plot.flat else (first, near, thick, far - near)
    box = f'x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"'
    return f'<rect class="bar color-{number}" {box}>'


def _lines(plot: Plot, chart: Chart) -> Iterator[str]:
    """A line through what is known, with a gap where something is not, and a dot for each value."""
    for number, series in enumerate(chart.series):
        points = [
            None if value is None else (plot.middle(at), plot.value(value)) for at, value in enumerate(series.values)
        ]
        path = "".join(
            f"{'L' if at and points[at - 1] else 'M'}{point[0]:.1f} {point[1]:.1f}"
            for at, point in enumerate(points)
            if point
        )
        yield f'<path class="line color-{number}" d="{path}"/>'
        for at, point in enumerate(points):
            if point:
                dot = f'<circle class="dot color-{number}" cx="{point[0]:.1f}" cy="{point[1]:.1f}" r="3.5">'
                yield f"{dot}{_title(chart, number, at)}</circle>"


def _title(chart: Chart, number: int, at: int) -> str:
    """What a mark is: `cheap, 2026-W05: 3`."""
    series = chart.series[number]
    told = f"{series.name}, {chart.labels[at]}: {chart.written(series.values[at])}"
    return f"<title>{escape(printable(told))}</title>"


def _targets(plot: Plot, chart: Chart) -> Iterator[str]:
    """A dashed line for each target."""
    for target in chart.targets:
        told = printable(f"{target.name}: {chart.written(target.value)}")
        yield f"{_across(plot, target.value, 'target')}><title>{escape(told)}</title></line>"


def _across(plot: Plot, value: float, kind: str) -> str:
    """The beginning of a line across the drawing at a value."""
    at = plot.value(value)
    x1, x2 = (at, at) if plot.flat else (plot.left, plot.left + plot.width)
    y1, y2 = (_TOP, _TOP + plot.height) if plot.flat else (at, at)
    return f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'


def _grain(chart: Chart) -> float:
    """What the scale is counted in: whole seconds or minutes of milliseconds, where it reaches that far."""
    if chart.unit != "ms":
        return 1.0
    most = max((value for each in chart.series for value in each.values if value is not None), default=0.0)
    return 60_000.0 if most > 120_000 else 1000.0 if most > 1000 else 1.0


def _top(chart: Chart) -> float:
    """The end of the scale: a little above all that is drawn, unless it is fixed."""
    if chart.most is not None:
        return chart.most
    columns = zip(*(each.values for each in chart.series), strict=True)
    tops = [
        math.fsum(known) if chart.kind == "stacked" else max(known)
        for row in columns
        if (known := [value for value in row if value is not None])
    ]
    return max((*tops, *(target.value for target in chart.targets)), default=1.0) * 1.02


def ticks(most: float, steps: int = 4) -> list[float]:
    """Round numbers from 0 to at least `most`, about `steps` of them."""
    if most <= 0:
        return [0.0, 1.0]
    raw = most / steps
    size = 10.0 ** math.floor(math.log10(raw))
    step = next(size * factor for factor in (1, 2, 2.5, 5, 10) if size * factor >= raw * (1 - 1e-9))
    return [round(step * number, 10) for number in range(math.ceil(most / step - 1e-9) + 1)]


def _width(text: str) -> float:
    """About how many pixels a text has in the page's font."""
    return sum(8.5 if character.isupper() or character.isdigit() else 7.0 for character in text)


def _cut(label: str, most: int) -> str:
    return label if len(label) <= most else label[: most - 1] + "…"


def _short(label: str) -> str:
    """A week without its year: that stands in the table, and in the sentence beside the chart."""
    return label[5:] if label[4:6] == "-W" else label
