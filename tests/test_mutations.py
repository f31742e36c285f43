"""The campaign of mutations: each kind is told as it must be, and a seed gives the same mutations again."""

from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import pytest

from benchmarks.data import Repository
from benchmarks.environment import clean_environment
from benchmarks.mutation_campaign import campaign, ground_of, judged
from benchmarks.mutators import MUTATORS, Ground, Mutation, digest, mutations, rebuilt
from tests.sandbox import Sandbox

SEED = 20


class Finished(NamedTuple):
    """A finished demo, and what lies in it."""

    repository: Repository
    ground: Ground


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """One demo for all mutations of a module: each is taken back after it was judged."""
    folder = tmp_path_factory.mktemp("mutations")
    home = folder / "home"
    home.mkdir()
    sandbox = Sandbox(folder, home)
    assert sandbox.speckit("demo", str(folder / "demo")).code == 0
    repository = Repository(str(folder / "demo"), clean_environment(str(home)))
    return Finished(repository, ground_of(repository))


def first_of(ground: Ground, kind: str, seed: int = SEED) -> Mutation:
    return next(each for each in mutations(ground, seed, 400) if each.kind == kind)


@pytest.mark.parametrize("kind", ["append", "archive", "hold", "loosen", "vote", "ordinary"])
def test_a_mutation_is_told(finished: Finished, kind: str) -> None:
    seen = judged(finished.repository, first_of(finished.ground, kind))
    assert seen.holds, (seen.mutation.what, seen.commit, seen.range, seen.said)


@pytest.mark.tier2
def test_all_of_many_are_told(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    seen = list(campaign(str(tmp_path), clean_environment(str(home)), random.randrange(10**6), 3 * len(MUTATORS)))
    wrong = [(each.outcome, each.mutation.kind, each.mutation.what, each.said) for each in seen if not each.holds]
    assert wrong == []
    assert len(seen) == 3 * len(MUTATORS)


def test_a_seed_gives_the_same_mutations_again(finished: Finished) -> None:
    first, again = (list(mutations(finished.ground, SEED, 60)) for _ in range(2))
    assert first == again
    assert set(Counter(each.kind for each in first)) == {mutator.__name__ for mutator in MUTATORS}


def test_what_is_rebuilt_holds_together(finished: Finished) -> None:
    """A forger's ledger has every digest right, or the campaign would show no more than broken digests."""
    ground = finished.ground
    path = ground.answers[0]
    value = json.loads(ground.files[path])
    value["model"] = "another"
    change = rebuilt(ground, {path: json.dumps(value).encode()})
    contents = {**ground.files, **{name: data for name, data in change.items() if data is not None}}
    latest = {}
    previous = None
    for line in contents[ground.ledgers[0]].splitlines():
        entry = json.loads(line)
        assert entry["previous"] == previous
        latest[entry["path"]], previous = entry, digest(line)
    summary = ground.ledgers[0].replace(".ledger.jsonl", ".json")
    assert digest(ground.files[path]).encode() not in b"".join(contents.values())
    assert {name: entry["sha256"] for name, entry in latest.items() if name != summary} == {
        name: digest(contents[name]) for name in latest if name != summary
    }
