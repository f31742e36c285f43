"""The state of many SPECs: only the latest session of each stage may be opened, or the table could not come at once."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from functools import partial
from hashlib import sha256
from typing import Any

from benchmarks.data import File, Repository, repository
from benchmarks.environment import speckit
from benchmarks.measure import Command, Series, interleave
from benchmarks.rows import Claim, Limit, Pair, Row, rows
from benchmarks.setting import Setting
from benchmarks.telemetry import EVIDENCE, spec_id

TIMES = 9
LIMIT = 500.0
"""Milliseconds for the whole command."""
_USAGE = {
    "input_tokens": 3100, "output_tokens": 900, "total_tokens": 4000, "cost_usd": 0.04, "source": "measured",
}  # fmt: skip
STAGES = ("plan", "tasks", "implement", "validate", "audit", "unlock")
ROSTER = ("gemini", "claude", "gpt_pro")
SESSIONS, LOGS = 3, 14
"""Sessions of each stage, ten files each but for `implement`, which has a fourth agent; logs fill up to 200 files."""
_FIRST = datetime(2026, 1, 5, 9, tzinfo=timezone.utc)
_OUTCOMES: dict[str, dict[str, Any]] = {
    "plan": {
        "baseline": {"mode": "full", "artifact": "docs/b.md", "status": "passed"},
        "hooks": {"session.start": "ok"},
    },
    "tasks": {"tool": {"status": "ready"}},
    "implement": {"lock_status": "locked", "hook_status": "ok"},
    "validate": {"scenarios": [{"name": "unit", "status": "passed"}]},
    "audit": {"scenarios": [{"name": "review", "status": "passed"}]},
    "unlock": {"unlock_status": "unlocked"},
}


def run(setting: Setting) -> Iterator[Row]:
    """The overview against its limit, in the working tree and at a commit."""
    specs = setting.sizes.reported
    repo = repository(os.path.join(setting.folder, "status"), setting.environment, files(specs), packed=True)
    for source in ("worktree", "HEAD"):
        claim = Claim("status", f"{specs} SPECs, {specs * 200} files, {source}", f"{LIMIT:g} ms", Limit(1))
        yield from rows([claim], partial(_against_limit, setting, repo, source))


def _against_limit(setting: Setting, repo: Repository, source: str) -> list[Pair]:
    argv = (*speckit(), "status", "--source", source)
    says = f"{setting.sizes.reported} SPEC"
    command = Command(f"speckit status --source {source}", argv, repo.root, says=says)
    (ours,) = interleave([command], setting.environment, setting.times(TIMES))
    return [(ours, Series("limit", (LIMIT,)))]


def files(specs: int) -> Iterator[File]:
    """A tracker, and for each SPEC a packet and three sound sessions of every stage, four days apart."""
    head = "| Order | Task ID | Title | Status | Owners | PRD | Branch | PR | Last Validation | Evidence | Notes |"
    lines = ["# Tracker", "", head, "|" + "---|" * 11]
    for number in range(1, specs + 1):
        spec = spec_id(number)
        lines.append(
            f"| {number} | {spec} | Sync | In Progress | Code | docs/{spec}/spec.md | b{number} | - | - | - | - |"
        )
        document = (f"docs/{spec}/spec.md", f"# {spec}\n\n## Context\n\nReminders.\n".encode())
        yield document
        yield f"docs/{spec}/plan.md", b"# Plan\n"
        yield f"docs/{spec}/tasks.md", b"# Tasks\n"
        for stage in STAGES:
            for session in range(SESSIONS):
                when = _FIRST + timedelta(days=4 * session, hours=STAGES.index(stage), minutes=number)
                yield from stage_run(spec, stage, when, document)
        for log in range(LOGS):
            yield f"{EVIDENCE}/commands/{spec}/spec-plan_20260105T090000Z-{log:04}.log", b"step: passed\n" * 40
    yield "SPEC.md", ("\n".join(lines) + "\n").encode()


def stage_run(spec: str, stage: str, when: datetime, document: File) -> Iterator[File]:
    """What one run of a stage leaves behind when all goes well."""
    roster = (*ROSTER[:2], "gpt_codex", ROSTER[2]) if stage == "implement" else ROSTER
    stamp, time = f"{when:%Y%m%dT%H%M%SZ}-4f2a", f"{when:%Y-%m-%dT%H:%M:%SZ}"
    base = f"{EVIDENCE}/consensus/{spec}/spec-{stage}_{stamp}"
    head = {"schemaVersion": 1, "specId": spec, "stage": stage, "timestamp": time, "session": stamp}
    telemetry = {
        "schemaVersion": 1, "command": f"spec-ops-{stage}", "specId": spec, "sessionId": stamp, "timestamp": time,
        **_OUTCOMES[stage], "artifacts": [],
    }  # fmt: skip
    yield f"{EVIDENCE}/commands/{spec}/spec-{stage}_{stamp}.json", _json(telemetry)
    answers = [(f"{base}_{agent}.json", agent, _json(head | _answer(agent, stage, document))) for agent in roster]
    for path, agent, data in answers:
        yield path, data
        yield f"{base}_{agent}_metrics.json", _json(head | _metrics(agent, path))
    outputs = [{"agent": agent, "path": path, "sha256": _digest(data)} for path, agent, data in answers]
    agreed = {"agreements": ["three milestones"], "conflicts": [], "status": "ok"}
    synthesis = _json(head | {"roster": list(roster), "outputs": outputs} | agreed)
    yield f"{base}_synthesis.json", synthesis
    yield f"{base}_verdict.json", _json(head | _verdict(roster, stage, document, f"{base}_synthesis.json", synthesis))
    events = [head | {"schemaVersion": "2.0", "event": "agent"} | _event(agent) for agent in roster]
    yield f"{base}_telemetry.jsonl", b"".join(json.dumps(event).encode() + b"\n" for event in events)


def _answer(agent: str, stage: str, document: File) -> dict[str, Any]:
    return {
        "agent": agent, "model": f"{agent}-model", "prompt_version": f"20260101-{stage}-a",
        "prompt_sha256": _digest(agent.encode()), "inputs": [{"path": document[0], "sha256": _digest(document[1])}],
        "status": "ok", "error": None, "latency_ms": 28400,
        "usage": _USAGE,
        "consensus": {"agreements": ["three milestones"], "conflicts": []},
        "output": {"notes": ["Schema first, then the synchronisation of devices, then delivery."] * 12},
    }  # fmt: skip


def _metrics(agent: str, path: str) -> dict[str, Any]:
    return {
        "agent": agent, "attempt": 1, "model_id": f"{agent}-model", "output_path": path, "latency_ms": 28400,
        "prompt_tokens": 3100, "completion_tokens": 900, "total_tokens": 4000, "cost_usd": 0.04, "source": "measured",
        "status": "ok", "error": None,
    }  # fmt: skip


def _event(agent: str) -> dict[str, Any]:
    return {
        "agent": agent, "attempt": 1, "status": "ok", "latency_ms": 28400, "cost_usd": 0.04, "source": "measured",
        "gen_ai.response.model": f"{agent}-model", "gen_ai.usage.input_tokens": 3100, "gen_ai.usage.output_tokens": 900,
    }  # fmt: skip


def _verdict(roster: tuple[str, ...], stage: str, document: File, path: str, synthesis: bytes) -> dict[str, Any]:
    prompts = [
        {"agent": agent, "version": f"20260101-{stage}-a", "sha256": _digest(agent.encode())} for agent in roster
    ]
    return {
        "verdict": "ok", "severe": False, "participation": 1.0, "agreement": 1.0, "roster": list(roster),
        "usable": list(roster), "unusable": [], "conflicts": [],
        "inputs": [{"path": document[0], "sha256": _digest(document[1])}], "prompts": prompts,
        "config_sha256": _digest(b""), "synthesis": {"path": path, "sha256": _digest(synthesis)},
    }  # fmt: skip


def _json(record: dict[str, Any]) -> bytes:
    return json.dumps(record, indent=2).encode() + b"\n"


def _digest(data: bytes) -> str:
    return sha256(data).hexdigest()
