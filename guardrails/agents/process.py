"""Child processes of a supervisor: started, waited for without being collected, and ended with all they started.

Supervisors use this, so it imports next to nothing.
"""

from __future__ import annotations

import os
import sys
import time

from guardrails.agents.call_files import name_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


GRACE = 2.0
"""Seconds a program is given to end after it was asked to."""
SIGTERM, SIGKILL = 15, 9


def fork(name: str, work: Callable[[], None]) -> int:
    """A child that is shown under a name, does some work and ends; its process id."""
    mine = name_of(os.getpid())
    _take_name(name)  # before the child is there, so that it is never taken for its parent
    pid = os.fork()
    if pid:
        _take_name(mine)
        return pid
    try:
        work()
    except BaseException:  # noqa: BLE001 - nobody else would see it
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(0)


def _take_name(name: str) -> None:
    """A process that becomes another program loses this name."""
    try:
        with open("/proc/self/comm", "w", encoding="ascii") as stream:
            stream.write(name)
    except OSError:
        pass  # only Linux has this


def ends_within(pid: int, seconds: float) -> bool:
    """Whether a child ends within so many seconds. It is not collected."""
    try:
        handle = os.pidfd_open(pid)
    except (AttributeError, OSError):  # another system, or a sandbox that forbids it
        return _wait_looking(pid, seconds)
    from select import POLLIN, poll

    try:
        waiting = poll()
        waiting.register(handle, POLLIN)
        return bool(waiting.poll(seconds * 1000))
    finally:
        os.close(handle)


def _wait_looking(pid: int, seconds: float) -> bool:
    until = time.monotonic() + seconds
    while not child_status(pid, os.WNOHANG):
        if time.monotonic() >= until:
            return False
        time.sleep(0.01)
    return True


def stop(pid: int) -> None:
    """End an agent and what it started: asked first, then made to."""
    signal_group(pid, SIGTERM)
    if not ends_within(pid, GRACE):
        signal_group(pid, SIGKILL)


def signal_group(pid: int, number: int) -> None:
    try:  # noqa: SIM105
        os.killpg(pid, number)
    except (ProcessLookupError, PermissionError):
        pass


def child_status(pid: int, flags: int = 0) -> tuple[int | None, int | None] | None:
    """(exit code, signal), one of them None, of a child that has ended. It stays to be collected where that can be."""
    if hasattr(os, "waitid"):
        ended = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT | flags)
        if ended is None:
            return None
        return (ended.si_status, None) if ended.si_code == os.CLD_EXITED else (None, ended.si_status)
    if pid not in _collected:
        found, ended_as = os.waitpid(pid, flags)
        if not found:
            return None
        _collected[pid] = os.waitstatus_to_exitcode(ended_as)
    code = _collected[pid]
    return (code, None) if code >= 0 else (None, -code)


_collected: dict[int, int] = {}
