"""What a benchmark yields: rows of ours against theirs, each with the limit its ratio must keep."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

from benchmarks.measure import NotMeasuredError, Series

Outcome = Literal["ok", "over", "shown", "not measured"]
Pair = tuple[Series, Series]
"""Ours, theirs."""


class Limit(NamedTuple):
    """At most `bound` times the time (or memory) of theirs; or, with `throughput`, at least `bound` times as fast."""

    bound: float
    throughput: bool = False

    def holds(self, ratio: float) -> bool:
        return ratio >= self.bound if self.throughput else ratio <= self.bound

    def __str__(self) -> str:
        return f"{'>=' if self.throughput else '<='} {self.bound:g}"


class Claim(NamedTuple):
    """What a row is about. Without a limit it is only shown."""

    benchmark: str
    what: str
    against: str
    limit: Limit | None = None


class Row(NamedTuple):
    """One line of the table. `problem` says why nothing was measured; then there is no pair."""

    claim: Claim
    ours: Series | None = None
    theirs: Series | None = None
    problem: str | None = None

    @property
    def ratio(self) -> float | None:
        """Ours by theirs; theirs by ours where the limit is one of throughput."""
        if self.ours is None or self.theirs is None:
            return None
        limit = self.claim.limit
        above, below = (self.theirs, self.ours) if limit and limit.throughput else (self.ours, self.theirs)
        return above.median / below.median

    @property
    def outcome(self) -> Outcome:
        """`not measured` is never ok: a limit that nobody looked at does not hold."""
        if self.ratio is None:
            return "not measured"
        if self.claim.limit is None:
            return "shown"
        return "ok" if self.claim.limit.holds(self.ratio) else "over"


def rows(claims: Sequence[Claim], measure: Callable[[], Sequence[Pair]]) -> list[Row]:
    """One row for each claim from one measurement, which yields the pairs in the same order."""
    try:
        pairs = measure()
    except NotMeasuredError as error:
        return [Row(claim, problem=str(error)) for claim in claims]
    return [Row(claim, ours, theirs) for claim, (ours, theirs) in zip(claims, pairs, strict=True)]


def holds(made: Sequence[Row]) -> bool:
    """Whether every limit was measured and is kept."""
    return all(row.outcome in ("ok", "shown") for row in made)
