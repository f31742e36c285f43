"""Whether a run can begin: everything it will need is asked at once, each with its own limit."""

from __future__ import annotations

import os
import re
import shlex
import shutil
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from functools import cached_property, partial
from time import monotonic
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from guardrails.checks.footprint import measure
from guardrails.config.run_settings import Agent, RunSettings, Tool
from guardrails.config.settings import CREDENTIAL_NAME, HAL, Service, Settings
from guardrails.core.programs import Ran, allowed_environment, run_program
from guardrails.core.text import MEGABYTE, printable
from guardrails.core.timestamps import stamped
from guardrails.errors import GuardrailError, Undecidable
from guardrails.evidence.names import StageSession, command_path
from guardrails.evidence.store import EvidenceStore, WrittenFile
from guardrails.git.repo import OLDEST_GIT, Repo, git_version
from guardrails.secrets.redact import Redactor
from guardrails.services import mcp_client
from guardrails.services.probes.run import ProbeEnvironment, probe, why_off
from guardrails.snapshot.worktree import Worktree

if TYPE_CHECKING:
    from mcp import ClientSession


ReadinessKind = Literal["agent", "command", "mcp", "http", "secret", "disk", "limit"]
ReadinessStatus = Literal["passed", "warned", "failed", "skipped"]

LONGEST = 200
"""Characters of what a program answered that are shown."""
VERSION_LIMIT = 10.0
"""Seconds an agent's program may take to say its version."""
TOOLS = (
    Tool("ace"),
    Tool("ripgrep", ("rg", "--version")),
    Tool("codegraphcontext", mcp=("cgc", "mcp", "start"), timeout=20.0),
)
"""What is asked where the configuration names nothing; HAL is asked as `hal` says. No command of ACE is known."""


class ReadinessProbe(NamedTuple):
    """One thing that was asked. `message` holds no secret; `missing`: a program or library is not there at all."""

    name: str
    kind: ReadinessKind
    status: ReadinessStatus
    message: str
    hint: str | None = None
    required: bool = False
    latency_ms: int | None = None
    missing: bool = False


class ReadinessContext:
    """Whose readiness is asked about: a repository's, under its settings, for a SPEC or for every one."""

    def __init__(self, repo: Repo, settings: Settings, plan: RunSettings, spec: str | None = None) -> None:
        self.repo, self.settings, self.plan, self.spec = repo, settings, plan, spec

    @property
    def services(self) -> tuple[Service, ...]:
        """HAL, and the services of `probes`; not those that a tool of `readiness` stands for."""
        tools = {tool.name for tool in self.plan.readiness}
        return tuple(each for each in (self.settings.hal, *self.plan.probes) if each.name not in tools)

    @cached_property
    def roster(self) -> tuple[str, ...]:
        """Every agent that some stage declares."""
        return tuple(dict.fromkeys(name for stage in self.plan.stages for name in stage.roster))

    def first_line(self, text: str) -> str:
        """The first line of what a program said that says something, without secrets, and not too long."""
        clean = self._redactor.text(text[: 64 * LONGEST])
        line = next((line.strip() for line in clean.splitlines() if line.strip()), "")
        return line if len(line) <= LONGEST else line[:LONGEST] + "..."

    @cached_property
    def _redactor(self) -> Redactor:
        named = (name for tool in self.plan.readiness for name in tool.env)
        return Redactor(tuple(dict.fromkeys((*self.settings.secrets.variables, *named))), self.repo.environment)


def failing(required: bool) -> ReadinessStatus:
    """What it is called when something does not answer."""
    return "failed" if required else "warned"


# What a run needs of the machine: git, room on the disk, and room under the evidence limit.


def _machine(context: ReadinessContext) -> Iterator[ReadinessProbe]:
    """Everything that is looked up rather than asked."""
    yield _git(context)
    yield from _disk(context)
    yield from _footprints(context)
    yield from _secrets(context)


def _git(context: ReadinessContext) -> ReadinessProbe:
    made = ReadinessProbe("git", "command", "passed", "", required=True)
    try:
        text, new_enough = git_version(context.repo)
    except GuardrailError as error:
        return made._replace(status="failed", message=error.message, hint=error.hint, missing=True)
    if new_enough:
        return made._replace(message=text)
    oldest = ".".join(map(str, OLDEST_GIT))
    return made._replace(status="failed", message=f"{text} is older than {oldest}", hint="install a newer git")


