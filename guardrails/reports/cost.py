"""The costs of a SPEC, for people and for programs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from guardrails.core.text import printable
from guardrails.evidence.budget import shown
from guardrails.evidence.costs import Costs, Money

SCHEMA = "speckit.cost/1"
_HEAD = ("stage", "usd", "tokens", "source", "calls", "priced")


def as_text(costs: Costs) -> str:
    """A table of the stages, the total, and what it means."""
    rows = [_HEAD, *(_row(name, money) for name, money in costs.stages), _row("total", costs.total)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    lines = [f"{costs.spec}: {costs.path}", ""]
    lines += ["  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join(printable(line) for line in (*lines, "", *_remarks(costs))).rstrip("\n") + "\n"


def _row(name: str, money: Money) -> tuple[str, ...]:
    tokens = "unknown" if money.tokens is None else str(money.tokens)
    counted = (str(money.calls), str(money.priced_calls)) if money.calls else ("", "")
    return (name, shown(money.usd), tokens, money.source, *counted)


def _remarks(costs: Costs) -> Iterator[str]:
    total = costs.total
    if costs.floor:
        missing = total.calls - total.priced_calls
        yield f"The total is a lower bound: what {missing} of {total.calls} calls cost is not known."
    elif total.usd is None and total.calls:
        yield f"What {total.calls} calls cost is not known."
    counted = [f"{number} {word}" for number, word in ((costs.failed, "failed"), (costs.cached, "cached")) if number]
    if counted:
        yield f"Of {total.calls} calls: {', '.join(counted)}."
    if costs.cap_usd is not None:
        yield _cap(costs)
    if costs.older:
        yield "Another tool wrote this summary: it does not say how its amounts came to be known."


def _cap(costs: Costs) -> str:
    said = f"Budget of the latest run: {shown(costs.cap_spent)} of {shown(costs.cap_usd)}"
    if costs.cap_spent is None or not costs.cap_usd:
        return said + " used."
    return f"{said} used, {costs.cap_spent / costs.cap_usd * 100:.0f} %."


def as_document(costs: Costs) -> dict[str, Any]:
    """The same for programs; what is not known is null."""
    return {
        "schema": SCHEMA,
        "spec": costs.spec,
        "path": costs.path,
        "generated_at": costs.generated,
        "profile": costs.profile,
        "per_stage": {name: _money(money, costs.older) for name, money in costs.stages},
        "total": _money(costs.total, costs.older) | {"lower_bound": costs.floor},
        "cached_calls": costs.cached,
        "failed_calls": costs.failed,
        "sessions": costs.sessions,
        "budget": None if costs.cap_usd is None else {"usd": costs.cap_usd, "spent": costs.cap_spent},
        "written_by_another_tool": costs.older,
    }


def _money(money: Money, older: bool) -> dict[str, Any]:
    made: dict[str, Any] = dict(money._asdict())
    if older:  # it says nothing of how many are priced
        made["calls"], made["priced_calls"] = money.calls or None, None
    return made
