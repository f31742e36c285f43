"""Three agents that return at once, called under supervisors, beside the same three started plainly."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator

from benchmarks.measure import NotMeasuredError, Series
from benchmarks.rows import Claim, Limit, Pair, Row, rows
from benchmarks.setting import Setting

TIMES = 25
AGENTS = 3
ALLOWED = 60.0
"""milliseconds that a call may take above what its agent takes by itself"""
_CODE = 'print(\'{"consensus": {"agreements": ["all"], "conflicts": []}}\')'
COMMAND = (sys.executable, "-I", "-S", "-c", _CODE)


def run(setting: Setting) -> Iterator[Row]:
    """The wall time of three calls at once, and what of it is not the agents' own."""
    claims = [
        Claim("agent-calls", f"{AGENTS} agents at once, all answers read", f"{AGENTS} plain processes at once"),
        Claim("agent-calls", "time added to a call", f"{ALLOWED:g} ms", Limit(1.0)),
    ]

    def measure() -> list[Pair]:
        plain, called = [], []
        for number in range(setting.times(TIMES) + 1):
            walls = _plain(setting), _called(setting, number)
            if number:  # the first round fills caches
                plain.append(walls[0])
                called.append(walls[1])
        added = tuple(max(0.0, ours - theirs) for ours, theirs in zip(called, plain, strict=True))
        return [
            (Series("call_all", tuple(called)), Series("subprocess", tuple(plain))),
            (Series("added", added), Series("limit", (ALLOWED,))),
        ]

    yield from rows(claims, measure)


def _plain(setting: Setting) -> float:
    """Milliseconds until as many plain processes have ended."""
    begun = time.perf_counter()
    pipe = subprocess.PIPE
    running = [subprocess.Popen(COMMAND, env=setting.environment, stdout=pipe) for _ in range(AGENTS)]
    for process in running:
        process.communicate()
    return (time.perf_counter() - begun) * 1000


def _called(setting: Setting, number: int) -> float:
    """Milliseconds until as many calls have brought their answers. Raises NotMeasuredError when one has not."""
    from guardrails.agents import Call, RunContext, call_all, call_key
    from guardrails.config import Agent, RunSettings, Settings
    from guardrails.git import Repo

    agents = [Agent(f"agent{each}", COMMAND, timeout=60) for each in range(AGENTS)]
    calls = os.path.join(setting.folder, "calls")
    asked = [Call(call_key("plan", number + 1, each.name, "?"), each, "plan", "?", calls) for each in agents]
    world = RunContext(
        Repo(setting.folder, setting.environment), Settings(), RunSettings(), setting.environment, "SPEC-1"
    )
    begun = time.perf_counter()
    done = call_all(world, asked)
    wall = (time.perf_counter() - begun) * 1000
    problem = next((each.problem for each in done if each.problem), None)
    if problem:
        raise NotMeasuredError(f"an agent gave no answer: {problem}")
    return wall
