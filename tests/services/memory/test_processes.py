"""Several processes at once, and processes that are killed."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.pages import ROOT
from tests.services.memory.makers import found, note, search, store_in

ADD = """
import sys
from pathlib import Path
from tests.services.memory.makers import note, store_in
store = store_in(Path(sys.argv[1]), patience=60)
for number in range(int(sys.argv[3])):
    store.add([note(f"entry {number} of {sys.argv[2]}", f"by:{sys.argv[2]}"), note(f"shared {number}")])
    print(number, flush=True)
"""


def adder(folder: Path, name: str, count: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", ADD, str(folder), name, str(count)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def sound(folder: Path) -> bool:
    """Whether SQLite and the index find nothing wrong."""
    connection = sqlite3.connect(folder / "memory.db")
    connection.execute("INSERT INTO memory_index (memory_index, rank) VALUES ('integrity-check', 1)")
    ok: bool = connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()
    return ok


def test_processes_that_begin_at_once_lose_nothing(tmp_path: Path) -> None:
    names = [f"p{number}" for number in range(6)]
    running = [adder(tmp_path, name, 20) for name in names]
    for process in running:
        _, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
    store = store_in(tmp_path)
    for name in names:
        assert len(search(store, f"by:{name}", limit=1000)) == 20
    assert len(search(store, "shared", limit=1000)) == 20
    assert sound(tmp_path)


@pytest.mark.parametrize("round_", range(6))
def test_a_kill_loses_at_most_what_was_not_yet_done(tmp_path: Path, round_: int) -> None:
    running = adder(tmp_path, "victim", 100_000)
    assert running.stdout is not None
    if round_:  # in the first round while the database is being made
        running.stdout.readline()
    time.sleep(random.Random(round_).uniform(0, 0.4))
    running.kill()
    done = running.stdout.read().split()
    running.communicate()
    store = store_in(tmp_path)
    store.add([note("afterwards")])
    assert sound(tmp_path)
    kept = len(search(store, "by:victim", limit=1_000_000))
    said = int(done[-1]) + 1 if done else (1 if round_ else 0)
    assert said <= kept <= said + 1
    assert len(search(store, "shared", limit=1_000_000)) == kept
    assert found(store, "afterwards") == ["afterwards"]


def test_a_resumed_run_leaves_no_second_entry(tmp_path: Path) -> None:
    for count in (7, 12):
        process = adder(tmp_path, "run", count)
        _, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
    assert len(search(store_in(tmp_path), "by:run", limit=100)) == 12