def _disk(context: ReadinessContext) -> Iterator[ReadinessProbe]:
    """A run writes evidence, and its calls and locks into the git directory. Each needs as much room as the limit."""
    needed = context.settings.evidence.limit_bytes
    places = [("evidence", os.path.join(context.repo.root, context.settings.layout.evidence))]
    with suppress(GuardrailError):  # then it was said of git already
        places.append(("git directory", context.repo.git_dir()))
    for name, place in places:
        made = ReadinessProbe(name, "disk", "passed", "", required=True)
        there = _existing(place)
        free = shutil.disk_usage(there).free
        if not os.access(there, os.W_OK | os.X_OK):
            yield made._replace(status="failed", message=f"{there} cannot be written", hint="make it writable")
        elif free < needed:
            message = f"{_mb(free)} free, less than the {_mb(needed)} that a SPEC's evidence may need"
            yield made._replace(status="failed", message=message, hint="make room on this disk")
        else:
            yield made._replace(message=f"{_mb(free)} free")


def _existing(place: str) -> str:
    while not os.path.isdir(place):
        place = os.path.dirname(place)
    return place


def _footprints(context: ReadinessContext) -> Iterator[ReadinessProbe]:
    """Whether the evidence of the SPEC, or else of every SPEC, leaves room under the limit."""
    evidence, found = context.settings.evidence, measure(Worktree(context.repo), context.settings.layout, context.spec)
    sizes = {spec: footprint.total for spec, footprint in sorted(found.items())}
    if context.spec is not None:
        sizes = {context.spec: sizes.get(context.spec, 0)}
    hint = "speckit evidence archive --spec SPEC frees what older runs hold"
    above = [spec for spec, size in sizes.items() if size > evidence.warn_bytes]
    for spec in above:
        size = sizes[spec]
        full = size > evidence.limit_bytes
        message = f"{_mb(size)} of evidence; the limit is {_mb(evidence.limit_bytes)}"
        named = hint.replace("SPEC f", f"{spec} f")
        yield ReadinessProbe(f"footprint of {spec}", "limit", failing(full), message, named, required=True)
    if not above:
        most = max(sizes.values(), default=0)
        limit = f"the limit is {_mb(evidence.limit_bytes)}"
        name, message = "footprint", f"at most {_mb(most)} of evidence a SPEC; {limit}"
        if context.spec is not None:
            name, message = f"footprint of {context.spec}", f"{_mb(most)} of evidence; {limit}"
        yield ReadinessProbe(name, "limit", "passed", message, required=True)


def _mb(size: int) -> str:
    return f"{size / MEGABYTE:,.2f} MB"


# The variables that must be set: each by its name, never its value.


class _Wanted(NamedTuple):
    """A variable that somebody may need."""

    name: str
    required: bool
    whose: str


def _secrets(context: ReadinessContext) -> Iterator[ReadinessProbe]:
    """The variables of the tools, the agents and the services."""
    called = [agent for agent in context.plan.agents if agent.name in context.roster and agent.command]
    wanted = _of_tools(context)
    wanted += [
        _Wanted(name, False, agent.name) for agent in called for name in agent.env if re.search(CREDENTIAL_NAME, name)
    ]
    for service in (context.settings.hal, *context.plan.probes):
        if service.mode == "live" and service.secret_env:
            wanted.append(_Wanted(service.secret_env, service.required, service.name))
    yield from _told(context, wanted)


def _of_tools(context: ReadinessContext) -> list[_Wanted]:
    return [_Wanted(name, tool.required, tool.name) for tool in context.plan.readiness for name in tool.env]


