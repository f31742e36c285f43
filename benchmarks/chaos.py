"""Runs that are killed at random moments and gone on with: nothing may be paid twice, half written or told otherwise.

Each run is killed one to three times by SIGKILL, in a quarter of the runs together with supervisors of its calls; then
it is started again until it is complete. All is counted over all runs.
"""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from benchmarks.data import repository
from benchmarks.environment import speckit
from benchmarks.measure import NotMeasuredError, Series
from benchmarks.rows import Claim, Limit, Row, rows
from benchmarks.runs_data import CALLS, EVIDENCE, SPEC, files
from benchmarks.setting import Setting

TIMES = 200
PAUSE = 0.15
"""Seconds that an agent takes."""
_LONGEST = 120
_STAMP = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{8}")
_TIMES = ("started_at", "finished_at", "duration_ms", "timestamp", "sha256", "head")
"""What may differ between two summaries: times, and digests of files that hold times."""


class Told(NamedTuple):
    """What became of some runs."""

    runs: int
    kills: int
    completed: int
    answers: int
    """calls that agents have answered"""
    different: int
    """and how many of those were different calls"""
    written: int
    """files of evidence"""
    sound: int
    """and how many of those can be read whole"""
    alike: int
    """runs whose summary is that of a run nobody killed"""

    def __add__(self, other: object) -> Told:
        assert isinstance(other, Told)
        return Told(*(mine + theirs for mine, theirs in zip(self, other, strict=True)))


def run(setting: Setting) -> Iterator[Row]:
    """Four counts, each beside what it would be if nothing had been killed."""
    claims = [
        Claim("chaos", "runs, killed 1 to 3 times", "completed when resumed", Limit(1)),
        Claim("chaos", "calls that were answered", "different calls", Limit(1)),
        Claim("chaos", "files of evidence", "whole ones", Limit(1)),
        Claim("chaos", "summaries", "as if nobody had killed it", Limit(1)),
    ]

    def measure() -> list[tuple[Series, Series]]:
        told = chaos(setting.folder, setting.environment, setting.times(TIMES), seed=random.randrange(10**6))
        pairs = [
            (told.runs, told.completed),
            (told.answers, told.different),
            (told.written, told.sound),
            (told.runs, told.alike),
        ]
        return [(Series("", (float(a),), ""), Series("", (float(max(b, 0.001)),), "")) for a, b in pairs]

    yield from rows(claims, measure)


def chaos(folder: str, environment: Mapping[str, str], times: int, seed: int) -> Told:
    """Kill some runs and count. Raises NotMeasuredError when a run that nobody kills does not complete."""
    dice = random.Random(seed)
    template = os.path.join(folder, "template")
    repository(template, environment, files(PAUSE))
    ideal = _Run(folder, template, environment, "ideal")
    if ideal.start().wait(_LONGEST) != 0:
        raise NotMeasuredError(f"a run that nobody kills does not complete: {ideal.said()}")
    most, expected = ideal.progress(), ideal.summary()
    total = Told(0, 0, 0, 0, 0, 0, 0, 0)
    for number in range(times):
        total += _killed(_Run(folder, template, environment, f"run-{number}"), dice, most, expected, number % 4 == 0)
        print(f"chaos: {number + 1} of {times}, seed {seed}: {total}", file=sys.stderr, flush=True)
    return total


def _killed(each: _Run, dice: random.Random, most: int, expected: Any, supervisors: bool) -> Told:
    kills = 0
    for _ in range(dice.randint(1, 3)):
        process = each.start()
        _wait(process, each, dice, most)
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            process.wait()
            kills += 1
        if supervisors:
            each.kill_supervisors(dice)
        if each.is_complete():  # it was too late: another start would begin another run
            break
    code = 0 if each.is_complete() else each.start().wait(_LONGEST)
    told = _told(each, code, kills, expected)
    if (told.completed, told.answers, told.written, told.alike) == (1, told.different, told.sound, 1):
        shutil.rmtree(each.root)
    else:
        print(f"chaos: look at {each.root}: {told}: {each.said()}", file=sys.stderr)
    return told


