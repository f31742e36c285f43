"""Calls from their folders to what came of them: found there, waited for, or made."""

from __future__ import annotations

import json
import os
import re
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timezone
from hashlib import sha256
from typing import NamedTuple

from guardrails.agents import formats
from guardrails.agents.call_files import AGENT, ANSWER, ENDED, ERR, LOCK, OUT, PROMPT, RESULT
from guardrails.agents.formats import Answer, without_escapes
from guardrails.agents.outcomes import NEVER_BEGUN, CallOutcome, forget, outcome_of
from guardrails.agents.types import Call, CallState, Finished
from guardrails.core.paths import READ_FLAGS
from guardrails.core.programs import OUTPUT_LIMIT, allowed_environment
from guardrails.core.text import utf8
from guardrails.errors import GuardrailError
from guardrails.git.repo import Repo

# Start supervisors that outlive this process: in sessions of their own, under locks that they inherit.


# By its path and without `site`: a tenth of a second less than `-m`. Appended, so that nothing beside us comes first.
_BEGIN = "import sys; sys.path.append(sys.argv.pop(1)); from guardrails.agents.supervisor import main; main()"
_ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
_FOR_PYTHON = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
"""Where some Pythons find themselves. An agent does not see them unless it is allowed to."""
_BY_PYTHON = ("LC_CTYPE",)
"""What Python sets in the C locale."""


class Order(NamedTuple):
    """What the supervisors of one call are to do."""

    folder: str
    """of the call"""
    lock: int
    """an open descriptor that locks the folder; the supervisors hold it on, and the caller may close it"""
    command: tuple[str, ...]
    place: str
    """where the agent runs"""
    stdin: str
    """the file it reads: a name in the folder, or a path"""
    seconds: float
    limit: int
    """bytes of output"""
    environment: Mapping[str, str]
    """all that the agent sees"""


