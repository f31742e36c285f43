"""Whether a run can begin: everything it will need is asked at once, each with its own limit."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from guardrails.errors import Undecidable
from guardrails.probes import hal
from guardrails.probes.asking import Asking, Probe, Status, failing
from guardrails.probes.escalation import advice
from guardrails.probes.readiness_machine import machine, tool_secrets
from guardrails.probes.readiness_tools import TOOLS, Job, agent_jobs, probe_mcp, tool_jobs
from guardrails.run_settings import Tool


class Ready(NamedTuple):
    """All that was asked, in reading order, and what to do where too few agents can be called."""

    probes: tuple[Probe, ...]
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


def examine(asking: Asking) -> Ready:
    """Look at the machine, then ask every agent, program and server at the same time."""
    looked = list(machine(asking))
    waiting = [*agent_jobs(asking), *tool_jobs(asking, asking.plan.readiness or TOOLS)]
    if all(tool.name != "hal" for tool in asking.plan.readiness):
        waiting.append(partial(probe_hal, asking))
    asked = _ask(waiting)
    probes = (*looked, *asked)
    able = {probe.name for probe in asked if probe.kind == "agent" and probe.status == "passed"}
    return Ready(probes, advice(asking, able))


def tools(asking: Asking) -> tuple[Probe, ...]:
    """Only what `readiness` in the configuration names: what a stage asks before its agents."""
    return (*tool_secrets(asking), *_ask(list(tool_jobs(asking, asking.plan.readiness))))


def _ask(waiting: Sequence[Job]) -> list[Probe]:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(max(1, len(waiting))) as pool:  # each mostly waits
        return [future.result() for future in [pool.submit(job) for job in waiting]]


def probe_hal(asking: Asking) -> Probe:
    """Whether HAL answers as it is configured: over MCP by a handshake, over HTTP by its health."""
    settings, hal_ = asking.settings, asking.settings.hal
    if hal_.mode == "off":
        status: Status = "failed" if hal_.required else "skipped"
        hint = "hal.mode: live in .speckit.yaml asks it"
        return Probe("hal", "http", status, hal.why_off(hal_), hint, hal_.required)
    if hal_.mode == "live" and hal_.mcp:
        return probe_mcp(asking, Tool("hal", (), hal_.mcp, (hal_.secret_env,), hal_.timeout, hal_.required))
    made = Probe("hal", "http", failing(hal_.required), "", "speckit hal smoke", hal_.required)
    one = settings._replace(hal=hal_._replace(checks=("health",)))
    try:
        (response,) = hal.probe(one, hal.Surroundings(asking.repo.environment, asking.repo.root))
    except Undecidable as error:
        return made._replace(message=error.message, hint=error.hint, missing="imported" in error.message)
    made = made._replace(latency_ms=response.latency_ms)
    if response.status != "passed":
        return made._replace(message=f"health: {response.reason or response.status}")
    if hal_.mode == "mock" and hal_.required:
        return made._replace(message="a mock answers, and HAL is required", hint="hal.mode: live in .speckit.yaml")
    answered = "a mock answers" if hal_.mode == "mock" else "answers"
    return made._replace(status="passed", message=f"{answered} ({hal_.mode})", hint=None)


def worst_first(probes: Sequence[Probe]) -> list[Probe]:
    """What needs attention before what does not; otherwise as they were."""
    order = {"failed": 0, "warned": 1, "skipped": 2, "passed": 3}
    return sorted(probes, key=lambda probe: order[probe.status])
