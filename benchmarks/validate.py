"""Thousands of telemetry files through `speckit validate` against check-jsonschema: time and memory.

Both judge the same files with the same schema. Ours does more: it finds the files itself, proves that no key is given
twice, that times, SPEC and stage are right, and that each named artifact still has the digest that was recorded.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial

from benchmarks import telemetry
from benchmarks.data import Repository, repository
from benchmarks.environment import check_jsonschema, speckit
from benchmarks.measure import Command, Series, interleave, peak
from benchmarks.rows import Claim, Limit, Pair, Row, rows
from benchmarks.setting import Setting

TIMES = 5
MEMORY_TIMES = 3
MEMORY_LIMIT = 150.0
SOURCES = ("worktree", "index")
PEER = "check-jsonschema"


def run(setting: Setting) -> Iterator[Row]:
    """Throughput for both sources, then peak memory; last, records that name two artifacts of their own."""
    count = setting.sizes.telemetry
    repo = _repository(setting, "shared", own_artifacts=False)
    limit = Limit(10, throughput=True)
    claims = [Claim("validate", f"{count} files, {source}", PEER, limit) for source in SOURCES]
    yield from rows(claims, partial(_throughput, setting, repo))
    yield from _memory(setting, repo)
    own = _repository(setting, "own", own_artifacts=True)
    claims = [Claim("validate", f"{count} files, {2 * count} artifacts, {source}", PEER) for source in SOURCES]
    yield from rows(claims, partial(_throughput, setting, own))


def _repository(setting: Setting, name: str, own_artifacts: bool) -> Repository:
    files = telemetry.sessions(setting.sizes.telemetry, own_artifacts)
    return repository(os.path.join(setting.folder, name), setting.environment, files)


def _peer(setting: Setting, repo: Repository) -> Command:
    listed = repo.git("ls-files", "-z", telemetry.EVIDENCE).decode().split("\0")
    names = [name for name in listed if name.endswith(".json")]
    return Command(PEER, (*check_jsonschema(setting.environment), *names), repo.root)


def _ours(setting: Setting, repo: Repository, source: str) -> Command:
    count = setting.sizes.telemetry
    argv = (*speckit(), "validate", "--source", source)
    return Command(f"speckit validate --source {source}", argv, repo.root, says=f"{count} of {count} checked")


def _throughput(setting: Setting, repo: Repository) -> list[Pair]:
    commands = [_peer(setting, repo), *(_ours(setting, repo, source) for source in SOURCES)]
    theirs, *ours = interleave(commands, setting.environment, setting.times(TIMES))
    return [(mine, theirs) for mine in ours]


def _memory(setting: Setting, repo: Repository) -> Iterator[Row]:
    for source in SOURCES:
        what = f"peak memory, {setting.sizes.telemetry} files, {source}"
        claim = Claim("validate", what, f"{MEMORY_LIMIT:g} MB", Limit(1))
        yield from rows([claim], partial(_peak, setting, repo, source))


def _peak(setting: Setting, repo: Repository, source: str) -> list[Pair]:
    """The memory of all our processes together, where the system tells it."""
    command = _ours(setting, repo, source)
    peaks = [peak(command, setting.environment) for _ in range(setting.times(MEMORY_TIMES))]
    values = tuple(each.largest if each.together is None else each.together for each in peaks)
    return [(Series(command.label, values, "MB"), Series("limit", (MEMORY_LIMIT,), "MB"))]
