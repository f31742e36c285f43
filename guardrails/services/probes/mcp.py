"""Ask a service over MCP: a server process on this machine, one tool for each check."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timezone
from time import monotonic
from typing import TYPE_CHECKING, Any

from guardrails.config.settings import Service
from guardrails.services.mcp_client import McpServer, Unreachable, converse, kind, require_mcp
from guardrails.services.probes.checks import READ_LIMIT, Asked, ProbeQuestion

if TYPE_CHECKING:
    from mcp import ClientSession


def questions(service: Service) -> tuple[ProbeQuestion, ...]:
    """How each check is asked."""
    return tuple(ProbeQuestion(check, "mcp", None, service.timeout) for check in service.checks)


def ask(label: str, server: McpServer, asking: Sequence[ProbeQuestion]) -> list[Asked]:
    """Start the server, ask all questions, one at least, at once, and end it; answers in their order.

    Raises Undecidable when the library for it is missing.
    """
    require_mcp(f"{label} cannot be asked")
    import anyio

    answers: dict[str, Asked] = {}

    async def talk(session: ClientSession) -> None:
        tools = await _tools(session, asking[0].timeout)

        async def one(question: ProbeQuestion) -> None:
            answers[question.check.name] = await _ask(session, question, tools)

        async with anyio.create_task_group() as group:
            for question in asking:
                group.start_soon(one, question)

    reason = "the MCP server ended before it answered"
    try:
        converse(server, talk)
    except Unreachable as error:
        reason = f"the MCP server {error}"
    now = datetime.now(timezone.utc)
    return [answers.get(question.check.name) or Asked(question, now, reason=reason) for question in asking]


async def _tools(session: ClientSession, timeout: float) -> set[str] | None:
    """The names of the server's tools; None when it did not get that far in time."""
    import anyio

    with anyio.move_on_after(timeout):
        await session.initialize()
        return {tool.name for tool in (await session.list_tools()).tools}
    return None


async def _ask(session: ClientSession, question: ProbeQuestion, tools: set[str] | None) -> Asked:
    import anyio

    start = monotonic()
    asked = Asked(question, datetime.now(timezone.utc))
    if tools is None:
        return asked._replace(reason=f"the MCP server was not ready within {question.timeout:g} s")
    if question.tool is None or question.tool not in tools:
        return asked._replace(reason="the MCP server has no such tool")
    try:
        with anyio.fail_after(question.timeout):
            # Both major versions of the library dump to the names of the protocol, whatever they call them.
            arguments = json.loads(question.check.arguments)
            result = (await session.call_tool(question.tool, arguments)).model_dump(mode="json", by_alias=True)
        asked = _answered(asked, result)._replace(latency_ms=int((monotonic() - start) * 1000))
    except TimeoutError:
        asked = asked._replace(reason=f"no complete answer within {question.timeout:g} s")
    except Exception as error:  # noqa: BLE001  as above
        asked = asked._replace(reason=f"the MCP server did not answer ({kind(error)})")
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
