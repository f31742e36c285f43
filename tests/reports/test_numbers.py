"""Figures by themselves: what is known of nothing is unknown, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardrails.core import NO_CALLS, Cost, described, dollars
from guardrails.reports import CallRecord, figures


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [
        pytest.param(range(1, 21), 0.95, 19, id="19 of 20 values are at most 19"),
        pytest.param(range(1, 101), 0.95, 95, id="95 of 100 values are at most 95"),
        pytest.param((5, 1, 3), 0.95, 5, id="of few values it is the largest"),
        pytest.param((5, 1, 3), 0.50, 3, id="the middle of three"),
        pytest.param((4, None, 2), 0.50, 2, id="what is unknown is left out"),
        pytest.param((), 0.95, None, id="of nothing it is unknown"),
        pytest.param((None, None), 0.95, None, id="of unknown values it is unknown"),
    ],
)
def test_a_percentile_is_the_nearest_rank(values: Sequence[float | None], share: float, expected: float | None) -> None:
    assert figures.percentile(values, share) == expected


@given(st.lists(st.floats(0, 1e9), min_size=1), st.floats(0.01, 1))
def test_a_percentile_is_one_of_the_values_and_covers_its_share(values: list[float], share: float) -> None:
    found = figures.percentile(values, share)
    assert found in values
    assert sum(value <= found for value in values) >= share * len(values) - 1e-6


def test_the_sum_of_nothing_known_is_unknown_and_not_zero() -> None:
    assert figures.added([None, None]) is None
    assert figures.spent([]) == Cost()
    assert figures.spent([CallRecord("a"), CallRecord("b")]) == Cost(calls=2, priced=0)
    assert described(Cost()) == dollars(None) == figures.share(None) == "unknown"


def test_a_sum_with_a_part_unknown_is_the_least_it_was() -> None:
    found = figures.spent([CallRecord("a", usd=0.25, source="measured", tokens=10), CallRecord("b")])
    assert found == Cost(250_000, 10, "measured", 2, 1, partial=True, tokens_partial=True)
    assert described(found) == "at least $0.25, 1 of 2 calls priced"
    assert found.total_tokens is None
    whole = figures.total_of([found, Cost(1_000_000, 5, "estimated", 1, 1)])
    assert (whole.usd, whole.total_tokens, whole.source) == (1.25, None, "estimated")
    assert (whole.calls, whole.priced, whole.partial) == (3, 2, True)


def test_nothing_spent_on_no_calls_is_no_part_of_what_calls_cost() -> None:
    nobody, unpriced = NO_CALLS, Cost(calls=23, priced=0)
    assert figures.total_of([nobody, unpriced]) == unpriced
    assert figures.total_of([nobody, nobody]) == nobody
    assert described(nobody) == "$0.00, no call was made"


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.0, "$0.00"), (0.0412, "$0.0412"), (1234.5, "$1,234.50"), (0.1, "$0.10"), (None, "unknown")],
)
def test_small_amounts_are_not_shown_as_nothing(value: float | None, shown: str) -> None:
    assert dollars(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [(12, "12 ms"), (28400, "28.4 s"), (300000, "5.0 min"), (10_800_000, "3.0 h"), (None, "unknown")],
)
def test_times_are_shown_in_the_unit_one_would_say(value: float | None, shown: str) -> None:
    assert figures.duration(value) == shown
