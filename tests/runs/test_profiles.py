"""Which profile a run is made under: the one that is named, and nothing of another beside it."""

from __future__ import annotations

from typing import Any

import pytest

from guardrails.setup import SPEC
from tests.runs.auto_world import Runs, kill, until
from tests.sandbox import Sandbox


def _routed(runs: Runs, **more: Any) -> None:
    """`broken` breaks one agent, `other` routes another one elsewhere."""
    broken = {"agents": {"gemini": runs.agent("gemini", "fail")}}
    other = {"agents": {"claude": runs.agent("gpt_codex", "answer 1 once")}}
    runs.configure(profiles={"broken": broken, "other": other}, consensus={"retries": 0}, **more)


@pytest.mark.tier2
def test_a_profile_on_the_command_line_takes_the_place_of_that_of_the_environment(sandbox: Sandbox) -> None:
    runs = Runs(sandbox)
    _routed(runs)
    ran = sandbox.speckit("consensus", "run", "plan", SPEC, "--profile", "other", SPECKIT_PROFILE="broken")
    assert ran.code == 0, ran
    assert (runs.paid("gemini"), runs.paid("claude"), runs.paid("gpt_codex")) == (1, 0, 1)
    sandbox.commit()
    ran = runs.auto("--to", "plan", "--profile", "other", SPECKIT_PROFILE="no-such-profile")
    assert ran.code == 0, ran
    assert runs.summary["profile"] == "other"


@pytest.mark.tier2
def test_a_run_that_was_cut_off_goes_on_under_its_profile_whatever_the_environment_says(sandbox: Sandbox) -> None:
    runs = Runs(sandbox)
    _routed(runs)
    process = runs.start("--profile", "other", "--to", "tasks")
    until(lambda: runs.paid("gpt_codex") == 1, process)
    kill(process)
    done = runs.auto(SPECKIT_PROFILE="broken")
    assert done.code == 0, done
    assert (runs.paid("claude"), runs.paid("gpt_codex")) == (0, 2)
    assert runs.summary["profile"] == "other"


@pytest.mark.tier2
def test_a_run_without_a_profile_goes_on_without_one(sandbox: Sandbox) -> None:
    runs = Runs(sandbox, claude="answer 1 once")
    _routed(runs)
    process = runs.start("--to", "tasks")
    until(lambda: runs.paid("claude") == 1, process)
    kill(process)
    done = runs.auto("--resume", SPECKIT_PROFILE="broken")
    assert done.code == 0, done
    assert runs.summary["profile"] is None


def test_the_fallback_stands_on_top_of_the_profile_of_the_run(sandbox: Sandbox) -> None:
    runs = Runs(sandbox, gemini="fail")
    other = {"agents": {"claude": runs.agent("gpt_codex", "answer")}}
    mend = {"agents": {"gemini": runs.agent("gpt_codex", "answer")}}
    runs.configure(profiles={"other": other, "mend": mend}, consensus={"retries": 0, "fallback": "mend"})
    ran = runs.auto("--to", "plan", "--profile", "other")
    assert ran.code == 0, ran
    assert (runs.paid("gemini"), runs.paid("claude"), runs.paid("gpt_codex")) == (1, 0, 2)
