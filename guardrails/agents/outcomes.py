"""How a call ended: as its supervisor says, or, when its supervisors were killed, as far as can be known.

Whoever reads an outcome holds the lock of the call's folder, so no supervisor is left. Where one has said how the call
ended, that is how. Otherwise:

- Nothing says that an agent began: none did, and the call can be made.
- The agent is still running: it is paid, so it is waited for, and ended at its time limit.
- What it wrote is a whole answer in its format: then that is its answer. The exit code is not known.
- What it wrote is not: when the machine or container was started anew since, the agent was cut off with it, and the
  call can be made. When it was not, the agent may well have ended by itself and been paid. Then this call has failed,
  and another is for the recovery of the run to decide.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

import orjson

from guardrails.agents.call_files import (
    AGENT,
    ANSWER,
    ENDED,
    ERR,
    OUT,
    RESULT,
    UNSTARTED,
    Begun,
    boot_name,
    read_agent,
    read_words,
    settle,
    size,
    ticks_of,
    write_end,
)
from guardrails.agents.process import GRACE, SIGKILL, SIGTERM

NEVER_BEGUN = frozenset(("missing", "not-executable", "not-started"))
"""Problems of calls that were not made: nothing was paid, and they can be made again."""
_LOOK = 0.05


class CallOutcome(NamedTuple):
    """How a call ended. Exit code and signal are None where they are not known; moments are in nanoseconds."""

    exit_code: int | None
    signal: int | None
    problem: str | None
    """`timeout`, `flood`, `unknown` or one of NEVER_BEGUN"""
    started_ns: int
    finished_ns: int
    out_bytes: int
    err_bytes: int
    answer_bytes: int


def outcome_of(folder: str, seconds: float, is_whole: Callable[[], bool]) -> CallOutcome | None:
    """The outcome of the call in a folder; None when it can be made. Waits for an agent that has lost its supervisors.

    `is_whole` says whether what the agent wrote is a whole answer.
    """
    known = recorded(folder) or _said(folder)
    agent = read_agent(folder)
    if known or agent is None or os.path.exists(os.path.join(folder, UNSTARTED)):
        return known
    if agent.boot != boot_name():
        if not is_whole():
            return None
        problem = None
    else:
        late = _await(agent, seconds)
        problem = None if is_whole() else "timeout" if late else "unknown"
    return _conclude(folder, agent, problem)


def forget(folder: str) -> None:
    """Remove what an earlier attempt left, so that the call can be made. The prompt and the lock stay."""
    for name in (RESULT, ENDED, UNSTARTED, AGENT, OUT, ERR, ANSWER):
        with suppress(FileNotFoundError):
            os.unlink(os.path.join(folder, name))


def _said(folder: str) -> CallOutcome | None:
    """What a supervisor said and had no time to make durable. After a power cut there may be less than it saw."""
    said = recorded(folder, ENDED)
    if said is None or size(os.path.join(folder, OUT)) < said.out_bytes:
        return None
    settle(folder)
    return said


def recorded(folder: str, name: str = RESULT) -> CallOutcome | None:
    """The outcome that a file holds; None when it holds none."""
    try:
        said = orjson.loads(read_words(os.path.join(folder, name)))
        outcome = CallOutcome(*(said[field] for field in CallOutcome._fields))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    sound = all(isinstance(each, int) and each >= 0 for each in outcome[3:])
    return outcome if sound else None


def _await(agent: Begun, seconds: float) -> bool:
    """Wait until an agent is gone, and end it at its time limit. Whether it had to be ended."""
    deadline = agent.clock / 1e9 + seconds
    while _is_alive(agent):
        if time.monotonic() >= deadline:
            _end(agent)
            return True
        time.sleep(_LOOK)
    return False


def _end(agent: Begun) -> None:
    for number, patience in ((SIGTERM, GRACE), (SIGKILL, GRACE)):
        if not _is_alive(agent):
            return
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(agent.pid, number)
        until = time.monotonic() + patience
        while _is_alive(agent) and time.monotonic() < until:
            time.sleep(_LOOK)


def _is_alive(agent: Begun) -> bool:
    """Whether this very process runs. Where the kernel does not say when it was started, its number must do."""
    if agent.ticks:
        return ticks_of(agent.pid) == agent.ticks and not _is_zombie(agent.pid)
    try:
        os.kill(agent.pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # somebody else's, who has the number now
    return True


def _is_zombie(pid: int) -> bool:
    with suppress(OSError):
        return read_words(f"/proc/{pid}/stat").rpartition(")")[2].split()[:1] == ["Z"]
    return True


def _conclude(folder: str, agent: Begun, problem: str | None) -> CallOutcome | None:
    """Record what is known of an agent that ended unseen, as if a supervisor had."""
    last = max((_changed(os.path.join(folder, name)) for name in (OUT, ERR, ANSWER)), default=0)
    moment = max(last, agent.moment)
    write_end(None, None, problem, moment, agent.clock + moment - agent.moment, folder)
    settle(folder)
    return recorded(folder)


def _changed(path: str) -> int:
    try:
        return os.stat(path, follow_symlinks=False).st_mtime_ns
    except OSError:
        return 0
