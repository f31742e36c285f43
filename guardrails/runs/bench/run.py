"""Run a SPEC's stages under several profiles, each run in a tree of its own, and remember every stage once it is done.

Killed at any moment and begun again, it asks nobody who has answered: stages that are done are remembered, and in the
one that was under way each call is found by its key. The budget is asked before each call, over all runs together.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from hashlib import sha256
from json import dumps
from typing import NamedTuple

from guardrails.agents.run_context import RunContext, with_profile
from guardrails.agents.types import Watch
from guardrails.checks.accept.check import tally
from guardrails.config.settings import MemorySettings
from guardrails.consensus.model import agent_of
from guardrails.core.cost import dollars
from guardrails.errors import Undecidable
from guardrails.reports.bench import Sample, StageProof
from guardrails.reports.figures import duration
from guardrails.runs.bench.inputs import require_same
from guardrails.runs.bench.records import BenchPlan, Folder, Trial, TrialStage, measured, order
from guardrails.runs.bench.trees import BenchBase, clone, put_away, remove
from guardrails.runs.halt import Halt
from guardrails.runs.rounds import Round
from guardrails.runs.serialize import pack
from guardrails.runs.single import RetryListener, Single, consult
from guardrails.runs.tools import why_not
from guardrails.snapshot.context import CheckContext, Scope
from guardrails.snapshot.worktree import Worktree


class BenchProgress(NamedTuple):
    """How far a benchmark has come. `halt` says why it went no further: None when all runs are done."""

    samples: tuple[Sample, ...]
    rounds: tuple[Round, ...]
    halt: Halt | None = None


class _Ended(NamedTuple):
    """What a stage or a run came to: what was paid, and why the benchmark cannot go on, if it cannot."""

    rounds: tuple[Round, ...]
    halt: Halt | None = None


class Bench(NamedTuple):
    """A benchmark that is about to run. `run_context` is the operator's, without a profile."""

    run_context: RunContext
    plan: BenchPlan
    folder: Folder
    base: BenchBase
    cap_usd: float | None
    watch: Watch | None = None
    tell: RetryListener | None = None


def profile_context(run_context: RunContext, profile: str, cap_usd: float | None) -> RunContext:
    """The context of a profile's runs. No other profile is fallen back to, for then it would be measured as this one;
    what is remembered stays in the run's own repository."""
    made = with_profile(run_context, profile)
    plan = made.plan._replace(
        recovery=made.plan.recovery._replace(fallback=None), budget=made.plan.budget._replace(usd=cap_usd)
    )
    return made._replace(plan=plan, settings=made.settings._replace(memory=MemorySettings()))


def digest_of(run_context: RunContext, stages: Sequence[str]) -> str:
    """The digest of all that decides whom a profile calls in some stages, and how."""
    plan = run_context.plan
    rosters = [plan.stage(stage).roster for stage in stages]
    names = dict.fromkeys((*(name for roster in rosters for name in roster), *_arbiter(run_context)))
    value = [rosters, [pack(plan.agent(name)) for name in names], pack(plan.prompts), pack(plan.recovery)]
    value.append(run_context.settings.consensus.method)
    return sha256(dumps(value, sort_keys=True).encode()).hexdigest()


def _arbiter(run_context: RunContext) -> tuple[str, ...]:
    return (run_context.plan.recovery.arbiter,) if run_context.plan.recovery.arbiter else ()


def require_agents(run_context: RunContext, stages: Sequence[str]) -> None:
    """Raises Undecidable when an agent of a profile cannot be called: nobody is paid for half a comparison."""
    for stage in stages:
        for name in (*run_context.plan.stage(stage).roster, *_arbiter(run_context)):
            why = why_not(run_context, run_context.plan.agent(name))
            if why:
                raise Undecidable(
                    f"{run_context.plan.profile}: {stage}: {name}: {why}",
                    "the benchmark sees what is committed: install it, commit it, or correct .speckit.yaml",
                )


