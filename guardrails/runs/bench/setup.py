"""Before a benchmark: what it is of, that every profile is asked the same, and what it will cost. Nobody is called."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from secrets import token_hex
from typing import NamedTuple

from guardrails.agents.run_context import RunContext
from guardrails.config.layout import Layout
from guardrails.config.run_settings import Prompts
from guardrails.consensus.context import collect
from guardrails.errors import GuardrailError
from guardrails.evidence.costs import Estimate
from guardrails.reports.bench import StageProof
from guardrails.runs.bench.inputs import prove, text_sha256
from guardrails.runs.bench.records import BenchPlan, folder_of, latest, order
from guardrails.runs.bench.run import agents_of, digest_of, profile_context, require_agents
from guardrails.runs.bench.trees import BenchBase, clone, materialise, read_workload
from guardrails.runs.consult import prepare
from guardrails.runs.dry_run import planned_calls
from guardrails.snapshot.worktree import Worktree


class Wanted(NamedTuple):
    """What was asked for. `spec` None: the one of the workload, which is a directory's path. To resume, no profiles, no
    stages and no runs are those of before."""

    profiles: tuple[str, ...]
    stages: tuple[str, ...]
    runs: int
    spec: str | None = None
    workload: str | None = None
    cap_usd: float | None = None


class BenchTarget(NamedTuple):
    """What is benchmarked. `files` are those of a workload, None where the repository itself is cloned."""

    run_context: RunContext
    source: str
    files: dict[str, bytes] | None


class Expected(NamedTuple):
    """The calls that one run of a stage under a profile makes if nobody has to be asked twice."""

    profile: str
    stage: str
    calls: tuple[Estimate, ...]


def target(run_context: RunContext, wanted: Wanted) -> BenchTarget:
    """What a benchmark is of. `run_context` is that of the operator, its `spec` still to be found out."""
    if wanted.workload is None:
        head = run_context.repo.head()
        if head is None:
            raise GuardrailError("the repository has no commit yet", "commit the SPEC's documents: HEAD is benchmarked")
        spec = run_context.settings.layout.require_id(wanted.spec or "")
        return BenchTarget(run_context._replace(spec=spec), f"commit {head[:12]} of this repository", None)
    files = read_workload(wanted.workload)
    run_context = in_workload(run_context)
    run_context = run_context._replace(spec=_spec_in(files, run_context.settings.layout, wanted))
    recorded = _recordings(run_context, wanted)
    return BenchTarget(run_context, f"workload of {len(files)} files", {**recorded, **files})


def in_workload(run_context: RunContext) -> RunContext:
    """The context with the places of a workload, which are the same wherever it is run."""
    plan = run_context.plan._replace(prompts=Prompts(context_bytes=run_context.plan.prompts.context_bytes))
    return run_context._replace(settings=run_context.settings._replace(layout=Layout()), plan=plan)


def _spec_in(files: dict[str, bytes], layout: Layout, wanted: Wanted) -> str:
    start = f"{layout.docs}/"
    folders = {path.split("/")[1] for path in files if path.startswith(start) and path.count("/") > 1}
    found = sorted({spec for name in folders if (spec := layout.id_of(name))})
    if wanted.spec is not None:
        return layout.require_id(wanted.spec)
    if len(found) != 1:
        said = f"has {len(found)} SPECs" if found else f"has no SPEC below {start}"
        raise GuardrailError(f"the workload {said}", "name the one to benchmark: speckit bench SPEC --workload DIR")
    return found[0]


def _recordings(run_context: RunContext, wanted: Wanted) -> dict[str, bytes]:
    """The recordings that replay agents serve, as the operator's tree has them: a workload has none of its own."""
    tree = Worktree(run_context.repo)
    found: dict[str, bytes] = {}
    for profile in wanted.profiles:
        made = profile_context(run_context, profile, None)
        replays = {made.plan.agent(name).replay for name in agents_of(made, wanted.stages)}
        for folder in sorted(each for each in replays if each is not None):
            blobs = tree.read_many(tree.entries(folder))
            found |= {blob.entry.path: blob.data for blob in blobs if blob.data is not None}
    return found