def _told(context: ReadinessContext, wanted: Sequence[_Wanted]) -> Iterator[ReadinessProbe]:
    """Each variable once: by its name, never its value."""
    for name in dict.fromkeys(each.name for each in wanted):
        required = any(each.required for each in wanted if each.name == name)
        whose = " and ".join(each.whose for each in wanted if each.name == name)
        if context.repo.environment.get(name, "").strip():
            yield ReadinessProbe(name, "secret", "passed", f"set, for {whose}", required=required)
        else:
            hint = f"export {name}, unless a login was made another way"
            yield ReadinessProbe(name, "secret", failing(required), f"not set, and {whose} may need it", hint, required)


# Ask the programs and servers a run will need: each answers a question that costs nothing, or does not.


Job = Callable[[], ReadinessProbe]


def _agent_jobs(context: ReadinessContext) -> Iterator[Job]:
    """One for each agent."""
    for agent in context.plan.agents:
        required = agent.name in context.roster
        yield partial(_probe_agent, context, agent, required)
    for name in context.roster:
        if all(agent.name != name for agent in context.plan.agents):
            yield partial(_probe_agent, context, Agent(name), True)


def _tool_jobs(context: ReadinessContext, tools: Sequence[Tool]) -> Iterator[Job]:
    """One for each command and each server of the tools."""
    for tool in tools:
        if tool.command:
            yield partial(_probe_command, context, tool)
        if tool.mcp:
            yield partial(_probe_mcp, context, tool)
        if not (tool.command or tool.mcp or tool.env):
            yield partial(_unknown, tool)


def _unknown(tool: Tool) -> ReadinessProbe:
    hint = f"name its command: readiness: [{{name: {tool.name}, mcp: [COMMAND, ...]}}] in .speckit.yaml"
    return ReadinessProbe(tool.name, "mcp", "warned", "not asked: nothing says how it is started", hint)


def _probe_agent(context: ReadinessContext, agent: Agent, required: bool) -> ReadinessProbe:
    """Whether an agent can be called: its program says its version, or its recorded answers are there."""
    if agent.replay is not None:
        return _replay(context, agent, required)
    if not agent.command:
        hint = f"configure agents.{agent.name}.command in .speckit.yaml"
        return ReadinessProbe(agent.name, "agent", failing(required), "nothing says how it is called", hint, required)
    program = agent.command[0]
    environment = allowed_environment(context.repo.environment, agent.env)
    limit = min(VERSION_LIMIT, agent.timeout)
    ran = run_program([program, "--version"], context.repo.root, environment, limit)
    made = _ran(context, ReadinessProbe(agent.name, "agent", "passed", "", required=required), ran, limit)
    elsewhere = f"install {program}, or configure agents.{agent.name}.command"
    return made._replace(hint=elsewhere) if made.missing else made


def _replay(context: ReadinessContext, agent: Agent, required: bool) -> ReadinessProbe:
    made = ReadinessProbe(
        agent.name, "agent", "passed", f"replays recorded answers from {agent.replay}", required=required
    )
    if os.path.isdir(os.path.join(context.repo.root, str(agent.replay))):
        return made
    message, hint = f"there is no folder {agent.replay}", "record answers, or give the agent a command"
    return made._replace(status=failing(required), message=message, hint=hint)


def _probe_command(context: ReadinessContext, tool: Tool) -> ReadinessProbe:
    """Whether a command succeeds."""
    environment = allowed_environment(context.repo.environment, tool.env)
    ran = run_program(tool.command, context.repo.root, environment, tool.timeout)
    return _ran(context, ReadinessProbe(tool.name, "command", "passed", "", required=tool.required), ran, tool.timeout)


def _ran(context: ReadinessContext, made: ReadinessProbe, ran: Ran, limit: float) -> ReadinessProbe:
    """What a program's ending says of it."""
    made = made._replace(latency_ms=int(ran.seconds * 1000))
    said = context.first_line((ran.out if ran.succeeded else ran.err + b"\n" + ran.out).decode("utf-8", "replace"))
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


