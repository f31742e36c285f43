from __future__ import annotations

import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from guardrails.config import STAGES
from tests.sandbox import clean_environment

ROOT = Path(__file__).parent.parent.parent
STEPS = [
    "plan.begin",
    *(f"{stage}.{step}" for stage in STAGES for step in ("start", "open", "ask", "vote", "settle", "close")),
]


class Driven:
    """A made-up run in processes of its own, all with one journal."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.log = folder, folder / "steps.log"
        self.url = f"sqlite:///{folder}/runs.db"

    def start(self, pause: float = 0.0, conflicts: int = 0) -> subprocess.Popen[bytes]:
        command = ["-m", "tests.runs.driver", self.url, str(self.log), str(pause), str(conflicts)]
        return subprocess.Popen(
            [sys.executable, *command],
            cwd=ROOT,
            env=clean_environment(self.folder),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def end(self, conflicts: int = 0) -> int:
        process = self.start(0.0, conflicts)
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err.decode()
        assert not err, "the journal says nothing on the terminal"
        return int(out)

    def steps(self) -> list[str]:
        return self.log.read_text().splitlines() if self.log.exists() else []


@pytest.fixture
def driven(tmp_path: Path) -> Driven:
    return Driven(tmp_path)


@pytest.mark.tier2
def test_a_run_takes_each_step_once(driven: Driven) -> None:
    assert driven.end() == 0
    assert driven.steps() == [*STEPS, f"finish {len(STEPS)}"]


@pytest.mark.parametrize("after", [1, *(pytest.param(after, marks=pytest.mark.tier2) for after in (0, 7))])
def test_a_killed_run_goes_on_where_it_was(driven: Driven, after: int) -> None:
    process = driven.start(pause=0.05)
    deadline = time.monotonic() + 30
    while len(driven.steps()) < after + 1 and time.monotonic() < deadline:
        time.sleep(0.005)
    process.kill()
    process.communicate()
    before = driven.steps()
    assert after < len(before) < len(STEPS)
    assert driven.end() == 0
    twice = [step for step, times in Counter(driven.steps()).items() if times > 1]
    assert set(twice) <= {before[-1], STEPS[len(before)]}, "only the step that was cut off may be taken again"
    assert list(dict.fromkeys(driven.steps())) == [*STEPS, f"finish {len(STEPS)}"]


@pytest.mark.tier2
def test_a_run_that_halted_is_taken_up_as_a_further_attempt(driven: Driven) -> None:
    assert driven.end(conflicts=1) == 4
    halted = len(driven.steps())
    assert driven.end() == 0
    again = driven.steps()[halted:]
    assert again[:5] == ["plan.begin", "tasks.open", "tasks.settle", "tasks.close", "implement.start"]
    assert "tasks.ask" not in again


@pytest.mark.tier2
def test_the_journal_holds_json_and_no_pickles(driven: Driven) -> None:
    import json
    import sqlite3

    driven.end()
    with sqlite3.connect(driven.folder / "runs.db") as database:
        outputs = [row[0] for row in database.execute("select output from operation_outputs where output is not null")]
    assert len(outputs) >= len(STEPS)
    for output in outputs:
        json.loads(output)
