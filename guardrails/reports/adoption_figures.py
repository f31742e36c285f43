"""Some runs in figures, each with how much of what it is about was examined: a figure of nothing meets no target."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from guardrails.consensus.values import KINDS
from guardrails.layout import STAGES
from guardrails.reports.executions import Execution
from guardrails.reports.numbers import mean, percentile, spent, total
from guardrails.reports.values import Money

NO_PROFILE = "none named"


class Outcomes(NamedTuple):
    """How many consensus sessions had each recomputed verdict."""

    ok: int = 0
    undecided: int = 0
    degraded: int = 0
    conflict: int = 0

    @property
    def all(self) -> int:
        return sum(self)


class Figures(NamedTuple):
    """Some runs in figures.

    `runs` are those that examined something; beside them stand `replayed` ones, whose answers came from recordings,
    and `empty` ones, which ended before anything was examined. Nothing of either is in any other figure.
    """

    runs: int
    replayed: int
    empty: int
    failed: int
    degraded: int
    outcomes: Outcomes
    agreement: float | None
    """the mean of the sessions that were decided"""
    agreed: int
    """sessions in which all of the roster took part and an agreement is known"""
    p50_ms: float | None
    """of single calls that were answered, in milliseconds"""
    p95_ms: float | None
    calls: int
    timed: int
    """calls that were answered and whose latency is known"""
    cost: Money
    called: int
    """runs in which agents were called: all that can cost anything"""
    usd_per_run: float | None
    """the mean of the runs in which agents were called"""
    usd_per_run_is_floor: bool
    """whether a call of theirs has no price: then the mean is the least that it was"""


class StageMean(NamedTuple):
    """What a stage costs in a run; None where unknown. `floor`: some of its calls have no price."""

    stage: str
    usd: float | None
    floor: bool


class ProfileCost(NamedTuple):
    """What a run of a profile costs by stage, as a mean over `runs` runs in which agents were called."""

    profile: str
    runs: int
    stages: tuple[StageMean, ...]


def figures(runs: Sequence[Execution]) -> Figures:
    """Some runs in figures."""
    real = [each for each in runs if not each.replayed]
    examined = [each for each in real if each.examined]
    sessions = [session for each in examined for session in each.sessions]
    calls = [call for session in sessions for call in session.calls]
    latencies = [call.latency_ms for call in calls if call.status != "error" and call.latency_ms is not None]
    called = [each for each in examined if each.called]
    cost = total([each.cost for each in called])
    kinds = [session.then.kind for session in sessions]
    return Figures(
        runs=len(examined),
        replayed=len(runs) - len(real),
        empty=len(real) - len(examined),
        failed=sum(each.failed for each in examined),
        degraded=sum(any(session.then.kind == "degraded" for session in each.sessions) for each in examined),
        outcomes=Outcomes(**{kind: kinds.count(kind) for kind in KINDS}),
        agreement=mean(session.then.agreement for session in sessions if session.then.kind != "undecided"),
        agreed=sum(session.agreement is not None for session in sessions),
        p50_ms=percentile(latencies, 0.50),
        p95_ms=percentile(latencies, 0.95),
        calls=len(calls),
        timed=len(latencies),
        cost=cost,
        called=len(called),
        usd_per_run=None if cost.usd is None else cost.usd / len(called),
        usd_per_run_is_floor=cost.floor,
    )


def by_profile(runs: Sequence[Execution]) -> Iterator[ProfileCost]:
    """What a run costs by stage, for each profile under which agents were called."""
    paid = [each for each in runs if not each.replayed and each.called and each.sessions]
    for name in sorted({each.profile or NO_PROFILE for each in paid}):
        mine = [each for each in paid if (each.profile or NO_PROFILE) == name]
        yield ProfileCost(name, len(mine), tuple(_of_stage(mine, stage) for stage in STAGES))


def _of_stage(runs: Sequence[Execution], stage: str) -> StageMean:
    found = total([spent(each.calls) for run in runs for each in run.sessions if each.stage == stage])
    return StageMean(stage, None if found.usd is None else found.usd / len(runs), found.floor)
