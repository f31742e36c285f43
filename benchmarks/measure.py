"""Commands measured side by side: wall time as medians of interleaved rounds, and peak memory.

What shares the machine with us slows both sides alike when they take turns; one after the other it would not.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

_PEAK = os.path.join(os.path.dirname(os.path.abspath(__file__)), "peak.py")
_SHOWN = 300


class NotMeasuredError(Exception):
    """Why something could not be measured: a peer is missing, or a command did not do its work."""


def nothing() -> None:
    """What most commands need before they are run."""


class Command(NamedTuple):
    """A command whose time is taken. It did its work when it exits with one of `codes` and says `says`.

    `before` is called before each run of it, in nobody's time.
    """

    label: str
    argv: tuple[str, ...]
    cwd: str
    codes: tuple[int, ...] = (0,)
    says: str = ""
    before: Callable[[], None] = nothing


class Series(NamedTuple):
    """One thing measured several times, in `unit`."""

    label: str
    values: tuple[float, ...]
    unit: str = "ms"

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def spread(self) -> float:
        """How far the middle half of the values reaches, as a part of the median: the noise of the measurement."""
        if len(self.values) < 4:
            return (max(self.values) - min(self.values)) / self.median
        low, _, high = statistics.quantiles(self.values, n=4, method="inclusive")
        return (high - low) / self.median


class Peak(NamedTuple):
    """Peak memory in MB (1,048,576 bytes): of the largest process, and of all processes that ran at one time."""

    largest: float
    together: float | None
    """counts pages that processes share once for each of them; None where the system cannot tell"""


def interleave(commands: Sequence[Command], environment: Mapping[str, str], times: int) -> list[Series]:
    """The wall time of each command: first a run of each to fill caches and prove that it works, then `times`
    rounds in which they take turns. Raises NotMeasuredError."""
    for command in commands:
        prove(command, environment)
    taken: list[list[float]] = [[] for _ in commands]
    for _ in range(times):
        for command, values in zip(commands, taken, strict=True):
            values.append(_wall(command, environment))
    return [Series(command.label, tuple(values)) for command, values in zip(commands, taken, strict=True)]


def prove(command: Command, environment: Mapping[str, str]) -> str:
    """Run a command once and return its output. Raises NotMeasuredError when it did not do its work."""
    command.before()
    try:
        done = subprocess.run(
            command.argv, cwd=command.cwd, env=environment, stdin=subprocess.DEVNULL, capture_output=True
        )
    except OSError as error:
        raise NotMeasuredError(f"{command.label} cannot be started: {error.strerror}") from error
    out, err = done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")
    if done.returncode not in command.codes:
        last = " ".join((err.strip() or out.strip()).splitlines()[-3:])[:_SHOWN]
        raise NotMeasuredError(f"{command.label} exited with {done.returncode}: {last}")
    if command.says not in out:
        raise NotMeasuredError(f"{command.label} did not say '{command.says}': {out.strip()[-_SHOWN:]}")
    return out


def _wall(command: Command, environment: Mapping[str, str]) -> float:
    """Milliseconds from start to end."""
    null = subprocess.DEVNULL
    command.before()
    start = time.perf_counter()
    code = subprocess.call(command.argv, cwd=command.cwd, env=environment, stdin=null, stdout=null, stderr=null)
    took = time.perf_counter() - start
    if code not in command.codes:
        raise NotMeasuredError(f"{command.label} exited with {code} when it was timed")
    return took * 1000


def peak(command: Command, environment: Mapping[str, str]) -> Peak:
    """The peak memory of one run, taken by a small process of its own: a child is charged with what its parent
    held when it was started. Raises NotMeasuredError."""
    if os.name != "posix":
        raise NotMeasuredError("peak memory is only known on POSIX systems")
    launched = command._replace(argv=(sys.executable, "-I", "-S", _PEAK, *command.argv), says="", codes=(0,))
    said = json.loads(prove(launched, environment))
    if said["code"] not in command.codes:
        raise NotMeasuredError(f"{command.label} exited with {said['code']} when its memory was measured")
    together = said["together"]
    return Peak(said["largest"] / 2**20, together / 2**20 if together else None)
