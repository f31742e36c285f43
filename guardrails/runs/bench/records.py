"""What a benchmark remembers, in the git directory: what was asked for, and each stage of each run once it is done.

`<git dir>/speckit/bench/<SPEC>/<name>/` holds `bench.json`, `done/<trial>_<stage>.json`, `begun/<trial>_<stage>.json`,
the clones of runs that are under way (`trees/`), the evidence of those that are done (`evidence/`), and the scratch
repository of a workload (`base/`). None of it is ever part of the repository's own evidence. Delete it when you like.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import NamedTuple, TypeVar

from guardrails.config.run_settings import Budget
from guardrails.consensus.model import agent_of
from guardrails.core import atomic
from guardrails.core.cost import Cost, CostSource, in_dollars, total
from guardrails.core.timestamps import compact
from guardrails.errors import GuardrailError
from guardrails.evidence.costs import Spent, cost
from guardrails.evidence.names import StageSession
from guardrails.git.repo import Repo
from guardrails.reports.bench import Sample, StageProof
from guardrails.runs.budget import spent_of
from guardrails.runs.rounds import AgentCall, Round
from guardrails.runs.serialize import pack, unpack
from guardrails.runs.synthesis import StageVerdict

T = TypeVar("T")


class BenchPlan(NamedTuple):
    """What was asked for, decided once. `digests` are of what each profile calls, `spec` is an exact id."""

    spec: str
    started: datetime
    nonce: str
    profiles: tuple[str, ...]
    stages: tuple[str, ...]
    runs: int
    commit: str
    source: str
    """in words"""
    workload: bool
    digests: tuple[str, ...]
    proofs: tuple[StageProof, ...]

    @property
    def name(self) -> str:
        return f"{compact(self.started)}-{self.nonce}"


class Trial(NamedTuple):
    """One run of one profile: numbers from 1 of the run, and of the profile as it was named."""

    run: int
    profile: int

    @property
    def name(self) -> str:
        return f"r{self.run:03}p{self.profile}"


class TrialStage(NamedTuple):
    """One stage of a trial that is done: its figures, and the calls they are of."""

    sample: Sample
    rounds: tuple[Round, ...]


class _Begun(NamedTuple):
    at: datetime


def order(profiles: int, runs: int) -> tuple[Trial, ...]:
    """The trials in the order they are made: there and back again (A B, B A, A B …), so that what changes slowly with
    time is the same for all. More runs only add to the end."""
    there = range(1, profiles + 1)
    return tuple(
        Trial(run, profile) for run in range(1, runs + 1) for profile in (there if run % 2 else reversed(there))
    )


class Folder:
    """The folder of one benchmark."""

    def __init__(self, place: str) -> None:
        self.place = place

    @property
    def base(self) -> str:
        return os.path.join(self.place, "base")

    def tree(self, trial: Trial) -> str:
        return os.path.join(self.place, "trees", trial.name)

    def evidence(self, trial: Trial) -> str:
        return os.path.join(self.place, "evidence", trial.name)

    def plan(self) -> BenchPlan | None:
        return _read(os.path.join(self.place, "bench.json"), BenchPlan)

    def keep_plan(self, plan: BenchPlan) -> None:
        _keep(os.path.join(self.place, "bench.json"), plan)

    def done(self, trial: Trial, stage: str) -> TrialStage | None:
        return _read(self._stage("done", trial, stage), TrialStage)

    def keep_done(self, trial: Trial, stage: str, done: TrialStage) -> None:
        _keep(self._stage("done", trial, stage), done)

    def session(self, plan: BenchPlan, trial: Trial, stage: str, now: Callable[[], datetime]) -> StageSession:
        """The session of a stage: decided when it began, the same ever after."""
        path = self._stage("begun", trial, stage)
        begun = _read(path, _Begun)
        if begun is None:
            begun = _Begun(now())
            _keep(path, begun)
        return StageSession(plan.spec, stage, begun.at, f"{plan.nonce}{trial.name}")

    def all_done(self, trials: Sequence[Trial], stages: Sequence[str]) -> list[TrialStage]:
        found = (self.done(trial, stage) for trial in trials for stage in stages)
        return [each for each in found if each is not None]

    def _stage(self, what: str, trial: Trial, stage: str) -> str:
        return os.path.join(self.place, what, f"{trial.name}_{stage}.json")


def folder_of(repo: Repo, spec: str, name: str) -> Folder:
    return Folder(os.path.join(_place(repo, spec), name))


def latest(repo: Repo, spec: str) -> tuple[Folder, BenchPlan] | None:
    """The benchmark of a SPEC that was begun last."""
    try:
        names = sorted(os.listdir(_place(repo, spec)), reverse=True)
    except OSError:
        return None
    for name in names:
        folder = folder_of(repo, spec, name)
        plan = folder.plan()
        if plan is not None and (plan.spec, plan.name) == (spec, name):
            return folder, plan
    return None


def _place(repo: Repo, spec: str) -> str:
    return os.path.join(repo.git_dir(), "speckit", "bench", spec)


def _read(path: str, kind: type[T]) -> T | None:
    """What was kept; None when nothing was. Raises GuardrailError for what is there and cannot be read: it may have
    been paid for."""
    try:
        with open(path, encoding="utf-8") as stream:
            return unpack(kind, json.load(stream))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise GuardrailError(
            f"{path}: what the benchmark remembers cannot be read", "put it back as it was, or begin a new benchmark"
        ) from error


def _keep(path: str, value: object) -> None:
    """The whole of it or nothing, on disk when this returns."""
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    atomic.write(path, json.dumps(pack(value), indent=1).encode("utf-8"))


# From the calls of one stage to the figures that a benchmark compares. Pure.


def measured(
    profile: str,
    run: int,
    stage: str,
    rounds: Sequence[Round],
    judged: StageVerdict,
    waves: Sequence[Sequence[str]],
    *,
    budget: Budget,
    acceptance: float | None,
) -> Sample:
    """The figures of a stage. A call whose program was not there was never made; its agent is missing all the same."""
    made = [each for round_ in rounds for each in round_.made if not each.missing_tool]
    usd, source = _usd(made, budget)
    tokens = [spent_of(each).tokens for each in made]
    known = [each for each in tokens if each is not None]
    return Sample(
        profile=profile,
        run=run,
        stage=stage,
        verdict=judged.verdict,
        latency_ms=sum(_waits(rounds, waves)) if made else None,
        tokens=sum(known) if known and len(known) == len(tokens) else None,
        usd=usd,
        usd_source=source,
        agreement=judged.agreement,
        participation=judged.participation,
        acceptance=acceptance,
        calls=len(made),
        failed=sum(each.error is not None for each in made),
        replayed=sum(each.replayed for each in made),
    )


def _waits(rounds: Sequence[Round], waves: Sequence[Sequence[str]]) -> Iterator[int]:
    """Milliseconds that were waited: for the slowest call of each wave of each round. Taken from the calls and not from
    the clock, so that a benchmark that was killed and resumed measures the same."""
    turn = {agent_of(name): number for number, wave in enumerate(waves) for name in wave}
    for each in rounds:
        slowest: dict[int, int] = {}
        for made in each.made:
            if not made.missing_tool:
                number = len(waves) if made.arbiter or made.ballot else turn.get(made.agent, len(waves))
                slowest[number] = max(slowest.get(number, 0), made.latency_ms)
        yield sum(slowest.values())


def _usd(made: Sequence[AgentCall], budget: Budget) -> tuple[float | None, CostSource]:
    """What the calls cost together; None when it is not known of one. A recording cost nothing to serve, which says
    nothing of its profile: what the prices make of its tokens stands for it."""
    found = total((_as_if_paid(call, budget) if call.replayed else spent_of(call)).cost for call in made)
    if found.empty or found.total_micros is None:
        return None, "unknown"
    return in_dollars(found.total_micros), found.source


def _as_if_paid(call: AgentCall, budget: Budget) -> Spent:
    spent = spent_of(call)
    price = budget.price(call.answered_by) or budget.price(call.model)
    if price is None or spent.input_tokens is None or spent.output_tokens is None:
        return spent._replace(usd=None, source="unknown")
    amount = cost(price, spent.input_tokens, spent.output_tokens)
    return spent._replace(usd=in_dollars(amount), source="estimated" if amount else "measured")


def paid(rounds: Sequence[Round]) -> Cost:
    """What was really paid for some rounds."""
    return total(spent_of(made).cost for each in rounds for made in each.made if not made.missing_tool)
