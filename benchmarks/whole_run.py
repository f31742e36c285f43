"""A whole run of six stages: what it adds to its agents, what asking them at once saves, what it holds in memory."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from itertools import pairwise
from typing import Any

from benchmarks.data import repository
from benchmarks.environment import ROOT, speckit
from benchmarks.measure import Command, NotMeasuredError, Series, peak
from benchmarks.rows import Claim, Limit, Pair, Row, rows
from benchmarks.runs_data import CALLS, ROSTER, SPEC, files
from benchmarks.setting import Setting

TIMES = 3
ADDED = 60.0
"""Milliseconds that a call may take longer than the agent's own process does."""
MOST_MB = 120.0
PAUSE = 1.0
_LARGE = b"# Requirements\n\n" + (b"y" * 99 + b"\n") * 3000
"""300 KB of context."""


def run(setting: Setting) -> Iterator[Row]:
    """Agents that answer at once; agents of one second, at once beside one after the other; 300 KB of context."""
    claims = [
        Claim("run", "a further call of a run", "its process and 60 ms", Limit(1)),
        Claim("run", f"a whole run, by its {CALLS} calls", "its process and 60 ms"),
    ]
    yield from rows(claims, partial(_overhead, setting))
    claim = Claim("run", "agents of 1 s, as they may", "one after the other", Limit(0.42))
    yield from rows([claim], partial(_at_once, setting))
    claim = Claim("run", "peak memory, 300 KB of context", "120 MB", Limit(1))
    yield from rows([claim], partial(_memory, setting))


def _overhead(setting: Setting) -> list[Pair]:
    """What a call costs that comes on top of others, and all of a run, its start included, by the calls it makes."""
    further, whole, alone = [], [], []
    template = _template(setting, "fast", 0.0)
    for number in range(setting.times(TIMES)):
        six = _wall(setting, template, f"six-{number}")
        one = _wall(setting, template, f"one-{number}", "--to", "plan")
        further.append((six - one) / (CALLS - ROSTER["plan"]))
        whole.append(six / CALLS)
        alone.append(_agent(setting) + ADDED)
    theirs = Series("its process", tuple(alone))
    return [(Series("a further call", tuple(further)), theirs), (Series("a call", tuple(whole)), theirs)]


def _at_once(setting: Setting) -> list[Pair]:
    ours, theirs = [], []
    together = _template(setting, "together", PAUSE)
    ordered = _template(setting, "ordered", PAUSE, {"docs/spec-kit/prompts.json": _ordered()})
    for number in range(setting.times(TIMES)):
        ours.append(_wall(setting, together, f"together-{number}"))
        theirs.append(_wall(setting, ordered, f"ordered-{number}"))
    return [(Series("at once", tuple(ours)), Series("in turn", tuple(theirs)))]


def _memory(setting: Setting) -> list[Pair]:
    template = _template(setting, "large", 0.0, {"product-requirements.md": _LARGE}, prompts={"context_bytes": 400_000})
    root = _copy(setting, template, "memory")
    found = peak(Command("speckit auto", (*speckit(), "auto", SPEC, "-q"), root), setting.environment)
    return [(Series("run", (found.largest,), "MB"), Series("limit", (MOST_MB,), "MB"))]


def _template(setting: Setting, name: str, pause: float, more: Any = None, **settings: Any) -> str:
    root = os.path.join(setting.folder, name)
    if not os.path.isdir(root):
        repository(root, setting.environment, dict(files(pause, more, **settings)).items())
    return root


def _copy(setting: Setting, template: str, name: str) -> str:
    root = os.path.join(setting.folder, name)
    shutil.copytree(template, root, symlinks=True)
    return root


def _wall(setting: Setting, template: str, name: str, *arguments: str) -> float:
    """Milliseconds of one run in a copy of its own."""
    root = _copy(setting, template, name)
    begun = time.perf_counter()
    done = subprocess.run(
        [*speckit(), "auto", SPEC, "-q", *arguments],
        cwd=root,
        env=setting.environment,
        capture_output=True,
        check=False,
    )
    took = time.perf_counter() - begun
    shutil.rmtree(root)
    if done.returncode != 0:
        raise NotMeasuredError(f"a run exited with {done.returncode}: {done.stdout.decode()[-300:]}")
    return took * 1000


def _agent(setting: Setting) -> float:
    """Milliseconds of one agent's process, started by nobody but us."""
    command = [sys.executable, "-I", "-S", os.path.join(ROOT, "benchmarks", "chaos_agent.py"), "claude", "0"]
    begun = time.perf_counter()
    subprocess.run(command, env=setting.environment, input=b"Stage: plan\n", stdout=subprocess.DEVNULL, check=True)
    return (time.perf_counter() - begun) * 1000


def _ordered() -> bytes:
    """The prompts of the package, each agent given what the one before it has answered: so they are asked in turn."""
    with open(os.path.join(ROOT, "prompts", "prompts.json"), encoding="utf-8") as stream:
        prompts = json.load(stream)
    for stage in prompts.values():
        if not isinstance(stage, dict):
            continue
        agents = [name for name in stage if name not in ("version", "*")]
        for before, agent in pairwise(agents):
            stage[agent]["prompt"] = stage["*"]["prompt"] + f"\n${{PREVIOUS_OUTPUTS.{before}}}\n"
    return json.dumps(prompts).encode()
