"""Ask the programs and servers a run will need: each answers a question that costs nothing, or does not."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any

from guardrails import mcp_stdio
from guardrails.errors import Undecidable
from guardrails.probes.asking import Asking, Probe, failing
from guardrails.programs import Ran, allowed_environment, run
from guardrails.run_settings import Agent, Tool

if TYPE_CHECKING:
    from mcp import ClientSession

Job = Callable[[], Probe]

VERSION_LIMIT = 10.0
"""Seconds an agent's program may take to say its version."""

TOOLS = (
    Tool("ace"),
    Tool("ripgrep", ("rg", "--version")),
    Tool("codegraphcontext", mcp=("cgc", "mcp", "start"), timeout=20.0),
)
"""What is asked where the configuration names nothing; HAL is asked as `hal` says. No command of ACE is known."""


def agent_jobs(asking: Asking) -> Iterator[Job]:
    """One for each agent."""
    for agent in asking.plan.agents:
        required = agent.name in asking.roster
        yield partial(probe_agent, asking, agent, required)
    for name in asking.roster:
        if all(agent.name != name for agent in asking.plan.agents):
            yield partial(probe_agent, asking, Agent(name), True)


def tool_jobs(asking: Asking, tools: Sequence[Tool]) -> Iterator[Job]:
    """One for each command and each server of the tools."""
    for tool in tools:
        if tool.command:
            yield partial(probe_command, asking, tool)
        if tool.mcp:
            yield partial(probe_mcp, asking, tool)
        if not (tool.command or tool.mcp or tool.env):
            yield partial(_unknown, tool)


def _unknown(tool: Tool) -> Probe:
    hint = f"name its command: readiness: [{{name: {tool.name}, mcp: [COMMAND, ...]}}] in .speckit.yaml"
    return Probe(tool.name, "mcp", "warned", "not asked: nothing says how it is started", hint)


def probe_agent(asking: Asking, agent: Agent, required: bool) -> Probe:
    """Whether an agent can be called: its program says its version, or its recorded answers are there."""
    if agent.replay is not None:
        return _replay(asking, agent, required)
    if not agent.command:
        hint = f"configure agents.{agent.name}.command in .speckit.yaml"
        return Probe(agent.name, "agent", failing(required), "nothing says how it is called", hint, required)
    program = agent.command[0]
    environment = allowed_environment(asking.repo.environment, agent.env)
    limit = min(VERSION_LIMIT, agent.timeout)
    ran = run([program, "--version"], asking.repo.root, environment, limit)
    made = _ran(asking, Probe(agent.name, "agent", "passed", "", required=required), ran, limit)
    elsewhere = f"install {program}, or configure agents.{agent.name}.command"
    return made._replace(hint=elsewhere) if made.missing else made


def _replay(asking: Asking, agent: Agent, required: bool) -> Probe:
    made = Probe(agent.name, "agent", "passed", f"replays recorded answers from {agent.replay}", required=required)
    if os.path.isdir(os.path.join(asking.repo.root, str(agent.replay))):
        return made
    message, hint = f"there is no folder {agent.replay}", "record answers, or give the agent a command"
    return made._replace(status=failing(required), message=message, hint=hint)


def probe_command(asking: Asking, tool: Tool) -> Probe:
    """Whether a command succeeds."""
    environment = allowed_environment(asking.repo.environment, tool.env)
    ran = run(tool.command, asking.repo.root, environment, tool.timeout)
    return _ran(asking, Probe(tool.name, "command", "passed", "", required=tool.required), ran, tool.timeout)


def _ran(asking: Asking, made: Probe, ran: Ran, limit: float) -> Probe:
    """What a program's ending says of it."""
    made = made._replace(latency_ms=int(ran.seconds * 1000))
    said = asking.quiet.line((ran.out if ran.succeeded else ran.err + b"\n" + ran.out).decode("utf-8", "replace"))
    if ran.succeeded:
        return made._replace(message=f"answers: {said}" if said else "answers")
    bad = made._replace(status=failing(made.required), hint=f"run '{_shown(ran.argv)}' to see why")
    if ran.problem == "missing":
        message = f"there is no program {ran.argv[0]}"
        return bad._replace(message=message, hint=f"install {ran.argv[0]}", missing=True, latency_ms=None)
    if ran.problem == "not-executable":
        return bad._replace(message=f"{ran.argv[0]} cannot be run", missing=True, latency_ms=None)
    if ran.problem == "timeout":
        return bad._replace(message=f"no answer within {limit:g} s; it was ended")
    return bad._replace(message=f"exit {ran.exit_code}" + (f": {said}" if said else ""))


def probe_mcp(asking: Asking, tool: Tool) -> Probe:
    """Whether an MCP server completes `initialize` and `tools/list`, both within its limit."""
    environ = asking.repo.environment
    server = mcp_stdio.Server(
        tool.mcp, asking.repo.root, {name: environ[name] for name in tool.env if environ.get(name)}
    )
    begun = monotonic()
    bad = Probe(tool.name, "mcp", failing(tool.required), "", f"run '{_shown(tool.mcp)}' to see why", tool.required)
    try:
        mcp_stdio.require_library("it cannot be asked")
        said = mcp_stdio.converse(server, partial(_handshake, tool.timeout))
    except Undecidable as error:
        return bad._replace(message=error.message, hint=error.hint, missing=True)
    except mcp_stdio.Unreachable as error:
        hint = f"install {tool.mcp[0]}" if error.missing else bad.hint
        return bad._replace(message=str(error), hint=hint, missing=error.missing)
    except mcp_stdio.TooSlow as error:
        return bad._replace(message=f"{error}; it was ended", latency_ms=int((monotonic() - begun) * 1000))
    latency = int((monotonic() - begun) * 1000)
    return bad._replace(status="passed", message=asking.quiet.line(said), hint=None, latency_ms=latency)


async def _handshake(limit: float, session: ClientSession) -> str:
    """Who answered, and how many tools it has: in its own words."""
    end = monotonic() + limit
    begun: Any = await _in_time(limit, limit, "initialize", session.initialize())
    listed = await _in_time(end - monotonic(), limit, "list its tools", session.list_tools())
    # Both major versions of the library dump to the names of the protocol.
    info = begun.model_dump(mode="json", by_alias=True).get("serverInfo") or {}
    count = len(listed.tools)
    return f"answers: {info.get('name')} {info.get('version')}, {count} {'tool' if count == 1 else 'tools'}"


async def _in_time(left: float, limit: float, what: str, waiting: Any) -> Any:
    try:
        return await mcp_stdio.within(left, what, waiting)
    except mcp_stdio.TooSlow as error:
        raise mcp_stdio.TooSlow(what, limit) from error


def _shown(argv: tuple[str, ...]) -> str:
    shown = shlex.join(argv)
    return shown if len(shown) <= 100 else argv[0]
