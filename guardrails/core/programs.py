"""Run a program that a configuration names: a list of arguments, never a shell; few variables, a limit on everything.

The program gets a session of its own, so that what it started ends with it, and a Ctrl-C in the terminal is ours alone.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import IO, Literal, NamedTuple

OUTPUT_LIMIT = 16 * 1024 * 1024
"""Bytes of each output stream that are kept; the rest is read and dropped."""
_GRACE = 2.0
"""Seconds a program is given to end after it was asked to."""

# What programs need to find their files and speak the user's language. Nothing here is a secret.
_ALWAYS = (
    "PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TERM", "TMPDIR", "TEMP", "TMP",
    "SYSTEMROOT", "SYSTEMDRIVE", "COMSPEC", "PATHEXT", "APPDATA", "LOCALAPPDATA", "USERPROFILE", "PROGRAMDATA",
    "SSL_CERT_FILE", "SSL_CERT_DIR", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
)  # fmt: skip
_PREFIXES = ("LC_", "XDG_")

_RUNNING: set[subprocess.Popen[bytes]] = set()

ProgramProblem = Literal["missing", "not-executable", "timeout"]


class Ran(NamedTuple):
    """A program that ended. `exit_code` is None when it was not started or had to be ended; `problem` says which."""

    argv: tuple[str, ...]
    exit_code: int | None
    out: bytes
    err: bytes
    seconds: float
    problem: ProgramProblem | None = None

    @property
    def succeeded(self) -> bool:
        return self.exit_code == 0 and self.problem is None


def allowed_environment(environ: Mapping[str, str], names: Iterable[str] = ()) -> dict[str, str]:
    """The variables a program may see: those every program needs, and the ones that are named."""
    wanted = {*_ALWAYS, *names}
    return {key: value for key, value in environ.items() if key in wanted or key.startswith(_PREFIXES)}


def run_program(
    argv: Sequence[str],
    cwd: str,
    environment: Mapping[str, str],
    timeout: float,
    stdin: bytes = b"",
    limit: int = OUTPUT_LIMIT,
) -> Ran:
    """Run a program to its end, or to `timeout` seconds, and keep at most `limit` bytes of each output."""
    begun = time.monotonic()
    command = tuple(argv)
    try:
        process = start(command, cwd, environment)
    except FileNotFoundError:
        return Ran(command, None, b"", b"", 0.0, "missing")
    except (PermissionError, OSError):
        return Ran(command, None, b"", b"", 0.0, "not-executable")
    _RUNNING.add(process)
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    outputs: list[bytearray] = [bytearray(), bytearray()]
    workers = [
        threading.Thread(target=_feed, args=(process.stdin, stdin), daemon=True),
        threading.Thread(target=_keep, args=(process.stdout, outputs[0], limit), daemon=True),
        threading.Thread(target=_keep, args=(process.stderr, outputs[1], limit), daemon=True),
    ]
    for worker in workers:
        worker.start()
    problem: ProgramProblem | None = None
    try:
        process.wait(timeout)
    except subprocess.TimeoutExpired:
        problem = "timeout"
    finally:
        end(process)  # whatever it left running keeps the pipes open
        _RUNNING.discard(process)
    for worker in workers:
        worker.join(_GRACE)
    code = None if problem else process.returncode
    return Ran(command, code, bytes(outputs[0]), bytes(outputs[1]), time.monotonic() - begun, problem)


def end_all() -> None:
    """End every program that `run_program` is waiting for in any thread: for a process that is about to end itself."""
    for process in tuple(_RUNNING):
        end(process)


def start(argv: Sequence[str], cwd: str, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """A running program with all three streams piped, at the head of a session of its own."""
    pipe = subprocess.PIPE
    return subprocess.Popen(
        list(argv), cwd=cwd, env=dict(environment), stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True
    )


def end(process: subprocess.Popen[bytes]) -> None:
    """End a program and what it started: asked first, then made to."""
    if os.name == "nt":
        if process.poll() is None:
            process.kill()
        process.wait()
        return
    for sign, patience in ((signal.SIGTERM, _GRACE), (signal.SIGKILL, None)):
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, sign)
        if process.poll() is not None and sign == signal.SIGTERM:
            continue  # it is gone; others of its session may not be
        with suppress(subprocess.TimeoutExpired):
            process.wait(patience)


def _feed(stream: IO[bytes], data: bytes) -> None:
    """Write and close. A program that does not read its input is no error."""
    with suppress(BrokenPipeError, ValueError, OSError):
        stream.write(data)
    with suppress(BrokenPipeError, ValueError, OSError):
        stream.close()


def _keep(stream: IO[bytes], kept: bytearray, limit: int) -> None:
    with suppress(ValueError, OSError):
        while part := stream.read1(1 << 16):  # type: ignore[attr-defined]
            kept += part[: max(0, limit - len(kept))]
