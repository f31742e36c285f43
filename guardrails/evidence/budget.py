"""Whether the next calls may be made: asked before each of them, answered from what is spent and what is expected."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from guardrails.config.run_settings import Budget
from guardrails.core.cost import dollars, in_dollars, micros, total
from guardrails.evidence.costs import Estimate, Spent

WARNED_AT = (80, 90)
"""Percent of the cap."""


class Allowed(NamedTuple):
    """The calls may be made. `expected_usd` is what they are taken to cost, None when that is not known of all."""

    expected_usd: float | None
    warnings: tuple[str, ...] = ()


class BudgetRefusal(NamedTuple):
    """The calls may not be made. `over-budget` is a halt; of the others the configuration has to say more first."""

    kind: Literal["over-budget", "unknown-price", "unknown-cost"]
    reason: str
    hint: str


def allowance(budget: Budget, so_far: Sequence[Spent], planned: Sequence[Estimate]) -> Allowed | BudgetRefusal:
    """Whether calls that are to be made at the same time may be made, after those the run has made so far.

    Without a cap everything may. Under a cap every cost must be known; where `allow_unknown_prices` says otherwise,
    `reserve_usd` stands for each that is not. A cap that is reached to the cent still holds.
    """
    unknown = [each for each in planned if each.usd is None]
    expected = total(each.cost for each in planned).micros or 0
    if budget.usd is None:
        return Allowed(None if unknown else in_dollars(expected))
    blind = [each for each in so_far if each.usd is None]
    if not budget.allow_unknown_prices and (unknown or blind):
        return _unknown(unknown, len(blind))
    reserve = micros(budget.reserve_usd)
    used, ahead = _used(budget, so_far), expected + reserve * len(unknown)
    if used + ahead > micros(budget.usd):
        return _over(budget, used, ahead)
    said = warning(budget, so_far)
    return Allowed(None if unknown else in_dollars(expected), (said,) if said else ())


def _used(budget: Budget, so_far: Sequence[Spent]) -> int:
    """Millionths of a dollar; the reserve stands for what is not known."""
    blind = sum(each.usd is None for each in so_far)
    return (total(each.cost for each in so_far).micros or 0) + blind * micros(budget.reserve_usd)


def _unknown(planned: Sequence[Estimate], blind: int) -> BudgetRefusal:
    if not planned:
        return BudgetRefusal(
            "unknown-cost",
            f"what {blind} earlier calls cost is not known, and there is a budget",
            "add the price of their model to budget.prices, or set budget.allow_unknown_prices",
        )
    models = sorted({each.model for each in planned if each.model})
    nameless = sorted(each.agent for each in planned if not each.model)
    said = [f"no price for {', '.join(models)}"] if models else []
    said += [f"no model of {', '.join(nameless)}"] if nameless else []
    return BudgetRefusal(
        "unknown-price",
        f"there is a budget, and {' and '.join(said)}",
        "give agents.<agent>.model and budget.prices.<model>, or set budget.allow_unknown_prices",
    )


def _over(budget: Budget, used: int, ahead: int) -> BudgetRefusal:
    return BudgetRefusal(
        "over-budget",
        f"the next calls are expected to cost {dollars(in_dollars(ahead))}, and {dollars(in_dollars(used))} of the "
        f"budget of {dollars(budget.usd)} is used",
        "raise budget.usd, name a cheaper profile, or cut prompts.context_bytes",
    )


def warning(budget: Budget, so_far: Sequence[Spent]) -> str | None:
    """What to say once 80 % or 90 % of the cap is used."""
    used = _used(budget, so_far)
    cap = micros(budget.usd or 0.0)
    if not cap or used * 100 < WARNED_AT[0] * cap:
        return None
    level = max(each for each in WARNED_AT if used * 100 >= each * cap)
    return f"{level} % of the budget is used up: {dollars(in_dollars(used))} of {dollars(budget.usd)}"


def tokens_warning(budget: Budget, stage: str, calls: Sequence[Spent]) -> str | None:
    """What to say when a stage used fewer or more tokens than expected; None when they are not known."""
    tokens = total(each.cost for each in calls).tokens
    if budget.tokens_per_stage is None or tokens is None or not calls:
        return None
    least, most = budget.tokens_per_stage
    if least <= tokens <= most:
        return None
    return f"{stage} used {tokens} tokens; budget.tokens_per_stage expects {least} to {most}"
