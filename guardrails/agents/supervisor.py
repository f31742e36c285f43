"""The supervisor of one paid call. It outlives whoever asked for the call, and what the agent brought outlives it.

Two processes of this program watch each agent. The waiter starts it, ends it at its time limit and publishes how it
ended; the keeper takes over when the waiter dies. Either can be killed at any moment, and nothing is lost: the agent's
exit status is looked at but not collected until it is on disk, and the keeper inherits the agent. Both hold the lock of
the folder they run in, so the operating system tells everybody when the last of them is gone.

The agent writes into files itself; no pipe breaks and no output is lost with a supervisor. It is not ended with them
either: it is paid, so its answer is waited for (`outcomes.py`).

Every call pays for starting this, so it imports next to nothing: no json, no typing, no signal, no subprocess.
"""

from __future__ import annotations

import os
import sys
import time

from guardrails.agents.call_files import (
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
from guardrails.agents.process import SIGKILL, SIGTERM, child_status, ends_within, fork, signal_group, stop

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ctypes import CDLL


_LOOK = 0.5
"""Seconds between two looks at how much an agent has written."""
_BECOMING = "speckit:agent"
"""what a process is shown as until it is the agent"""
_IGNORED_BY_PYTHON = (13, 25)
"""SIGPIPE and SIGXFSZ on Linux: a program expects them as they were."""


class CallJob:
    """One call, as its supervisors are told of it."""

    def __init__(self, words: list[str]) -> None:
        self.folder, self.place, self.stdin = words[0:3]
        self.lock, self.limit = int(words[3]), int(words[4])
        self.deadline = time.monotonic() + float(words[5])
        self.hidden = words[6].split(",")
        """variables that others need and this agent must not see"""
        self.command = words[7:]


def main() -> None:
    """Start the supervisors of some calls, and end. Each call is the number of its words, and its words:

    `FOLDER PLACE STDIN LOCK BYTES SECONDS HIDDEN COMMAND…`: of the call, where the agent runs, what it reads, an open
    descriptor, two limits, and what to run.
    """
    words, jobs = sys.argv[1:], []
    while words:
        count = int(words[0])
        jobs.append(CallJob(words[1 : count + 1]))
        words = words[count + 1 :]
    system = _system()
    for job in jobs:
        _begin(job, [other.lock for other in jobs if other is not job], system)
    os._exit(0)


def _begin(job: CallJob, others: list[int], system: CDLL | None) -> None:
    fork("speckit:keeper", lambda: _keep(job, others, system))


def _keep(job: CallJob, others: list[int], system: CDLL | None) -> None:
    """Keep one call: see that its waiter, or this process in its place, says how the agent has ended."""
    os.setsid()
    os.chdir(job.folder)
    log = os.open("supervisor.log", _APPEND, 0o600)
    for number in (1, 2):
        os.dup2(log, number)
    for lock in others:
        os.close(lock)
    os.set_inheritable(job.lock, False)
    _adopt_orphans(system)
    _wait_for(fork("speckit:waiter", lambda: _wait_on(job)))
    if not os.path.exists(RESULT):
        _take_over(job)


def _wait_on(job: CallJob) -> None:
    """The waiter. Its agent holds the lock until it has become the program it is to run."""
    os.setsid()  # whoever kills a whole group of processes gets one of the two supervisors
    _attend(fork(_BECOMING, lambda: _become(job)), job)


def _become(job: CallJob) -> None:
    """Turn into the agent, after it is on record who that is. Returns only when that failed."""
    problem = "not-started"
    try:
        os.setsid()
        for number, (name, flags) in enumerate(((job.stdin, os.O_RDONLY), (OUT, _APPEND), (ERR, _APPEND))):
            os.dup2(os.open(name, flags, 0o600), number)
        os.chdir(job.place)
        problem = _execute(job)
    except OSError:
        pass  # said by the problem
    write(os.path.join(job.folder, UNSTARTED), problem)


_APPEND = os.O_WRONLY | os.O_CREAT | os.O_APPEND


def _execute(job: CallJob) -> str:
    """Run the command in place of this process. What it returns is why it could not."""
    # The bare module: `signal` builds enumerations of it, which takes longer than all the rest here.
    from _signal import SIG_DFL, signal  # type: ignore[import-not-found]

    for number in _IGNORED_BY_PYTHON:
        signal(number, SIG_DFL)
    environment = {name: value for name, value in os.environ.items() if name not in job.hidden}
    program = job.command[0]
    folders = [""] if "/" in program else environment.get("PATH", os.defpath).split(":")
    problem = "missing"
    write_agent(job.folder, os.getpid(), time.time_ns(), time.monotonic_ns())  # at the last moment, and not after it
    for folder in folders:
        try:
            os.execve(os.path.join(folder, program), job.command, environment)  # noqa: S606
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError:
            problem = "not-executable"
    return problem


def _system() -> CDLL | None:
    """The C library, loaded once for all calls; None where it has nothing that is needed."""
    if sys.platform != "linux":
        return None
    from ctypes import CDLL

    return CDLL(None)


def _adopt_orphans(system: CDLL | None) -> None:
    """Become the parent of the agent should the waiter die: only a parent is told how a process ended.

    Linux has this. Elsewhere the agent of a waiter that was killed is looked after as `outcomes.py` does.
    """
    if system:
        system.prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER


def _wait_for(waiter: int) -> None:
    """Return when the waiter has ended. What the agent started and left is collected meanwhile."""
    if sys.platform != "linux":
        os.waitpid(waiter, 0)
        return
    while True:
        ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)
        agent = read_agent()
        if ended is None or ended.si_pid == waiter or (agent and agent.pid == ended.si_pid):
            return
        os.waitpid(ended.si_pid, 0)


