"""The cost summary of a SPEC, in any form it was ever written in: one reader, and the amounts as they are written.

Older tools wrote `per_stage` or `perStage`, with `plan` or `spec-plan`, plain amounts or objects, four spellings of the
total and three of the number of calls. Nothing is believed beyond its type, and a zero that nobody measured is unknown.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple

from guardrails.config.layout import stage_of
from guardrails.core.cost import Cost, CostSource, total
from guardrails.core.fields import first, number, table, text, whole
from guardrails.core.timestamps import parse_time

TOTALS = ("total_usd", "total_spent", "total_cost_usd", "totalCostUsd")
CALLS = ("calls", "call_count", "total_calls")
_TIMES = ("generatedAt", "generated_at", "timestamp", "created_at")
_PROFILES = ("runProfile", "run_profile", "profile")


class StageCost(NamedTuple):
    """What a summary says of one stage."""

    stage: str
    """by its plain name; empty where the key names no stage"""
    cost: Cost
    key: str = ""
    """the stage as it is written"""
    stated_usd: float | None = None
    """dollars as they are written, a zero that nobody measured too"""


class SessionCost(NamedTuple):
    """What a summary says of one session."""

    session: str
    """its stamp"""
    stage: str
    cost: Cost
    run: str | None = None
    """the run of the sequencer; None where the stage was run alone"""
    cached: int = 0
    """calls of which the tool says that tokens were read from the provider's cache"""
    failed: int = 0
    replayed: int = 0
    ballots: int | None = None
    """calls for votes; None where the summary does not say"""
    position: int = 0
    """its index in the list that is written"""
    stated_usd: float | None = None


class CostSummary(NamedTuple):
    """What a SPEC has cost. None: the summary does not say, or says that it is not known."""

    path: str
    spec: str
    when: datetime | None = None
    generated: str | None = None
    """the time it was written, as it is written"""
    profile: str | None = None
    stages: tuple[StageCost, ...] = ()
    """as they are listed"""
    total: Cost = Cost()
    cached: int | None = None
    failed: int | None = None
    ballots: int | None = None
    sessions: tuple[SessionCost, ...] | None = None
    """None in the forms that only give sums"""
    cap_usd: float | None = None
    cap_spent: float | None = None
    """what counts against the cap: the cost of the latest run"""
    older: bool = False
    """whether another tool wrote it: then it does not say how many calls are priced"""
    place: str = "per_stage"
    """the key of the stages"""
    total_key: str = TOTALS[0]
    stated_usd: float | None = None
    """the total in dollars as it is written, a zero that nobody measured too"""
    problem: str | None = None
    """why it could not be read; then nothing else of it is known"""

    @property
    def zero_for_calls(self) -> bool:
        """Whether it says $0.00 for calls that were made, which is read as unknown."""
        return _zero_for_calls(self.stated_usd, self.total)

    @property
    def known_stages(self) -> tuple[StageCost, ...]:
        """What it says of stages by their names, without those whose key names none."""
        return tuple(each for each in self.stages if each.stage)

    def ballots_of(self, stage: str) -> int | None:
        """Calls of a stage for votes; None where a session of it does not say."""
        found = [each.ballots for each in self.sessions or () if each.stage == stage]
        known = [number for number in found if number is not None]
        return sum(known) if known and len(known) == len(found) else None

    def zeros(self) -> Iterator[tuple[tuple[str | int, ...], Cost]]:
        """The place of each $0.00 for calls that nobody measured; of a total or a stage, parts are not listed again."""
        if self.zero_for_calls:
            yield (self.total_key,), self.total
            return
        listed = [each for each in self.stages if _zero_for_calls(each.stated_usd, each.cost)]
        yield from (((self.place, each.key, "usd"), each.cost) for each in listed)
        stages = {each.stage for each in listed}
        for row in self.sessions or ():
            if row.stage not in stages and _zero_for_calls(row.stated_usd, row.cost):
                yield ("sessions", row.position, "usd"), row.cost


