"""What a cost summary claims, against what else stands in it: sums, counts, shares. Pure.

Summaries of older tools say less; what they don't say contradicts nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from guardrails.finding import Finding, Rule
from guardrails.jsontext import Key, locate
from guardrails.rules.costs import CALLS_MISMATCH, FREE_CALLS, SHARE_MISMATCH, TOTAL_MISMATCH

if TYPE_CHECKING:
    from guardrails.checks.telemetry import Evidence

_CALL_KEYS = ("calls", "call_count", "total_calls")
_TOTAL_KEYS = ("total_usd", "total_spent", "total_cost_usd", "totalCostUsd")
_PARTS = ("priced_calls", "cached_calls", "failed_calls", "replayed_calls")
_CENT = 0.005
_SHARE = 0.005
_MOST = 20
"""Findings of one summary."""


class Claim(NamedTuple):
    rule: Rule
    key: Key
    message: str
    hint: str | None = None


def cost_claims(evidence: Evidence, data: bytes, value: dict[str, Any]) -> Iterator[Finding]:
    """A finding for each contradiction in a summary that satisfies its schema."""
    found = list(_claims(value))[:_MOST]
    places = locate(data, [each.key for each in found])
    for rule, key, message, hint in found:
        line, column = places.get(key, (1, 1))
        name = evidence.name
        said = f"/{'/'.join(map(str, key))}: {message}"
        yield rule.at(evidence.path, said, line=line, column=column, hint=hint, spec=name.spec, stage=name.stage)


def _claims(value: dict[str, Any]) -> Iterator[Claim]:
    place = "per_stage" if "per_stage" in value else "perStage"
    stages: dict[str, Any] = value[place] if isinstance(value.get(place), dict) else {}
    total, total_key = _first(value, _TOTAL_KEYS)
    calls, _ = _first(value, _CALL_KEYS)
    if calls and total == 0 and not _measured_free(value):
        message = f"$0.00 for {calls:g} calls"
        yield Claim(FREE_CALLS, (total_key,), message, "record null where the cost is unknown")
    yield from _sums(value, stages, total, total_key)
    yield from _calls(value, ())
    for name, stage in stages.items():
        yield from _calls(stage, (place, name))
    for index, row in enumerate(_rows(value)):
        yield from _calls(row, ("sessions", index))
    yield from _counts(value, stages)
    yield from _shares(value, total)


def _sums(value: dict[str, Any], stages: dict[str, Any], total: float | None, total_key: str) -> Iterator[Claim]:
    costs = [_usd(stage) for stage in stages.values()]
    # Where it is said how many calls are priced, the total is the sum of those; an older total may know more.
    if total and costs and ("priced_calls" in value or None not in costs):
        yield from _sum((total_key,), total, costs, "its stages")
    rows = _rows(value)
    for name, stage in stages.items() if rows else ():
        cost = _usd(stage)
        if cost is not None:
            of_stage = [_usd(row) for row in rows if row.get("stage") == name]
            yield from _sum(("per_stage", name, "usd"), cost, of_stage, "its sessions")
    tokens = [_number(stage, "tokens") for stage in stages.values()]
    whole = _number(value, "total_tokens")
    if whole is not None and tokens and None not in tokens and whole != sum(each or 0 for each in tokens):
        message = f"{whole:g} is not the {sum(each or 0 for each in tokens):g} tokens of its stages"
        yield Claim(TOTAL_MISMATCH, ("total_tokens",), message)


def _sum(key: Key, total: float, parts: list[float | None], whose: str) -> Iterator[Claim]:
    known = sum(part or 0.0 for part in parts)
    if abs(known - total) >= _CENT:
        yield Claim(TOTAL_MISMATCH, key, f"${total:.2f} is not the ${known:.2f} of {whose}")


def _calls(part: Any, key: Key) -> Iterator[Claim]:
    """Counts of one summary, stage or session."""
    calls = _number(part, "calls")
    for name in _PARTS if calls is not None else ():
        some = _number(part, name)
        if some is not None and calls is not None and some > calls:
            yield Claim(CALLS_MISMATCH, (*key, name), f"{some:g} of {calls:g} calls")
    field = "usd" if key else "total_usd"
    if calls and _number(part, "priced_calls") == 0 and _number(part, field) is not None:
        yield Claim(CALLS_MISMATCH, (*key, field), f"a cost, though none of {calls:g} calls is priced")


def _counts(value: dict[str, Any], stages: dict[str, Any]) -> Iterator[Claim]:
    for name in ("calls", "priced_calls"):
        whole, parts = _number(value, name), [_number(stage, name) for stage in stages.values()]
        if whole is not None and parts and None not in parts and whole != sum(each or 0 for each in parts):
            message = f"{whole:g} is not the {sum(each or 0 for each in parts):g} of its stages"
            yield Claim(CALLS_MISMATCH, (name,), message)


def _shares(value: dict[str, Any], total: float | None) -> Iterator[Claim]:
    budget = value.get("budget")
    if isinstance(budget, dict):
        spent = _number(budget, "spent")
        if spent is not None and total is not None and spent - total >= _CENT:
            yield Claim(SHARE_MISMATCH, ("budget", "spent"), f"${spent:.2f} is more than the total of ${total:.2f}")
        spent = total if spent is None else spent
        yield from _share(("budget", "used"), _number(budget, "used"), spent, _number(budget, "usd"))
    yield from _share(("utilization",), _number(value, "utilization"), total, _number(value, "budget"))


def _share(key: Key, used: float | None, spent: float | None, cap: float | None) -> Iterator[Claim]:
    if used is None or not cap:
        return
    if spent is None:
        yield Claim(SHARE_MISMATCH, key, f"{used:.2f} of the budget, though nobody knows what was spent")
    elif abs(used - spent / cap) > _SHARE * max(1.0, used):
        yield Claim(SHARE_MISMATCH, key, f"{used:.2f} is not the share of ${spent:.2f} in ${cap:.2f}")


def _rows(value: dict[str, Any]) -> list[dict[str, Any]]:
    rows = value.get("sessions")
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def _first(value: dict[str, Any], keys: tuple[str, ...]) -> tuple[float | None, str]:
    return next(((number, key) for key in keys if (number := _number(value, key)) is not None), (None, keys[0]))


def _number(part: Any, key: str) -> float | None:
    number = part.get(key) if isinstance(part, dict) else None
    return number if isinstance(number, (int, float)) and not isinstance(number, bool) else None


def _usd(stage: Any) -> float | None:
    if isinstance(stage, dict):
        return next((cost for key in ("usd", "cost_usd") if (cost := _number(stage, key)) is not None), None)
    return _number({"usd": stage}, "usd")


def _measured_free(value: dict[str, Any]) -> bool:
    """Whether every stage says that its zero was measured."""
    stages = value.get("per_stage")
    if not isinstance(stages, dict) or not stages:
        return False
    return all(isinstance(stage, dict) and stage.get("source") == "measured" for stage in stages.values())
