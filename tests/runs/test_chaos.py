"""Runs that are killed at random moments, as `python -m benchmarks chaos` does two hundred times."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from benchmarks.chaos import chaos
from benchmarks.environment import clean_environment
from benchmarks.runs_data import CALLS


@pytest.mark.tier2
@pytest.mark.skipif(sys.platform == "win32", reason="processes are killed by signals")
def test_killed_runs_are_finished_and_nothing_is_paid_twice_or_half_written(tmp_path: Path) -> None:
    home, folder = tmp_path / "home", tmp_path / "data"
    home.mkdir()
    folder.mkdir()
    told = chaos(str(folder), clean_environment(str(home)), times=2, seed=5)
    assert told.kills >= 2, "otherwise nothing was tried"
    assert (told.completed, told.alike) == (told.runs, told.runs)
    assert told.answers == told.different == told.runs * CALLS
    assert told.written == told.sound
