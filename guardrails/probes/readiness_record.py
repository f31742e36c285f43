"""The record of a readiness check: telemetry of the tasks stage before any agent has run."""

from __future__ import annotations

from typing import Any

from guardrails.checks.footprint import measure
from guardrails.evidence.names import Session, command_path
from guardrails.evidence.store import Store, Written
from guardrails.printable import printable
from guardrails.probes.asking import Asking, Probe
from guardrails.probes.readiness import Ready
from guardrails.snapshot.worktree import Worktree

TAIL = "tasks_guardrail.json"
"""Ends the name; the session begins it, so that no check overwrites another's record."""


def record(asking: Asking, ready: Ready, session: Session) -> Written:
    """Write the record of a session of its SPEC. The caller holds the lock of the SPEC."""
    path = command_path(asking.settings.layout, session, TAIL)
    return Store(asking.repo.root).record(path, "tasks_telemetry", document(asking, ready, session))


def document(asking: Asking, ready: Ready, session: Session) -> dict[str, Any]:
    """As schemas/tasks_telemetry.schema.json has it. What no agent has used yet is null."""
    measured = measure(Worktree(asking.repo), asking.settings.layout, session.spec)
    made = {
        "schemaVersion": 1,
        "specId": session.spec,
        "stage": "tasks",
        "sessionId": session.stamp,
        "timestamp": f"{session.started:%Y-%m-%dT%H:%M:%SZ}",
        "output_tokens": None,
        "latency_ms": None,
        "agent_participation": {"roster": list(asking.settings.roster("tasks")), "usable": [], "ratio": None},
        "footprint_bytes": sum(footprint.total for footprint in measured.values()),
        "readiness": [row(probe) for probe in ready.probes],
    }
    return made | ({"profile": asking.plan.profile} if asking.plan.profile else {})


def row(probe: Probe) -> dict[str, Any]:
    """One probe as records and `--format json` have it."""
    return {
        "name": probe.name,
        "kind": probe.kind,
        "status": probe.status,
        "required": probe.required,
        "message": printable(probe.message),
        "latency_ms": probe.latency_ms,
    }
