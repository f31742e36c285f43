"""The budget: asked before each call, and never exceeded by what was expected."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardrails.config import Budget
from guardrails.core import micros, total
from guardrails.evidence import Allowed, BudgetRefusal, Estimate, Spent, allowance, tokens_warning, warning

CAP = Budget(usd=1.0)


def paid(usd: float | None) -> Spent:
    return Spent(usd, 100, 100, "unknown" if usd is None else "measured", "measured")


def ahead(usd: float | None, model: str | None = "m") -> Estimate:
    return Estimate("claude", model, usd, 100, 100)


def test_without_a_cap_everything_may() -> None:
    assert allowance(Budget(), [paid(None)], [ahead(0.5), ahead(0.25)]) == Allowed(0.75)
    assert allowance(Budget(), [], [ahead(None)]) == Allowed(None)


def test_a_cap_that_is_reached_to_the_cent_holds() -> None:
    assert allowance(CAP, [paid(0.1)] * 7, [ahead(0.1)] * 3) == Allowed(0.3)


def test_calls_at_the_same_time_are_weighed_together() -> None:
    refused = allowance(CAP, [paid(0.7)], [ahead(0.2), ahead(0.2)])
    assert isinstance(refused, BudgetRefusal)
    assert refused.kind == "over-budget"
    assert "expected to cost $0.40, and $0.70 of the budget of $1.00 is used" in refused.reason
    assert "budget.usd" in refused.hint


def test_a_budget_of_nothing_lets_only_free_calls_pass() -> None:
    assert allowance(Budget(usd=0.0), [], [ahead(0.0)]) == Allowed(0.0)
    assert isinstance(allowance(Budget(usd=0.0), [], [ahead(0.000001)]), BudgetRefusal)


@pytest.mark.parametrize(
    ("planned", "words"), [(ahead(None), "no price for m"), (ahead(None, model=None), "no model of claude")]
)
def test_under_a_cap_a_price_must_be_known(planned: Estimate, words: str) -> None:
    refused = allowance(CAP, [], [planned])
    assert isinstance(refused, BudgetRefusal)
    assert (refused.kind, words in refused.reason) == ("unknown-price", True)


def test_under_a_cap_what_was_spent_must_be_known() -> None:
    refused = allowance(CAP, [paid(None)], [ahead(0.1)])
    assert isinstance(refused, BudgetRefusal)
    assert refused.kind == "unknown-cost"


def test_where_it_is_allowed_the_reserve_stands_for_what_is_not_known() -> None:
    lax = Budget(usd=1.0, allow_unknown_prices=True, reserve_usd=0.3)
    assert allowance(lax, [paid(None)], [ahead(None), ahead(0.4)]) == Allowed(None)
    assert isinstance(allowance(lax, [paid(None)] * 3, [ahead(None)]), BudgetRefusal)
    assert allowance(lax._replace(reserve_usd=0.0), [paid(None)] * 3, [ahead(None)]) == Allowed(None)


@pytest.mark.parametrize(("used", "said"), [(0.79, None), (0.8, "80 %"), (0.89, "80 %"), (0.9, "90 %"), (1.2, "90 %")])
def test_a_warning_at_80_and_at_90_percent(used: float, said: str | None) -> None:
    text = warning(CAP, [paid(used)])
    assert (text is None) if said is None else (text is not None and text.startswith(said))


def test_the_warning_comes_with_the_allowance() -> None:
    allowed = allowance(CAP, [paid(0.85)], [ahead(0.05)])
    assert allowed == Allowed(0.05, ("80 % of the budget is used up: $0.85 of $1.00",))


def test_a_stage_that_uses_less_or_more_than_expected_is_said() -> None:
    budget = Budget(tokens_per_stage=(100, 300))
    assert tokens_warning(budget, "plan", [paid(0.1)]) is None
    assert "plan used 400 tokens" in str(tokens_warning(budget, "plan", [paid(0.1)] * 2))
    assert tokens_warning(budget, "plan", [Spent(None, None, None, "unknown", "unknown")]) is None
    assert tokens_warning(Budget(), "plan", [paid(0.1)] * 9) is None


COSTS = st.none() | st.integers(0, 2_000_000).map(lambda number: number / 1_000_000)
BUDGETS = st.builds(Budget, usd=st.floats(0, 3), allow_unknown_prices=st.booleans(), reserve_usd=st.floats(0, 1))


@given(BUDGETS, st.lists(st.lists(COSTS, min_size=1, max_size=4), max_size=8))
def test_calls_that_cost_what_was_expected_never_exceed_the_cap(
    budget: Budget, waves: list[list[float | None]]
) -> None:
    so_far: list[Spent] = []
    for wave in waves:
        answer = allowance(budget, so_far, [ahead(usd) for usd in wave])
        if isinstance(answer, Allowed):
            so_far += [paid(usd) for usd in wave]
            assert budget.allow_unknown_prices or None not in wave
    unknown = sum(each.usd is None for each in so_far)
    used = (total(each.cost for each in so_far).micros or 0) + unknown * micros(budget.reserve_usd)
    assert used <= micros(budget.usd or 0.0)
