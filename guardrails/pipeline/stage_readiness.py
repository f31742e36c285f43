"""The tools that `readiness` in the configuration names, asked before the agents of a stage are."""

from __future__ import annotations

from guardrails.pipeline.examined import Examined
from guardrails.pipeline.world import World
from guardrails.printable import printable
from guardrails.probes.asking import Asking, Probe
from guardrails.probes.readiness import tools


def readiness(world: World) -> tuple[Examined, ...]:
    """A row for each answer. What is not required is a warning, however much the stage requires."""
    return tuple(map(_row, tools(Asking(world.repo, world.settings, world.plan, world.spec))))


def _row(probe: Probe) -> Examined:
    name, said = printable(f"{probe.kind} {probe.name}"), printable(probe.message)
    if probe.status == "passed":
        return Examined(name, "passed", said)
    if probe.status == "failed":
        return Examined(name, "failed", said, probe.hint, "missing-tool" if probe.missing else "guardrail")
    return Examined(name, "skipped", said, probe.hint, warnings=(f"{name}: {said}",), needed=False)
