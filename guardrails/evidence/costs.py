"""What agents cost: one call, before and after it is made, and the cost summary of a SPEC, which is written here.

What the tool says itself is *measured*; what is computed from tokens and prices is *estimated*, and so are tokens where
the tool is silent: one for every four bytes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from fractions import Fraction
from typing import Any, NamedTuple

from guardrails.agents.formats import NOTHING, Usage
from guardrails.config.layout import STAGES
from guardrails.config.run_settings import Agent, Budget, Price
from guardrails.core.cost import Cost, CostSource, in_dollars, micros, total
from guardrails.core.schema import is_valid
from guardrails.core.strict_json import JsonFlaw, parse_json
from guardrails.core.text import utf8
from guardrails.core.timestamps import stamped
from guardrails.errors import GuardrailError, Undecidable
from guardrails.layouts.cost_summary import CostSummary, SessionCost, cost_document, read_cost_summary

BYTES_PER_TOKEN = 4
EXPECTED_OUTPUT = 4000
"""Tokens an answer is taken to have before it is there."""
EXPECTED_BALLOT = 1000
"""Tokens a ballot is taken to have: some for a reason, few for a vote, on the statements of three or four agents."""


class Spent(NamedTuple):
    """What one call cost. `source` says how `usd` came to be known, `tokens_source` the same of the tokens."""

    usd: float | None
    input_tokens: int | None
    output_tokens: int | None
    source: CostSource
    tokens_source: CostSource

    @property
    def tokens(self) -> int | None:
        if self.input_tokens is None or self.output_tokens is None:
            return None
        return self.input_tokens + self.output_tokens

    @property
    def cost(self) -> Cost:
        return Cost.of_call(self.usd, self.tokens, self.source)


FREE = Spent(0.0, 0, 0, "measured", "measured")
"""What a call cost that was never made: its program was not there."""


class Estimate(NamedTuple):
    """What a call is expected to cost; `usd` None: there is no price for its model."""

    agent: str
    model: str | None
    usd: float | None
    input_tokens: int
    output_tokens: int

    @property
    def cost(self) -> Cost:
        """Where it is zero, nothing is charged: nothing is guessed, then."""
        return Cost.of_call(self.usd, self.input_tokens + self.output_tokens, "estimated" if self.usd else "measured")


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
    tokens_source: CostSource = "estimated" if None in (usage.input_tokens, usage.output_tokens) else "measured"
    if replayed:
        return Spent(0.0, reads, writes, "measured", tokens_source)
    if usage.usd is not None and math.isfinite(usage.usd) and usage.usd >= 0:
        return Spent(in_dollars(micros(usage.usd)), reads, writes, "measured", tokens_source)
    price = budget.price(model) or budget.price(asked)
    if price is None:
        return Spent(None, reads, writes, "unknown", tokens_source)
    amount = cost(price, reads, writes)
    charged = bool(price.input_per_mtok or price.output_per_mtok)
    if charged and not amount and tokens_source == "estimated":  # a zero that nobody measured
        return Spent(None, reads, writes, "unknown", tokens_source)
    # Where nothing is charged, nothing is guessed.
    return Spent(in_dollars(amount), reads, writes, "estimated" if amount else "measured", tokens_source)


def estimate(agent: Agent, prompt: str, budget: Budget, writes: int = EXPECTED_OUTPUT) -> Estimate:
    """What a call will cost, before it is made. `writes` are the tokens it is taken to answer with."""
    reads = tokens_in(prompt)
    if agent.replay is not None:
        return Estimate(agent.name, agent.model, 0.0, reads, writes)
    price = budget.price(agent.model)
    usd = None if price is None else in_dollars(cost(price, reads, writes))
    return Estimate(agent.name, agent.model, usd, reads, writes)


def cost(price: Price, reads: int, writes: int) -> int:
    """Millionths of a dollar, rounded up: a price for a million tokens is one in millionths for a token."""
    return math.ceil(Fraction(str(price.input_per_mtok)) * reads + Fraction(str(price.output_per_mtok)) * writes)


def read_costs(data: bytes, path: str, spec: str) -> CostSummary:
    """The cost summary in `data`. Raises Undecidable when it is none, or of another SPEC."""
    try:
        tree = parse_json(data)
    except JsonFlaw as flaw:
        raise _unreadable(f"{path}:{flaw.line}:{flaw.column}: {flaw.message}", path) from None
    if not isinstance(tree, dict) or not is_valid("cost_summary", tree):
        raise _unreadable(f"{path}: not a cost summary", path)
    if tree.get("specId", tree.get("spec_id", spec)) != spec:
        raise _unreadable(f"{path}: a summary of another SPEC", path)
    return read_cost_summary(tree, path, spec)


def _unreadable(message: str, path: str) -> GuardrailError:
    return Undecidable(message, f"run 'speckit validate {path}' to see what is wrong with it")


# The cost summary of a SPEC: one row for each session, and all sums made from the rows.
#
# A session that is settled again, because a step of its run was executed twice, replaces its row: the summary is the
# same as if it had been settled once. A later run adds its rows, and rows of sessions whose evidence was archived
# stay.


class Charge(NamedTuple):
    """One call of a session: what it cost, and how it went. Every attempt is one, whatever came of it."""

    spent: Spent
    failed: bool = False
    cached: bool = False
    """whether its tool says that some of the tokens it read came from the provider's cache"""
    replayed: bool = False
    ballot: bool = False
    """whether it was made for votes"""


