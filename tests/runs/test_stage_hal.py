"""HAL in a stage: off unless asked for, its failures count, and a mock satisfies nothing that is required."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from guardrails.config import HAL, MockBehaviour
from guardrails.services.probes import answer
from tests.runs.stage_world import SPEC, Ran, agreements, packet, run_stage, telemetry, world
from tests.sandbox import Sandbox
from tests.services.probes.hostile import Connection, hostile, says

KEY = "HAL_SECRET_KAVEDARR_API_KEY"
SECRET = "kavedarr-9f8e7d6c5b4a39281706"
EARLIER = ("plan", "tasks", "implement", "validate")


def stage(sandbox: Sandbox, name: str = "validate", hal: dict[str, Any] | None = None, **environment: str) -> Ran:
    sandbox.environment.update(environment)
    agreements(sandbox, *EARLIER)
    packet(sandbox, hal=hal or {})
    ran = run_stage(world(sandbox), name)
    for check in ("validate", "secrets"):
        judged = sandbox.judge(check)
        assert judged.code == 0, judged
    return ran


@contextmanager
def service(behaviour: MockBehaviour = "healthy") -> Iterator[str]:
    """Stands in for the live service: an HTTP server that does not say it is a mock."""
    checks = {check.path: check for check in HAL.checks}

    def reply_to(connection: Connection) -> None:
        reply = answer(checks[connection.request.split(b" ")[1].decode().partition("?")[0]], behaviour)
        head = f"HTTP/1.1 {reply.status} X\r\nContent-Type: application/json"
        says(reply.body, head)(connection)

    with hostile(reply_to) as made:
        yield made.url


@pytest.mark.parametrize("name", ["validate", "audit"])
def test_off_is_recorded_and_passes_for_nothing(sandbox: Sandbox, name: str) -> None:
    ran = stage(sandbox, name)
    hal = telemetry(sandbox, ran.closed)["hal"]
    assert hal == {
        "mode": "off",
        "origin": "default",
        "summary": {"status": "skipped", "failed_checks": [], "artifacts": []},
    }
    assert ran.closed.exit_code == 0, ran.rows
    assert ran.rows["hal health"][0] == "skipped"


@pytest.mark.parametrize(
    ("variable", "mode", "origin"),
    [("SPEC_OPS_HAL_SKIP", "off", "environment SPEC_OPS_HAL_SKIP"), ("SPEC_OPS_HAL_MODE", "mock", None)],
)
def test_what_the_environment_said_is_recorded(sandbox: Sandbox, variable: str, mode: str, origin: str | None) -> None:
    value = "1" if mode == "off" else "mock"
    record = telemetry(sandbox, stage(sandbox, hal={"mode": "mock"}, **{variable: value}).closed)
    assert (record["hal"]["mode"], record["hal"]["origin"]) == (mode, origin or f"environment {variable}")
    assert record["overrides"] == {variable: value}
    assert record["hal"]["summary"]["status"] == ("skipped" if mode == "off" else "passed")
    assert len(record["hal"]["summary"]["artifacts"]) == 4


def test_asking_by_the_old_variable_asks_the_live_service(sandbox: Sandbox) -> None:
    with service() as url:
        ran = stage(sandbox, hal={"base_url": url}, SPEC_OPS_TELEMETRY_HAL="1", **{KEY: SECRET})
    record = telemetry(sandbox, ran.closed)
    assert (record["hal"]["mode"], record["overrides"]) == ("live", {"SPEC_OPS_TELEMETRY_HAL": "1"})


@pytest.mark.parametrize(("required", "code"), [(False, 0), (True, 1)])
def test_a_mock_is_marked_and_satisfies_nothing_that_is_required(sandbox: Sandbox, required: bool, code: int) -> None:
    ran = stage(sandbox, hal={"mode": "mock", "required": required})
    assert ran.closed.exit_code == code
    assert telemetry(sandbox, ran.closed)["hal"]["mode"] == "mock"
    assert (ran.closed.halt and ran.closed.halt.reason) == ("hal" if required else None)


@pytest.mark.parametrize("hal", [{"required": True}, {"required": True, "mode": "off"}])
def test_what_was_not_asked_satisfies_nothing_that_is_required(sandbox: Sandbox, hal: dict[str, Any]) -> None:
    ran = stage(sandbox, hal=hal)
    assert (ran.closed.exit_code, ran.closed.halt and ran.closed.halt.reason) == (1, "hal")


def test_a_stage_cannot_be_configured_out_of_what_is_required(sandbox: Sandbox) -> None:
    agreements(sandbox, *EARLIER)
    packet(sandbox, hal={"mode": "mock", "required": True}, stages={"validate": {"probes": []}})
    ran = run_stage(world(sandbox), "validate")
    assert (ran.closed.exit_code, ran.rows["hal"][0]) == (1, "failed")
    assert telemetry(sandbox, ran.closed)["hal"]["origin"] == "stages.validate.probes"


@pytest.mark.parametrize("required", [False, True])
@pytest.mark.parametrize(("behaviour", "code"), [("healthy", 0), ("failing", 1), ("garbage", 1)])
def test_the_summary_follows_from_the_probes(
    sandbox: Sandbox, behaviour: MockBehaviour, code: int, required: bool
) -> None:
    with service(behaviour) as url:
        ran = stage(sandbox, hal={"mode": "live", "base_url": url, "required": required}, **{KEY: SECRET})
    record = telemetry(sandbox, ran.closed)
    assert ran.closed.exit_code == code, ran.closed.halt
    summary = record["hal"]["summary"]
    assert (summary["status"], record["success"]) == (("failed", False) if code else ("passed", True))
    scenarios = {each["name"]: each["status"] for each in record["scenarios"]}
    failed = {name for name in (check.name for check in HAL.checks) if scenarios[f"hal {name}"] == "failed"}
    assert failed == set(summary["failed_checks"])
    assert bool(failed) is bool(code)


def test_a_service_without_an_address_is_undecided(sandbox: Sandbox) -> None:
    ran = stage(sandbox, hal={"mode": "live"})
    assert (ran.closed.exit_code, ran.closed.halt and ran.closed.halt.reason) == (3, "undecided")
    assert telemetry(sandbox, ran.closed)["hal"]["summary"]["status"] == "failed"


def test_nobody_is_asked_after_the_stage_has_failed(sandbox: Sandbox) -> None:
    agreements(sandbox, *EARLIER)
    packet(sandbox, hal={"mode": "mock"})
    ran = run_stage(world(sandbox), "validate", "undecided")
    hal = telemetry(sandbox, ran.closed)["hal"]
    assert (hal["mode"], hal["summary"]["status"], hal["summary"]["artifacts"]) == ("mock", "skipped", [])


def test_a_stage_may_be_told_to_probe(sandbox: Sandbox) -> None:
    packet(sandbox, hal={"mode": "mock"}, stages={"plan": {"probes": ["hal"]}})
    assert telemetry(sandbox, run_stage(world(sandbox), "plan").closed)["hal"]["summary"]["status"] == "passed"


def test_the_mock_command_serves_a_stage(sandbox: Sandbox) -> None:
    command = [sys.executable, "-m", "guardrails", "hal", "mock", "--mode", "failing"]
    with subprocess.Popen(command, env=sandbox.environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as mock:
        assert mock.stdout is not None
        url = mock.stdout.readline().decode().strip()
        try:
            agreements(sandbox, *EARLIER)
            packet(sandbox)
            ran = sandbox.speckit(
                "stage", "validate", SPEC, SPEC_OPS_HAL_MODE="live", SPEC_OPS_HAL_BASE_URL=url, **{KEY: SECRET}
            )
        finally:
            mock.terminate()
    assert ran.code == 1
    assert "hal health: failed: live:" in ran.out
    assert "hal: failed" not in ran.out