def start(orders: Sequence[Order], environ: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Start the supervisors of some calls, from one process that ends when it has started them."""
    union = {name: environ[name] for name in _FOR_PYTHON if name in environ}
    for order in orders:
        union.update(order.environment)
    words: list[str] = []
    for order in orders:
        hidden = [name for name in (*union, *_BY_PYTHON) if name not in order.environment]
        numbers = str(order.lock), str(order.limit), repr(order.seconds)
        said = [order.folder, order.place, order.stdin, *numbers, ",".join(hidden), *order.command]
        words += [str(len(said)), *said]
    with open(os.path.join(orders[0].folder, "supervisor.log"), "ab") as log:
        return subprocess.Popen(
            [sys.executable, "-I", "-S", "-X", "utf8", "-c", _BEGIN, _ROOT, *words],
            env=union,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=[order.lock for order in orders],
            start_new_session=True,
        )


if sys.platform != "win32":
    import fcntl

_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,199}")
_ATTEMPTS = 10
"""How often a supervisor is started that is killed before its agent has begun."""
_TAIL = 4096


# Finding, waiting for or making a call.


class CallEnvironment(NamedTuple):
    """Where agents run, and the operator's variables."""

    repo: Repo
    environment: Mapping[str, str]


def prompt_bytes(prompt: str) -> bytes:
    """A prompt as it is sent."""
    return utf8(prompt).encode("utf-8")


def open_folder(call: Call) -> str:
    """The folder of a call, made where it is not there: prompts and answers are the user's alone."""
    if not _KEY.fullmatch(call.key):
        raise ValueError(call.key)
    folder = os.path.join(call.directory, call.key)
    os.makedirs(folder, mode=0o700, exist_ok=True)
    for place in (call.directory, folder):
        os.chmod(place, 0o700)
    return folder


def command_of(call: Call, folder: str) -> tuple[str, ...]:
    """The arguments, with `{prompt}`, `{output}` and `{model}` replaced where they are all of an argument."""
    agent = call.agent
    if "{model}" in agent.command and agent.model is None:
        raise GuardrailError(
            f"agent '{agent.name}': its command wants a model, and none is configured", f"set agents.{agent.name}.model"
        )
    whole = {
        "{prompt}": os.path.join(folder, PROMPT),
        "{output}": os.path.join(folder, ANSWER),
        "{model}": agent.model or "",
    }
    return tuple(whole.get(argument, argument) for argument in agent.command)


def begin(
    calls: Sequence[Call], call_environment: CallEnvironment
) -> tuple[list[bool], subprocess.Popen[bytes] | None]:
    """Begin those calls of which there is no trace, all from one process: whether each was begun, and that process."""
    begun, locks, orders = [False] * len(calls), [], []
    try:
        for number, call in enumerate(calls):
            if not call.agent.command:
                continue
            folder = open_folder(call)
            locks.append(_open_lock(folder))
            if hold(locks[-1], wait=False) and not _is_known(folder):
                orders.append(_order(call, folder, locks[-1], call_environment))
                begun[number] = True
        return begun, start(orders, call_environment.environment) if orders else None
    finally:
        for lock in locks:
            os.close(lock)  # the supervisors hold theirs on


def serve(call: Call, call_environment: CallEnvironment, tell: Callable[[CallState], None], *, begun: bool) -> Finished:
    """What came of a call, after it was made if it had to be. Blocks until then. `begun`: just now, by this process."""
    if not call.agent.command:
        return _nobody(call)
    folder = open_folder(call)
    starter: subprocess.Popen[bytes] | None = None
    for _ in range(_ATTEMPTS):
        lock = _open_lock(folder)
        try:
            if not hold(lock, wait=False):
                if not begun:
                    tell("attached")
                hold(lock)
            if starter:
                starter.wait()
            outcome = outcome_of(folder, call.agent.timeout, lambda: _is_whole(call, folder))
            if outcome and (begun or outcome.problem not in NEVER_BEGUN):
                return finished(call, folder, outcome, reused=not begun)
            if not begun:
                tell("started")
            begun = True
            starter = start([_order(call, folder, lock, call_environment)], call_environment.environment)
        finally:
            os.close(lock)
    raise GuardrailError(
        f"agent '{call.agent.name}': its supervisors were ended {_ATTEMPTS} times before it had begun",
        f"see {os.path.join(folder, 'supervisor.log')}",
    )


def _open_lock(folder: str) -> int:
    return private(os.path.join(folder, LOCK), os.O_RDWR | os.O_CREAT)


def _is_known(folder: str) -> bool:
    return any(os.path.exists(os.path.join(folder, name)) for name in (RESULT, ENDED, AGENT))


def hold(lock: int, *, wait: bool = True) -> bool:
    """Lock the folder of a call; False when somebody has it, is at work there, and is not to be waited for."""
    if sys.platform != "win32":
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            return False
    return True


def _order(call: Call, folder: str, lock: int, call_environment: CallEnvironment) -> Order:
    """What its supervisors are to do, with all they need in the folder."""
    agent = call.agent
    forget(folder)
    with open(os.path.join(folder, PROMPT), "wb", opener=private) as stream:
        stream.write(prompt_bytes(call.prompt))
    command = command_of(call, folder)
    about = {"key": call.key, "agent": agent.name, "command": command, "format": agent.format, "seconds": agent.timeout}
    about |= {"output": agent.output, "model": agent.model, "origin": call.origin and call.origin._asdict()}
    with open(os.path.join(folder, "call.json"), "w", opener=private, encoding="utf-8") as text:
        json.dump(about, text, indent=2)
    environment = allowed_environment(call_environment.environment, agent.env)
    stdin = PROMPT if agent.input == "stdin" else os.devnull
    return Order(folder, lock, command, call_environment.repo.root, stdin, agent.timeout, OUTPUT_LIMIT, environment)


def private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _is_whole(call: Call, folder: str) -> bool:
    """Whether the output is an answer that says itself that it is whole. Free text does not."""
    if call.agent.format == "text":
        return False
    return (
        formats.read_answer(call.agent.format, _read(os.path.join(folder, _written(call)), OUTPUT_LIMIT)).value
        is not None
    )


def _written(call: Call) -> str:
    return ANSWER if call.agent.output == "file" else OUT


def finished(call: Call, folder: str, outcome: CallOutcome, *, reused: bool) -> Finished:
    """A call that ended, with its answer read."""
    length = outcome.answer_bytes if call.agent.output == "file" else outcome.out_bytes
    data = _read(os.path.join(folder, _written(call)), min(length, OUTPUT_LIMIT))
    answer = formats.read_answer(call.agent.format, data) if length <= OUTPUT_LIMIT else Answer(None, _FLOOD)
    remarks = _read(os.path.join(folder, ERR), _TAIL, max(0, outcome.err_bytes - _TAIL))
    return Finished(
        key=call.key,
        agent=call.agent.name,
        answer=answer,
        exit_code=outcome.exit_code,
        problem=_problem(call, outcome, answer),
        missing_tool=outcome.problem in ("missing", "not-executable"),
        started=_moment(outcome.started_ns),
        finished=_moment(outcome.finished_ns),
        latency_ms=(outcome.finished_ns - outcome.started_ns) // 1_000_000,
        reused=reused,
        replayed=False,
        stderr_tail=without_escapes(remarks.decode("utf-8", "replace")),
        raw_sha256=sha256(data).hexdigest(),
    )


_FLOOD = f"it wrote more than {OUTPUT_LIMIT // (1024 * 1024)} MB"


def _problem(call: Call, outcome: CallOutcome, answer: Answer) -> str | None:
    """Why there is no answer to use. An answer of a program that failed is none, whatever it says."""
    program = call.agent.command[0] if call.agent.command else ""
    told = {
        "timeout": f"no answer within {_span(call.agent.timeout)}",
        "flood": _FLOOD,
        "missing": f"the program '{program}' was not found",
        "not-executable": f"the program '{program}' cannot be run",
        "not-started": f"the program '{program}' could not be started",
        "unknown": f"its supervisors were ended, and it left no whole answer: {answer.problem or 'free text'}",
    }
    if outcome.problem:
        return told.get(outcome.problem, outcome.problem)
    if outcome.signal is not None:
        return f"ended by signal {_signal_name(outcome.signal)}"
    if outcome.exit_code:
        return f"exit code {outcome.exit_code}" + (f": {answer.problem}" if answer.problem else "")
    return answer.problem


def _span(seconds: float) -> str:
    """As the configuration writes it: `20m`, `90s`."""
    return f"{seconds / 60:g}m" if seconds % 60 == 0 else f"{seconds:g}s"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)


def _moment(nanoseconds: int) -> datetime:
    return datetime.fromtimestamp(nanoseconds / 1e9, timezone.utc)


def _read(path: str, length: int, start: int = 0) -> bytes:
    """Bytes of a regular file; nothing of anything else."""
    with suppress(OSError):
        handle = os.open(path, READ_FLAGS)
        with open(handle, "rb") as stream:
            if stat.S_ISREG(os.fstat(handle).st_mode):
                stream.seek(start)
                return stream.read(length)
    return b""


def _nobody(call: Call) -> Finished:
    return not_made(call, f"agent '{call.agent.name}' has no command: configure agents.{call.agent.name}.command")


def not_made(call: Call, problem: str) -> Finished:
    """What came of a call that there is nobody to make."""
    now = datetime.now(timezone.utc)
    return Finished(
        key=call.key,
        agent=call.agent.name,
        answer=Answer(None, problem),
        exit_code=None,
        problem=problem,
        missing_tool=True,
        started=now,
        finished=now,
        latency_ms=0,
        reused=False,
        replayed=False,
        stderr_tail="",
        raw_sha256=sha256(b"").hexdigest(),
    )
