"""`python -m benchmarks mutations`: falsify a finished run in thousands of ways, and see each of them told.

The count of mutations is --repeat (2,000 when not given), the seed SPECKIT_MUTATIONS_SEED or a random one that is
shown. Each mutation is committed on top of the finished demo and judged twice: the commit by itself, and the range.
"""

from __future__ import annotations

import os
import queue
import random
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from benchmarks.data import Repository
from benchmarks.environment import speckit
from benchmarks.measure import NotMeasuredError, Series
from benchmarks.mutators import Change, Ground, Mutation, mutations
from benchmarks.rows import Claim, Limit, Row, rows
from benchmarks.setting import Setting

TIMES = 2_000
SEED = "SPECKIT_MUTATIONS_SEED"
_VERDICTS = frozenset((1, 3, 4, 5))
"""Exit codes that say no. 70 is a crash; 2 judges nothing and is an answer only to a configuration."""
_PATIENCE = 300.0


class Judged(NamedTuple):
    """A mutation, and the exit codes of the commit and of the range; None where it was not asked."""

    mutation: Mutation
    commit: int | None
    range: int
    said: str = ""

    @property
    def holds(self) -> bool:
        """Whether what was said is what had to be said."""
        if self.mutation.expected == "green":
            return self.commit == self.range == 0
        codes = [self.range] if self.commit is None else [self.range, self.commit]
        refused = _VERDICTS | ({2} if self.mutation.kind == "loosen" else frozenset())
        return all(code in refused for code in codes)

    @property
    def outcome(self) -> str:
        if self.holds:
            return "as expected"
        if self.mutation.expected == "green":
            return "false alarm"
        codes = {self.commit, self.range}
        return "crash" if 70 in codes else "miss" if 0 in codes else "not judged"


def run(setting: Setting) -> Iterator[Row]:
    """How many were told as expected, by kind of what they are."""
    wrong = ("miss", "false alarm", "crash", "not judged")
    claims = [Claim("mutations", "mutations", "told as expected", Limit(1))]

    def measure() -> list[tuple[Series, Series]]:
        seed = int(os.environ.get(SEED, random.randrange(10**6)))
        count = setting.times(TIMES)
        outcomes: Counter[str] = Counter()
        for number, each in enumerate(campaign(setting.folder, setting.environment, seed, count), 1):
            outcomes[each.outcome] += 1
            if not each.holds:
                print(f"mutations: {each.outcome}: {each.mutation.kind}: {each.mutation.what}: "
                      f"commit {each.commit}, range {each.range}\n{each.said}", file=sys.stderr)  # fmt: skip
            if number % 50 == 0 or not each.holds:
                told = ", ".join(f"{outcomes[name]} {name}" for name in ("as expected", *wrong) if outcomes[name])
                print(f"mutations: {number} of {count}, seed {seed}: {told}", file=sys.stderr, flush=True)
        good = outcomes["as expected"]
        return [(Series("", (float(count),), ""), Series("", (max(good, 0.001),), ""))]

    yield from rows(claims, measure)


def campaign(folder: str, environment: Mapping[str, str], seed: int, count: int) -> Iterator[Judged]:
    """Judge `count` mutations of a finished demo. Raises NotMeasuredError when the demo itself is not green."""
    template = os.path.join(folder, "template")
    _made(template, environment)
    ground = ground_of(Repository(template, environment))
    places: queue.Queue[Repository] = queue.Queue()
    for number in range(os.cpu_count() or 1):
        place = os.path.join(folder, f"place-{number}")
        shutil.copytree(template, place, symlinks=True)
        places.put(Repository(place, environment))

    def judge(mutation: Mutation) -> Judged:
        place = places.get()
        try:
            return judged(place, mutation)
        finally:
            places.put(place)

    with ThreadPoolExecutor(places.qsize()) as pool:
        for batch in _batches(mutations(ground, seed, count), 100):
            yield from pool.map(judge, batch)


def _batches(items: Iterable[Mutation], size: int) -> Iterator[list[Mutation]]:
    batch: list[Mutation] = []
    for item in items:
        batch.append(item)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def _made(root: str, environment: Mapping[str, str]) -> None:
    done = subprocess.run(
        [*speckit(), "demo", root], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=_PATIENCE
    )
    if done.returncode != 0:
        raise NotMeasuredError(f"the demo is not green: {done.stdout.decode(errors='replace')}")


def ground_of(repository: Repository) -> Ground:
    """The committed files of a repository."""
    paths = repository.git("ls-files", "-z").decode().split("\0")[:-1]
    files = {}
    for path in paths:
        with open(os.path.join(repository.root, path), "rb") as stream:
            files[path] = stream.read()
    return Ground(files)


def judged(repository: Repository, mutation: Mutation) -> Judged:
    """Commit a mutation, judge it by itself where it must be told there and as a range, and take it back."""
    base = repository.git("rev-parse", "HEAD").decode().strip()
    try:
        _write(repository, mutation.change)
        repository.git("commit", "-q", "--no-verify", "-m", "mutation")
        of_range, said = _guard(repository, f"{base}..HEAD")
        of_commit = None
        if mutation.expected != "red as a range":
            of_commit, more = _guard(repository, "HEAD")
            said += more
        return Judged(mutation, of_commit, of_range, said)
    finally:
        repository.git("reset", "-q", "--hard", base)
        repository.git("clean", "-ffdqx", "-e", ".git")


def _write(repository: Repository, change: Change) -> None:
    for path, data in change.items():
        target = os.path.join(repository.root, path)
        if data is None:
            if os.path.lexists(target):
                os.unlink(target)
            continue
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "wb") as stream:
            stream.write(data)
    repository.git("add", "-A", "-f")


def _guard(repository: Repository, source: str) -> tuple[int, str]:
    command: Sequence[str] = (*speckit(), "guard", "--source", source)
    done = subprocess.run(
        command,
        cwd=repository.root,
        env=repository.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=_PATIENCE,
    )
    return done.returncode, done.stdout.decode(errors="replace")
