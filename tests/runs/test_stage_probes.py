"""Services of `probes` in a stage: asked beside HAL, recorded beside it, and held to what is required."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.runs.stage_world import SPEC, Ran, agreements, packet, run_stage, telemetry, world
from tests.sandbox import Sandbox
from tests.services.probes.hostile import hostile, says

EARLIER = ("plan", "tasks", "implement", "validate")
CHECKS = {"up": {"path": "/up", "expect": "healthy"}, "items": {"path": "/items", "expect": "list"}}


def stage(sandbox: Sandbox, name: str = "validate", stages: dict[str, Any] | None = None, **service: Any) -> Ran:
    agreements(sandbox, *EARLIER)
    packet(sandbox, probes={"web": {"mode": "mock", "checks": CHECKS, **service}}, stages=stages or {})
    ran = run_stage(world(sandbox), name)
    for check in ("validate", "secrets"):
        judged = sandbox.judge(check)
        assert judged.code == 0, judged
    return ran


def records(sandbox: Sandbox, ran: Ran) -> dict[str, dict[str, Any]]:
    """The records of probes among the artifacts of the stage, by check."""
    artifacts = [each["path"] for each in telemetry(sandbox, ran.closed)["artifacts"]]
    found = [json.loads((sandbox.root / path).read_bytes()) for path in artifacts if "_probe_web__" in path]
    return {record["check"]: record for record in found}


@pytest.mark.parametrize("name", ["validate", "audit"])
def test_it_is_asked_where_hal_is_and_recorded_beside_it(sandbox: Sandbox, name: str) -> None:
    ran = stage(sandbox, name)
    record = telemetry(sandbox, ran.closed)
    assert ran.closed.exit_code == 0, ran.rows
    assert ran.rows["probes.web up"][0] == ran.rows["probes.web items"][0] == "passed"
    assert record["hal"]["summary"] == {"status": "skipped", "failed_checks": [], "artifacts": []}
    assert {each["service"] for each in records(sandbox, ran).values()} == {"web"}
    assert records(sandbox, ran).keys() == CHECKS.keys()


def test_other_stages_ask_it_when_they_are_told_to(sandbox: Sandbox) -> None:
    assert "probes.web up" not in stage(sandbox, "plan").rows
    ran = stage(sandbox, "plan", stages={"plan": {"probes": ["web"]}})
    assert ran.rows["probes.web up"][0] == "passed"
    assert "hal" not in telemetry(sandbox, ran.closed)


@pytest.mark.parametrize("mock", ["failing", "garbage"])
def test_one_that_fails_fails_the_stage(sandbox: Sandbox, mock: str) -> None:
    ran = stage(sandbox, mock=mock)
    assert (ran.closed.exit_code, ran.closed.halt and ran.closed.halt.reason) == (1, "guardrail")
    assert ran.rows["probes.web up"][0] == "failed"
    assert {each["status"] for each in records(sandbox, ran).values()} == {"failed"}


def test_a_skip_is_recorded(sandbox: Sandbox) -> None:
    ran = stage(sandbox, mode="off")
    assert ran.closed.exit_code == 0
    assert {each["status"] for each in records(sandbox, ran).values()} == {"skipped"}
    assert ran.rows["probes.web up"][0] == "skipped"


@pytest.mark.parametrize("mode", ["off", "mock"])
def test_neither_a_skip_nor_a_mock_satisfies_what_is_required(sandbox: Sandbox, mode: str) -> None:
    ran = stage(sandbox, mode=mode, required=True)
    assert ran.closed.exit_code == 1
    assert "web is required" in str(ran.rows["probes.web"][1])


def test_a_live_answer_satisfies_what_is_required(sandbox: Sandbox) -> None:
    with hostile(says(b'{"status": "ok", "items": []}')) as server:
        ran = stage(sandbox, mode="live", base_url=server.url, required=True)
    assert ran.closed.exit_code == 0, ran.rows


def test_a_stage_cannot_be_configured_out_of_what_is_required(sandbox: Sandbox) -> None:
    ran = stage(sandbox, stages={"validate": {"probes": ["hal"]}}, required=True)
    assert (ran.closed.exit_code, ran.rows["probes.web"][0]) == (1, "failed")
    assert ran.rows["hal health"][0] == "skipped"


def test_the_lock_and_the_hooks_of_a_record_are_not_what_a_service_is_called(sandbox: Sandbox) -> None:
    agreements(sandbox, *EARLIER)
    service = {"mode": "mock", "checks": CHECKS}
    packet(
        sandbox,
        probes={"lock": service, "hooks": service},
        stages={"implement": {"probes": ["lock", "hooks"], "agents": ["claude"]}},
    )
    ran = run_stage(world(sandbox), "implement")
    assert telemetry(sandbox, ran.closed)["lock_status"] == "locked"


def test_a_dry_run_says_who_would_be_asked(sandbox: Sandbox) -> None:
    agreements(sandbox, *EARLIER)
    packet(sandbox, probes={"web": {"mode": "live", "base_url": "http://127.0.0.1:1", "checks": CHECKS}})
    ran = sandbox.speckit("stage", "validate", SPEC, "--dry-run")
    assert "probes.web: live (.speckit.yaml:" in ran.out
    assert "would ask http://127.0.0.1:1" in ran.out


def test_readiness_asks_its_first_check(sandbox: Sandbox) -> None:
    packet(
        sandbox, probes={"web": {"mode": "mock", "mock": "failing", "checks": {"up": CHECKS["up"]}, "required": True}}
    )
    ran = sandbox.speckit("ready", "--format", "json")
    row = next(each for each in ran.document["probes"] if each["name"] == "web")
    assert (row["kind"], row["status"], row["message"]) == ("http", "failed", "up: it answered 503")
