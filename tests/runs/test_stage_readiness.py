"""The tools of `readiness` as a stage asks them."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from tests.runs.stage_world import SPEC, packet
from tests.sandbox import Ran, Sandbox

ANSWERS = [sys.executable, "--version"]
NOWHERE = ["no-such-program-anywhere"]


def stage(sandbox: Sandbox, *tools: dict[str, Any], **settings: Any) -> Ran:
    packet(sandbox, readiness=list(tools), **settings)
    return sandbox.speckit("stage", "plan", SPEC)


def test_a_tool_that_answers_is_a_row_of_the_stage(sandbox: Sandbox) -> None:
    ran = stage(sandbox, {"name": "python", "command": ANSWERS, "required": True})
    assert ran.code == 0, ran
    assert "command python: passed: answers: Python 3" in ran.out


def test_one_that_is_not_required_is_a_warning_that_quiet_does_not_hide(sandbox: Sandbox) -> None:
    ran = stage(sandbox, {"name": "ace", "mcp": NOWHERE})
    assert ran.code == 0, ran
    assert "mcp ace: skipped: cannot be started: No such file or directory" in ran.out
    sandbox.commit()
    quiet = sandbox.speckit("stage", "plan", SPEC, "-q")
    assert quiet.code == 0, quiet
    assert "mcp ace" in quiet.out + quiet.err


@pytest.mark.parametrize(
    ("tool", "code"),
    [
        ({"name": "ace", "mcp": NOWHERE}, 3),
        ({"name": "rg", "command": NOWHERE}, 3),
        ({"name": "rg", "command": [sys.executable, "-c", "raise SystemExit(1)"]}, 1),
        ({"name": "token", "env": ["TOKEN_THAT_IS_NOT_SET"]}, 1),
    ],
    ids=["a server that is not there", "a program that is not there", "a program that fails", "a variable"],
)
def test_one_that_is_required_halts_the_stage(sandbox: Sandbox, tool: dict[str, Any], code: int) -> None:
    ran = stage(sandbox, {**tool, "required": True})
    assert ran.code == code, ran
    assert "plan: failed" in ran.out
