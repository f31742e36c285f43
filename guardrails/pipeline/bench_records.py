"""What a benchmark remembers, in the git directory: what was asked for, and each stage of each run once it is done.

`<git dir>/speckit/bench/<SPEC>/<name>/` holds `bench.json`, `done/<trial>_<stage>.json`, `begun/<trial>_<stage>.json`,
the clones of runs that are under way (`trees/`), the evidence of those that are done (`evidence/`), and the scratch
repository of a workload (`base/`). None of it is ever part of the repository's own evidence. Delete it when you like.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple, TypeVar

from guardrails.errors import GuardrailError
from guardrails.evidence.names import Session
from guardrails.git import Repo
from guardrails.pipeline.plain import pack, unpack
from guardrails.pipeline.rounds import Round
from guardrails.reports.bench import Sample
from guardrails.reports.bench_shown import StageProof

T = TypeVar("T")


class Plan(NamedTuple):
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
        return f"{self.started:%Y%m%dT%H%M%SZ}-{self.nonce}"


class Trial(NamedTuple):
    """One run of one profile: numbers from 1 of the run, and of the profile as it was named."""

    run: int
    profile: int

    @property
    def name(self) -> str:
        return f"r{self.run:03}p{self.profile}"


class Done(NamedTuple):
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

    def plan(self) -> Plan | None:
        return _read(os.path.join(self.place, "bench.json"), Plan)

    def keep_plan(self, plan: Plan) -> None:
        _keep(os.path.join(self.place, "bench.json"), plan)

    def done(self, trial: Trial, stage: str) -> Done | None:
        return _read(self._stage("done", trial, stage), Done)

    def keep_done(self, trial: Trial, stage: str, done: Done) -> None:
        _keep(self._stage("done", trial, stage), done)

    def session(self, plan: Plan, trial: Trial, stage: str, now: Callable[[], datetime]) -> Session:
        """The session of a stage: decided when it began, the same ever after."""
        path = self._stage("begun", trial, stage)
        begun = _read(path, _Begun)
        if begun is None:
            begun = _Begun(now())
            _keep(path, begun)
        return Session(plan.spec, stage, begun.at, f"{plan.nonce}{trial.name}")

    def all_done(self, trials: Sequence[Trial], stages: Sequence[str]) -> list[Done]:
        found = (self.done(trial, stage) for trial in trials for stage in stages)
        return [each for each in found if each is not None]

    def _stage(self, what: str, trial: Trial, stage: str) -> str:
        return os.path.join(self.place, what, f"{trial.name}_{stage}.json")


def folder_of(repo: Repo, spec: str, name: str) -> Folder:
    return Folder(os.path.join(_place(repo, spec), name))


def latest(repo: Repo, spec: str) -> tuple[Folder, Plan] | None:
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
    partial = f"{path}.{os.getpid()}.part"
    with open(partial, "w", encoding="utf-8") as stream:
        json.dump(pack(value), stream, indent=1)
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(partial, path)
