"""Agents that misbehave in every way a process can: each ends with the right verdict, and everybody is told why."""

from __future__ import annotations

import json
import os
import signal
from contextlib import suppress
from typing import Any

import pytest

from guardrails.setup import SPEC
from tests.runs.auto_world import Runs
from tests.sandbox import EVIDENCE, Sandbox

QUICK: dict[str, Any] = {"consensus": {"retries": 1, "backoff": "1ms"}}


def _shown(runs: Runs) -> dict[str, Any]:
    """The summary of the run as `runs show` gives it."""
    return runs.sandbox.speckit("runs", "show", runs.summary["run"], "--format", "json").document


def _timed(runs: Runs, name: str, timeout: str) -> None:
    agents = {each: runs.agent(each, mode) for each, mode in runs.modes.items()}
    agents[name]["timeout"] = timeout
    runs.configure(agents=agents, **QUICK)


def _end_children(runs: Runs, name: str) -> None:
    with open(runs.ledger(name)) as stream:
        for line in stream:
            if line.startswith("child "):
                with suppress(ProcessLookupError):
                    os.kill(int(line.split()[1]), signal.SIGKILL)


@pytest.mark.parametrize(
    ("mode", "why"),
    [
        pytest.param("silent", "there is no output", id="it ends well and says nothing"),
        pytest.param("garbage", "the output is not UTF-8", id="it prints garbage"),
        pytest.param("fail", "exit code 7; its last words: no quota left", id="it answers and then fails"),
        pytest.param("crash", "ended by signal SIGSEGV", id="it answers and then crashes"),
        pytest.param("flood", "it wrote more than ", id="it prints 500 MB"),
    ],
)
@pytest.mark.tier2
def test_an_agent_without_an_answer_is_named_with_its_reason(sandbox: Sandbox, mode: str, why: str) -> None:
    runs = Runs(sandbox, gemini=mode)
    runs.configure(**QUICK)
    ran = runs.auto("--to", "plan")
    summary = _shown(runs)
    assert (ran.code, summary["exit_code"], summary["halt"]["reason"]) == (5, 5, "degraded"), ran
    assert f"gemini: {why}" in summary["halt"]["message"]
    assert f"gemini: {why}" in ran.out
    assert f"s: {why}" in ran.err, "the line of progress says it"
    retries = {step["action"]: step["reason"] for step in summary["stages"][0]["retries"]}
    assert f"gemini: {why}" in retries["retry"]
    assert f"gemini: {why}" in retries["escalate"]
    failed = [event["error"] for event in runs.events("plan") if event["event"] == "agent" and event["error"]]
    assert len(failed) == 2
    assert all(why in error for error in failed)
    assert (runs.paid("gemini"), runs.paid("claude")) == (2, 1)


@pytest.mark.tier2
def test_a_family_that_heeds_no_signal_is_ended_at_its_time_limit(sandbox: Sandbox) -> None:
    runs = Runs(sandbox, gemini="family")
    _timed(runs, "gemini", "500ms")
    ran = runs.auto("--to", "plan", "-q")
    assert (ran.code, _shown(runs)["exit_code"]) == (5, 5), ran
    assert "gemini: no answer within 0.5s; its last words: waiting for the model" in ran.out
    assert ran.err == ""
    with open(runs.ledger("gemini")) as stream:
        children = [int(line.split()[1]) for line in stream if line.startswith("child ")]
    assert len(children) == 2
    assert not any(_runs(pid) for pid in children)


def _runs(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as stream:
            return stream.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.tier2
def test_agents_that_only_look_odd_are_taken_at_their_word(sandbox: Sandbox) -> None:
    runs = Runs(sandbox, gemini="close", claude="daemon", gpt_pro="answer")
    spec = (runs.root / "docs" / SPEC / "spec.md").read_text()
    sandbox.write(f"docs/{SPEC}/spec.md", spec + ("\n" + "word " * 6) * 12_000)
    runs.configure(prompts={"context_bytes": 400_000})
    try:
        ran = runs.auto("--to", "plan")
    finally:
        _end_children(runs, "claude")
    assert (ran.code, _shown(runs)["exit_code"]) == (0, 0), ran
    prompts = list((runs.root / ".git" / "speckit" / "calls").glob("*/plan-[0-9]*/prompt"))
    assert len(prompts) == 3
    assert all(path.stat().st_size > 300_000 for path in prompts), "none of them has read it"


def test_what_an_agent_remarks_is_shown_without_secrets_and_escapes(sandbox: Sandbox) -> None:
    secret = "hush-hush-0123456789"
    runs = Runs(sandbox, gemini="blurt")
    agents = {name: runs.agent(name, mode) for name, mode in runs.modes.items()}
    agents["gemini"]["env"] = ["MY_API_KEY"]
    runs.configure(agents=agents, secrets={"env": ["MY_API_KEY"]}, **QUICK)
    ran = runs.auto("--to", "plan", MY_API_KEY=secret)
    assert ran.code == 5, ran
    assert "gemini: exit code 9: there is no output; its last words: [secret] is refused" in ran.out
    evidence = "".join(path.read_text() for path in (runs.root / EVIDENCE).rglob("*") if path.is_file())
    assert secret not in ran.out + ran.err + evidence
    assert "\x1b" not in ran.out + ran.err


def test_whoever_asks_one_stage_alone_is_told_as_much(sandbox: Sandbox) -> None:
    runs = Runs(sandbox, gemini="fail")
    runs.configure(**QUICK)
    ran = sandbox.speckit("consensus", "run", "plan", SPEC)
    assert ran.code == 5, ran
    assert "exit code 7; its last words: no quota left" in ran.out
    assert "gemini: failed after" in ran.err
    assert ran.err.count("its last words: no quota left") >= 2
    sandbox.commit()
    checked = sandbox.speckit("consensus", "check", SPEC, "--stage", "plan", "--format", "json")
    assert "reports an error: exit code 7" in json.dumps(checked.document)