def run(bench: Bench) -> BenchProgress:
    """Make the runs that are missing, in order, until all are done or the budget is used up."""
    plan, folder = bench.plan, bench.folder
    trials = order(len(plan.profiles), plan.runs)
    paid = tuple(round_ for each in folder.all_done(trials, plan.stages) for round_ in each.rounds)
    halt: Halt | None = None
    for number, trial in enumerate(trials, 1):
        if halt is None and not all(folder.done(trial, stage) for stage in plan.stages):
            made, halt = _trial(bench, trial, paid, f"[{number}/{len(trials)}]")
            paid += made
        if halt is None:
            put_away(folder.tree(trial), bench.run_context.settings.layout.evidence, folder.evidence(trial))
            remove(folder.tree(trial))
    samples = tuple(each.sample for each in folder.all_done(trials, plan.stages))
    return BenchProgress(samples, paid, halt)


def _trial(bench: Bench, trial: Trial, paid: tuple[Round, ...], where: str) -> _Ended:
    """Make what is missing of one run. `paid` are the rounds of all runs before it."""
    plan = bench.plan
    profile = plan.profiles[trial.profile - 1]
    repo = clone(bench.base, bench.folder.tree(trial), bench.run_context.environment)
    run_context = profile_context(bench.run_context, profile, bench.cap_usd)._replace(
        repo=repo, run=f"{plan.name}{trial.name}"
    )
    require_agents(run_context, plan.stages)
    rounds: tuple[Round, ...] = ()
    for stage in plan.stages:
        if bench.folder.done(trial, stage):
            continue
        bench.run_context.say(
            f"{where} {profile}, run {trial.run}, {stage}: {', '.join(run_context.plan.stage(stage).roster)}"
        )
        made, halt = _stage(bench, run_context, trial, stage, (*paid, *rounds))
        rounds += made
        if halt is not None:
            return _Ended(rounds, halt)
    return _Ended(rounds)


def _stage(bench: Bench, run_context: RunContext, trial: Trial, stage: str, paid: tuple[Round, ...]) -> _Ended:
    plan, folder = bench.plan, bench.folder
    proof = next(each for each in plan.proofs if each.stage == stage)
    prepared = require_same(run_context, stage, proof)
    session = folder.session(plan, trial, stage, lambda: datetime.now(timezone.utc).replace(microsecond=0))
    ended = consult(run_context, stage, bench.watch, bench.tell, session, paid)
    if ended.judged is None:
        assert ended.halt is not None
        return _Ended(ended.rounds, ended.halt)
    _require_unchanged(run_context, ended, stage, proof)
    profile, budget, accepted = (
        plan.profiles[trial.profile - 1],
        run_context.plan.budget,
        _acceptance(run_context, stage),
    )
    sample = measured(
        profile, trial.run, stage, ended.rounds, ended.judged, prepared.waves, budget=budget, acceptance=accepted
    )
    folder.keep_done(trial, stage, TrialStage(sample, ended.rounds))
    bench.run_context.say(
        f"  {sample.verdict}, {duration(sample.latency_ms)}, {dollars(sample.usd)}"
        + (" (replayed)" if sample.replayed else "")
    )
    return _Ended(ended.rounds)


def _acceptance(run_context: RunContext, stage: str) -> float | None:
    """The share of the stage's acceptance criteria that its answers meet; None when none could be judged."""
    now = datetime.now(timezone.utc)
    found = tally(
        CheckContext(Worktree(run_context.repo), run_context.settings, now, Scope(spec=run_context.spec)),
        run_context.spec,
        stage,
    )
    return found.hold / found.judged if found.judged else None


def _require_unchanged(run_context: RunContext, ended: Single, stage: str, proof: StageProof) -> None:
    """Raises Undecidable when an agent changed what others were to be asked about while the stage was under way."""
    require_same(run_context, stage, proof)
    if len({each.inputs for each in ended.rounds if each.inputs}) > 1:
        raise Undecidable(
            f"{stage}: the documents in {run_context.repo.root} changed while agents were asked about them",
            "an agent wrote there: forbid it to, and begin a new benchmark",
        )


def agents_of(run_context: RunContext, stages: Sequence[str]) -> tuple[str, ...]:
    """Everybody a profile may call in some stages, each once."""
    names = (name for stage in stages for name in run_context.plan.stage(stage).roster)
    return tuple({agent_of(name): name for name in (*names, *_arbiter(run_context))}.values())
