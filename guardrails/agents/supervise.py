"""The supervisor of one paid call. It outlives whoever asked for the call, and what the agent brought outlives it.

Two processes of this program watch one agent. The waiter starts it, ends it at its time limit and publishes how it
ended; the keeper takes over when the waiter dies. Either can be killed at any moment, and nothing is lost: the agent's
exit status is looked at but not collected until it is on disk, and the keeper inherits the agent. Both hold the lock of
the folder they run in, so the operating system tells everybody when the last of them is gone.

The agent writes into files itself; no pipe breaks and no output is lost with a supervisor. It is not ended with them
either: it is paid, so its answer is waited for (`orphans.py`).

Every call pays for starting this, so it imports next to nothing: no json, no typing, no signal, no subprocess.
"""

from __future__ import annotations

import os
import sys
import time

from guardrails.agents.files import (
    AGENT,
    ANSWER,
    ENDED,
    ERR,
    OUT,
    RESULT,
    UNSTARTED,
    name_of,
    read_agent,
    read_words,
    settle,
    size,
    write,
    write_agent,
    write_end,
)

GRACE = 2.0
"""Seconds an agent is given to end after it was asked to."""
_LOOK = 0.5
"""Seconds between two looks at how much an agent has written."""
_NAME = "speckit:call"
_SIGTERM, _SIGKILL = 15, 9
_IGNORED_BY_PYTHON = (13, 25)
"""SIGPIPE and SIGXFSZ on Linux: a program expects them as they were."""


class Job:
    """One call, as its supervisor is told of it. The folder of the call is the working directory."""

    def __init__(self, words: list[str]) -> None:
        self.lock, self.limit = int(words[0]), int(words[2])
        self.deadline = time.monotonic() + float(words[1])
        self.stdin, self.place = words[3], words[4]
        self.hidden = words[5].split(",")
        """variables that this program may need and the agent must not see"""
        self.command = words[6:]


def main() -> None:
    """`LOCK SECONDS BYTES STDIN PLACE HIDDEN COMMAND…`: a descriptor, two limits, a file, where to run, what."""
    job = Job(sys.argv[1:])
    os.set_inheritable(job.lock, False)
    _take_name()
    waiter = os.fork()
    if not waiter:
        os.setsid()  # whoever kills a whole group of processes gets one of the two
        _attend(_start(job), job)
        os._exit(0)
    _keep(waiter)
    if not os.path.exists(RESULT):
        _take_over(job)
    os._exit(0)


def _take_name() -> None:
    """Be shown as what we are, until we are the agent: whoever became another program has lost this name."""
    try:
        with open("/proc/self/comm", "w", encoding="ascii") as stream:
            stream.write(_NAME)
    except OSError:
        pass  # only Linux has this


def _start(job: Job) -> int:
    """The process id of the agent. It holds the lock until it has become the program it is to run."""
    pid = os.fork()
    if not pid:
        try:
            _become(job)
        finally:
            os._exit(127)
    return pid


def _become(job: Job) -> None:
    """Turn into the agent, after it is on record who that is. Returns only when that failed."""
    problem = "not-started"
    try:
        os.setsid()
        for number, (name, flags) in enumerate(((job.stdin, os.O_RDONLY), (OUT, _APPEND), (ERR, _APPEND))):
            os.dup2(os.open(name, flags, 0o600), number)
        write_agent(os.getpid(), time.time_ns(), time.monotonic_ns())
        folder = os.open(".", os.O_RDONLY)
        os.chdir(job.place)
        problem = _execute(job)
        os.fchdir(folder)
    except OSError:
        pass  # said by the problem
    write(UNSTARTED, problem)


_APPEND = os.O_WRONLY | os.O_CREAT | os.O_APPEND


def _execute(job: Job) -> str:
    """Run the command in place of this process. What it returns is why it could not."""
    # The bare module: `signal` builds enumerations of it, which takes longer than all the rest here.
    from _signal import SIG_DFL, signal  # type: ignore[import-not-found]

    for number in _IGNORED_BY_PYTHON:
        signal(number, SIG_DFL)
    environment = {name: value for name, value in os.environ.items() if name not in job.hidden}
    program = job.command[0]
    folders = [""] if "/" in program else environment.get("PATH", os.defpath).split(":")
    problem = "missing"
    for folder in folders:
        try:
            os.execve(os.path.join(folder, program), job.command, environment)  # noqa: S606
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError:
            problem = "not-executable"
    return problem


