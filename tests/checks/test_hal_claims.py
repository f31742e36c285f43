"""Records that say HAL passed and show that it did not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from guardrails.checks.validate import EvidenceFile, hal_claims
from guardrails.core import faults, load_schema
from guardrails.layouts import EvidenceKind, EvidenceName

PROVED = {"mode": "live", "summary": {"status": "passed", "failed_checks": [], "artifacts": ["docs/hal_health.json"]}}
PASSED = load_schema("hal_response")["examples"][0]


def claims(kind: EvidenceKind, value: dict[str, Any]) -> list[str]:
    """Each finding about a record: its line and its message."""
    data = json.dumps(value, indent=1).encode()
    evidence = EvidenceFile("x.json", EvidenceName(kind, "SPEC-KIT-900", "validate"), kind)
    return [f"{found.line}: {found.message}" for found in hal_claims(evidence, data, value)]


def telemetry(hal: Any) -> dict[str, Any]:
    """Telemetry that satisfies its schema."""
    value = {**next(each for each in load_schema("telemetry.v1")["examples"] if "hal" in each), "hal": hal}
    assert list(faults("telemetry.v1", value)) == []
    return value


def summary(status: str, **more: Any) -> dict[str, Any]:
    return {"summary": {"status": status, **more}}


@pytest.mark.parametrize(
    "hal",
    [
        PROVED,
        {**PROVED, "mode": "mock"},
        summary("passed"),
        summary("failed", failed_checks=["health"]),
        summary("skipped"),
        {"mode": "off", **summary("skipped", failed_checks=[], artifacts=[])},
        {},
    ],
    ids=["proved", "by a mock", "of old", "failed", "skipped", "off", "nothing said"],
)
def test_a_claim_that_holds_gives_no_finding(hal: Any) -> None:
    assert claims("telemetry", telemetry(hal)) == []


def test_telemetry_without_hal_gives_no_finding() -> None:
    value = telemetry({})
    del value["hal"]
    assert claims("telemetry", value) == []


@pytest.mark.parametrize(
    ("hal", "words"),
    [
        (summary("passed", failed_checks=["health"]), "passed, with a failed check"),
        (summary("passed", failed_checks=["health", "graphql_ping"]), "passed, with 2 failed checks"),
        ({**PROVED, "mode": "off"}, "passed, though nobody was asked"),
        ({"mode": "live", **summary("passed")}, "passed, without a response that was recorded"),
        ({"mode": "live", **summary("passed", artifacts=[])}, "passed, without a response that was recorded"),
    ],
    ids=["a failed check", "two", "nobody asked", "no record named", "an empty list of records"],
)
def test_a_pass_that_the_same_record_denies_is_found(hal: Any, words: str) -> None:
    (found,) = claims("telemetry", telemetry(hal))
    assert found.endswith(f": /hal/summary/status: {words}")
    assert int(found.partition(":")[0]) > 1


@pytest.mark.parametrize("status", [200, 204, 299, None])
def test_a_response_that_passed_on_a_good_status_holds(status: int | None) -> None:
    assert claims("hal_response", {**PASSED, "http_status": status}) == []


@pytest.mark.parametrize("status", [100, 302, 404, 500])
def test_a_response_that_passed_on_an_error_is_found(status: int) -> None:
    (found,) = claims("hal_response", {**PASSED, "http_status": status})
    assert found.endswith(f": /status: passed, though the service answered {status}")


def test_a_response_that_failed_on_an_error_holds() -> None:
    assert claims("hal_response", {**PASSED, "status": "failed", "reason": "it answered 500", "http_status": 500}) == []


def test_no_record_of_the_predecessor_is_accused(corpus: Path) -> None:
    for path in (corpus / "guardrail-telemetry").iterdir():
        try:
            value = json.loads(path.read_bytes())
        except ValueError:
            continue
        if isinstance(value, dict):
            assert claims("telemetry", value) == [], path.name
