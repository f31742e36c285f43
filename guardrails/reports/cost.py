"""The costs of a SPEC, for people and for programs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from guardrails.config.layout import STAGES
from guardrails.core.cost import UNKNOWN, Cost, dollars, total
from guardrails.core.text import plural
from guardrails.layouts.cost_summary import CostSummary, cost_document
from guardrails.reports.view import Lines, Paragraph, Section, View, table

SCHEMA = "speckit.cost/1"
_HEAD = ("stage", "usd", "tokens", "source", "calls", "ballots", "priced")


def view(costs: CostSummary) -> View:
    """A table of the stages, the total, and what it means."""
    rows = [*(_row(name, cost, costs.ballots_of(name)) for name, cost in _stages(costs))]
    rows.append(_row("total", costs.total, costs.ballots))
    head: tuple[str, ...] = _HEAD
    if not costs.ballots:  # none, or nobody knows
        head, rows = (*_HEAD[:5], *_HEAD[6:]), [(*row[:5], *row[6:]) for row in rows]
    lead = Paragraph(f"{costs.spec}: {costs.path}")
    blocks = (lead, table("Costs", head, rows), Lines(tuple(_remarks(costs))))
    return View(f"Costs of {costs.spec}", "", "", (), (Section("", "", blocks),))


def _stages(costs: CostSummary) -> Iterator[tuple[str, Cost]]:
    """Each stage once, in the order of stages; last those whose key names none."""
    named = {each.stage or each.key: None for each in costs.stages}
    order = {stage: number for number, stage in enumerate(STAGES)}
    for name in sorted(named, key=lambda each: (order.get(each, len(STAGES)), each)):
        given = [each.cost for each in costs.stages if (each.stage or each.key) == name]
        yield name, given[0] if len(given) == 1 else total(given)


def _row(name: str, cost: Cost, ballots: int | None) -> tuple[str, ...]:
    tokens = UNKNOWN if cost.tokens is None else str(cost.tokens)
    priced = UNKNOWN if cost.priced is None else str(cost.priced)
    voted = UNKNOWN if ballots is None else str(ballots)
    counted = (str(cost.calls), voted, priced) if cost.calls else ("", "", "")
    return (name, dollars(cost.usd), tokens, cost_document(cost)["source"], *counted)


def _remarks(costs: CostSummary) -> Iterator[str]:
    whole = costs.total
    if whole.partial and whole.calls and whole.priced is not None and whole.priced < whole.calls:
        missing = whole.calls - whole.priced
        yield f"The total is a lower bound: what {missing} of {whole.calls} calls cost is not known."
    elif whole.partial:
        yield "The total is a lower bound: what some calls cost is not known."
    elif whole.usd is None and whole.calls:
        yield f"What {whole.calls} calls cost is not known."
    answers = whole.calls - costs.ballots if whole.calls and costs.ballots else None
    kinds = [plural(number, word) for number, word in ((answers, "answer"), (costs.ballots, "ballot")) if number]
    counts = ((costs.failed, "failed"), (costs.cached, "cached"))
    counted = [*kinds, *(f"{number} {word}" for number, word in counts if number)]
    if counted:
        yield f"Of {whole.calls or 0} calls: {', '.join(counted)}."
    if costs.cap_usd is not None:
        yield _cap(costs)
    if costs.older:
        yield "Another tool wrote this summary: it does not say how its amounts came to be known."


def _cap(costs: CostSummary) -> str:
    said = f"Budget of the latest run: {dollars(costs.cap_spent)} of {dollars(costs.cap_usd)}"
    if costs.cap_spent is None or not costs.cap_usd:
        return said + " used."
    return f"{said} used, {costs.cap_spent / costs.cap_usd * 100:.0f} %."


def as_document(costs: CostSummary) -> dict[str, Any]:
    """The same for programs; what is not known is null."""
    return {
        "schema": SCHEMA,
        "spec": costs.spec,
        "path": costs.path,
        "generated_at": costs.generated,
        "profile": costs.profile,
        "per_stage": {
            name: {**cost_document(cost), "ballot_calls": costs.ballots_of(name)} for name, cost in _stages(costs)
        },
        "total": cost_document(costs.total) | {"lower_bound": costs.total.partial},
        "cached_calls": costs.cached,
        "failed_calls": costs.failed,
        "ballot_calls": costs.ballots,
        "sessions": None if costs.sessions is None else len(costs.sessions),
        "budget": None if costs.cap_usd is None else {"usd": costs.cap_usd, "spent": costs.cap_spent},
        "written_by_another_tool": costs.older,
    }
