"""A tracker ten times as long must not take more than about ten times as long to judge."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from functools import partial

from benchmarks import packet
from benchmarks.data import repository
from benchmarks.environment import speckit
from benchmarks.measure import Command, Series, interleave, prove
from benchmarks.rows import Claim, Limit, Pair, Row, rows
from benchmarks.setting import Setting

TIMES = 9
LONGER = 10


def run(setting: Setting) -> Iterator[Row]:
    """The check alone, timed inside a fresh process each time; then the whole command, which its start flatters."""
    many = setting.sizes.rows
    few = max(1, many // LONGER)
    against = f"{few} rows"
    yield from rows(
        [Claim("tracker", f"{many} rows, check alone", against, Limit(10.5))], partial(_alone, setting, few)
    )
    yield from rows([Claim("tracker", f"{many} rows, speckit lint", against)], partial(_command, setting, few))


def _alone(setting: Setting, few: int) -> list[Pair]:
    """Both sizes take turns."""
    taken: dict[int, list[float]] = {few: [], few * LONGER: []}
    for _ in range(setting.times(TIMES)):
        for count, values in taken.items():
            argv = (sys.executable, "-m", "benchmarks.lint_once", str(count))
            said = json.loads(prove(Command(f"lint of {count} rows", argv, setting.folder), setting.environment))
            values.append(said["milliseconds"])
    theirs, ours = (Series(f"{count} rows", tuple(values)) for count, values in taken.items())
    return [(ours, theirs)]


def _command(setting: Setting, few: int) -> list[Pair]:
    commands = []
    for count in (few, few * LONGER):
        root = os.path.join(setting.folder, str(count))
        repo = repository(root, setting.environment, packet.tracked(count))
        repo.stage([packet.edited_tracker(count)])
        argv = (*speckit(), "lint")
        commands.append(Command(f"speckit lint, {count} rows", argv, root, says=" checked in "))
    theirs, ours = interleave(commands, setting.environment, setting.times(TIMES))
    return [(ours, theirs)]
