"""What agent calls cost: one value with exact arithmetic, and the one place where money is written as text.

Amounts are whole millionths of a dollar, so a sum does not depend on its order. An unknown cost is None and never 0: a
zero is believed only where it was measured, and a sum that lacks a part is a lower bound.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from operator import add
from typing import Final, Literal, NamedTuple

CostSource = Literal["measured", "estimated", "unknown"]
"""How an amount came to be known: reported by the tool, computed from tokens and prices, or not at all."""

MICROS_PER_DOLLAR = 1_000_000
UNKNOWN: Final = "unknown"


class Cost(NamedTuple):
    """What some agent calls cost.

    `micros` and `tokens` are sums over the calls of which they are known; `total_micros` and `total_tokens` are None
    unless they are known of every call. Four things hold of every cost that `of_call`, `stated` and `+` make:
    the source is unknown exactly where `micros` is None, a zero is measured and complete, a lower bound is more than
    zero, and costs add up to the same in any order and grouping.
    """

    micros: int | None = None
    """millionths of a dollar; None where the cost of no call is known"""
    tokens: int | None = None
    source: CostSource = "unknown"
    """the weakest among the sources of the known amounts"""
    calls: int | None = None
    """None where nobody counted them"""
    priced: int | None = None
    """calls whose cost is known; None where nobody counted them"""
    partial: bool = False
    """whether `micros` is a lower bound, because the cost of some calls is unknown"""
    tokens_partial: bool = False
    """the same of `tokens`"""

    @classmethod
    def stated(
        cls,
        usd: float | None,
        tokens: int | None = None,
        source: CostSource = "unknown",
        calls: int | None = None,
        priced: int | None = None,
        *,
        partial: bool = False,
    ) -> Cost:
        """The cost that a record states. A zero for calls that nobody measured states nothing; what is known of no
        stated source is an estimate."""
        known = None if usd is None else micros(usd)
        partial = partial or (calls is not None and priced is not None and priced < calls)
        if known == 0:
            source = "measured" if calls == 0 else source
            known = known if source == "measured" and not partial else None
        if known is None:
            return cls(None, tokens, UNKNOWN, calls, priced)
        return cls(known, tokens, "estimated" if source == UNKNOWN else source, calls, priced, partial)

    @classmethod
    def of_call(cls, usd: float | None, tokens: int | None, source: CostSource) -> Cost:
        """The cost of one call."""
        made = cls.stated(usd, tokens, source)
        return made._replace(calls=1, priced=int(made.micros is not None))

    @property
    def usd(self) -> float | None:
        """`micros` in dollars."""
        return None if self.micros is None else in_dollars(self.micros)

    @property
    def total_micros(self) -> int | None:
        """Millionths of a dollar of all calls; None where the cost of one is unknown."""
        return None if self.partial else self.micros

    @property
    def total_tokens(self) -> int | None:
        """Tokens of all calls; None where those of one are unknown."""
        return None if self.tokens_partial else self.tokens

    @property
    def empty(self) -> bool:
        """Whether it is about no calls: then it is no part of what calls cost."""
        return self.calls == 0 and not self.micros

    @property
    def spends(self) -> bool:
        """Whether it is about any call: $0.00 for no calls says nothing of what calls cost."""
        return bool(self.calls) if self.calls is not None else bool(self.micros)

    def __add__(self, other: Cost) -> Cost:  # type: ignore[override]
        """The cost of the calls of both. The source is the weaker one; what is unknown of one makes the sum partial."""
        if self.empty or other.empty:
            return other if self.empty else self
        known = _sum(self.micros, other.micros)
        partial = self.partial or other.partial or self.micros is None or other.micros is None
        if not known and partial:  # a lower bound of zero says nothing
            known = None
        tokens = _sum(self.tokens, other.tokens)
        some_tokens = self.tokens_partial or other.tokens_partial or self.tokens is None or other.tokens is None
        sources = {each.source for each in (self, other)} - {UNKNOWN}
        return Cost(
            known,
            tokens,
            UNKNOWN if known is None else "estimated" if "estimated" in sources else "measured",
            _sum(self.calls, other.calls),
            _sum(self.priced, other.priced),
            partial and known is not None,
            some_tokens and tokens is not None,
        )


NO_CALLS = Cost(0, 0, "measured", 0, 0)
"""What no calls cost: nothing, and that is known."""


def total(costs: Iterable[Cost]) -> Cost:
    """The sum of costs; of none at all, that of no calls."""
    return reduce(add, costs, NO_CALLS)


def _sum(one: int | None, other: int | None) -> int | None:
    """The sum of what is known."""
    return other if one is None else one if other is None else one + other


def micros(usd: float) -> int:
    """Dollars in whole millionths; what cost anything never becomes nothing."""
    return max(round(usd * MICROS_PER_DOLLAR), 1) if usd > 0 else round(usd * MICROS_PER_DOLLAR)


def in_dollars(millionths: int) -> float:
    return millionths / MICROS_PER_DOLLAR


# Money as text.


def dollars(usd: float | None) -> str:
    """An amount to the cent; below ten cents with as many decimals as it takes, up to four, and to a millionth where
    four would show it as nothing."""
    if usd is None:
        return UNKNOWN
    small = round(abs(usd), 6)
    if not 0 < small < 0.1:
        return f"${usd:,.2f}"
    text = f"{usd:.4f}" if round(small, 4) else f"{usd:.6f}"
    whole, _, decimals = text.rstrip("0").partition(".")
    return f"${whole}.{decimals:0<2}"


def at_least(usd: float | None, partial: bool) -> str:
    """An amount that may be a lower bound."""
    return f"at least {dollars(usd)}" if partial and usd is not None else dollars(usd)


def described(cost: Cost) -> str:
    """A cost in words: the amount, whether it is an estimate, and whether it is all of it."""
    if cost.usd is None:
        return UNKNOWN
    text = dollars(cost.usd) + (" (estimated)" if cost.source == "estimated" else "")
    if cost.calls == 0:
        return f"{text}, no call was made"
    return f"at least {text}, {priced_calls(cost)}" if cost.partial else text


def abbreviated(cost: Cost) -> str:
    """A cost where there is little room: `>=` marks a lower bound, `~` an estimate, `-` that no call was made."""
    if not cost.calls:
        return "-"
    if cost.usd is None:
        return UNKNOWN
    mark = ">=" if cost.partial else "~" if cost.source == "estimated" else ""
    return mark + dollars(cost.usd)


def priced_calls(cost: Cost) -> str:
    """How many of the calls have a price, in words."""
    if cost.calls is None or cost.priced is None or cost.priced == cost.calls:
        return "not every call has a known price"
    return f"{cost.priced} of {cost.calls} calls priced"