def _probe_mcp(context: ReadinessContext, tool: Tool) -> ReadinessProbe:
    """Whether an MCP server completes `initialize` and `tools/list`, both within its limit."""
    environ = context.repo.environment
    server = mcp_client.McpServer(
        tool.mcp, context.repo.root, {name: environ[name] for name in tool.env if environ.get(name)}
    )
    begun = monotonic()
    bad = ReadinessProbe(
        tool.name, "mcp", failing(tool.required), "", f"run '{_shown(tool.mcp)}' to see why", tool.required
    )
    try:
        mcp_client.require_mcp("it cannot be asked")
        said = mcp_client.converse(server, partial(_handshake, tool.timeout))
    except Undecidable as error:
        return bad._replace(message=error.message, hint=error.hint, missing=True)
    except mcp_client.Unreachable as error:
        hint = f"install {tool.mcp[0]}" if error.missing else bad.hint
        return bad._replace(message=str(error), hint=hint, missing=error.missing)
    except mcp_client.TooSlow as error:
        return bad._replace(message=f"{error}; it was ended", latency_ms=int((monotonic() - begun) * 1000))
    latency = int((monotonic() - begun) * 1000)
    return bad._replace(status="passed", message=context.first_line(said), hint=None, latency_ms=latency)


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
        return await mcp_client.within(left, what, waiting)
    except mcp_client.TooSlow as error:
        raise mcp_client.TooSlow(what, limit) from error


def _shown(argv: tuple[str, ...]) -> str:
    shown = shlex.join(argv)
    return shown if len(shown) <= 100 else argv[0]


# Ask the services that stages ask, by one question each.


def _probe_service(context: ReadinessContext, service: Service) -> ReadinessProbe:
    """Whether a service answers as it is configured: over MCP by a handshake, over HTTP by its first check."""
    name, required = service.name, service.required
    if service.mode == "off":
        status: ReadinessStatus = "failed" if required else "skipped"
        return ReadinessProbe(
            name, "http", status, why_off(service), f"{service.key}.mode: live in .speckit.yaml asks it", required
        )
    if service.mode == "live" and service.mcp:
        env = (service.secret_env,) if service.secret_env else ()
        return _probe_mcp(context, Tool(name, (), service.mcp, env, service.timeout, required))
    preset = name == HAL.name  # its health says most, even where `hal.checks` leaves that out
    hint = "speckit hal smoke" if preset else f"see {service.key} in .speckit.yaml"
    made = ReadinessProbe(name, "http", failing(required), "", hint, required)
    one = service._replace(checks=(HAL if preset else service).checks[:1])
    try:
        (response,) = probe(one, context.settings, ProbeEnvironment(context.repo.environment, context.repo.root))
    except Undecidable as error:  # without an address, or else without a library
        addressed = service.mode == "mock" or service.base_url is not None
        return made._replace(message=error.message, hint=error.hint, missing=addressed)
    made = made._replace(latency_ms=response.latency_ms)
    if response.status != "passed":
        return made._replace(message=f"{response.check}: {response.reason or response.status}")
    if service.mode == "mock" and required:
        message = f"a mock answers, and {service.label} is required"
        return made._replace(message=message, hint=f"{service.key}.mode: live in .speckit.yaml")
    answered = "a mock answers" if service.mode == "mock" else "answers"
    return made._replace(status="passed", message=f"{answered} ({service.mode})", hint=None)


# What to do when not every agent of a stage can be called, by the thresholds its verdict is judged by. Pure.


def advice(context: ReadinessContext, able: Collection[str]) -> tuple[str, ...]:
    """A line for each roster that is not whole: what its verdict would be, what a run does, and what you can do."""
    stages: dict[tuple[str, ...], list[str]] = {}
    for stage in context.plan.stages:
        if not set(stage.roster) <= set(able):
            stages.setdefault(stage.roster, []).append(stage.name)
    return tuple(_line(context, ", ".join(names), roster, able) for roster, names in stages.items())


def _line(context: ReadinessContext, stages: str, roster: tuple[str, ...], able: Collection[str]) -> str:
    usable = [name for name in roster if name in able]
    lost = ", ".join(name for name in roster if name not in able)
    begin = f"{stages}: {len(usable)} of {len(roster)} agents can be called (not {lost})"
    if not usable:
        return f"{begin}: nobody would answer, exit 3. Do not start; repair the agents, or name others in the roster"
    consensus, recovery = context.settings.consensus, context.plan.recovery
    if round(len(usable) / len(roster), 2) < consensus.degraded_below:
        return (
            f"{begin}: severely degraded, exit 5. It would not be retried: do not start; tell whoever answers for the "
            "run, and repair the agents first"
        )
    steps = [f"retries the missing {_times(recovery.retries)} after {recovery.backoff:g} s"] if recovery.retries else []
    if recovery.fallback:
        steps.append(f"calls them by the profile {recovery.fallback}")
    does = f"A run {', then '.join(steps)}, then halts" if steps else "A run halts at once"
    return f"{begin}: degraded, exit 5. {does}. Repair them first, or start with --profile of one that needs fewer"


