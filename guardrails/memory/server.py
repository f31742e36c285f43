"""Talk to an MCP memory server: a process on this machine, over its standard input and output.

It may hang, crash or print anything; what comes of that is one sentence, `Refused`, and never a traceback.
"""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from guardrails.errors import GuardrailError, Undecidable
from guardrails.memory.answers import Refused, found, require_done
from guardrails.memory.entries import Memory

if TYPE_CHECKING:
    from mcp import ClientSession

STORE, SEARCH = "store_memory", "search"
"""The tools that are called."""

Value = TypeVar("Value")
Talk = Callable[["ClientSession"], Awaitable[Value]]


class Server(NamedTuple):
    """The command of a server, where it is started, and how many seconds it may take to start and to answer.

    It sees HOME, PATH, SHELL, TERM and the user's name, and nothing else of the environment.
    """

    command: tuple[str, ...]
    directory: str
    start: float = 30.0
    answer: float = 10.0


def require_library() -> None:
    """Raise Undecidable when the MCP library is missing."""
    try:
        import mcp  # noqa: F401  only whether it is there
    except ImportError as error:
        raise Undecidable(
            "memory.mcp names a server, but mcp is not installed", "pip install 'speckit-guardrails[auto]'"
        ) from error


def deliver(server: Server, memories: Sequence[Memory], done: Callable[[Memory], None]) -> None:
    """Store memories one after another, and say so of each as soon as the server has it.

    Raises Refused at the first that fails: a server that does not answer once is not asked a thousand times.
    """

    async def talk(session: ClientSession) -> None:
        schema = await _tool(session, server, STORE)
        for memory in memories:
            given = {"content": memory.text, "tags": list(memory.tags), "importance": memory.importance}
            if memory.source:
                given["source"] = memory.source.path
            require_done(await _call(session, server, STORE, _fitting(STORE, given, schema)))
            done(memory)

    _converse(server, talk)


def ask(server: Server, text: str, tags: Sequence[str], limit: int) -> tuple[str, ...]:
    """The texts a search brings, at most `limit`. Raises Refused."""

    async def talk(session: ClientSession) -> tuple[str, ...]:
        schema = await _tool(session, server, SEARCH)
        given = {"query": text, "tags": list(tags), "limit": limit}
        result = await _call(session, server, SEARCH, _fitting(SEARCH, given, schema))
        require_done(result)
        return found(result)[:limit]

    return _converse(server, talk)


def _converse(server: Server, talk: Talk[Value]) -> Value:
    require_library()
    import anyio

    # The library reports what a server prints, tracebacks included, wherever nobody else listens.
    for name in ("mcp", "client"):
        logging.getLogger(name).addHandler(logging.NullHandler())
        logging.getLogger(name).propagate = False

    values: list[Value] = []
    refusals: list[Exception] = []

    async def whole() -> None:
        async with _session(server) as session:
            try:
                await _within(server.start, "start", session.initialize())
                values.append(await talk(session))
            except (Refused, GuardrailError) as error:
                refusals.append(error)  # raised through the library it could get lost while that cleans up

    try:
        anyio.run(whole)
    except Exception as error:  # noqa: BLE001  whatever a server and the library make of each other
        refusals.append(Refused(_reason(error)))
    if values:  # then all was said and done, and at most the parting went wrong
        return values[0]
    raise refusals[0]


@asynccontextmanager
async def _session(server: Server) -> AsyncIterator[ClientSession]:
    from mcp import ClientSession, StdioServerParameters
    from mcp.client.stdio import stdio_client

    parameters = StdioServerParameters(
        command=server.command[0],
        args=list(server.command[1:]),
        cwd=server.directory,
        encoding_error_handler="replace",
    )
    with open(os.devnull, "w", encoding="utf-8") as nowhere:
        async with stdio_client(parameters, errlog=nowhere) as streams, ClientSession(*streams) as session:
            yield session


async def _within(seconds: float, what: str, waiting: Awaitable[Value]) -> Value:
    import anyio

    try:
        with anyio.fail_after(seconds):
            return await waiting
    except TimeoutError:
        raise Refused(f"did not {what} within {seconds:g} s") from None


async def _tool(session: ClientSession, server: Server, name: str) -> Mapping[str, Any]:
    """The schema of a tool's arguments."""
    listed = await _within(server.answer, "list its tools", session.list_tools())
    tools = {tool.name: tool.model_dump(mode="json", by_alias=True).get("inputSchema") or {} for tool in listed.tools}
    if name not in tools:
        raise Refused(f"has no tool {name}; it has {', '.join(sorted(tools)[:20]) or 'none'}")
    schema: Mapping[str, Any] = tools[name]
    return schema


def _fitting(tool: str, given: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """What of the arguments the tool declares; all of them when it declares none."""
    declared = schema.get("properties") or given
    lacking = [name for name in schema.get("required") or () if name not in given]
    if lacking:
        raise Refused(f"wants {', '.join(map(str, lacking[:20]))} for {tool}, which is not known here")
    return {name: value for name, value in given.items() if name in declared}


async def _call(session: ClientSession, server: Server, tool: str, given: dict[str, Any]) -> Mapping[str, Any]:
    result = await _within(server.answer, f"answer {tool}", session.call_tool(tool, given))
    # Both major versions of the library dump to the names of the protocol.
    dumped: Mapping[str, Any] = result.model_dump(mode="json", by_alias=True)
    return dumped


def _reason(error: BaseException) -> str:
    """In one sentence. Words of the library are left out: they may quote what the server sent."""
    while inner := getattr(error, "exceptions", None):  # concurrent parts report in groups
        error = inner[0]
    if isinstance(error, OSError) and error.filename is not None:
        return f"cannot be started: {error.strerror}"
    return f"cannot be talked to ({type(error).__name__})"
