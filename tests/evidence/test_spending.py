"""What a call costs and what calls cost together: exact to the cent, and unknown never 0."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardrails.agents import Usage
from guardrails.config import Agent, Budget, Price
from guardrails.core import Cost, total
from guardrails.evidence import EXPECTED_OUTPUT, FREE, Spent, cost, estimate, spent, tokens_in

PRICES = Budget(prices=(Price("m", 3.0, 15.0), Price("local", 0.0, 0.0)))


def call(usage: Usage | None = None, model: str | None = "m", **more: object) -> Spent:
    return spent(usage, model, "p" * 4000, "a" * 400, PRICES, **more)  # type: ignore[arg-type]


def test_what_the_tool_says_is_measured() -> None:
    assert call(Usage(10, 20, 0.0438)) == Spent(0.0438, 10, 20, "measured", "measured")


def test_tokens_the_tool_says_are_priced_and_the_price_is_an_estimate() -> None:
    assert call(Usage(1000, 100)) == Spent(0.0045, 1000, 100, "estimated", "measured")


def test_tokens_nobody_says_are_estimated_from_bytes() -> None:
    assert call() == Spent(0.0045, 1000, 100, "estimated", "estimated")
    assert call(Usage(input_tokens=8)).tokens_source == "estimated"
    assert (tokens_in(""), tokens_in("abcde"), tokens_in("é" * 4), tokens_in("\ud800")) == (0, 2, 2, 2)


def test_a_model_without_a_price_costs_nobody_knows_what() -> None:
    assert call(Usage(10, 20), model="other") == Spent(None, 10, 20, "unknown", "measured")
    assert call(model=None).usd is None


def test_no_tokens_are_a_number_and_not_a_missing_one() -> None:
    assert call(Usage(0, 0, 0.5)) == Spent(0.5, 0, 0, "measured", "measured")


def test_the_price_of_the_model_that_was_asked_for_holds_where_the_answering_one_has_none() -> None:
    assert call(Usage(1000, 100), model="m-20260101", asked="m").usd == 0.0045


@pytest.mark.parametrize("usd", [float("nan"), float("inf"), -1.0])
def test_an_amount_that_is_none_is_not_believed(usd: float) -> None:
    assert call(Usage(1000, 100, usd)).usd == 0.0045


def test_what_is_free_is_known_to_be() -> None:
    assert call(Usage(10, 20), model="local") == Spent(0.0, 10, 20, "measured", "measured")
    assert call(Usage(10, 20, 0.7), replayed=True) == Spent(0.0, 10, 20, "measured", "measured")
    assert (FREE.usd, FREE.tokens) == (0.0, 0)


def test_a_call_is_estimated_before_it_is_made() -> None:
    asked = Agent("claude", ("claude",), model="m")
    assert estimate(asked, "p" * 4000, PRICES).usd == pytest.approx((3 * 1000 + 15 * EXPECTED_OUTPUT) / 1e6)
    assert estimate(asked._replace(model="other"), "p", PRICES).usd is None
    assert estimate(asked._replace(model=None), "p", PRICES).usd is None
    assert estimate(Agent("claude", replay="recorded"), "p", PRICES).usd == 0.0


def test_the_cost_of_calls_says_how_much_of_it_is_known() -> None:
    known, unknown = call(Usage(1, 2, 0.1)), call(Usage(1, 2), model=None)
    assert total([known.cost, known.cost]) == Cost(200_000, 6, "measured", 2, 2)
    assert total([known.cost, call(Usage(1000, 100)).cost]).source == "estimated"
    assert total([known.cost, unknown.cost]) == Cost(100_000, 6, "measured", 2, 1, partial=True)
    assert total([unknown.cost]) == Cost(None, 3, "unknown", 1, 0)
    assert total([FREE.cost, unknown.cost]) == Cost(None, 3, "unknown", 2, 1), "a lower bound of nothing says nothing"
    assert total([FREE.cost, FREE.cost]) == Cost(0, 0, "measured", 2, 2)
    assert total([]) == Cost(0, 0, "measured", 0, 0)


def test_a_zero_that_was_computed_from_tokens_nobody_counted_is_unknown() -> None:
    assert spent(Usage(input_tokens=0), "m", "p", "", PRICES) == Spent(None, 0, 0, "unknown", "estimated")
    assert spent(Usage(0, 0), "m", "p", "", PRICES) == Spent(0.0, 0, 0, "measured", "measured")


@given(st.floats(0, 1e6), st.floats(0, 1e6), st.integers(0, 10**9), st.integers(0, 10**9))
def test_a_price_is_never_rounded_down(reading: float, writing: float, reads: int, writes: int) -> None:
    price = Price("m", reading, writing)
    exact = Fraction(str(reading)) * reads + Fraction(str(writing)) * writes
    assert exact <= cost(price, reads, writes) < exact + 1
