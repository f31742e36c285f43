"""What one call costs, and what some calls do together. Money is added up in millionths of a dollar, so sums are exact.

Unknown is None and never 0. What the tool says itself is *measured*; what is computed from tokens and prices is
*estimated*, and so are tokens where the tool is silent: one for every four bytes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from fractions import Fraction
from typing import Literal, NamedTuple

from guardrails.agents.formats import NOTHING, Usage
from guardrails.printable import utf8
from guardrails.run_settings import Agent, Budget, Price

Source = Literal["measured", "estimated", "unknown"]

BYTES_PER_TOKEN = 4
EXPECTED_OUTPUT = 4000
"""Tokens an answer is taken to have before it is there."""
MILLION = 1_000_000


class Spent(NamedTuple):
    """What one call cost. `source` says how `usd` came to be known, `tokens_source` the same of the tokens."""

    usd: float | None
    input_tokens: int | None
    output_tokens: int | None
    source: Source
    tokens_source: Source

    @property
    def tokens(self) -> int | None:
        if self.input_tokens is None or self.output_tokens is None:
            return None
        return self.input_tokens + self.output_tokens


FREE = Spent(0.0, 0, 0, "measured", "measured")
"""What a call cost that was never made: its program was not there."""


class Estimate(NamedTuple):
    """What a call is expected to cost; `usd` None: there is no price for its model."""

    agent: str
    model: str | None
    usd: float | None
    input_tokens: int
    output_tokens: int


class Money(NamedTuple):
    """What some calls cost together.

    `usd` is the sum of those whose cost is known: with fewer `priced_calls` than `calls` it is a lower bound, and then
    never 0 and never measured. None: nothing is known.
    """

    usd: float | None
    tokens: int | None
    source: Source
    calls: int
    priced_calls: int


def tokens_in(text: str) -> int:
    """An estimate of the tokens of a text."""
    return -(-len(utf8(text).encode("utf-8")) // BYTES_PER_TOKEN)


def spent(
    usage: Usage | None,
    model: str | None,
    prompt: str,
    text: str,
    budget: Budget,
    *,
    asked: str | None = None,
    replayed: bool = False,
) -> Spent:
    """What a call cost that was made. `text` is what the agent wrote, empty when there is nothing of it.

    `model` is the one that answered, `asked` the one that is configured: its price holds where the other has none. An
    answer served from a recording cost nothing, whatever it cost when it was recorded.
    """
    usage = usage or NOTHING
    reads = tokens_in(prompt) if usage.input_tokens is None else usage.input_tokens
    writes = tokens_in(text) if usage.output_tokens is None else usage.output_tokens
    tokens_source: Source = "estimated" if None in (usage.input_tokens, usage.output_tokens) else "measured"
    if replayed:
        return Spent(0.0, reads, writes, "measured", tokens_source)
    if usage.usd is not None and math.isfinite(usage.usd) and usage.usd >= 0:
        return Spent(dollars(micros(usage.usd)), reads, writes, "measured", tokens_source)
    price = budget.price(model) or budget.price(asked)
    if price is None:
        return Spent(None, reads, writes, "unknown", tokens_source)
    return Spent(dollars(cost(price, reads, writes)), reads, writes, _source(price), tokens_source)


def _source(price: Price) -> Source:
    """Where nothing is charged, nothing was guessed."""
    return "estimated" if price.input_per_mtok or price.output_per_mtok else "measured"


def estimate(agent: Agent, prompt: str, budget: Budget) -> Estimate:
    """What a call will cost, before it is made."""
    reads = tokens_in(prompt)
    if agent.replay is not None:
        return Estimate(agent.name, agent.model, 0.0, reads, EXPECTED_OUTPUT)
    price = budget.price(agent.model)
    usd = None if price is None else dollars(cost(price, reads, EXPECTED_OUTPUT))
    return Estimate(agent.name, agent.model, usd, reads, EXPECTED_OUTPUT)


def cost(price: Price, reads: int, writes: int) -> int:
    """Millionths of a dollar, rounded up: a price for a million tokens is one in millionths for a token."""
    return math.ceil(Fraction(str(price.input_per_mtok)) * reads + Fraction(str(price.output_per_mtok)) * writes)


def micros(usd: float) -> int:
    """Dollars in millionths; what cost anything never becomes nothing."""
    rounded = round(Fraction(str(usd)) * MILLION)
    return max(rounded, 1) if usd > 0 else rounded


def dollars(millionths: int) -> float:
    return millionths / MILLION


def together(calls: Iterable[Spent]) -> Money:
    """What calls cost together."""
    return add(Money(each.usd, each.tokens, each.source, 1, int(each.usd is not None)) for each in calls)


def add(amounts: Iterable[Money]) -> Money:
    """The sum of amounts. Of no calls it is nothing, and known to be."""
    given = [each for each in amounts if each.calls]
    calls, priced = sum(each.calls for each in given), sum(each.priced_calls for each in given)
    known = sum(micros(each.usd) for each in given if each.usd is not None)
    tokens = [each.tokens for each in given if each.tokens is not None]
    usd, source = dollars(known), _how(given, calls, priced)
    if priced < calls and not known:  # a lower bound of nothing says nothing
        return Money(None, sum(tokens) if tokens else None, "unknown", calls, priced)
    return Money(usd, sum(tokens) if tokens or not calls else None, source, calls, priced)


def _how(given: Iterable[Money], calls: int, priced: int) -> Source:
    measured = priced == calls and all(each.source == "measured" for each in given)
    return "measured" if measured else "estimated"
