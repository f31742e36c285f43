"""Packing old runs away beside `tar czf`, and verifying a ledger beside `sha256sum`; the peak memory of packing."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from functools import partial
from typing import Any

from benchmarks.data import Repository, repository
from benchmarks.environment import speckit, tool
from benchmarks.measure import Command, Series, interleave, peak
from benchmarks.rows import Claim, Limit, Pair, Row, rows
from benchmarks.setting import Setting
from guardrails.config import Layout
from guardrails.evidence import EvidenceStore, LedgerWriter, StageSession, command_path, run_path, write_summary

TIMES = 3
MEMORY = 100.0
"""MB that packing may hold, however much there is."""
SPEC = "SPEC-KIT-900"
RUNS, FILES = 5, 20
"""Runs, of which the last stays, and files of each."""
FIRST = datetime(2026, 1, 5, 9, 30, tzinfo=timezone.utc)
_LAYOUT = Layout()
_LINE = b'{"step": %d, "level": "info", "said": "%d of the tests have passed"}\n'


def run(setting: Setting) -> Iterator[Row]:
    """The same files packed, and hashed, by both."""
    size = setting.sizes.archived
    repo = repository(os.path.join(setting.folder, "archive"), setting.environment, [("README.md", b"evidence\n")])
    for number in range(RUNS):
        _make_run(repo, number, size * 1_000_000 // (RUNS * FILES))
    kept = os.path.join(setting.folder, "kept")
    shutil.copytree(os.path.join(repo.root, _LAYOUT.evidence), kept)
    packed = Claim("archive", f"{size} MB, all but the last run", "tar czf", Limit(0.8, throughput=True))
    yield from rows([packed], partial(_against_tar, setting, repo, kept))
    memory = Claim("archive", f"peak memory, {size} MB", f"{MEMORY:g} MB", Limit(1))
    yield from rows([memory], partial(_peak, setting, repo, kept))
    verified = Claim("archive", f"ledgers of {size} MB verified", "sha256sum", Limit(2))
    yield from rows([verified], partial(_against_sha256sum, setting, repo, kept))


def _make_run(repo: Repository, number: int, size: int) -> None:
    """A finished run with its ledger: logs, every other one of which hardly gets smaller."""
    started, store, chance = FIRST + timedelta(days=number), EvidenceStore(repo.root), random.Random(number)
    session = StageSession(SPEC, "plan", started, f"{number:08x}")
    paths = [run_path(_LAYOUT, SPEC, session.stamp, ledger=ledger) for ledger in (False, True)]
    ledger = LedgerWriter(store, paths[1])
    for part in range(FILES):
        lines = b"".join(_LINE % (line, chance.randrange(10**6)) for line in range(size // len(_LINE)))
        data = chance.randbytes(size) if part % 2 else lines
        ledger.append([store.write(command_path(_LAYOUT, session, f"part{part}.log"), data)], "plan", at=started)
    write_summary(ledger, store, paths[0], _summary(session))


def _summary(session: StageSession) -> dict[str, Any]:
    cost = {"usd": None, "tokens": None, "source": "unknown"}
    moment = session.started.strftime("%Y-%m-%dT%H:%M:%SZ")
    row: dict[str, Any] = {
        "stage": "plan", "session": session.stamp, "status": "passed", "telemetry": [], "verdict": None, "retries": [],
        "cost": cost,
    }  # fmt: skip
    return {
        "schemaVersion": 1, "specId": SPEC, "run": session.stamp, "profile": None, "from": "plan", "to": "plan",
        "started_at": moment, "finished_at": moment, "outcome": "completed", "exit_code": 0, "halt": None,
        "stages": [row], "cost": cost, "overrides": {"allow_dirty": False, "allow_degraded": False},
        "digests": {"documents": [], "prompts": [], "config_sha256": "0" * 64, "commit": None}, "seal": None,
    }  # fmt: skip


def _restore(repo: Repository, kept: str) -> None:
    """All runs as they were, so that they can be packed again."""
    place = os.path.join(repo.root, _LAYOUT.evidence)
    shutil.rmtree(place)
    shutil.copytree(kept, place)


def _archive(repo: Repository, kept: str) -> Command:
    argv = (*speckit(), "evidence", "archive", "--spec", SPEC, "--keep", "1", "--active")
    return Command("speckit evidence archive", argv, repo.root, says="measured", before=partial(_restore, repo, kept))


def _against_tar(setting: Setting, repo: Repository, kept: str) -> list[Pair]:
    tar = tool("tar", setting.environment, "apt-get install tar")
    last = f"{FIRST + timedelta(days=RUNS - 1):%Y%m%d}"
    target = os.path.join(setting.folder, "theirs.tar.gz")
    argv = (tar, "czf", target, f"--exclude=*{last}T*", f"{_LAYOUT.evidence}/commands", f"{_LAYOUT.evidence}/runs")
    peer = Command("tar czf", argv, repo.root, before=partial(_restore, repo, kept))
    theirs, ours = interleave([peer, _archive(repo, kept)], setting.environment, setting.times(TIMES))
    return [(ours, theirs)]


def _peak(setting: Setting, repo: Repository, kept: str) -> list[Pair]:
    command = _archive(repo, kept)
    found = peak(command, setting.environment)
    value = found.largest if found.together is None else found.together
    return [(Series(command.label, (value,), "MB"), Series("limit", (MEMORY,), "MB"))]


def _against_sha256sum(setting: Setting, repo: Repository, kept: str) -> list[Pair]:
    tool("sha256sum", setting.environment, "apt-get install coreutils")
    _restore(repo, kept)
    peer = Command(
        "sha256sum", ("sh", "-c", f"find {_LAYOUT.evidence} -type f -print0 | xargs -0 sha256sum"), repo.root
    )
    ours = Command("speckit evidence verify", (*speckit(), "evidence", "verify"), repo.root, says="pass")
    measured, verified = interleave([peer, ours], setting.environment, setting.times(TIMES))
    return [(verified, measured)]
