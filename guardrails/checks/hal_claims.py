"""What telemetry and response records claim of HAL, against what else stands in them. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from guardrails.finding import Finding
from guardrails.jsontext import Key, locate
from guardrails.rules.hal import CONTRADICTED

if TYPE_CHECKING:
    from guardrails.checks.telemetry import Evidence


def hal_claims(evidence: Evidence, data: bytes, value: dict[str, Any]) -> Iterator[Finding]:
    """A finding for each contradiction in a record that satisfies its schema."""
    found = list(_of_response(value) if evidence.kind == "hal_response" else _of_telemetry(value.get("hal")))
    places = locate(data, [key for key, _ in found])
    for key, message in found:
        line, column = places.get(key, (1, 1))
        name = evidence.name
        yield CONTRADICTED.at(
            evidence.path,
            f"/{'/'.join(map(str, key))}: passed, {message}",
            line=line,
            column=column,
            hint="probe again",
            spec=name.spec,
            stage=name.stage,
        )


def _of_telemetry(hal: Any) -> Iterator[tuple[Key, str]]:
    """The oldest records have no mode, and name their artifacts or don't."""
    summary = hal.get("summary") if isinstance(hal, dict) else None
    if not isinstance(summary, dict) or summary.get("status") != "passed":
        return
    key: Key = ("hal", "summary", "status")
    failed = summary.get("failed_checks")
    if failed:
        yield key, f"with {len(failed)} failed checks" if len(failed) > 1 else "with a failed check"
    if hal.get("mode") == "off":
        yield key, "though nobody was asked"
    elif "mode" in hal and not summary.get("artifacts"):
        yield key, "without a response that was recorded"


def _of_response(value: dict[str, Any]) -> Iterator[tuple[Key, str]]:
    status = value.get("http_status")
    if value.get("status") == "passed" and isinstance(status, int) and not 200 <= status <= 299:
        yield ("status",), f"though the service answered {status}"