def _times(count: int) -> str:
    """How often, in words."""
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


# The readiness check as a whole.


class ReadinessResult(NamedTuple):
    """All that was asked, in reading order, and what to do where too few agents can be called."""

    probes: tuple[ReadinessProbe, ...]
    escalation: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """1 when something that is required fails, 3 when it is not even there, else 0."""
        failed = [probe for probe in self.probes if probe.status == "failed"]
        if not failed:
            return 0
        return 3 if all(probe.missing for probe in failed) else 1

    @property
    def verdict(self) -> str:
        """In a word, as results have it."""
        return {0: "pass", 1: "fail", 3: "undecided"}[self.exit_code]


def examine(context: ReadinessContext) -> ReadinessResult:
    """Look at the machine, then ask every agent, program, server and service at the same time."""
    looked = list(_machine(context))
    services = [partial(_probe_service, context, service) for service in context.services]
    asked = _ask([*_agent_jobs(context), *_tool_jobs(context, context.plan.readiness or TOOLS), *services])
    probes = (*looked, *asked)
    able = {probe.name for probe in asked if probe.kind == "agent" and probe.status == "passed"}
    return ReadinessResult(probes, advice(context, able))


def tools(context: ReadinessContext) -> tuple[ReadinessProbe, ...]:
    """Only what `readiness` in the configuration names: what a stage asks before its agents."""
    return (*_told(context, _of_tools(context)), *_ask(list(_tool_jobs(context, context.plan.readiness))))


def _ask(waiting: Sequence[Job]) -> list[ReadinessProbe]:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(max(1, len(waiting))) as pool:  # each mostly waits
        return [future.result() for future in [pool.submit(job) for job in waiting]]


def worst_first(probes: Sequence[ReadinessProbe]) -> list[ReadinessProbe]:
    """What needs attention before what does not; otherwise as they were."""
    order = {"failed": 0, "warned": 1, "skipped": 2, "passed": 3}
    return sorted(probes, key=lambda probe: order[probe.status])


# The record of a readiness check: telemetry of the tasks stage before any agent has run.


TAIL = "tasks_guardrail.json"
"""Ends the name; the session begins it, so that no check overwrites another's record."""


def record(context: ReadinessContext, result: ReadinessResult, session: StageSession) -> WrittenFile:
    """Write the record of a session of its SPEC. The caller holds the lock of the SPEC."""
    path = command_path(context.settings.layout, session, TAIL)
    return EvidenceStore(context.repo.root).record(path, "tasks_telemetry", document(context, result, session))


def document(context: ReadinessContext, result: ReadinessResult, session: StageSession) -> dict[str, Any]:
    """As schemas/tasks_telemetry.schema.json has it. What no agent has used yet is null."""
    measured = measure(Worktree(context.repo), context.settings.layout, session.spec)
    made = {
        "schemaVersion": 1,
        "specId": session.spec,
        "stage": "tasks",
        "sessionId": session.stamp,
        "timestamp": stamped(session.started),
        "output_tokens": None,
        "latency_ms": None,
        "agent_participation": {"roster": list(context.settings.roster("tasks")), "usable": [], "ratio": None},
        "footprint_bytes": sum(footprint.total for footprint in measured.values()),
        "readiness": [row(probe) for probe in result.probes],
    }
    return made | ({"profile": context.plan.profile} if context.plan.profile else {})


def row(probe: ReadinessProbe) -> dict[str, Any]:
    """One probe as records and `--format json` have it."""
    return {
        "name": probe.name,
        "kind": probe.kind,
        "status": probe.status,
        "required": probe.required,
        "message": printable(probe.message),
        "latency_ms": probe.latency_ms,
    }