@contextmanager
def scratch(found: BenchTarget) -> Iterator[tuple[BenchBase, RunContext]]:
    """The base of a benchmark, and the context of a run in a tree of it: in a temporary directory, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="speckit-bench-") as place:
        base = base_of(found, os.path.join(place, "base"))
        repo = clone(base, os.path.join(place, "tree"), found.run_context.environment)
        yield base, found.run_context._replace(repo=repo)


def base_of(found: BenchTarget, place: str) -> BenchBase:
    """What runs are cloned from: the repository, or the workload made into one at `place`."""
    if found.files is not None:
        return materialise(found.files, place, found.run_context.environment)
    head = found.run_context.repo.head()
    assert head is not None
    return BenchBase(found.run_context.repo.root, head)


def examined(found: BenchTarget, wanted: Wanted) -> tuple[str, tuple[StageProof, ...], tuple[Expected, ...]]:
    """(commit, what is the same under every profile, what calls are expected). Raises GuardrailError when it is not
    the same, and Undecidable when somebody cannot be called."""
    with scratch(found) as (base, inside):
        try:
            collect(Worktree(inside.repo), inside.settings, inside.plan.prompts, inside.spec)
        except GuardrailError as error:
            raise GuardrailError(
                f"{base.commit[:12]}: {error.message}", "commit it: the benchmark reads HEAD"
            ) from error
        run_contexts = [profile_context(inside, profile, wanted.cap_usd) for profile in wanted.profiles]
        for run_context in run_contexts:
            require_agents(run_context, wanted.stages)
        proofs = prove(run_contexts, wanted.stages)
        return (
            base.commit,
            proofs,
            tuple(_expected(run_context, stage) for run_context in run_contexts for stage in wanted.stages),
        )


def _expected(run_context: RunContext, stage: str) -> Expected:
    calls = (call.estimate for call, _ in planned_calls(run_context, stage, prepare(run_context, stage)))
    return Expected(run_context.plan.profile or "", stage, tuple(calls))


def begun(found: BenchTarget, wanted: Wanted, commit: str, proofs: tuple[StageProof, ...], now: datetime) -> BenchPlan:
    """The plan of a new benchmark, remembered from here on."""
    run_context = found.run_context
    plan = BenchPlan(
        run_context.spec,
        now,
        token_hex(4),
        wanted.profiles,
        wanted.stages,
        wanted.runs,
        commit,
        found.source,
        found.files is not None,
        tuple(
            digest_of(profile_context(run_context, profile, wanted.cap_usd), wanted.stages)
            for profile in wanted.profiles
        ),
        proofs,
    )
    folder = folder_of(run_context.repo, run_context.spec, plan.name)
    if found.files is not None:
        os.makedirs(folder.place, mode=0o700, exist_ok=True)
        materialise(found.files, folder.base, run_context.environment)
    folder.keep_plan(plan)
    return plan


def unfinished(run_context: RunContext) -> str | None:
    """The name of the latest benchmark of the SPEC, if some of its runs are still to be made."""
    known = latest(run_context.repo, run_context.spec)
    if known is None:
        return None
    folder, plan = known
    trials = order(len(plan.profiles), plan.runs)
    whole = all(folder.done(trial, stage) for trial in trials for stage in plan.stages)
    return None if whole else plan.name


def taken_up(found: BenchTarget, wanted: Wanted) -> BenchPlan:
    """The plan of the latest benchmark, with more runs if more are wanted. Raises GuardrailError when there is none, or
    it is not of what is asked for."""
    run_context = found.run_context
    known = latest(run_context.repo, run_context.spec)
    if known is None:
        raise GuardrailError(f"there is no benchmark of {run_context.spec} to go on with", "begin one without --resume")
    folder, plan = known
    if plan.workload != (found.files is not None):
        what = "a workload: name it" if plan.workload else "the repository: leave --workload and --standard out"
        raise GuardrailError(f"{plan.name} is of {what.partition(':')[0]}", what.partition(": ")[2])
    require_unchanged(plan, run_context, wanted)
    if wanted.runs and wanted.runs < plan.runs:
        raise GuardrailError(f"{plan.name} has {plan.runs} runs of each profile", "give as many with --runs, or more")
    if wanted.runs > plan.runs:
        plan = plan._replace(runs=wanted.runs)
        folder.keep_plan(plan)
    return plan


def require_unchanged(plan: BenchPlan, run_context: RunContext, wanted: Wanted) -> None:
    """Raises GuardrailError when a benchmark cannot go on as it began: with these profiles, called as they were."""
    for option, ours, theirs in (("profile", wanted.profiles, plan.profiles), ("stage", wanted.stages, plan.stages)):
        if ours and ours != theirs:
            raise GuardrailError(
                f"{plan.name} is of {', '.join(theirs)}", f"leave --{option} out, or begin a new one without --resume"
            )
    for profile, digest in zip(plan.profiles, plan.digests, strict=True):
        if digest_of(profile_context(run_context, profile, None), plan.stages) != digest:
            raise GuardrailError(
                f"profile '{profile}' is not what it was when {plan.name} began",
                "put it back, or begin a new one without --resume",
            )


def base_in(run_context: RunContext, plan: BenchPlan) -> BenchBase:
    """What the runs of a benchmark are cloned from."""
    folder = folder_of(run_context.repo, plan.spec, plan.name)
    return BenchBase(folder.base if plan.workload else run_context.repo.root, plan.commit)


def elsewhere(found: BenchTarget, proofs: Sequence[StageProof]) -> str | None:
    """What to say when the operator's tree has other documents than the commit that is benchmarked."""
    if found.files is not None:
        return None
    run_context = found.run_context
    try:
        text = collect(
            Worktree(run_context.repo), run_context.settings, run_context.plan.prompts, run_context.spec
        ).text
    except GuardrailError:
        text = ""
    if all(text_sha256(text) == each.context_sha256 for each in proofs):
        return None
    return "The working tree has other documents than the commit; the benchmark reads the commit."
