"""What two sets of measurements say of each other: medians, their spread, and how sure their difference is. Pure.

The difference of two medians is given with a 95 % interval by the percentile bootstrap (Efron 1979): both sets are
drawn from again and again with replacement, and the interval holds the middle 95 % of the differences that are seen.
The draws are fixed by a seed, so the same measurements always give the same interval.
"""

from __future__ import annotations

import random
import statistics
from collections.abc import Sequence
from typing import Literal, NamedTuple

from guardrails.reports.numbers import median, percentile

MINIMUM = 5
"""Known measurements of each side below which nothing is said: medians of fewer jump too far for the interval to hold
what it promises."""
RESAMPLES = 2000
SEED = 20260131
SHARE = 0.95

Finding = Literal["lower", "higher", "none", "too-few", "unknown"]
"""What the second set is to the first. `none`: the interval contains 0."""


class Spread(NamedTuple):
    """One set. `low` and `high` are its quartiles; they are None for fewer than two known values, as `median` is for
    none: what is not known is never 0."""

    runs: int
    known: int
    median: float | None
    low: float | None
    high: float | None


class Difference(NamedTuple):
    """The second median less the first, and the interval it lies in. None where it cannot be computed."""

    value: float | None
    low: float | None
    high: float | None
    finding: Finding


def spread(values: Sequence[float | None]) -> Spread:
    """The middle half of a set of measurements (quartiles of the inclusive method), and what is in the middle of it."""
    known = [value for value in values if value is not None]
    low = high = None
    if len(known) > 1:
        low, _, high = statistics.quantiles(known, n=4, method="inclusive")
    return Spread(len(values), len(known), median(known), low, high)


def difference(first: Sequence[float | None], second: Sequence[float | None]) -> Difference:
    """What the second set is to the first, and whether there are enough of both to tell."""
    ours = [value for value in first if value is not None]
    theirs = [value for value in second if value is not None]
    middle, other = median(ours), median(theirs)
    if middle is None or other is None:
        return Difference(None, None, None, "unknown")
    low, high = interval(ours, theirs)
    return Difference(other - middle, low, high, _finding(min(len(ours), len(theirs)), low, high))


def _finding(known: int, low: float, high: float) -> Finding:
    if known < MINIMUM:
        return "too-few"
    if low <= 0 <= high:
        return "none"
    return "higher" if low > 0 else "lower"


def interval(
    first: Sequence[float], second: Sequence[float], resamples: int = RESAMPLES, seed: int = SEED
) -> tuple[float, float]:
    """The interval that holds the middle 95 % of bootstrapped differences of medians. Neither set may be empty."""
    draw = random.Random(seed)  # noqa: S311  nobody must be unable to guess it: the same data give the same interval
    seen = []
    for _ in range(resamples):
        ours = draw.choices(first, k=len(first))
        theirs = draw.choices(second, k=len(second))
        seen.append(statistics.median(theirs) - statistics.median(ours))
    low, high = percentile(seen, (1 - SHARE) / 2), percentile(seen, (1 + SHARE) / 2)
    assert low is not None
    assert high is not None
    return low, high
