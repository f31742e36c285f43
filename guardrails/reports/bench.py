"""A benchmark: what the runs of several profiles measured, brought together by stage and in all. Pure.

The first profile is what the others are held against. A figure that is not known of a run is left out of that run's
set and counted as unknown; a sum or mean over stages of which one is not known is not known.
"""

from __future__ import annotations

import random
import statistics
from collections.abc import Callable, Iterator, Sequence
from typing import Literal, NamedTuple

from guardrails.consensus.model import Kind
from guardrails.reports.figures import added, mean, median, percentile

# What two sets of measurements say of each other: medians, their spread, and how sure their difference is. Pure.
#
# The difference of two medians is given with a 95 % interval by the percentile bootstrap (Efron 1979): both sets are
# drawn from again and again with replacement, and the interval holds the middle 95 % of the differences that are seen.
# The draws are fixed by a seed, so the same measurements always give the same interval.


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


ALL = "all"
"""In place of a stage: a whole run, its stages together."""

Unit = Literal["ms", "tokens", "usd", "share"]


class Sample(NamedTuple):
    """One stage of one run under one profile. `run` counts from 1 within the profile."""

    profile: str
    run: int
    stage: str
    verdict: Kind
    latency_ms: float | None
    """time that was spent waiting for agents: of each wave of calls its slowest, retries included"""
    tokens: float | None
    usd: float | None
    usd_source: Literal["measured", "estimated", "unknown"]
    agreement: float | None
    participation: float | None
    acceptance: float | None
    """the share of the stage's acceptance criteria that hold; None when none was judged"""
    calls: int
    failed: int
    replayed: int
    """calls that a recording answered"""


class Metric(NamedTuple):
    """One thing that is compared. `together` makes one figure of a run out of those of its stages."""

    key: str
    label: str
    unit: Unit
    of: Callable[[Sample], float | None]
    together: Literal["sum", "mean"]


METRICS = (
    Metric("latency", "latency", "ms", lambda each: each.latency_ms, "sum"),
    Metric("tokens", "tokens", "tokens", lambda each: each.tokens, "sum"),
    Metric("cost", "cost", "usd", lambda each: each.usd, "sum"),
    Metric("agreement", "agreement", "share", lambda each: each.agreement, "mean"),
    Metric("participation", "participation", "share", lambda each: each.participation, "mean"),
    Metric("acceptance", "acceptance", "share", lambda each: each.acceptance, "mean"),
)


class Row(NamedTuple):
    """One metric of one stage: a spread for each profile, a difference for each but the first."""

    stage: str
    metric: str
    unit: Unit
    spreads: tuple[Spread, ...]
    differences: tuple[Difference, ...]


class Outcome(NamedTuple):
    """How the runs of one stage under one profile ended, and how much was asked for it."""

    stage: str
    profile: str
    ok: int
    degraded: int
    conflict: int
    undecided: int
    calls: int
    failed: int
    replayed: int


class Comparison(NamedTuple):
    """All that was found. `runs` are those each profile has finished, which may be fewer than were asked for."""

    profiles: tuple[str, ...]
    stages: tuple[str, ...]
    runs: tuple[int, ...]
    rows: tuple[Row, ...]
    outcomes: tuple[Outcome, ...]

    @property
    def replayed(self) -> bool:
        return any(each.replayed for each in self.outcomes)


def compare(samples: Sequence[Sample], profiles: Sequence[str], stages: Sequence[str]) -> Comparison:
    """The samples of the named profiles and stages, compared. A metric that nothing is known of is left out."""
    counted = tuple(_finished(samples, profile, stages) for profile in profiles)
    rows = tuple(_rows(samples, profiles, stages))
    known = {row.metric for row in rows if any(each.known for each in row.spreads)}
    return Comparison(
        tuple(profiles),
        tuple(stages),
        counted,
        tuple(row for row in rows if row.metric in known or row.metric != "acceptance"),
        tuple(_outcome(samples, stage, profile) for stage in stages for profile in profiles),
    )


def _finished(samples: Sequence[Sample], profile: str, stages: Sequence[str]) -> int:
    done = {(each.run, each.stage) for each in samples if each.profile == profile}
    return sum(all((run, stage) in done for stage in stages) for run in {run for run, _ in done})


def _rows(samples: Sequence[Sample], profiles: Sequence[str], stages: Sequence[str]) -> Iterator[Row]:
    for stage in (*stages, ALL):
        for metric in METRICS:
            sets = [_values(samples, profile, stage, stages, metric) for profile in profiles]
            yield Row(
                stage,
                metric.key,
                metric.unit,
                tuple(map(spread, sets)),
                tuple(difference(sets[0], other) for other in sets[1:]),
            )


def _values(
    samples: Sequence[Sample], profile: str, stage: str, stages: Sequence[str], metric: Metric
) -> list[float | None]:
    """The figure of each run, in order of the runs. A whole run counts once all of its stages are there."""
    ours = sorted((each for each in samples if each.profile == profile), key=lambda each: each.run)
    if stage != ALL:
        return [metric.of(each) for each in ours if each.stage == stage]
    made = []
    for run in dict.fromkeys(each.run for each in ours):
        parts = {each.stage: metric.of(each) for each in ours if each.run == run}
        if parts.keys() >= set(stages):
            made.append(_together([parts[name] for name in stages], metric))
    return made


def _together(parts: Sequence[float | None], metric: Metric) -> float | None:
    known = [part for part in parts if part is not None]
    if len(known) < len(parts):
        return None
    return added(known) if metric.together == "sum" else mean(known)


def _outcome(samples: Sequence[Sample], stage: str, profile: str) -> Outcome:
    ours = [each for each in samples if (each.stage, each.profile) == (stage, profile)]

    def ended(verdict: Kind) -> int:
        return sum(each.verdict == verdict for each in ours)

    return Outcome(
        stage,
        profile,
        ended("ok"),
        ended("degraded"),
        ended("conflict"),
        ended("undecided"),
        sum(each.calls for each in ours),
        sum(each.failed for each in ours),
        sum(each.replayed for each in ours),
    )
