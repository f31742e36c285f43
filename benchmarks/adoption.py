"""Adoption over a long history: in time, in memory, growing with the history, and faster when nothing is new."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial

from benchmarks import telemetry
from benchmarks.data import Repository, repository
from benchmarks.environment import speckit
from benchmarks.measure import Command, Series, interleave, peak
from benchmarks.rows import Claim, Limit, Pair, Row, rows
from benchmarks.setting import Setting

TIMES = 3
LIMIT, MEMORY = 10_000.0, 400.0
"""Milliseconds and MB for the whole history."""
SHORTER = 10
_CACHE = os.path.join(".git", "speckit", "cache", "reports.json")
_REMOVE = "import os, sys; os.path.exists(sys.argv[1]) and os.remove(sys.argv[1]); os.execvp(sys.argv[2], sys.argv[2:])"


def run(setting: Setting) -> Iterator[Row]:
    """The history without a cache against its limits and against a tenth of it; then with a cache."""
    many = setting.sizes.history
    few = max(1, many // SHORTER)
    long, short = (_repository(setting, count) for count in (many, few))
    claims = [
        Claim("adoption", f"{many} records, nothing cached", f"{LIMIT:g} ms", Limit(1)),
        Claim("adoption", f"{many} records, nothing cached", f"{few} records"),
        Claim("adoption", f"{many} records, cached", "nothing cached", Limit(1)),
    ]
    yield from rows(claims, partial(_times, setting, long, short))
    memory = Claim("adoption", f"peak memory, {many} records", f"{MEMORY:g} MB", Limit(1))
    yield from rows([memory], partial(_peak, setting, long))


def _repository(setting: Setting, count: int) -> Repository:
    root = os.path.join(setting.folder, f"adoption-{count}")
    return repository(root, setting.environment, telemetry.sessions(count), packed=True)


def _command(repo: Repository, cached: bool) -> Command:
    argv = (*speckit(), "adoption", "--weeks", "4", "--until", "2025-01-20")
    if not cached:
        argv = ("python3", "-c", _REMOVE, os.path.join(repo.root, _CACHE), *argv)
    return Command(f"speckit adoption{'' if cached else ', nothing cached'}", argv, repo.root, says="2025-W01")


def _times(setting: Setting, long: Repository, short: Repository) -> list[Pair]:
    commands = [_command(long, cached=False), _command(long, cached=True), _command(short, cached=False)]
    cold, warm, tenth = interleave(commands, setting.environment, setting.times(TIMES))
    return [(cold, Series("limit", (LIMIT,))), (cold, tenth), (warm, cold)]


def _peak(setting: Setting, repo: Repository) -> list[Pair]:
    command = _command(repo, cached=False)
    found = peak(command, setting.environment)
    value = found.largest if found.together is None else found.together
    return [(Series(command.label, (value,), "MB"), Series("limit", (MEMORY,), "MB"))]
