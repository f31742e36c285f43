"""One cost summary, read by every command that tells of it: each gives the same answer."""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

import pytest

from tests.consensus.builder import SPEC, Bundle
from tests.reports.history import run
from tests.sandbox import Sandbox

PATH = f"docs/SPEC-OPS-004-integrated-coder-hooks/evidence/costs/{SPEC}_cost_summary.json"
STAGE: dict[str, Any] = {"usd": 0.0, "tokens": 30, "source": "estimated", "calls": 1, "priced_calls": 1}


def summary(stage: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A summary of one stage, in the form that is written today."""
    return {
        "schemaVersion": 1,
        "specId": SPEC,
        "generatedAt": "2026-01-31T09:34:12Z",
        "runProfile": None,
        "per_stage": {"plan": stage},
        "total_usd": stage["usd"],
        "total_tokens": stage["tokens"],
        "calls": stage["calls"],
        "priced_calls": stage["priced_calls"],
        "budget": None,
        **more,
    }


class Told(NamedTuple):
    """What each command says of a summary: the total, and the rules that `validate` finds broken."""

    cost_text: str
    cost: float | None
    status_text: str
    status: float | None
    audit_text: str
    audit: float | None
    rules: list[str]


def told(sandbox: Sandbox, document: dict[str, Any]) -> Told:
    for path, data in run(Bundle(), (0.1, 0.1, 0.1)).items():
        sandbox.write(path, data)
    sandbox.write(PATH, document)
    sandbox.commit()
    lines = {line.split()[0]: line for line in sandbox.speckit("cost", SPEC).out.splitlines() if line.strip()}
    state = re.search(r"cost: +(.*)", sandbox.speckit("status", SPEC).out)
    assert state is not None
    packet = sandbox.speckit("audit", SPEC, "--format", "markdown").out
    (row,) = [line for line in packet.splitlines() if line.startswith("| total")]
    found = sandbox.judge("validate").document["findings"]
    return Told(
        lines["total"].split()[1],
        sandbox.speckit("cost", SPEC, "--format", "json").document["total"]["usd"],
        state[1].split()[0],
        sandbox.speckit("status", SPEC, "--format", "json").document["specs"][0]["cost"]["total"]["usd"],
        row.split("|")[5].strip().split()[0],
        json.loads(sandbox.speckit("audit", SPEC, "--format", "json").out)["costs"]["total"]["summary"]["usd"],
        [each["rule"] for each in found if each["rule"].startswith("CST")],
    )


OLDER = {"spec_id": SPEC, "total_spent": 0.0, "call_count": 1, "perStage": {"spec-plan": 0.0}}
UNKNOWN: dict[str, dict[str, Any]] = {
    "estimated": summary(STAGE),
    "of one stage beside a measured one": summary(STAGE, total_usd=0.0)
    | {"per_stage": {"plan": STAGE, "tasks": {**STAGE, "source": "measured"}}, "calls": 2, "priced_calls": 2}
    | {"total_tokens": 60},
    "of an older tool": OLDER,
}


@pytest.mark.parametrize("document", UNKNOWN.values(), ids=UNKNOWN)
def test_a_zero_that_nobody_measured_is_unknown_everywhere(document: dict[str, Any], sandbox: Sandbox) -> None:
    assert told(sandbox, document) == Told("unknown", None, "unknown", None, "unknown", None, ["CST001"])


FREE = {
    "of replayed calls": summary({**STAGE, "source": "measured"}),
    "of no calls": summary({**STAGE, "tokens": 0, "calls": 0, "priced_calls": 0}),
}


@pytest.mark.parametrize("document", FREE.values(), ids=FREE)
def test_a_zero_that_was_measured_is_zero_everywhere(document: dict[str, Any], sandbox: Sandbox) -> None:
    found = told(sandbox, document)
    assert {found.cost_text, found.status_text.rstrip(","), found.audit_text.rstrip(",")} == {"$0.00"}
    assert (found.cost, found.status, found.audit, found.rules) == (0.0, 0.0, 0.0, [])


def test_a_total_of_which_a_stage_is_unknown_is_a_lower_bound_everywhere(sandbox: Sandbox) -> None:
    free, unknown = {**STAGE, "source": "measured"}, {**STAGE, "usd": None, "source": "unknown", "priced_calls": 0}
    document = summary(STAGE, total_usd=4.2, calls=2) | {"per_stage": {"plan": free, "tasks": unknown}}
    told(sandbox, document)
    assert "The total is a lower bound" in sandbox.speckit("cost", SPEC).out
    assert "at least $4.20" in sandbox.speckit("status", SPEC).out


def test_a_stage_of_zero_is_unknown_beside_one_that_is_known(sandbox: Sandbox) -> None:
    paid = {**STAGE, "usd": 0.4, "source": "measured"}
    document = summary(paid, calls=2, priced_calls=2, total_tokens=60) | {"per_stage": {"plan": paid, "tasks": STAGE}}
    found = told(sandbox, document)
    assert (found.cost, found.status, found.audit, found.rules) == (0.4, 0.4, 0.4, ["CST001"])
    shown = sandbox.speckit("cost", SPEC).out
    assert "tasks  unknown" in shown
    assert "lower bound" in shown
    assert "at least $0.40" in sandbox.speckit("status", SPEC).out
