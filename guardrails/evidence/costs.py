"""What agents cost: of one call, of some calls, and of a SPEC, with one reader and one writer of its summary.

Unknown is None and never 0. What the tool says itself is *measured*; what is computed from tokens and prices is
*estimated*, and so are tokens where the tool is silent: one for every four bytes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import datetime, timezone
from fractions import Fraction
from typing import Any, Literal, NamedTuple

from guardrails.agents.formats import NOTHING, Usage
from guardrails.config.layout import STAGES, stage_of
from guardrails.config.run_settings import Agent, Budget, Price
from guardrails.core.schema import is_valid
from guardrails.core.strict_json import JsonFlaw, parse
from guardrails.core.text import utf8
from guardrails.errors import GuardrailError, Undecidable

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


# A cost summary as it lies in a repository, of this tool or of an older one, read to values. Nothing is believed that
# is not said: an amount of 0 that nobody measured is unknown.


_TOTALS = ("total_usd", "total_spent", "total_cost_usd", "totalCostUsd")
_CALLS = ("calls", "call_count", "total_calls")


class Costs(NamedTuple):
    """What a SPEC has cost. None: the summary does not say, or says that it is not known."""

    spec: str
    path: str
    generated: str | None
    profile: str | None
    stages: tuple[tuple[str, Money], ...]
    """in the order of stages; a stage that says nothing of its calls has 0 of them"""
    total: Money
    cached: int | None
    failed: int | None
    sessions: int | None
    cap_usd: float | None
    cap_spent: float | None
    """what counts against the cap: the latest run's"""
    older: bool
    """whether another tool wrote it"""

    @property
    def floor(self) -> bool:
        """Whether the total is a lower bound, for the cost of some calls is not known."""
        return self.total.usd is not None and self.total.priced_calls < self.total.calls


def read_costs(data: bytes, path: str, spec: str) -> Costs:
    """The summary in `data`. Raises Undecidable when it is none, or of another SPEC."""
    try:
        tree = parse(data)
    except JsonFlaw as flaw:
        raise _unreadable(f"{path}:{flaw.line}:{flaw.column}: {flaw.message}", path) from None
    if not isinstance(tree, dict) or not is_valid("cost_summary", tree):
        raise _unreadable(f"{path}: not a cost summary", path)
    named = tree.get("specId", tree.get("spec_id", spec))
    if named != spec:
        raise _unreadable(f"{path}: a summary of another SPEC", path)
    older = "priced_calls" not in tree
    stages = _stages(tree, older)
    budget = tree.get("budget")
    caps: dict[str, Any] = budget if isinstance(budget, dict) else {"usd": budget}
    total = _total(tree, stages, older)
    return Costs(
        spec,
        path,
        tree.get("generatedAt"),
        tree.get("runProfile"),
        stages,
        total,
        tree.get("cached_calls"),
        tree.get("failed_calls"),
        len(tree["sessions"]) if "sessions" in tree else None,
        _number(caps.get("usd")),
        _number(caps["spent"]) if "spent" in caps else total.usd,
        older,
    )


def _unreadable(message: str, path: str) -> GuardrailError:
    return Undecidable(message, f"run 'speckit validate {path}' to see what is wrong with it")


def _stages(tree: dict[str, Any], older: bool) -> tuple[tuple[str, Money], ...]:
    given = tree.get("per_stage", tree.get("perStage", {}))
    amounts = {stage_of(name) or name: _stage(item, older) for name, item in given.items()}
    order = {stage: number for number, stage in enumerate(STAGES)}
    return tuple(sorted(amounts.items(), key=lambda item: (order.get(item[0], len(STAGES)), item[0])))


def _stage(item: Any, older: bool) -> Money:
    given: dict[str, Any] = item if isinstance(item, dict) else {"usd": item}
    usd = _number(given.get("usd", given.get("cost_usd")))
    source: Source = given["source"] if given.get("source") in ("measured", "estimated") else "unknown"
    if usd == 0 and source != "measured" and older:
        usd = None
    calls, priced = given.get("calls", 0), given.get("priced_calls", given.get("calls", 0))
    return Money(usd, _count(given.get("tokens")), source, _count(calls) or 0, _count(priced) or 0)


def _total(tree: dict[str, Any], stages: tuple[tuple[str, Money], ...], older: bool) -> Money:
    usd = next((_number(tree[key]) for key in _TOTALS if key in tree), None)
    calls = next((_count(tree[key]) for key in _CALLS if key in tree), None) or 0
    source = add(money for _, money in stages).source
    if not older:
        return Money(usd, _count(tree.get("total_tokens")), source, calls, _count(tree["priced_calls"]) or 0)
    return Money(usd or None, _count(tree.get("total_tokens")), "unknown", calls, calls)


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _count(value: Any) -> int | None:
    number = _number(value)
    return None if number is None else int(number)


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


