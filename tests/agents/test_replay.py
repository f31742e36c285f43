"""Recorded answers stand in for agents, without a process, and are named as what they are."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from guardrails.agents import NOTHING, Usage
from guardrails.config import Agent
from tests.agents.calling import ANSWER, agent, ask
from tests.agents.envelopes import claude

RECORDED = Agent("gemini", replay="demo/replay")


def record(root: Path, name: str, text: str | bytes) -> None:
    place = root / "demo/replay"
    place.mkdir(parents=True, exist_ok=True)
    (place / name).write_bytes(text if isinstance(text, bytes) else text.encode())


def test_a_recording_is_served_and_marked(tmp_path: Path) -> None:
    record(tmp_path, "plan_gemini.json", json.dumps(ANSWER))
    done = ask(tmp_path, RECORDED)
    assert (done.problem, done.answer.value, done.answer.usage) == (None, ANSWER, NOTHING)
    assert (done.replayed, done.reused, done.exit_code, done.latency_ms) == (True, False, None, 0)
    assert ask(tmp_path, RECORDED) == done._replace(reused=True)


def test_a_recording_is_in_the_format_of_its_agent(tmp_path: Path) -> None:
    record(tmp_path, "plan_gemini.json", claude(json.dumps(ANSWER)))
    done = ask(tmp_path, RECORDED._replace(format="claude-json", output="file"))
    assert (done.answer.value, done.answer.model, done.answer.usage.output_tokens) == (ANSWER, "claude-sonnet", 71)


def test_what_it_used_can_stand_beside_it(tmp_path: Path) -> None:
    record(tmp_path, "plan_gemini.json", json.dumps(ANSWER))
    usage = {"model": "m", "input_tokens": 5, "output_tokens": 7, "usd": 0.25, "latency_ms": 1500}
    record(tmp_path, "plan_gemini.usage.json", json.dumps(usage))
    done = ask(tmp_path, RECORDED)
    assert (done.answer.model, done.answer.usage, done.latency_ms) == ("m", Usage(5, 7, 0.25), 1500)
    assert (done.finished - done.started).total_seconds() == 1.5


@pytest.mark.parametrize(
    "usage", ["", "[]", "{", '{"model": 3, "input_tokens": -1, "usd": "x", "latency_ms": -5}', '{"latency_ms": 1e9}']
)
def test_a_usage_that_is_none_is_not_known(tmp_path: Path, usage: str) -> None:
    record(tmp_path, "plan_gemini.json", json.dumps(ANSWER))
    record(tmp_path, "plan_gemini.usage.json", usage)
    done = ask(tmp_path, RECORDED)
    assert (done.answer.model, done.answer.usage, done.latency_ms) == (None, NOTHING, 0)


def test_a_missing_recording_is_a_problem_until_it_is_there(tmp_path: Path) -> None:
    done = ask(tmp_path, RECORDED)
    assert done.problem == "there is no recording demo/replay/plan_gemini.json"
    assert (done.replayed, done.missing_tool) == (True, False)
    record(tmp_path, "plan_gemini.json", json.dumps(ANSWER))
    assert ask(tmp_path, RECORDED).problem is None


def test_a_recording_is_not_read_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "outside.json").write_text(json.dumps(ANSWER))
    record(tmp_path, "other.json", "{}")
    (tmp_path / "demo/replay/plan_gemini.json").symlink_to(tmp_path / "outside.json")
    assert ask(tmp_path, RECORDED).problem == "there is no recording demo/replay/plan_gemini.json"


def test_a_recording_never_stands_for_a_live_answer(tmp_path: Path) -> None:
    record(tmp_path, "plan_gemini.json", '{"recorded": 1}')
    ask(tmp_path, RECORDED)
    live = ask(tmp_path, agent(tmp_path, "answer"))
    assert (live.answer.value, live.reused, live.replayed) == (ANSWER, False, False)
