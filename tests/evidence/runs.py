"""Finished runs, small and whole, written by the product's own store and ledger."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from guardrails.config import EvidenceSettings, Layout, Settings
from guardrails.evidence import (
    EvidenceStore,
    LedgerWriter,
    Signer,
    StageSession,
    WrittenFile,
    attest,
    command_path,
    cost_path,
    run_path,
    telemetry_path,
    write_summary,
)
from guardrails.git import Repo
from tests.consensus.builder import Bundle
from tests.records import plan_telemetry
from tests.sandbox import Sandbox

LAYOUT = Layout()
SIGNED = Settings(evidence=EvidenceSettings(signature="required"))
SPEC = "SPEC-KIT-DEMO"
FIRST = datetime(2026, 1, 31, 9, 30, tzinfo=timezone.utc)
STAGES = ("plan", "tasks")
TRACKER = """# Tracker

| Order | Task ID | Title | Status | Owners | PRD | Branch | PR | Last Validation | Evidence | Notes |
|---|---|---|---|---|---|---|---|---|---|---|
| 1 | {spec} | Build it | {status} | Code | docs/{spec}/spec.md | main | - | 2026-01-31 | docs/{spec}/spec.md | - |
"""


class Made(NamedTuple):
    """A run that was written: its name, its files without ledger and summary, and where those two lie."""

    name: str
    files: tuple[str, ...]
    ledger: str
    summary: str

    @property
    def all(self) -> tuple[str, ...]:
        return (*self.files, self.ledger, self.summary)


def make_run(
    root: Path,
    number: int = 0,
    *,
    spec: str = SPEC,
    stages: Sequence[str] = STAGES,
    padding: bytes = b"",
    sign: Signer | None = None,
    attested: Repo | None = None,
    extra: Sequence[WrittenFile] = (),
    **summary: Any,
) -> Made:
    """One run of some stages. Runs with other numbers start on other days. `padding` is written as a log.
    In the repository `attested` each session is attested with its signing key."""
    started = FIRST + timedelta(days=number)
    name = f"{started:%Y%m%dT%H%M%SZ}-{number:08x}"
    store, paths = EvidenceStore(str(root)), (run_path(LAYOUT, spec, name), run_path(LAYOUT, spec, name, ledger=True))
    ledger = LedgerWriter(store, paths[1])
    files: list[str] = []
    rows: list[dict[str, Any]] = []
    for offset, stage in enumerate(stages):
        session = StageSession(spec, stage, started + timedelta(minutes=offset), f"{number:04x}{offset:04x}")
        written = _stage(store, session, padding)
        written += attest(attested, SIGNED, session, print) if attested else ()
        ledger.append(written, stage, at=session.started)
        files += [file.path for file in written]
        rows.append(_row(session, written))
    ledger.append(extra, stages[-1])
    cost = store.record(cost_path(LAYOUT, spec), "cost_summary", _costs(spec, started), replace=True)
    ledger.append([cost], stages[-1], "cost_summary", started)
    write_summary(ledger, store, paths[0], _summary(spec, name, started, summary.pop("stages_", rows)) | summary, sign)
    return Made(name, (*files, cost.path), paths[1], paths[0])


def _stage(store: EvidenceStore, session: StageSession, padding: bytes) -> list[WrittenFile]:
    bundle = Bundle(session.spec, session.stage, roster_of(session.stage), session.started, session=session.nonce)
    written = []
    for path, data in bundle.files.items():
        made = store.write(path, data, replace=True)
        if path.startswith(LAYOUT.evidence):
            written.append(made)
    telemetry = plan_telemetry(
        specId=session.spec, command=f"spec-ops-{session.stage}", sessionId=session.stamp,
        timestamp=_iso(session.started), tool={"status": "ok"}, lock_status="ok", hook_status="ok",
    )  # fmt: skip
    telemetry["baseline"]["artifact"] = f"docs/{session.spec}/spec.md"
    written.append(store.record(telemetry_path(LAYOUT, session), "telemetry.v1", telemetry))
    if padding:
        written.append(store.write(command_path(LAYOUT, session, "output.log"), padding))
    return written


def roster_of(stage: str) -> tuple[str, ...]:
    return ("gemini", "claude", "gpt_codex", "gpt_pro") if stage == "implement" else ("gemini", "claude", "gpt_pro")


def _row(session: StageSession, written: Sequence[WrittenFile]) -> dict[str, Any]:
    telemetry = [{"path": file.path, "sha256": file.sha256} for file in written if "/commands/" in file.path]
    cost = {"usd": None, "tokens": None, "source": "unknown"}
    return {
        "stage": session.stage, "session": session.stamp, "status": "passed", "telemetry": telemetry,
        "verdict": None, "retries": [], "cost": cost,
    }  # fmt: skip


def _summary(spec: str, name: str, started: datetime, rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "schemaVersion": 1, "specId": spec, "run": name, "profile": None, "from": rows[0]["stage"],
        "to": rows[-1]["stage"], "started_at": _iso(started), "finished_at": _iso(started + timedelta(hours=1)),
        "outcome": "completed", "exit_code": 0, "halt": None, "stages": rows,
        "cost": {"usd": None, "tokens": None, "source": "unknown"},
        "overrides": {"allow_dirty": False, "allow_degraded": False},
        "digests": {
            "documents": [], "prompts": [], "config_sha256": sha256(b"").hexdigest(), "commit": None,
        },
        "seal": None,
    }  # fmt: skip


def _costs(spec: str, moment: datetime) -> dict[str, Any]:
    stage = {"usd": None, "tokens": None, "source": "unknown"}
    return {
        "schemaVersion": 1, "specId": spec, "generatedAt": _iso(moment), "runProfile": None,
        "per_stage": {"plan": stage, "tasks": stage}, "total_usd": None, "total_tokens": None, "calls": 8,
        "priced_calls": 0, "budget": None,
    }  # fmt: skip


def _iso(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def track(sandbox: Sandbox, status: str = "Done", spec: str = SPEC) -> None:
    """A tracker with one row for the SPEC."""
    sandbox.write("SPEC.md", TRACKER.format(spec=spec, status=status))


def load(root: Path, path: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((root / path).read_bytes())
    return document