class SummaryDocument(NamedTuple):
    """The document, and what its reader should be told besides."""

    document: dict[str, Any]
    notes: tuple[str, ...] = ()


def session_cost(session: str, stage: str, run: str | None, charges: Sequence[Charge]) -> SessionCost:
    """What a session cost. `session` is its stamp."""
    return SessionCost(
        session,
        stage,
        total(each.spent.cost for each in charges),
        run,
        sum(each.cached for each in charges),
        sum(each.failed for each in charges),
        sum(each.replayed for each in charges),
        sum(each.ballot for each in charges),
    )


def calls_known(previous: bytes | None, spec: str) -> dict[str, int]:
    """How many calls the summary that is there knows of each session, by its stamp."""
    return {each.session: each.cost.calls or 0 for each in _settled_before(previous, spec)[0]}


def summary_document(
    previous: bytes | None,
    spec: str,
    settled: SessionCost,
    profile: str | None,
    budget: Budget,
    when: datetime,
    left: Sequence[SessionCost] = (),
) -> SummaryDocument:
    """The summary of a SPEC after a session. `previous` are the bytes of the one that is there; None: there is none.

    `when` is the time of the session, not of the writing; `left` are sessions that were given up. A summary of
    another form (an older tool's, another SPEC's) is not added to, for nobody can say which sessions it counted; a
    note says so.
    """
    earlier, note = _settled_before(previous, spec)
    rows = {each.session: each for each in (*earlier, *left, settled)}
    ordered = [rows[session] for session in sorted(rows)]
    whole = total(each.cost for each in ordered)
    return SummaryDocument(
        {
            "schemaVersion": 1,
            "specId": spec,
            "generatedAt": stamped(when),
            "runProfile": profile,
            "per_stage": {
                stage: cost_document(total(each.cost for each in ordered if each.stage == stage))
                for stage in STAGES
                if any(each.stage == stage for each in ordered)
            },
            "total_usd": whole.usd,
            "total_tokens": whole.tokens,
            "calls": whole.calls,
            "priced_calls": whole.priced,
            "cached_calls": sum(each.cached for each in ordered),
            "failed_calls": sum(each.failed for each in ordered),
            **_ballots(ordered),
            "prices_version": _prices_version(budget),
            "sessions": [_document(each) for each in ordered],
            "budget": _budget(budget, [each for each in ordered if _same_run(each, settled)]),
        },
        (note,) if note else (),
    )


def _same_run(row: SessionCost, latest: SessionCost) -> bool:
    """A stage that was run alone is a run of its own."""
    return row.session == latest.session or (row.run is not None and row.run == latest.run)


def _document(row: SessionCost) -> dict[str, Any]:
    return {
        "session": row.session,
        "stage": row.stage,
        "run": row.run,
        **cost_document(row.cost),
        "cached_calls": row.cached,
        "failed_calls": row.failed,
        "replayed_calls": row.replayed,
        **_ballots([row]),
    }


def _ballots(rows: Sequence[SessionCost]) -> dict[str, int]:
    """How many calls were made for ballots, where each row says it: those of older versions do not."""
    known = [each.ballots for each in rows if each.ballots is not None]
    return {"ballot_calls": sum(known)} if len(known) == len(rows) else {}


def _prices_version(budget: Budget) -> str | None:
    return ", ".join(sorted({price.version for price in budget.prices if price.version})) or None


def _budget(budget: Budget, rows: Sequence[SessionCost]) -> dict[str, Any] | None:
    if budget.usd is None and budget.tokens_per_stage is None:
        return None
    spent = total(each.cost for each in rows).usd
    used = round(spent / budget.usd, 4) if budget.usd and spent is not None else None
    made: dict[str, Any] = {"usd": budget.usd, "used": used, "spent": spent}
    if budget.tokens_per_stage is not None:
        made["tokens_per_stage"] = list(budget.tokens_per_stage)
    return made


def _settled_before(data: bytes | None, spec: str) -> tuple[list[SessionCost], str | None]:
    """The rows of an earlier summary, or why there are none to add to."""
    if data is None:
        return [], None
    try:
        tree = parse_json(data)
    except JsonFlaw as flaw:
        return [], f"the earlier cost summary cannot be read ({flaw.message}) and is not added to"
    if not isinstance(tree, dict) or not is_valid("cost_summary", tree) or "sessions" not in tree:
        return [], "the earlier cost summary has no sessions and is not added to"
    if tree.get("specId") != spec:
        return [], "the earlier cost summary is of another SPEC and is not added to"
    return list(read_cost_summary(tree, "", spec).sessions or ()), None
