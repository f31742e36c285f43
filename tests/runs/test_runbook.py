"""The run that docs/consensus-runbook.md annotates is one that the product makes."""

from __future__ import annotations

import re
from typing import Any

import pytest

from guardrails.setup import SPEC
from tests.pages import blocks, read, section
from tests.runs.auto_world import Runs
from tests.sandbox import Ran, Sandbox

DEGRADED, HALT, RESUMED, SEVERE = blocks(section(read("docs/consensus-runbook.md"), "A degraded run"), "text")
SETTINGS: dict[str, Any] = {"consensus": {"retries": 2, "backoff": "1s"}}


def told(text: str) -> list[str]:
    """The lines of a run; answers that come at the same time in one order, and times as the page has them."""
    lines = [re.sub(r"\b(in|after) \d+\.\d s", r"\1 0.1 s", line) for line in text.splitlines() if line]
    answers = [at for at, line in enumerate(lines) if re.search(r" (answered in|voted in|failed after) ", line)]
    for at in reversed(answers):
        while at + 1 in answers and lines[at] > lines[at + 1]:
            lines[at], lines[at + 1] = lines[at + 1], lines[at]
            at += 1
    return lines


@pytest.mark.tier2
def test_two_of_three_are_retried_then_halted_and_resumed_to_full_consensus(sandbox: Sandbox) -> None:
    runs = Runs(sandbox, claude="garbage")
    runs.configure(**SETTINGS)
    ran = runs.auto("--to", "plan")
    assert ran.code == 5
    assert told(ran.err) == told(DEGRADED)
    assert set(HALT.splitlines()) <= set(ran.out.splitlines())
    assert [step["action"] for step in runs.summary["stages"][0]["retries"]] == [
        "refresh", "retry", "retry", "escalate",
    ]  # fmt: skip
    runs.modes["claude"] = "answer"
    runs.configure(**SETTINGS)
    ran = runs.auto("--to", "plan", "--resume")
    assert (ran.code, runs.paid(), runs.ballots()) == (0, 6, 5)
    assert told(ran.err)[1:] == told(RESUMED)
    assert sandbox.speckit("consensus", "check", SPEC, "--stage", "plan").code == 0


def test_one_of_three_is_not_retried(sandbox: Sandbox) -> None:
    runs = Runs(sandbox, claude="garbage", gemini="garbage")
    runs.configure(**SETTINGS)
    ran: Ran = runs.auto("--to", "plan")
    assert (ran.code, runs.paid(), runs.ballots()) == (5, 3, 1)
    assert told(ran.err)[-3:] == told(SEVERE)
