"""Ask HAL over MCP: a server process on this machine, with tools named like the checks."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any, NamedTuple

from guardrails.errors import Undecidable
from guardrails.probes.answers import READ_LIMIT, Asked, Question

if TYPE_CHECKING:
    from mcp import ClientSession


class Server(NamedTuple):
    """The command of an MCP server. `environment` is all that it sees besides HOME, PATH, SHELL, TERM and the user's
    name: over stdio nothing else is passed on."""

    command: tuple[str, ...]
    directory: str
    environment: Mapping[str, str]


def questions(checks: Sequence[str], timeout: float) -> tuple[Question, ...]:
    """How each check is asked."""
    return tuple(Question(name, "mcp", "tools/call", None, name, timeout) for name in checks)


def ask(server: Server, asking: Sequence[Question]) -> list[Asked]:
    """Start the server, ask all questions, one at least, at once, and end it; answers in their order.

    Raises Undecidable when the library for it is missing.
    """
    try:
        import anyio
        import mcp  # noqa: F401  said to be missing here, before anything was begun
    except ImportError as error:
        raise Undecidable("HAL cannot be asked: mcp cannot be imported", "install speckit-guardrails[auto]") from error
    _silence()
    answers: dict[str, Asked] = {}
    reason = "the MCP server ended before it answered"
    try:
        anyio.run(partial(_converse, server, asking, answers))
    except FileNotFoundError:
        reason = "the MCP server cannot be started: there is no such program"
    except Exception as error:  # noqa: BLE001  whatever a server and the library make of each other is a failed check
        reason = f"the MCP server cannot be talked to ({_kind(error)})"
    now = datetime.now(timezone.utc)
    return [answers.get(question.check) or Asked(question, now, reason=reason) for question in asking]


def _silence() -> None:
    """The library reports what a server writes, tracebacks and secrets included, wherever nobody else listens."""
    for name in ("mcp", "client"):
        logger = logging.getLogger(name)
        logger.addHandler(logging.NullHandler())
        logger.propagate = False


async def _converse(server: Server, asking: Sequence[Question], answers: dict[str, Asked]) -> None:
    import anyio
    from mcp import ClientSession, StdioServerParameters
    from mcp.client.stdio import stdio_client

    parameters = StdioServerParameters(
        command=server.command[0],
        args=list(server.command[1:]),
        env=dict(server.environment),
        cwd=server.directory,
        encoding_error_handler="replace",
    )
    with open(os.devnull, "w", encoding="utf-8") as nowhere:
        async with stdio_client(parameters, errlog=nowhere) as (read, write), ClientSession(read, write) as session:
            tools = await _tools(session, asking[0].timeout)

            async def one(question: Question) -> None:
                answers[question.check] = await _ask(session, question, tools)

            async with anyio.create_task_group() as group:
                for question in asking:
                    group.start_soon(one, question)


async def _tools(session: ClientSession, timeout: float) -> set[str] | None:
    """The names of the server's tools; None when it did not get that far in time."""
    import anyio

    with anyio.move_on_after(timeout):
        await session.initialize()
        return {tool.name for tool in (await session.list_tools()).tools}
    return None


async def _ask(session: ClientSession, question: Question, tools: set[str] | None) -> Asked:
    import anyio

    start = monotonic()
    asked = Asked(question, datetime.now(timezone.utc))
    if tools is None:
        return asked._replace(reason=f"the MCP server was not ready within {question.timeout:g} s")
    if question.tool not in tools:
        return asked._replace(reason="the MCP server has no such tool")
    try:
        with anyio.fail_after(question.timeout):
            # Both major versions of the library dump to the names of the protocol, whatever they call them.
            result = (await session.call_tool(question.check, {})).model_dump(mode="json", by_alias=True)
        asked = _answered(asked, result)._replace(latency_ms=int((monotonic() - start) * 1000))
    except TimeoutError:
        asked = asked._replace(reason=f"no complete answer within {question.timeout:g} s")
    except Exception as error:  # noqa: BLE001  as above
        asked = asked._replace(reason=f"the MCP server did not answer ({_kind(error)})")
    return asked._replace(finished=datetime.now(timezone.utc))


def _answered(asked: Asked, result: dict[str, Any]) -> Asked:
    body = _body(result)
    reason = "the tool reports an error" if result.get("isError") else None
    return asked._replace(body=body[:READ_LIMIT], cut=len(body) > READ_LIMIT, reason=reason)


def _body(result: dict[str, Any]) -> bytes:
    """What the tool returned. Servers put it in `structuredContent` (below `result` unless it is an object) and, or
    only, in texts."""
    value = result.get("structuredContent")
    if isinstance(value, dict) and set(value) == {"result"}:
        value = value["result"]
    if value is not None and not isinstance(value, str):
        return json.dumps(value).encode("ascii")
    texts = [item.get("text") or "" for item in result.get("content") or () if item.get("type") == "text"]
    return (value if isinstance(value, str) else "\n".join(texts)).encode("utf-8", "replace")


def _kind(error: BaseException) -> str:
    """The name of what happened: its words may quote what the server sent."""
    while inner := getattr(error, "exceptions", None):
        error = inner[0]
    return type(error).__name__
