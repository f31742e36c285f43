"""A cost summary as it lies in a repository, of this tool or of an older one, read to values. Nothing is believed that
is not said: an amount of 0 that nobody measured is unknown."""

from __future__ import annotations

from typing import Any, NamedTuple

from guardrails.costs.spending import Money, Source, add
from guardrails.errors import GuardrailError, Undecidable
from guardrails.jsontext import JsonFlaw, parse
from guardrails.layout import STAGES, stage_of
from guardrails.schema import is_valid

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
