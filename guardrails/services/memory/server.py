"""Talk to an MCP memory server: a process on this machine, over its standard input and output.

It may hang, crash or print anything; what comes of that is one sentence, `MemoryServerRefusal`, and never a traceback.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from guardrails.services import mcp_client
from guardrails.services.memory.entries import Memory

if TYPE_CHECKING:
    from mcp import ClientSession


# What a tool of an MCP server returned, as the protocol's JSON, taken apart. Servers differ; nothing is believed.


class MemoryServerRefusal(Exception):
    """Why a conversation came to nothing. Completes "the memory server …"."""


def require_done(result: Mapping[str, Any]) -> None:
    """Raise MemoryServerRefusal when a tool says that it failed, by protocol or in the words many servers use."""
    value = _value(result)
    if result.get("isError") or (isinstance(value, dict) and value.get("success") is False):
        raise MemoryServerRefusal(f"reports an error: {' '.join(_texts(result))[:200] or 'it does not say which'}")


def _texts(result: Mapping[str, Any]) -> list[str]:
    return [str(item.get("text") or "") for item in result.get("content") or () if item.get("type") == "text"]


def _value(result: Mapping[str, Any]) -> Any:
    """What a tool returned, where it is data: as such, or as the JSON in its only text."""
    value = result.get("structuredContent")
    texts = _texts(result)
    if value is None and len(texts) == 1:
        try:
            return json.loads(texts[0])
        except (ValueError, RecursionError):
            return None
    return value


def found(result: Mapping[str, Any]) -> tuple[str, ...]:
    """The texts of what was found: one for each in a list, else the words that were answered, as they are."""
    value = _value(result)
    if isinstance(value, dict):  # servers put the list below one name or another
        value = next((item for item in value.values() if isinstance(item, list)), None)
    if isinstance(value, list):
        return tuple(map(_item, value))
    return tuple(text for text in _texts(result) if text.strip())


def _item(item: Any) -> str:
    """The text of one result: its own, that of the memory in it, or all of it as JSON."""
    inner = item.get("memory", item) if isinstance(item, dict) else item
    for name in ("content", "text"):
        if isinstance(inner, dict) and isinstance(inner.get(name), str):
            return str(inner[name])
    return inner if isinstance(inner, str) else json.dumps(item)


STORE, SEARCH = "store_memory", "search"
"""The tools that are called."""

Value = TypeVar("Value")


class MemoryServer(NamedTuple):
    """The command of a server, where it is started, and how many seconds it may take to start and to answer.

    It sees HOME, PATH, SHELL, TERM and the user's name, and nothing else of the environment.
    """

    command: tuple[str, ...]
    directory: str
    start: float = 30.0
    answer: float = 10.0


def require_memory_mcp() -> None:
    """Raise Undecidable when the MCP library is missing."""
    mcp_client.require_mcp("memory.mcp names a server")


def deliver(server: MemoryServer, memories: Sequence[Memory], done: Callable[[Memory], None]) -> None:
    """Store memories one after another, and say so of each as soon as the server has it.

    Raises MemoryServerRefusal at the first that fails: a server that does not answer is not asked a thousand times.
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


def ask(server: MemoryServer, text: str, tags: Sequence[str], limit: int) -> tuple[str, ...]:
    """The texts a search brings, at most `limit`. Raises MemoryServerRefusal."""

    async def talk(session: ClientSession) -> tuple[str, ...]:
        schema = await _tool(session, server, SEARCH)
        given = {"query": text, "tags": list(tags), "limit": limit}
        result = await _call(session, server, SEARCH, _fitting(SEARCH, given, schema))
        require_done(result)
        return found(result)[:limit]

    return _converse(server, talk)


def _converse(server: MemoryServer, talk: mcp_client.Talk[Value]) -> Value:
    require_memory_mcp()

    async def whole(session: ClientSession) -> Value:
        await mcp_client.within(server.start, "start", session.initialize())
        return await talk(session)

    try:
        return mcp_client.converse(mcp_client.McpServer(server.command, server.directory), whole)
    except (mcp_client.Unreachable, mcp_client.TooSlow) as error:
        raise MemoryServerRefusal(str(error)) from error


async def _tool(session: ClientSession, server: MemoryServer, name: str) -> Mapping[str, Any]:
    """The schema of a tool's arguments."""
    listed = await mcp_client.within(server.answer, "list its tools", session.list_tools())
    tools = {tool.name: tool.model_dump(mode="json", by_alias=True).get("inputSchema") or {} for tool in listed.tools}
    if name not in tools:
        raise MemoryServerRefusal(f"has no tool {name}; it has {', '.join(sorted(tools)[:20]) or 'none'}")
    schema: Mapping[str, Any] = tools[name]
    return schema


def _fitting(tool: str, given: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """What of the arguments the tool declares; all of them when it declares none."""
    declared = schema.get("properties") or given
    lacking = [name for name in schema.get("required") or () if name not in given]
    if lacking:
        raise MemoryServerRefusal(f"wants {', '.join(map(str, lacking[:20]))} for {tool}, which is not known here")
    return {name: value for name, value in given.items() if name in declared}


async def _call(session: ClientSession, server: MemoryServer, tool: str, given: dict[str, Any]) -> Mapping[str, Any]:
    result = await mcp_client.within(server.answer, f"answer {tool}", session.call_tool(tool, given))
    # Both major versions of the library dump to the names of the protocol.
    dumped: Mapping[str, Any] = result.model_dump(mode="json", by_alias=True)
    return dumped