def _zero_for_calls(stated: float | None, cost: Cost) -> bool:
    return stated == 0 and cost.micros is None and bool(cost.calls)


def read_cost_summary(value: Any, path: str, spec: str, problem: str | None = None) -> CostSummary:
    """The summary in a parsed document; `problem` says why there is none."""
    given = table(value)
    if problem or not given:
        return CostSummary(path, spec, problem=problem or "not a JSON object")
    place = "per_stage" if "per_stage" in given else "perStage"
    stages = tuple(_stage(key, item) for key, item in table(given.get(place)).items())
    stated, total_key = next(
        ((found, key) for key in TOTALS if (found := number(given.get(key))) is not None), (None, TOTALS[0])
    )
    cost = _total(given, stated, stages)
    budget = given.get("budget")
    caps = budget if isinstance(budget, dict) else {"usd": budget}
    return CostSummary(
        path=path,
        spec=spec,
        when=next((when for key in _TIMES if (when := parse_time(given.get(key)))), None),
        generated=first(given, _TIMES),
        profile=first(given, _PROFILES),
        stages=stages,
        total=cost,
        cached=whole(given.get("cached_calls")),
        failed=whole(given.get("failed_calls")),
        ballots=whole(given.get("ballot_calls")),
        sessions=tuple(_sessions(given["sessions"])) if "sessions" in given else None,
        cap_usd=number(caps.get("usd")),
        cap_spent=number(caps["spent"]) if "spent" in caps else cost.usd,
        older="priced_calls" not in given,
        place=place,
        total_key=total_key,
        stated_usd=stated,
    )


def _total(given: dict[str, Any], stated: float | None, stages: tuple[StageCost, ...]) -> Cost:
    calls = next((found for key in CALLS if (found := whole(given.get(key))) is not None), None)
    parts = total(each.cost for each in stages)
    source = parts.source if parts.micros is not None and stages else "unknown"
    if stated == 0 and parts.micros != 0:  # it is no sum of what was measured
        source = "unknown"
    known = [each.cost.micros is not None for each in stages]
    partial = parts.partial or (any(known) and not all(known))
    priced = whole(given.get("priced_calls"))
    return Cost.stated(stated, whole(given.get("total_tokens")), source, calls, priced, partial=partial)


def _stage(key: str, item: Any) -> StageCost:
    given = item if isinstance(item, dict) else {"usd": item}
    return StageCost(stage_of(key) or "", read_cost(given), key, _usd(given))


def _sessions(value: Any) -> Iterator[SessionCost]:
    listed = value if isinstance(value, list) else []
    for position, item in enumerate(listed):
        given = table(item)
        session, stage = text(given.get("session")), stage_of(given.get("stage"))
        if session and stage:
            yield SessionCost(
                session,
                stage,
                read_cost(given),
                text(given.get("run")),
                cached=whole(given.get("cached_calls")) or 0,
                failed=whole(given.get("failed_calls")) or 0,
                replayed=whole(given.get("replayed_calls")) or 0,
                ballots=whole(given.get("ballot_calls")),
                position=position,
                stated_usd=_usd(given),
            )


def _usd(given: dict[str, Any]) -> float | None:
    return number(given.get("usd", given.get("cost_usd")))


def read_cost(value: Any) -> Cost:
    """The cost of a call, session, stage or run as records write it: `usd`, `tokens`, `source` and counts."""
    given = table(value)
    return Cost.stated(
        _usd(given),
        whole(given.get("tokens")),
        read_source(given.get("source")),
        whole(given.get("calls")),
        whole(given.get("priced_calls")),
    )


def read_source(value: Any) -> CostSource:
    """How an amount came to be known, where the record says so in the words of the schema."""
    return value if value in ("measured", "estimated") else "unknown"


def cost_document(cost: Cost) -> dict[str, Any]:
    """A cost as records write it. A lower bound is never called measured."""
    return {
        "usd": cost.usd,
        "tokens": cost.tokens,
        "source": "estimated" if cost.partial else cost.source,
        "calls": cost.calls,
        "priced_calls": cost.priced,
    }
