"""From responses to `hal.summary`, and whether it is enough."""

from __future__ import annotations

from datetime import datetime, timezone
from itertools import product
from typing import Any

import pytest

from guardrails.config import HAL, ProbeMode, Service
from guardrails.core import faults, load_schema
from guardrails.evidence import WrittenFile
from guardrails.services.probes import ProbeStatus, ProbeSummary, Response, shortfall, summarized, telemetry

CHECKS = ("health", "list_movies")


def responses(*statuses: ProbeStatus) -> list[Response]:
    now = datetime.now(timezone.utc)
    return [Response(name, "live", "x", status, now) for name, status in zip(CHECKS, statuses, strict=False)]


def hal(mode: ProbeMode = "live", *, required: bool = False, checks: tuple[str, ...] = CHECKS) -> Service:
    return HAL.only(checks)._replace(mode=mode, origin=".speckit.yaml:3", required=required)


@pytest.mark.parametrize(
    ("statuses", "status", "failed"),
    [
        (("passed", "passed"), "passed", ()),
        (("passed", "failed"), "failed", ("list_movies",)),
        (("failed", "failed"), "failed", CHECKS),
        (("skipped", "skipped"), "skipped", ()),
        (("passed", "skipped"), "failed", ("list_movies",)),
        (("passed",), "failed", ("list_movies",)),
        ((), "skipped", ()),
    ],
    ids=["all passed", "one failed", "all failed", "skipped", "one was left out", "one is missing", "nothing"],
)
def test_only_all_of_them_together_pass(statuses: Any, status: str, failed: tuple[str, ...]) -> None:
    made = summarized(hal(), responses(*statuses))
    assert (made.status, made.failed_checks) == (status, failed)
    assert (made.mode, made.origin) == ("live", ".speckit.yaml:3")


def test_nothing_configured_is_nothing_passed() -> None:
    assert summarized(hal(checks=()), []).status == "skipped"


_MODES: tuple[ProbeMode, ...] = ("off", "mock", "live")
_STATUSES: tuple[ProbeStatus, ...] = ("passed", "failed", "skipped")


@pytest.mark.parametrize(("mode", "status"), tuple(product(_MODES, _STATUSES)))
def test_what_is_required_is_satisfied_by_a_live_pass_and_nothing_else(mode: ProbeMode, status: ProbeStatus) -> None:
    summary = ProbeSummary(mode, "x", status, ("health",) if status == "failed" else ())
    assert shortfall(hal(), summary) is None
    assert (shortfall(hal(required=True), summary) is None) is (mode == "live" and status == "passed")


def test_what_goes_into_telemetry_satisfies_its_schema() -> None:
    artifact = WrittenFile("docs/x/spec-validate_1_hal_health.json", "0" * 64, 12)
    block = telemetry(summarized(hal(), responses("passed", "failed"), [artifact]))
    assert block == {
        "mode": "live",
        "origin": ".speckit.yaml:3",
        "summary": {
            "status": "failed",
            "failed_checks": ["list_movies"],
            "artifacts": [{"path": artifact.path, "sha256": artifact.sha256}],
        },
    }
    example = next(each for each in load_schema("telemetry.v1")["examples"] if "hal" in each)
    assert list(faults("telemetry.v1", {**example, "hal": block})) == []
