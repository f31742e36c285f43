"""Charts as values: what is drawn, in which unit, against which targets, and what it shows in words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

from guardrails.reports.numbers import UNKNOWN

Kind = Literal["bar", "stacked", "line", "horizontal"]
Palette = Literal["series", "verdicts"]


class Series(NamedTuple):
    """One thing that is shown for every label; None where it is not known."""

    name: str
    values: tuple[float | None, ...]


class Target(NamedTuple):
    """A line across the chart, dashed."""

    name: str
    value: float


class Chart(NamedTuple):
    """`alt` says in a sentence what a look at the chart would; `written` shows a value in its unit."""

    id: str
    title: str
    kind: Kind
    labels: tuple[str, ...]
    series: tuple[Series, ...]
    alt: str
    written: Callable[[float | None], str]
    targets: tuple[Target, ...] = ()
    palette: Palette = "series"
    most: float | None = None
    """the end of the scale, where it is fixed"""
    grain: float = 1.0
    """what the scale is counted in: 60,000 for minutes of milliseconds"""

    @property
    def known(self) -> bool:
        """Whether there is anything to draw."""
        return any(value is not None for each in self.series for value in each.values)

    @property
    def rows(self) -> list[tuple[str, ...]]:
        """The same as a table: a row for each label."""
        return [
            (label, *(self.written(each.values[at]) for each in self.series)) for at, label in enumerate(self.labels)
        ]


def told(series: Series, labels: Sequence[str], written: Callable[[float | None], str], last: bool = False) -> str:
    """A series in words: where it is lowest and highest, and with `last` what it came to at last."""
    known = [(value, label) for value, label in zip(series.values, labels, strict=True) if value is not None]
    if not known:
        return f"{series.name}: {UNKNOWN} throughout"
    least, most = min(known), max(known, key=lambda pair: pair[0])
    if least[0] == most[0]:
        where = known[0][1] if len(known) == 1 else "throughout"
        return f"{series.name}: {written(most[0])} {where if len(known) > 1 else f'({where})'}"
    reach = f"{written(least[0])} ({least[1]}) to {written(most[0])} ({most[1]})"
    return f"{series.name}: {reach}" + (f", at last {written(known[-1][0])}" if last else "")


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
