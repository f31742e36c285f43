"""Telemetry v1 of a stage: every field is what was measured."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timezone
from typing import Any, NamedTuple

from guardrails import __version__
from guardrails.agents.run_context import World
from guardrails.core.text import printable
from guardrails.evidence.names import Session
from guardrails.evidence.store import Written
from guardrails.runs import policy
from guardrails.runs.check_result import Examined, Status, failures
from guardrails.runs.halt import Halt
from guardrails.runs.policy import LayerDone
from guardrails.runs.stage_definitions import Document, StageRules
from guardrails.runs.tree import TreeState
from guardrails.services.probes.run import Summary
from guardrails.services.probes.run import telemetry as hal_telemetry

# The baseline report: what the packet and the tree were before a SPEC is planned.


OF_BASELINE = ("clean-tree", "documents", "lint")
"""The rows a baseline consists of."""
_LISTED = 50


def status(rows: Sequence[Examined]) -> Status:
    """The outcome of the baseline: passed when the packet and the tree were examined, and hold."""
    found = [row.status for row in rows if row.name in OF_BASELINE]
    if "failed" in found:
        return "failed"
    return "passed" if "passed" in found else "skipped"


def render(session: Session, start: TreeState, documents: Sequence[Document], rows: Sequence[Examined]) -> str:
    """The report as Markdown. It holds nothing that differs when it is written again."""
    lines = [f"# Baseline of {session.spec}", ""]
    lines += [
        f"- Session: {session.stamp}",
        f"- HEAD: {start.head or 'no commit yet'}",
        f"- Status: {status(rows)}",
        "",
    ]
    lines += ["## Documents", "", "| Document | SHA-256 |", "| --- | --- |"]
    lines += [f"| {_cell(each.path)} | {each.sha256 or 'not there'} |" for each in documents]
    lines += ["", "## Tree", ""]
    lines += [f"- {row.kind}: {_cell(row.path)}" for row in start.dirty[:_LISTED]] or ["Clean at the start."]
    if len(start.dirty) > _LISTED:
        lines.append(f"- and {len(start.dirty) - _LISTED} more")
    lines += ["", "## Examined", "", "| What | Outcome | Found |", "| --- | --- | --- |"]
    lines += [f"| {row.name} | {row.status} | {_cell(row.message or '')} |" for row in rows]
    return "\n".join([*lines, ""])


def _cell(text: str) -> str:
    return printable(text).replace("|", "\\|")


_SWITCHES = ("SPEC_OPS_ALLOW_DIRTY", "SPEC_OPS_HAL_SKIP", "SPEC_OPS_TELEMETRY_HAL", "SPEC_OPS_HAL_MODE")
_HOOKS = {"passed": "ok", "skipped": "not installed", "failed": "failed"}
_TOOLS = {"passed": "ready", "skipped": "missing", "failed": "missing"}


class Findings(NamedTuple):
    """All that a stage found. `begun` and `finished` are decided once for each time it is tried."""

    rules: StageRules
    rows: tuple[Examined, ...]
    layers: tuple[LayerDone, ...]
    hal: Summary | None
    baseline: Written | None
    halt: Halt | None
    begun: datetime
    finished: datetime
    artifacts: tuple[Written, ...]


def document(world: World, session: Session, found: Findings) -> dict[str, Any]:
    """The record, valid against schemas/telemetry.v1.schema.json. It may still hold secrets."""
    finished = found.finished.astimezone(timezone.utc)
    made: dict[str, Any] = {
        "schemaVersion": 1,
        "command": f"spec-ops-{session.stage}",
        "specId": session.spec,
        "sessionId": session.stamp,
        "timestamp": finished.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "success": found.halt is None,
        "exit_code": found.halt.exit_code if found.halt else 0,
        "duration_ms": max(0, round((found.finished - found.begun).total_seconds() * 1000)),
        **({"run": world.run} if world.run else {}),
        **dict(_of_stage(session.stage, found)),
        "policy": {layer.layer: policy.record(layer) for layer in found.layers},
        **({"hal": hal_telemetry(found.hal)} if found.hal else {}),
        "checks": [_row(row) for row in found.rows],
        "warnings": [text for row in found.rows for text in row.warnings],
        "errors": [f"{row.name}: {row.message}" for row in failures(found.rows)],
        "overrides": overrides(world),
        "producer": {"name": "speckit-guardrails", "version": __version__},
        "artifacts": [{"path": file.path, "sha256": file.sha256} for file in _distinct(found.artifacts)],
    }
    return made


def _of_stage(stage: str, found: Findings) -> Iterator[tuple[str, Any]]:
    """The fields that telemetry of this one stage has."""
    by_name = {row.name: row for row in found.rows}
    hooks = by_name.get("hooks")
    said = _HOOKS[hooks.status] if hooks else "not examined"
    if stage == "plan":
        tree = by_name.get("clean-tree")
        mode = "tree not asked to be clean" if tree and tree.status == "skipped" else "full"
        artifact = found.baseline.path if found.baseline else "none"
        yield "baseline", {"mode": mode, "artifact": artifact, "status": status(found.rows)}
        yield "hooks", {"session.start": said}
    elif stage == "tasks":
        tools = by_name.get("tools")
        yield "tool", {"status": _TOOLS[tools.status] if tools else "not examined", "message": tools and tools.message}
    elif stage == "implement":
        lock = by_name.get("lock")
        yield "lock_status", "locked" if lock and lock.status == "passed" else "unlocked"
        yield "hook_status", said
    elif stage == "unlock":
        yield "unlock_status", "refused" if found.halt else "unlocked"
    if found.rules.scenarios:
        yield "scenarios", [_row(row) for row in found.rows]


def _row(row: Examined) -> dict[str, Any]:
    return {"name": row.name, "status": row.status, "message": row.message}


def overrides(world: World) -> dict[str, Any]:
    """What the operator switched: variables with the value they had, and flags."""
    found: dict[str, Any] = {
        name: value for name in _SWITCHES if (value := world.environment.get(name, "").strip()) not in ("", "0")
    }
    if allows_dirty(world):
        found.setdefault("SPEC_OPS_ALLOW_DIRTY", "1")
    if world.allow_degraded:
        found["--allow-degraded"] = True
    return found


def allows_dirty(world: World) -> bool:
    """Whether the tree is not asked to be clean."""
    return world.allow_dirty or world.settings.overrides.allow_dirty


def _distinct(files: Iterable[Written]) -> Sequence[Written]:
    return tuple({file.path: file for file in files}.values())
