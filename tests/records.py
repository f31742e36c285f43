"""Sound records to begin from."""

from __future__ import annotations

from typing import Any

EVIDENCE = "docs/SPEC-OPS-004-integrated-coder-hooks/evidence"


def telemetry_path(stage: str, session: str = "a1", spec: str = "SPEC-KIT-900") -> str:
    """Where the telemetry of one session of a stage lies."""
    return f"{EVIDENCE}/commands/{spec}/spec-{stage}_20260101T000000Z-{session}.json"


def plan_telemetry(**changes: Any) -> dict[str, Any]:
    """A plan stage that held."""
    return {
        "schemaVersion": 1,
        "command": "spec-ops-plan",
        "specId": "SPEC-KIT-900",
        "sessionId": "20260101T000000Z-a1",
        "timestamp": "2026-01-01T00:00:00Z",
        "baseline": {"mode": "run", "artifact": "docs/baseline.md", "status": "passed"},
        "hooks": {"session.start": "ok"},
        "artifacts": [],
        **changes,
    }
