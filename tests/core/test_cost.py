"""Costs add up exactly, in any order and grouping; what is unknown never becomes zero; money is written in one way."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardrails.core import (
    NO_CALLS,
    Cost,
    CostSource,
    abbreviated,
    at_least,
    described,
    dollars,
    in_dollars,
    micros,
    total,
)

USD = st.none() | st.integers(0, 5_000_000).map(in_dollars)
TOKENS = st.none() | st.integers(0, 10**6)
SOURCES: st.SearchStrategy[CostSource] = st.sampled_from(["measured", "estimated", "unknown"])
COUNTS = st.none() | st.integers(0, 5)
CALLS = st.builds(Cost.of_call, USD, TOKENS, SOURCES)
STATED = st.builds(Cost.stated, USD, TOKENS, SOURCES, COUNTS, COUNTS, partial=st.booleans())
COSTS = CALLS | STATED | st.just(NO_CALLS) | st.lists(CALLS, max_size=4).map(total)


def is_sound(cost: Cost) -> bool:
    """Whether what the type promises holds."""
    return (
        (cost.source == "unknown") == (cost.micros is None)
        and (cost.micros != 0 or (cost.source == "measured" and not cost.partial))
        and (not cost.partial or bool(cost.micros))
        and (not cost.tokens_partial or cost.tokens is not None)
    )


def counted(cost: Cost) -> bool:
    """Whether it says of how many calls it is: costs of no calls are left out of sums, whatever they say of tokens."""
    return not cost.empty or cost == NO_CALLS


@given(COSTS, COSTS)
def test_every_cost_keeps_what_the_type_promises(one: Cost, other: Cost) -> None:
    assert is_sound(one)
    assert is_sound(one + other)


@given(COSTS, COSTS, COSTS)
def test_costs_add_up_to_the_same_in_any_grouping(one: Cost, two: Cost, three: Cost) -> None:
    assert (one + two) + three == one + (two + three)


@given(st.lists(COSTS.filter(counted), min_size=2, max_size=4))
def test_costs_add_up_to_the_same_in_any_order(costs: list[Cost]) -> None:
    assert len({total(order) for order in permutations(costs)}) == 1


@given(COSTS.filter(counted))
def test_no_calls_change_no_cost(cost: Cost) -> None:
    assert cost + NO_CALLS == NO_CALLS + cost == total([cost]) == cost


@given(st.lists(CALLS, min_size=1, max_size=40))
def test_a_sum_is_exact_and_the_unknown_never_becomes_zero(calls: list[Cost]) -> None:
    whole = total(calls)
    known = [Fraction(str(each.usd)) for each in calls if each.usd is not None]
    assert (whole.calls, whole.priced) == (len(calls), len(known))
    if len(known) == len(calls):
        assert whole.usd == float(sum(known))
        assert whole.total_micros == whole.micros
    else:
        assert whole.total_micros is None
        assert whole.usd == (float(sum(known)) or None)
        assert not described(whole).startswith("$0.00")


@given(st.lists(CALLS, min_size=1, max_size=10))
def test_the_weakest_source_is_kept(calls: list[Cost]) -> None:
    sources = {each.source for each in calls if each.micros is not None}
    found = total(calls)
    if found.micros:
        assert found.source == ("estimated" if "estimated" in sources else "measured")


@given(st.lists(CALLS, min_size=1, max_size=10))
def test_tokens_of_all_calls_are_unknown_where_those_of_one_are(calls: list[Cost]) -> None:
    found, tokens = total(calls), [each.tokens for each in calls]
    known = [each for each in tokens if each is not None]
    assert found.tokens == (sum(known) if known else None)
    assert found.total_tokens == (None if None in tokens else sum(known))


def test_a_tenth_of_a_cent_a_thousand_times_is_a_dollar() -> None:
    assert total([Cost.of_call(0.001, 1, "measured")] * 1000).usd == 1.0
    assert total([Cost.of_call(0.1, 1, "measured")] * 3).usd == 0.3


@pytest.mark.parametrize(
    ("cost", "usd"),
    [
        pytest.param(Cost.stated(0.0, 5, "measured", 2, 2), 0.0, id="measured"),
        pytest.param(Cost.stated(0.0, 5, "estimated", 0, 0), 0.0, id="of no calls"),
        pytest.param(Cost.stated(0.0, 5, "estimated", 2, 2), None, id="estimated"),
        pytest.param(Cost.stated(0.0), None, id="of no source"),
        pytest.param(Cost.stated(0.0, 5, "measured", 2, 1), None, id="a lower bound of zero"),
    ],
)
def test_a_zero_is_believed_where_it_was_measured_or_nobody_was_called(cost: Cost, usd: float | None) -> None:
    assert cost.usd == usd


@given(st.floats(min_value=0, max_value=1e9, allow_nan=False))
def test_what_cost_anything_stays_more_than_nothing(usd: float) -> None:
    assert (micros(usd) > 0) == (usd > 0)
    assert abs(micros(usd) - usd * 1e6) <= 1 + usd * 1e-9


@given(st.integers(0, 10**15))
def test_millionths_survive_being_written_as_dollars(millionths: int) -> None:
    assert micros(in_dollars(millionths)) == millionths


@pytest.mark.parametrize(
    ("usd", "text"),
    [
        (None, "unknown"),
        (0.0, "$0.00"),
        (0.000001, "$0.000001"),
        (0.00001, "$0.00001"),
        (0.0412, "$0.0412"),
        (0.041234, "$0.0412"),
        (0.05, "$0.05"),
        (0.09999999, "$0.10"),
        (0.1, "$0.10"),
        (1.2345, "$1.23"),
        (12.5, "$12.50"),
        (1234.5, "$1,234.50"),
    ],
)
def test_an_amount_is_written_so_that_little_is_not_nothing(usd: float | None, text: str) -> None:
    assert dollars(usd) == text


@given(st.integers(1, 10**12))
def test_no_amount_is_written_as_nothing(millionths: int) -> None:
    text = dollars(in_dollars(millionths))
    assert float(text.removeprefix("$").replace(",", "")) > 0
    assert math.isclose(float(text[1:].replace(",", "")), in_dollars(millionths), rel_tol=0.5, abs_tol=0.005)


LOWER_BOUND = Cost.stated(0.25, 10, "measured", 2, 1)
WRITTEN = {
    "measured": (Cost.stated(0.25, 10, "measured", 2, 2), "$0.25", "$0.25"),
    "estimated": (Cost.stated(0.25, 10, "estimated", 2, 2), "$0.25 (estimated)", "~$0.25"),
    "a lower bound": (LOWER_BOUND, "at least $0.25, 1 of 2 calls priced", ">=$0.25"),
    "unknown": (Cost(calls=2, priced=0), "unknown", "unknown"),
    "of replayed calls": (Cost.of_call(0.0, 10, "measured"), "$0.00", "$0.00"),
    "of no calls": (NO_CALLS, "$0.00, no call was made", "-"),
}


@pytest.mark.parametrize(("cost", "words", "short"), WRITTEN.values(), ids=WRITTEN)
def test_a_cost_says_how_it_is_known_and_whether_it_is_all(cost: Cost, words: str, short: str) -> None:
    assert (described(cost), abbreviated(cost)) == (words, short)
    assert at_least(LOWER_BOUND.usd, LOWER_BOUND.partial) == "at least $0.25"