def _take_over(job: CallJob) -> None:
    """What the waiter has left undone. Where the agent is not ours to wait for, whoever asked for it looks after it."""
    if os.path.exists(ENDED):
        settle()
        return
    while sys.platform == "linux":
        agent = read_agent()
        try:
            if agent:
                child_status(agent.pid, os.WNOHANG)
                _attend(agent.pid, job)
                return
            ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)  # one may be about to begin
            if ended and not read_agent():
                os.waitpid(ended.si_pid, 0)
        except ChildProcessError:
            return
        time.sleep(0.005)


def _attend(pid: int, job: CallJob) -> None:
    """Wait for the agent, and write down how it ended before anything else is done."""
    problem = _watch(pid, job)
    if problem:
        stop(pid)
    code, sign = child_status(pid) or (None, None)
    if sign and (name_of(pid) == _BECOMING or not read_agent()):  # killed before it was the agent: nothing was paid
        if os.path.exists(AGENT):
            os.unlink(AGENT)
        return
    if sign in (SIGTERM, SIGKILL) and time.monotonic() >= job.deadline:
        problem = "timeout"  # a waiter that was killed then had asked it to end
    if problem:
        code = None
    elif os.path.exists(UNSTARTED):
        code = sign = None
        problem = read_words(UNSTARTED)
    write_end(code, sign, problem, time.time_ns(), time.monotonic_ns())
    signal_group(pid, SIGKILL)  # what it left running; its number is taken until it is collected
    settle()


def _watch(pid: int, job: CallJob) -> str | None:
    """Wait until the agent has ended; what it is to be ended for otherwise."""
    while True:
        left = job.deadline - time.monotonic()
        if ends_within(pid, min(max(left, 0), _LOOK)):
            return None
        if left <= 0:
            return "timeout"
        if max(size(OUT), size(ANSWER)) > job.limit:
            return "flood"
        if size(ERR) > job.limit:
            os.truncate(ERR, 0)  # it appends, so the newest remarks are kept
