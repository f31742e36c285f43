"""A process that has imported all of the product, and forks a child for every command it is asked to run.

Such a child is a process like any other, with an environment, a directory, streams, a umask and an exit code of its
own, and nothing that another command left behind. Only the start of Python and the imports are saved. Whatever is about
those starts a Python of its own: variables that Python reads, import lists, locales, closed streams.
"""

from __future__ import annotations

import atexit
import gc
import io
import json
import locale
import os
import pkgutil
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

ROOT = Path(__file__).parent.parent
LIBRARIES = (
    "dbos",
    "detect_secrets",
    "httpx",
    "jinja2",
    "jsonschema",
    "lxml.etree",
    "mcp.client.stdio",
    "psycopg",
)
"""Those that are imported where they are used."""
NO_COMMANDS = ("guardrails.__main__", "guardrails.agents.supervisor")
"""Modules that do something when they are imported."""
OF_THE_START = ("PYTHON", "LC_", "LANG", "LD_", "MALLOC_")
"""Variables that are read when a process starts."""
NO_BYTECODE = "PYTHONDONTWRITEBYTECODE"
"""One that makes no difference to what has been imported."""

possible = sys.platform == "linux" and hasattr(os, "pidfd_open")


class Request(NamedTuple):
    """A command: its arguments, directory, environment, and the umask it begins with."""

    arguments: list[str]
    cwd: str
    environment: dict[str, str]
    umask: int