def _keep(waiter: int) -> None:
    """Return when the waiter has ended. The agent becomes our child then: only a parent is told how a process ended.

    Linux has this. Elsewhere the agent of a waiter that was killed is looked after as `orphans.py` does.
    """
    if sys.platform != "linux":
        os.waitpid(waiter, 0)
        return
    import ctypes  # after the fork: the agent starts meanwhile

    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER
    while True:
        ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)
        agent = read_agent()
        if ended is None or ended.si_pid == waiter or (agent and agent.pid == ended.si_pid):
            return
        os.waitpid(ended.si_pid, 0)  # what the agent started and left


def _take_over(job: Job) -> None:
    """What the waiter has left undone. Where the agent is not ours to wait for, whoever asked for it looks after it."""
    if os.path.exists(ENDED):
        settle()
        return
    while sys.platform == "linux":
        agent = read_agent()
        try:
            if agent:
                _status(agent.pid, os.WNOHANG)
                _attend(agent.pid, job)
                return
            os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)  # it may be about to begin
        except ChildProcessError:
            return
        time.sleep(0.005)


def _attend(pid: int, job: Job) -> None:
    """Wait for the agent, and write down how it ended before anything else is done."""
    problem = _watch(pid, job)
    if problem:
        _stop(pid)
    code, sign = _status(pid) or (None, None)
    if sign and name_of(pid) == _NAME:
        os.unlink(AGENT)  # it was killed before it was the agent, so nothing was paid
        return
    if sign in (_SIGTERM, _SIGKILL) and time.monotonic() >= job.deadline:
        problem = "timeout"  # a waiter that was killed then had asked it to end
    if problem:
        code = None
    elif os.path.exists(UNSTARTED):
        code = sign = None
        problem = read_words(UNSTARTED)
    write_end(code, sign, problem, time.time_ns(), time.monotonic_ns())
    _signal_group(pid, _SIGKILL)  # what it left running; its number is taken until it is collected
    settle()


def _watch(pid: int, job: Job) -> str | None:
    """Wait until the agent has ended; what it is to be ended for otherwise."""
    while True:
        left = job.deadline - time.monotonic()
        if _wait(pid, min(max(left, 0), _LOOK)):
            return None
        if left <= 0:
            return "timeout"
        if max(size(OUT), size(ANSWER)) > job.limit:
            return "flood"
        if size(ERR) > job.limit:
            os.truncate(ERR, 0)  # it appends, so the newest remarks are kept


def _wait(pid: int, seconds: float) -> bool:
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
    while not _status(pid, os.WNOHANG):
        if time.monotonic() >= until:
            return False
        time.sleep(0.01)
    return True


def _stop(pid: int) -> None:
    """End an agent and what it started: asked first, then made to."""
    _signal_group(pid, _SIGTERM)
    if not _wait(pid, GRACE):
        _signal_group(pid, _SIGKILL)


def _signal_group(pid: int, number: int) -> None:
    try:  # noqa: SIM105
        os.killpg(pid, number)
    except (ProcessLookupError, PermissionError):
        pass


def _status(pid: int, flags: int = 0) -> tuple[int | None, int | None] | None:
    """(exit code, signal), one of them None, of a child that has ended. It stays to be collected where that can be."""
    if hasattr(os, "waitid"):
        ended = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT | flags)
        if ended is None:
            return None
        return (ended.si_status, None) if ended.si_code == os.CLD_EXITED else (None, ended.si_status)
    if pid not in _collected:
        found, status = os.waitpid(pid, flags)
        if not found:
            return None
        _collected[pid] = os.waitstatus_to_exitcode(status)
    code = _collected[pid]
    return (code, None) if code >= 0 else (None, -code)


_collected: dict[int, int] = {}