def _wait(process: subprocess.Popen[bytes], each: _Run, dice: random.Random, most: int) -> None:
    """Until a random moment: while it starts, or when so much has come of it. By what is done and not by the clock, for
    a busy machine takes longer."""
    if dice.random() < 0.2:
        time.sleep(dice.uniform(0.05, 1.5))
        return
    begun = each.progress()
    wanted = begun + dice.uniform(0, most * 0.95 - begun)
    while process.poll() is None and each.progress() < wanted:
        time.sleep(0.004)
    time.sleep(dice.uniform(0, 0.03))


def _told(each: _Run, code: int, kills: int, expected: Any) -> Told:
    answers = Counter(line for line in each.ledger() if line.startswith("answered"))
    written = list(each.evidence())
    done = code == 0 and len(answers) == CALLS
    alike = done and each.summary() == expected
    sound = sum(map(_is_whole, written))
    return Told(1, kills, int(done), answers.total(), len(answers), len(written), sound, int(alike))


class _Run:
    """One repository, and the run in it."""

    def __init__(self, folder: str, template: str, environment: Mapping[str, str], name: str) -> None:
        self.root = os.path.join(folder, name)
        shutil.copytree(template, self.root, symlinks=True)
        self._notes = os.path.join(folder, f"{name}.ledger")
        self._log = os.path.join(folder, f"{name}.log")
        self._environment = {**environment, "CHAOS_LEDGER": self._notes}

    def start(self) -> subprocess.Popen[bytes]:
        with open(self._log, "ab") as log:
            return subprocess.Popen(
                [*speckit(), "auto", SPEC],
                cwd=self.root,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def said(self) -> str:
        """The last lines of what was printed."""
        with open(self._log, encoding="utf-8", errors="replace") as stream:
            return " | ".join(line[:300] for line in stream.read().strip().splitlines()[-16:])

    def ledger(self) -> list[str]:
        if not os.path.exists(self._notes):
            return []
        with open(self._notes) as stream:
            return stream.read().splitlines()

    def progress(self) -> int:
        """How much has come of it: notes of agents, and files of evidence."""
        return len(self.ledger()) + sum(1 for _ in self.evidence())

    def evidence(self) -> Iterator[str]:
        for place, _, names in os.walk(os.path.join(self.root, EVIDENCE)):
            for name in names:
                yield os.path.join(place, name)

    def summary(self) -> Any:
        """The summary of the only run there is, without times and what comes of them."""
        folder = os.path.join(self.root, EVIDENCE, "runs", SPEC)
        found = [name for name in os.listdir(folder) if name.endswith(".json")]
        if len(found) != 1:
            return found
        with open(os.path.join(folder, found[0])) as stream:
            return _timeless(json.load(stream))

    def is_complete(self) -> bool:
        summary = self.summary() if os.path.isdir(os.path.join(self.root, EVIDENCE, "runs", SPEC)) else None
        return isinstance(summary, dict) and summary["outcome"] == "completed"

    def kill_supervisors(self, dice: random.Random) -> None:
        """Some of those that watch over the calls of this run."""
        for process in os.listdir("/proc"):
            if process.isdigit() and _supervises(process, self.root) and dice.random() < 0.7:
                try:
                    os.kill(int(process), signal.SIGKILL)
                except ProcessLookupError:
                    continue


def _supervises(process: str, root: str) -> bool:
    try:
        with open(f"/proc/{process}/cmdline", "rb") as stream:
            words = stream.read()
    except OSError:
        return False
    return b"guardrails.agents.supervisor" in words and root.encode() + b"/" in words


def _timeless(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _timeless(item) for name, item in value.items() if name not in _TIMES}
    if isinstance(value, list):
        return [_timeless(item) for item in value]
    return _STAMP.sub("STAMP", value) if isinstance(value, str) else value


def _is_whole(path: str) -> bool:
    """Whether a file of evidence can be read: each JSON document, each line of JSON lines, any other text."""
    with open(path, "rb") as stream:
        data = stream.read()
    try:
        if path.endswith(".json"):
            json.loads(data)
        elif path.endswith(".jsonl"):
            for line in data.decode().splitlines():
                json.loads(line)
            return data.endswith(b"\n")
    except ValueError:
        return False
    return bool(data) and not path.endswith(".part")
