"""`hal.summary`: all responses in short, and whether they satisfy what is required. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from guardrails.evidence.store import Written
from guardrails.probes.hal_records import Response, Status
from guardrails.settings import Hal, HalMode


class Summary(NamedTuple):
    """All HAL checks of a stage. `mode` and `origin` are the decision they were made under."""

    mode: HalMode
    origin: str
    status: Status
    failed_checks: tuple[str, ...] = ()
    artifacts: tuple[Written, ...] = ()


def summarized(hal: Hal, responses: Sequence[Response], artifacts: Sequence[Written] = ()) -> Summary:
    """Passed when every configured check passed; failed when one failed or is missing among others; else skipped."""
    outcome = {made.check: made.status for made in responses}
    asked = any(status != "skipped" for status in outcome.values())
    failed = tuple(name for name in hal.checks if asked and outcome.get(name) != "passed")
    status: Status = "failed" if failed else "passed" if asked else "skipped"
    return Summary(hal.mode, hal.origin, status, failed, tuple(artifacts))


def shortfall(hal: Hal, summary: Summary) -> str | None:
    """Why HAL is required and not satisfied; None when it is satisfied or not required."""
    if not hal.required or (summary.mode == "live" and summary.status == "passed"):
        return None
    if summary.status == "failed":
        return f"HAL is required, and it failed: {', '.join(summary.failed_checks)}"
    if summary.status == "skipped":
        return f"HAL is required, and it was not asked ({summary.origin})"
    return f"HAL is required, and a mock answered ({summary.origin})"


def telemetry(summary: Summary) -> dict[str, Any]:
    """The `hal` of a stage's telemetry."""
    return {
        "mode": summary.mode,
        "origin": summary.origin,
        "summary": {
            "status": summary.status,
            "failed_checks": list(summary.failed_checks),
            "artifacts": [{"path": file.path, "sha256": file.sha256} for file in summary.artifacts],
        },
    }