class Row(NamedTuple):
    """What one session cost."""

    session: str
    stage: str
    run: str | None
    money: Money
    cached: int = 0
    failed: int = 0
    replayed: int = 0


class Summary(NamedTuple):
    """The document, and what its reader should be told besides."""

    document: dict[str, Any]
    notes: tuple[str, ...] = ()


def row(session: str, stage: str, run: str | None, charges: Sequence[Charge]) -> Row:
    """The row of a session. `session` is its stamp."""
    return Row(
        session,
        stage,
        run,
        together(each.spent for each in charges),
        sum(each.cached for each in charges),
        sum(each.failed for each in charges),
        sum(each.replayed for each in charges),
    )


def calls_known(previous: bytes | None, spec: str) -> dict[str, int]:
    """How many calls the summary that is there knows of each session, by its stamp."""
    return {each.session: each.money.calls for each in _rows(previous, spec)[0]}


def summary_document(
    previous: bytes | None,
    spec: str,
    settled: Row,
    profile: str | None,
    budget: Budget,
    when: datetime,
    left: Sequence[Row] = (),
) -> Summary:
    """The summary of a SPEC after a session. `previous` are the bytes of the one that is there; None: there is none.

    `when` is the time of the session, not of the writing; `left` are sessions that were given up. A summary of
    another form (an older tool's, another SPEC's) is not added to, for nobody can say which sessions it counted; a
    note says so.
    """
    earlier, note = _rows(previous, spec)
    rows = {each.session: each for each in (*earlier, *left, settled)}
    ordered = [rows[session] for session in sorted(rows)]
    total = add(each.money for each in ordered)
    return Summary(
        {
            "schemaVersion": 1,
            "specId": spec,
            "generatedAt": when.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "runProfile": profile,
            "per_stage": {
                stage: _summary_stage(ordered, stage) for stage in STAGES if any(r.stage == stage for r in ordered)
            },
            "total_usd": total.usd,
            "total_tokens": total.tokens,
            "calls": total.calls,
            "priced_calls": total.priced_calls,
            "cached_calls": sum(each.cached for each in ordered),
            "failed_calls": sum(each.failed for each in ordered),
            "prices_version": _prices_version(budget),
            "sessions": [_document(each) for each in ordered],
            "budget": _budget(budget, [each for each in ordered if _same_run(each, settled)]),
        },
        (note,) if note else (),
    )


def _same_run(row: Row, latest: Row) -> bool:
    """A stage that was run alone is a run of its own."""
    return row.session == latest.session or (row.run is not None and row.run == latest.run)


def _summary_stage(rows: Iterable[Row], stage: str) -> dict[str, Any]:
    return _money(add(each.money for each in rows if each.stage == stage))


def _money(money: Money) -> dict[str, Any]:
    return dict(money._asdict())


def _document(row: Row) -> dict[str, Any]:
    return {
        "session": row.session,
        "stage": row.stage,
        "run": row.run,
        **_money(row.money),
        "cached_calls": row.cached,
        "failed_calls": row.failed,
        "replayed_calls": row.replayed,
    }


def _prices_version(budget: Budget) -> str | None:
    return ", ".join(sorted({price.version for price in budget.prices if price.version})) or None


def _budget(budget: Budget, rows: Sequence[Row]) -> dict[str, Any] | None:
    if budget.usd is None and budget.tokens_per_stage is None:
        return None
    spent = add(each.money for each in rows).usd
    used = round(spent / budget.usd, 4) if budget.usd and spent is not None else None
    made: dict[str, Any] = {"usd": budget.usd, "used": used, "spent": spent}
    if budget.tokens_per_stage is not None:
        made["tokens_per_stage"] = list(budget.tokens_per_stage)
    return made


def _rows(data: bytes | None, spec: str) -> tuple[list[Row], str | None]:
    """The rows of an earlier summary, or why there are none to add to."""
    if data is None:
        return [], None
    from guardrails.core.schema import is_valid

    try:
        tree = parse(data)
    except JsonFlaw as flaw:
        return [], f"the earlier cost summary cannot be read ({flaw.message}) and is not added to"
    if not isinstance(tree, dict) or not is_valid("cost_summary", tree) or "sessions" not in tree:
        return [], "the earlier cost summary has no sessions and is not added to"
    if tree.get("specId") != spec:
        return [], "the earlier cost summary is of another SPEC and is not added to"
    return [_row(item) for item in tree["sessions"]], None


def _row(item: dict[str, Any]) -> Row:
    money = Money(item["usd"], item["tokens"], item["source"], item["calls"], item["priced_calls"])
    counted = (item.get(f"{kind}_calls", 0) for kind in ("cached", "failed", "replayed"))
    return Row(item["session"], item["stage"], item.get("run"), money, *counted)
