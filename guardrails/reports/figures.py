"""The few figures that reports work out, each in one place, and how they are written. Unknown stays unknown."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Literal

from guardrails.core.cost import UNKNOWN, Cost, dollars, total
from guardrails.core.text import MEGABYTE
from guardrails.reports.model import CallRecord

Unit = Literal["ms", "tokens", "usd", "share", "percent", "number", "megabytes"]


def percentile(values: Iterable[float | None], share: float) -> float | None:
    """The nearest-rank percentile: the least value that at least `share` of the values do not exceed.

    Values that are unknown are left out; None when none is known. It is always one of the values, so a p95 of few
    values is their largest, and no number is made up between two.
    """
    known = sorted(value for value in values if value is not None)
    if not known:
        return None
    return known[max(0, math.ceil(share * len(known) - 1e-9) - 1)]


def median(values: Iterable[float | None]) -> float | None:
    """The middle value, or the mean of the two in the middle; None when none is known."""
    known = sorted(value for value in values if value is not None)
    if not known:
        return None
    half = len(known) // 2
    return known[half] if len(known) % 2 else (known[half - 1] + known[half]) / 2


def mean(values: Iterable[float | None]) -> float | None:
    """The mean of what is known; None when nothing is."""
    known = [value for value in values if value is not None]
    return math.fsum(known) / len(known) if known else None


def added(values: Iterable[float | None]) -> float | None:
    """The sum of what is known; None when nothing is, for the sum of nothing known is not 0."""
    known = [value for value in values if value is not None]
    return math.fsum(known) if known else None


def spent(calls: Sequence[CallRecord]) -> Cost:
    """What some calls cost together. No calls at all: nothing is known, for nobody recorded that there were none."""
    return total_of([call.cost for call in calls])


def total_of(costs: Sequence[Cost]) -> Cost:
    """The sum of costs that records tell of. Of none it is unknown: nobody recorded that there was nothing to pay."""
    return total(costs) if costs else Cost()


def duration(milliseconds: float | None) -> str:
    """A time in the unit that a person would say it in."""
    if milliseconds is None:
        return UNKNOWN
    if milliseconds < 1000:
        return f"{milliseconds:.0f} ms"
    seconds = milliseconds / 1000
    if seconds < 120:
        return f"{seconds:.1f} s"
    minutes = seconds / 60
    return f"{minutes:.1f} min" if minutes < 120 else age(minutes / 60)


def age(hours: float | None) -> str:
    """How long ago, in hours up to two days, then in days."""
    if hours is None:
        return UNKNOWN
    return f"{hours:.1f} h" if hours < 48 else f"{hours / 24:.1f} d"


def share(value: float | None) -> str:
    """A share between 0 and 1, to two decimals."""
    return UNKNOWN if value is None else f"{value:.2f}"


def count(value: float | None) -> str:
    """A whole number with thousands apart."""
    return UNKNOWN if value is None else f"{value:,.0f}"


def size(value: int | None) -> str:
    """Bytes as people read them."""
    if value is None:
        return UNKNOWN
    return f"{value / MEGABYTE:.2f} MB" if value >= MEGABYTE / 100 else f"{value:,} bytes"


def percent(value: float | None) -> str:
    """A share as hundredths."""
    return UNKNOWN if value is None else f"{value:.0%}"


def number(value: float | None) -> str:
    """A number, which may be a part of one."""
    return UNKNOWN if value is None else f"{value:,.4g}" if value != int(value) else f"{value:,.0f}"


def megabytes(value: float | None) -> str:
    """Megabytes, to the hundredth where there are few."""
    if value is None:
        return UNKNOWN
    return f"{value:.2f} MB" if 0 < value < 10 and value != int(value) else f"{value:.0f} MB"


_WRITTEN: dict[Unit, Callable[[float | None], str]] = {
    "ms": duration,
    "tokens": count,
    "usd": dollars,
    "share": share,
    "percent": percent,
    "number": number,
    "megabytes": megabytes,
}


def written(value: float | None, unit: Unit) -> str:
    """A value in its unit."""
    return _WRITTEN[unit](value)