class Parent:
    """The process that forks, as its client sees it."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        self._control, self._sending = ours, threading.Lock()
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        environment.pop(NO_BYTECODE, None)
        # What is started here ends at once, and leaves the process that forks to the system: tests look at their own
        # children. It ends with the last that holds our end of the connection.
        subprocess.run(
            [sys.executable, "-m", "tests.forking", str(theirs.fileno())],
            cwd=ROOT,
            env=environment,
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            check=True,
        )
        theirs.close()
        self._born = _of_the_start(environment)
        self._user = (os.geteuid(), os.getegid())

    def suits(self, environment: Mapping[str, str]) -> bool:
        """Whether a child of this process is what a new process would be."""
        return _of_the_start(environment) == self._born and (os.geteuid(), os.getegid()) == self._user

    def run(
        self, arguments: Sequence[str], cwd: str, environment: Mapping[str, str], stdin: bytes, timeout: float
    ) -> subprocess.CompletedProcess[bytes]:
        """As subprocess.run, of the command with these arguments."""
        deadline = time.monotonic() + timeout
        out, err = os.memfd_create("stdout"), os.memfd_create("stderr")
        given, taken = os.pipe()
        told, telling = os.pipe()
        feeding = threading.Thread(target=_feed, args=(taken, stdin), daemon=True)
        try:
            umask = os.umask(0)
            os.umask(umask)
            body = json.dumps(Request(list(arguments), cwd, dict(environment), umask)).encode("ascii")
            with self._sending:
                socket.send_fds(self._control, [len(body).to_bytes(8, "big")], [given, out, err, telling])
                self._control.sendall(body)
            os.close(telling)
            os.close(given)
            feeding.start()
            code = _ending(told, deadline)
            if code is None:
                raise subprocess.TimeoutExpired(["speckit", *arguments], timeout, _content(out), _content(err))
            return subprocess.CompletedProcess(["speckit", *arguments], code, _content(out), _content(err))
        finally:
            for each in (out, err, told):
                os.close(each)


def _of_the_start(environment: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in environment.items() if key.startswith(OF_THE_START) and key != NO_BYTECODE}


def _feed(stream: int, data: bytes) -> None:
    with suppress(BrokenPipeError), open(stream, "wb") as pipe:
        pipe.write(data)


def _content(stream: int) -> bytes:
    return os.pread(stream, os.fstat(stream).st_size, 0)


def _ending(told: int, deadline: float) -> int | None:
    """The exit code of the child, or None when it had to be killed: its process id comes first, then how it ended."""
    said = b""
    killed = False
    with selectors.DefaultSelector() as selector:
        selector.register(told, selectors.EVENT_READ)
        while said.count(b"\n") < 2:
            if not selector.select(None if killed else max(0.0, deadline - time.monotonic())):
                killed = True
                if b"\n" in said:
                    os.kill(int(said.split(b"\n")[0]), signal.SIGKILL)
            elif part := os.read(told, 64):
                said += part
            else:
                raise RuntimeError("the process that runs the commands has ended")
    return None if killed else int(said.split(b"\n")[1])


def _serve(control: socket.socket) -> None:
    """Fork a child for each request, and tell how each child ended, until nobody is left to ask."""
    selector = selectors.DefaultSelector()
    selector.register(control, selectors.EVENT_READ)
    while True:
        for key, _ in selector.select():
            if key.fileobj is not control:
                pid, telling = key.data
                selector.unregister(key.fileobj)
                os.close(key.fd)
                _, status = os.waitpid(pid, 0)
                _tell(telling, os.waitstatus_to_exitcode(status))
                os.close(telling)
                continue
            head, streams, _, _ = socket.recv_fds(control, 8, 4)
            if not head:
                return
            body = _exactly(control, int.from_bytes(head, "big"))
            pid = os.fork()
            if pid == 0:
                others = [each for each in selector.get_map().values() if each.fileobj is not control]
                selector.close()
                control.close()
                for each in (*(other.fd for other in others), *(other.data[1] for other in others), streams[3]):
                    os.close(each)
                _become(Request(*json.loads(body)), streams[:3])
            _tell(streams[3], pid)
            for each in streams[:3]:
                os.close(each)
            selector.register(os.pidfd_open(pid), selectors.EVENT_READ, (pid, streams[3]))


def _tell(stream: int, number: int) -> None:
    with suppress(BrokenPipeError):
        os.write(stream, b"%d\n" % number)


def _exactly(control: socket.socket, length: int) -> bytes:
    data = b""
    while len(data) < length:
        data += control.recv(length - len(data))
    return data


def _become(request: Request, streams: Sequence[int]) -> NoReturn:
    """Be the command, as if it had just been started, to its end."""
    code: Any = 1
    try:
        gc.enable()
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
            os.close(stream)
        _open_streams()
        os.umask(request.umask)
        os.environ.clear()
        os.environ.update(request.environment)
        time.tzset()
        os.chdir(request.cwd)
        sys.path[0] = request.cwd
        sys.argv = [str(ROOT / "guardrails" / "__main__.py"), *request.arguments]
        code = _finish()
    except BaseException:  # noqa: BLE001  it must not go on as its parent
        traceback.print_exc()
    finally:
        os._exit(code)


def _finish() -> int:
    """Run the command and end as Python ends: threads are waited for, exit handlers run, streams are written out."""
    from guardrails.cli.main import main

    code: Any = 0
    try:
        main()
    except SystemExit as stop:
        code = stop.code
    except BaseException:  # noqa: BLE001  Python shows it, and exits 1
        traceback.print_exc()
        code = 1
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    if code is None or isinstance(code, int):
        return (code or 0) & 0xFF
    print(code, file=sys.stderr, flush=True)
    return 1


def _open_streams() -> None:
    """Standard streams as Python makes them when it starts."""
    for number, (name, mode, errors) in enumerate(
        (("stdin", "rb", "strict"), ("stdout", "wb", "strict"), ("stderr", "wb", "backslashreplace"))
    ):
        made = io.TextIOWrapper(
            open(number, mode, closefd=False),  # noqa: SIM115
            encoding=locale.getpreferredencoding(False),
            errors=errors,
            newline="\n" if number else None,
            line_buffering=os.isatty(number) or number == 2,
        )
        setattr(sys, name, made)
        setattr(sys, f"__{name}__", made)


def _load() -> None:
    """Import everything, as nothing but time is lost by it."""
    import guardrails

    for found in pkgutil.walk_packages(guardrails.__path__, "guardrails."):
        if found.name not in NO_COMMANDS:
            import_module(found.name)
    for name in LIBRARIES:
        with suppress(ImportError):
            import_module(name)
    assert threading.active_count() == 1, "a process with threads cannot be forked safely"
    gc.collect()
    gc.freeze()
    gc.disable()


if __name__ == "__main__":
    if os.fork():
        os._exit(0)
    _control = socket.socket(fileno=int(sys.argv[1]))
    _load()
    _serve(_control)
