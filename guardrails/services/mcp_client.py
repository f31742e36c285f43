"""Talk to an MCP server: a process on this machine, over its standard input and output. What all who ask one share.

A server may hang, crash or print anything. What comes of that is `Unreachable`, in words of ours alone: those of the
server, or of the library about it, may hold a secret. Afterwards the server is gone, and so is what it started.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from io import FileIO
from typing import TYPE_CHECKING, NamedTuple, TextIO, TypeVar

from guardrails.errors import Undecidable

if TYPE_CHECKING:
    from mcp import ClientSession


Value = TypeVar("Value")
Talk = Callable[["ClientSession"], Awaitable[Value]]

# The MCP library starts a server in a process group of its own, passes on its default variables and ours, and ends a
# server that ignores signals, with its children. What it lacks is kept here: it tells nobody the number of that group,
# and lets live what a server that ended by itself left behind (`_stop_server_process` in mcp/client/stdio.py). So this
# program says the number on standard error, then becomes the server. `-I -S`: nothing is imported that the server's
# directory may hold.
_LEASH = (
    "import os,sys\n"
    "os.write(2,b'%d\\n'%os.getpid())\n"
    "try: os.execvp(sys.argv[1],sys.argv[1:])\n"
    "except (OSError,ValueError) as error: os.write(2,b'!%d\\n'%(getattr(error,'errno',None) or 22)); sys.exit(127)\n"
)
_PATIENCE = 2.0
"""Seconds for the last words of a server that was killed."""


class McpServer(NamedTuple):
    """The command of an MCP server. `environment` is all that it sees besides HOME, PATH, SHELL, TERM and the user's
    name: over stdio nothing else is passed on."""

    command: tuple[str, ...]
    directory: str
    environment: Mapping[str, str] = {}


class Unreachable(Exception):
    """A server cannot be started or talked to. `missing`: there is no such program."""

    def __init__(self, reason: str, missing: bool = False) -> None:
        super().__init__(reason)
        self.missing = missing


class TooSlow(Exception):
    """A server did not do `what` in time."""

    def __init__(self, what: str, seconds: float) -> None:
        super().__init__(f"did not {what} within {seconds:g} s")


def require_mcp(what: str) -> None:
    """Raise Undecidable when the MCP library is missing: `what` begins the sentence."""
    try:
        import mcp  # noqa: F401  only whether it is there
    except ImportError as error:
        raise Undecidable(f"{what}: mcp cannot be imported", "pip install 'speckit-guardrails[auto]'") from error


def converse(server: McpServer, talk: Talk[Value]) -> Value:
    """Start the server, let `talk` talk to it (`initialize` first), end it, and return what came of it.

    Raises whatever `talk` raises, and Unreachable for what the server and the library make of each other.
    """
    import anyio

    _silence()
    values: list[Value] = []
    raised: list[Exception] = []

    async def whole() -> None:
        async with _session(server, listening) as session:
            try:
                values.append(await talk(session))
            except Exception as error:  # noqa: BLE001  raised through the library it could get lost while that cleans up
                raised.append(error)

    with _listening() as listening:
        try:
            anyio.run(whole)
        except Exception as error:  # noqa: BLE001  as the docstring says
            raised.append(error)
    if values:  # then all was said and done, and at most the parting went wrong
        return values[0]
    if listening.code:
        raise Unreachable(f"cannot be started: {os.strerror(listening.code)}", listening.code == 2)
    raise _own(raised[0])


async def within(seconds: float, what: str, waiting: Awaitable[Value]) -> Value:
    """What is waited for, or TooSlow."""
    import anyio

    try:
        with anyio.fail_after(seconds):
            return await waiting
    except TimeoutError:
        raise TooSlow(what, seconds) from None


def kind(error: BaseException) -> str:
    """The name of what happened: its words may quote what the server sent."""
    return type(_innermost(error)).__name__


def _innermost(error: BaseException) -> BaseException:
    while inner := getattr(error, "exceptions", None):  # concurrent parts report in groups
        error = inner[0]
    return error


def _own(error: Exception) -> Exception:
    """An error as it may be told. What the library raises becomes Unreachable; ours is ours."""
    inner = _innermost(error)
    if isinstance(inner, Exception) and type(inner).__module__.startswith("guardrails."):
        return inner
    if isinstance(inner, OSError) and inner.filename is not None:
        return Unreachable(f"cannot be started: {inner.strerror}", isinstance(inner, FileNotFoundError))
    return Unreachable(f"cannot be talked to ({kind(error)})")


def _silence() -> None:
    """The library reports what a server writes, tracebacks and secrets included, wherever nobody else listens."""
    for name in ("mcp", "client"):
        logger = logging.getLogger(name)
        logger.propagate = False
        if not logger.handlers:
            logger.addHandler(logging.NullHandler())


class _Listening:
    """Standard error of the leash: the number of the server's process group, then perhaps why it was not started.
    What the server itself writes is read, so that it never waits, and dropped."""

    def __init__(self, stream: FileIO, stderr: TextIO) -> None:
        self.stderr = stderr
        self.group: int | None = None
        self.code: int | None = None
        self._stream = stream

    def listen(self) -> None:
        with suppress(ValueError, OSError):
            self.group = int(self._stream.readline(32))
            said = self._stream.readline(32)
            if said.startswith(b"!"):
                self.code = int(said[1:4])
        with suppress(ValueError, OSError):
            while self._stream.read(1 << 16):
                pass


@contextmanager
def _listening() -> Iterator[_Listening]:
    """Somebody who listens, and who in the end sees to it that nothing is left of the server."""
    reader, writer = os.pipe()
    with open(reader, "rb", buffering=0) as stream, open(writer, "w", encoding="utf-8") as stderr:
        listening = _Listening(stream, stderr)
        thread = threading.Thread(target=listening.listen, daemon=True)
        thread.start()
        try:
            yield listening
        finally:
            if listening.group is not None and os.name != "nt":
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(listening.group, signal.SIGKILL)
            stderr.close()
            thread.join(_PATIENCE)


@asynccontextmanager
async def _session(server: McpServer, listening: _Listening) -> AsyncIterator[ClientSession]:
    from mcp import ClientSession, StdioServerParameters
    from mcp.client.stdio import stdio_client

    command = server.command
    if os.name != "nt":  # there the library puts a server and its children in a job of their own
        command = (sys.executable, "-I", "-S", "-c", _LEASH, *command)
    parameters = StdioServerParameters(
        command=command[0],
        args=list(command[1:]),
        env=dict(server.environment),
        cwd=server.directory,
        encoding_error_handler="replace",
    )
    async with stdio_client(parameters, errlog=listening.stderr) as streams, ClientSession(*streams) as session:
        yield session
