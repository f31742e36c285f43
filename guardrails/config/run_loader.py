"""`.speckit.yaml` → RunSettings. `loader.py` has validated the file by then; what is left are values that cannot be."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode

from guardrails.config.layout import STAGES
from guardrails.config.reader import Reader
from guardrails.config.run_settings import (
    Agent,
    Alerts,
    Argv,
    Budget,
    Price,
    Profile,
    Prompts,
    RecoverySettings,
    RunSettings,
    StagePlan,
    Tool,
)
from guardrails.config.settings import (
    HAL,
    Expectation,
    NamedExpectation,
    ProbeCheck,
    Service,
    Settings,
    address_problem,
    seconds,
)
from guardrails.errors import GuardrailError

LONGEST_WAIT = 24 * 3600.0
"""Seconds: what takes longer is a mistake in the configuration."""


_PLAIN = ("input", "output", "format", "model", "model_release", "reasoning")


def read_run(reader: Reader, settings: Settings, data: bytes | None, environ: Mapping[str, str]) -> RunSettings:
    """The run settings of a configuration whose other settings are known. `data` are the bytes of its file."""
    defaults = RunSettings()
    agents = _agents(reader, defaults.agents)
    stages = _stages(reader, settings)
    made = RunSettings(
        agents=agents,
        stages=stages,
        recovery=_recovery(reader, defaults.recovery),
        budget=_budget(reader, defaults.budget),
        prompts=_prompts(reader, defaults.prompts),
        alerts=_alerts(reader, defaults.alerts),
        probes=tuple(_service(reader, name, item) for name, item in reader.tree.get("probes", {}).items()),
        readiness=tuple(_tool(reader, index, item) for index, item in enumerate(reader.get([], "readiness"))),
        profiles=tuple(_profile(reader, name, agents, stages) for name in reader.tree.get("profiles", {})),
        config_sha256=sha256(data or b"").hexdigest(),
    )
    named = environ.get("SPECKIT_PROFILE", "").strip()
    fallback = made.recovery.fallback
    if fallback is not None and all(profile.name != fallback for profile in made.profiles):
        raise reader.fail(f"there is no profile '{fallback}'", "name one of `profiles`", "consensus", "fallback")
    return made.under(named) if named else made


def _agents(reader: Reader, known: tuple[Agent, ...]) -> tuple[Agent, ...]:
    """The configured agents, each on top of the default of its name."""
    made = {agent.name: agent for agent in known}
    for name, item in reader.tree.get("agents", {}).items():
        made[name] = _agent(reader, made.get(name, Agent(name)), item, "agents", name)
    return tuple(made.values())


def _agent(reader: Reader, known: Agent, item: dict[str, Any], *key: str) -> Agent:
    plain: dict[str, Any] = {name: item[name] for name in _PLAIN if name in item}
    if "command" in item:  # another program: how the old one was asked, and by whose key, says nothing of it
        known = Agent(known.name)
        plain["command"] = _argv(reader, item["command"], *key, "command")
    if "replay" in item:
        known = Agent(known.name) if "command" not in item else known
        plain["replay"] = reader.plain(item["replay"], *key, "replay").rstrip("/")
    if "env" in item:
        plain["env"] = tuple(dict.fromkeys(item["env"]))
    if "timeout" in item:
        plain["timeout"] = _wait(reader, item["timeout"], *key, "timeout")
    made = known._replace(**plain)
    if made.output == "file" and made.command and "{output}" not in made.command:
        raise reader.fail("no argument is {output}, so its answer has no file", "add '{output}' to `command`", *key)
    if made.input == "file" and made.command and "{prompt}" not in made.command:
        raise reader.fail("no argument is {prompt}, so it cannot find its prompt", "add '{prompt}' to `command`", *key)
    return made


def _argv(reader: Reader, item: list[str], *key: str | int) -> Argv:
    if not item[0].strip() or any("\0" in part for part in item):
        raise reader.fail("not a command: its first part names no program", "write [program, argument, …]", *key)
    return tuple(item)


def _wait(reader: Reader, text: str, *key: str | int) -> float:
    span = seconds(text)
    if not 0 < span <= LONGEST_WAIT:
        raise reader.fail(f"{text} is no time to wait", "give more than nothing and at most 24h", *key)
    return span


def _stages(reader: Reader, settings: Settings) -> tuple[StagePlan, ...]:
    bases = [StagePlan(name, settings.roster(name)) for name in STAGES]
    given = reader.tree.get("stages", {})
    return tuple(_stage(reader, base, given.get(base.name, {}), "stages", base.name) for base in bases)


def _stage(reader: Reader, base: StagePlan, item: dict[str, Any], *key: str) -> StagePlan:
    """A stage as `item` has it, and as `base` has what it leaves out."""
    changed: dict[str, Any] = {}
    if "agents" in item:
        changed["roster"] = tuple(item["agents"])
    for name in ("checks", "probes"):
        if name in item:
            changed[name] = tuple(dict.fromkeys(item[name]))
    if "policy" in item:
        policy = item["policy"]
        layers = policy if isinstance(policy, dict) else {"prefilter": policy}
        for name in ("prefilter", "final"):
            changed[name] = tuple(_argv(reader, argv, *key, "policy") for argv in layers.get(name, ()))
    if "timeout" in item:
        changed["timeout"] = _wait(reader, item["timeout"], *key, "timeout")
    if "required" in item:
        changed["required"] = item["required"]
    return base._replace(**changed)


def _recovery(reader: Reader, default: RecoverySettings) -> RecoverySettings:
    backoff = reader.get(f"{default.backoff:g}s", "consensus", "backoff")
    span = seconds(backoff)
    if span > LONGEST_WAIT:
        raise reader.fail(f"{backoff} is no time to wait", "give at most 24h", "consensus", "backoff")
    return RecoverySettings(
        retries=reader.get(default.retries, "consensus", "retries"),
        backoff=span,
        fallback=reader.get(default.fallback, "consensus", "fallback"),
        arbiter=reader.get(default.arbiter, "consensus", "arbiter"),
    )


def _budget(reader: Reader, default: Budget) -> Budget:
    expected = reader.get(None, "budget", "tokens_per_stage")
    if expected is not None and expected[0] > expected[1]:
        raise reader.fail("the least is above the most", "write [least, most]", "budget", "tokens_per_stage")
    prices = reader.get({}, "budget", "prices")
    return Budget(
        usd=reader.get(default.usd, "budget", "usd"),
        tokens_per_stage=None if expected is None else (expected[0], expected[1]),
        prices=tuple(Price(model, **price) for model, price in prices.items()),
        allow_unknown_prices=reader.get(default.allow_unknown_prices, "budget", "allow_unknown_prices"),
        reserve_usd=reader.get(default.reserve_usd, "budget", "reserve_usd"),
    )


def _prompts(reader: Reader, default: Prompts) -> Prompts:
    foundation = reader.get(default.foundation, "prompts", "foundation")
    return Prompts(
        file=reader.path(default.file, "prompts", "file"),
        context_bytes=reader.get(default.context_bytes, "prompts", "context_bytes"),
        foundation=tuple(reader.plain(path, "prompts", "foundation") for path in foundation),
    )


def _alerts(reader: Reader, default: Alerts) -> Alerts:
    url = reader.get(default.webhook, "alerts", "webhook")
    problem = address_problem(url) if url else None
    if problem:
        raise reader.fail(f"alerts.webhook {problem[0]}", problem[1], "alerts", "webhook")
    command = reader.get(default.command, "alerts", "command")
    return Alerts(
        file=reader.path("", "alerts", "file") if "file" in reader.tree.get("alerts", {}) else None,
        command=_argv(reader, command, "alerts", "command") if command else (),
        env=tuple(dict.fromkeys(reader.get(default.env, "alerts", "env"))),
        webhook=url,
        webhook_env=reader.get(default.webhook_env, "alerts", "webhook_env"),
        timeout=_wait(reader, reader.get(f"{default.timeout:g}s", "alerts", "timeout"), "alerts", "timeout"),
    )


def _service(reader: Reader, name: str, item: dict[str, Any]) -> Service:
    """A service of `probes`. What could never be asked as it stands is refused here, not when it is asked."""
    key = ("probes", name)
    if name == HAL.name:
        raise reader.fail("probes.hal: HAL has a section of its own", "configure it under `hal`", *key)
    base_url, mcp = reader.base_url(item.get("base_url"), *key, "base_url"), item.get("mcp")
    if base_url and mcp:
        raise reader.fail(f"probes.{name} has both base_url and mcp", "leave one of them out", *key)
    if item["mode"] == "live" and not (base_url or mcp):
        raise reader.fail(f"probes.{name} is asked live, and has no address", "give base_url or mcp", *key)
    transport = "http" if base_url else "mcp" if mcp else None
    return Service(
        name,
        name,
        ".".join(key),
        tuple(
            _probe_check(reader, transport, *key, "checks", each, item=given) for each, given in item["checks"].items()
        ),
        mode=item["mode"],
        origin=reader.origin((*key, "mode")),
        base_url=base_url,
        secret_env=item.get("secret_env", ""),
        required=item.get("required", False),
        timeout=reader.probe_timeout(item.get("timeout", f"{HAL.timeout:g}s"), *key, "timeout"),
        mcp=_argv(reader, mcp, *key, "mcp") if mcp else (),
        mock=item.get("mock", "healthy"),
    )


_OVER_HTTP = frozenset({"path", "method", "query", "body", "status"})
_OVER_MCP = frozenset({"tool", "arguments"})


def _probe_check(reader: Reader, transport: str | None, *key: str, item: dict[str, Any]) -> ProbeCheck:
    """A check of a service; `transport` is None for one that has no address, and is never asked live."""
    name = ".".join(key)
    http, mcp = _OVER_HTTP & set(item), _OVER_MCP & set(item)
    unfit = mcp if transport == "http" or (transport is None and http) else http
    if unfit:
        whose = "HTTP" if unfit is http else "an MCP server"
        raise reader.fail(f"{name}: {min(unfit)} is a key for {whose}", "leave it out", *key, min(unfit))
    if (http and "path" not in item) or (transport == "http" and not http):
        raise reader.fail(f"{name} has no path", "give the path below base_url, for example /health", *key)
    method = item.get("method", "POST" if "body" in item else "GET")
    if method == "GET" and "body" in item:
        raise reader.fail(f"{name}: GET has no body", "leave `method` or `body` out", *key)
    expect: NamedExpectation | list[dict[str, Any]] = item.get("expect", [])
    return ProbeCheck(
        key[-1],
        item.get("path"),
        method,
        urlencode({each: _query_value(reader, item["query"], *key, "query", each) for each in item.get("query", ())}),
        _json(reader, item, *key, "body"),
        item.get("tool"),
        (_json(reader, item, *key, "arguments") or b"{}").decode(),
        tuple(map(int, item.get("status", ()))),
        expect if isinstance(expect, str) else tuple(map(_expectation, expect)),
        _json(reader, item, *key, "example"),
    )


def _json(reader: Reader, item: dict[str, Any], *key: str) -> bytes | None:
    """The last key of an item as JSON; None where it is not given. YAML has numbers that JSON has not."""
    if key[-1] not in item:
        return None
    try:
        return json.dumps(item[key[-1]], allow_nan=False).encode()
    except ValueError as error:
        raise reader.fail(f"{'.'.join(key)} holds a number that JSON cannot", "write it as text", *key) from error


def _query_value(reader: Reader, query: dict[str, Any], *key: str) -> str:
    """Text as it is, numbers and truth as JSON writes them."""
    value = query[key[-1]]
    return value if isinstance(value, str) else (_json(reader, query, *key) or b"").decode()


def _expectation(item: dict[str, Any]) -> Expectation:
    values = (item["equals"],) if "equals" in item else tuple(item.get("one_of", ()))
    least = item.get("min_items")
    return Expectation(item.get("at", ""), values, item.get("type"), None if least is None else int(least))


def _tool(reader: Reader, index: int, item: dict[str, Any]) -> Tool:
    made = Tool(
        name=item["name"],
        command=tuple(item.get("command", ())),
        mcp=tuple(item.get("mcp", ())),
        env=tuple(item.get("env", ())),
        timeout=_wait(reader, item.get("timeout", "10s"), "readiness", index, "timeout"),
        required=item.get("required", False),
    )
    if not made.command and not made.mcp and not made.env:
        raise reader.fail(f"readiness of {made.name} asks for nothing", "give command, mcp or env", "readiness", index)
    return made


def _profile(reader: Reader, name: str, agents: tuple[Agent, ...], stages: tuple[StagePlan, ...]) -> Profile:
    given: dict[str, Any] = reader.tree["profiles"][name]
    known = {agent.name: agent for agent in agents}
    key = ("profiles", name)
    return Profile(
        name,
        tuple(
            _agent(reader, known.get(agent, Agent(agent)), item, *key, "agents", agent)
            for agent, item in given.get("agents", {}).items()
        ),
        tuple(
            _stage(reader, stage, given["stages"][stage.name], *key, "stages", stage.name)
            for stage in stages
            if stage.name in given.get("stages", {})
        ),
    )


def require_callable(settings: RunSettings, names: tuple[str, ...]) -> None:
    """Raises GuardrailError for an agent of a roster that nobody configured: it could never answer."""
    for name in names:
        agent = settings.agent(name)
        if not agent.command and agent.replay is None:
            raise GuardrailError(f"agent '{name}' has no command", f"configure agents.{name}.command in .speckit.yaml")
