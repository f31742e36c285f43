"""Runs that are remembered in a real Postgres: the same workflow, another address."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.runs import postgres
from tests.runs.auto_world import ANSWERS, Runs, kill, until
from tests.sandbox import Sandbox

HUSH = "hush-hush"  # apart from the address: as one they would look like somebody's password


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with postgres.server() as address:
        yield address


@pytest.mark.tier2
def test_a_run_on_postgres_is_killed_and_goes_on(sandbox: Sandbox, address: str) -> None:
    runs = Runs(sandbox, claude="answer 1 once")
    process = runs.start("--database", address)
    until(lambda: runs.paid() == 3, process)
    kill(process)
    done = runs.auto("--resume", SPECKIT_DATABASE=address)
    assert done.code == 0, done
    assert runs.paid() == ANSWERS
    assert not (runs.root / ".git" / "speckit" / "runs.db").exists()


@pytest.mark.tier2
def test_two_working_trees_share_a_database_and_keep_to_their_own_runs(sandbox: Sandbox, address: str) -> None:
    runs = Runs(sandbox)
    assert runs.auto("--resume", "--database", address).code == 2, "the run of another tree is not this one's"
    assert runs.auto("--to", "plan", "--database", address).code == 0


def test_a_database_that_cannot_be_reached_is_undecided_and_its_password_is_not_shown(sandbox: Sandbox) -> None:
    runs = Runs(sandbox)
    ran = runs.auto("--database", f"postgresql://speckit:{HUSH}@127.0.0.1:1/runs")
    assert ran.code == 3, ran
    assert "hush" not in ran.out + ran.err
    assert runs.paid() == 0
