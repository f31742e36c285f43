"""Agents of every temper are called once, watched, and their answers read."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from guardrails.agents import RESULT, CallProgress, call_all, prompt_sha256
from guardrails.config import Agent
from guardrails.errors import GuardrailError
from tests.agents.calling import ANSWER, agent, ask, call, folder, ledger, runs, until, world

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="agents are not called there")


@pytest.mark.parametrize("mode", ["answer", "ansi", "prose"])
def test_an_answer_comes_back_whatever_it_is_wrapped_in(tmp_path: Path, mode: str) -> None:
    done = ask(tmp_path, agent(tmp_path, mode))
    assert (done.problem, done.answer.value, done.exit_code) == (None, ANSWER, 0)
    assert (done.reused, done.replayed, done.missing_tool) == (False, False, False)
    assert done.started <= done.finished
    assert done.latency_ms == (done.finished - done.started).total_seconds() * 1000 // 1


def test_five_megabytes_come_back(tmp_path: Path) -> None:
    done = ask(tmp_path, agent(tmp_path, "large"))
    assert done.answer.value == {**ANSWER, "text": "x" * 5_000_000}


@pytest.mark.parametrize(
    ("mode", "problem", "code"),
    [
        ("garbage", "the output is not UTF-8 at byte 128", 0),
        ("fail", "exit code 7; its last words: no quota left", 7),
        ("crash", "ended by signal SIGSEGV", None),
        ("silent", "there is no output", 0),
    ],
)
def test_an_agent_that_fails_is_a_problem_whatever_it_said(
    tmp_path: Path, mode: str, problem: str, code: int | None
) -> None:
    done = ask(tmp_path, agent(tmp_path, mode))
    assert (done.problem, done.exit_code, done.missing_tool) == (problem, code, False)


def test_what_an_agent_remarked_is_kept_apart(tmp_path: Path) -> None:
    assert ask(tmp_path, agent(tmp_path, "fail")).stderr_tail == "no quota left"


@pytest.mark.tier2
def test_remarks_without_end_lose_their_beginning(tmp_path: Path) -> None:
    done = ask(tmp_path, agent(tmp_path, "remarks"))
    assert (done.problem, done.stderr_tail[-15:]) == (None, "the last remark")


@pytest.mark.tier2
def test_an_agent_that_hangs_is_ended_with_what_it_started(tmp_path: Path) -> None:
    done = ask(tmp_path, agent(tmp_path, "hang", timeout=2.0))
    assert (done.problem, done.exit_code) == ("no answer within 2s", None)
    assert not any(runs(pid) for pid in ledger(tmp_path, "started") + ledger(tmp_path, "child"))


def test_what_an_agent_leaves_running_is_not_waited_for(tmp_path: Path) -> None:
    done = ask(tmp_path, agent(tmp_path, "leave"))
    assert (done.problem, done.answer.value) == (None, ANSWER)
    until(lambda: not any(runs(pid) for pid in ledger(tmp_path, "child")))


def test_an_agent_that_writes_without_end_is_ended(tmp_path: Path) -> None:
    done = ask(tmp_path, agent(tmp_path, "endless"))
    assert (done.problem, done.answer.value) == ("it wrote more than 16 MB", None)


PROMPTS = ["x" * 400_000, "a\0b\nc'\"$(touch made)`touch made`", "ü\ud800\udcff ${SPEC_ID}", ""]


@pytest.mark.parametrize("prompt", PROMPTS, ids=["400 KB", "NUL and quotes", "surrogates", "empty"])
def test_r12_prompts_go_by_standard_input_and_never_by_arguments(tmp_path: Path, prompt: str) -> None:
    done = ask(tmp_path, agent(tmp_path, "echo"), prompt)
    sent = prompt.replace("\ud800", r"\ud800").replace("\udcff", r"\xff").encode()
    said = {"bytes": len(sent), "nul": sent.count(b"\0"), "lines": sent.count(b"\n"), "argv": []}
    assert (done.problem, done.answer.value) == (None, said)
    assert not (tmp_path / "made").exists()


def test_a_large_prompt_that_nobody_reads_is_no_problem(tmp_path: Path) -> None:
    assert ask(tmp_path, agent(tmp_path, "answer"), "x" * 3_000_000).problem is None


def test_prompts_and_answers_can_be_files(tmp_path: Path) -> None:
    asked = ask(tmp_path, agent(tmp_path, "prompt-file", "0", "{prompt}", input="file"), "what is it?")
    assert asked.answer.value == {"prompt": "what is it?"}
    answered = ask(tmp_path, agent(tmp_path, "file", "0", "{output}", output="file", name="claude"))
    assert (answered.problem, answered.answer.value) == (None, ANSWER)
    silent = ask(tmp_path, agent(tmp_path, "silent", "0", "{output}", output="file", name="gpt_pro"))
    assert silent.problem == "there is no output"


def test_only_whole_arguments_are_replaced(tmp_path: Path) -> None:
    one = agent(tmp_path, "echo", "0", "{model}", "--model={model}", "{}", "{key}", "; touch made", model="m 1")
    done = ask(tmp_path, one)
    assert done.answer.value is not None
    assert done.answer.value["argv"] == ["0", "m 1", "--model={model}", "{}", "{key}", "; touch made"]
    assert not (tmp_path / "made").exists()


def test_a_command_that_wants_a_model_that_nobody_named_is_not_run(tmp_path: Path) -> None:
    calls = [call(tmp_path, agent(tmp_path, "answer")), call(tmp_path, agent(tmp_path, "echo", "{model}", name="b"))]
    with pytest.raises(GuardrailError, match="wants a model"):
        call_all(world(tmp_path), calls)
    assert not ledger(tmp_path, "started")


def test_an_agent_sees_only_the_variables_it_may(tmp_path: Path) -> None:
    one = agent(tmp_path, "environment", env=("NAMED",))
    done = ask(tmp_path, one, NAMED="1", SECRET="2", LD_LIBRARY_PATH="/nowhere", PYTHONPATH="/nowhere", LANG="C")
    assert done.answer.value == {"names": ["LANG", "LC_CTYPE", "NAMED", "PATH"], "here": str(tmp_path), "group": True}
    # LC_CTYPE is of the agent's own making: it is a Python, in the C locale.
    text = b"".join(path.read_bytes() for path in folder(tmp_path, one).iterdir())
    assert b"SECRET" not in text


def test_an_agent_gets_the_signals_and_descriptors_of_a_program_of_its_own(tmp_path: Path) -> None:
    done = ask(tmp_path, agent(tmp_path, "signals"))
    assert done.answer.value is not None
    assert len(done.answer.value["open"]) <= 4  # three streams, and the listing itself
    # Python's own two, SIGINT, and SIGHUP where the tests run under nohup; 32 and up are the C library's to change.
    assert int(done.answer.value["ignored"], 16) & ~(1 << 12 | 1 << 24 | 1 << 1 | 1) & 0x7FFFFFFF == 0
    assert done.answer.value["kept"][1] is True


def test_all_that_is_kept_of_a_call_is_the_users_alone(tmp_path: Path) -> None:
    one = agent(tmp_path, "answer")
    ask(tmp_path, one)
    assert stat.S_IMODE(folder(tmp_path, one).stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "calls").stat().st_mode) == 0o700


def test_a_program_that_is_not_there_is_a_missing_tool_and_can_be_called_when_it_is(tmp_path: Path) -> None:
    one = Agent("gemini", ("./agent", "x"), timeout=20)
    done = ask(tmp_path, one)
    assert (done.missing_tool, done.problem, done.exit_code) == (True, "the program './agent' was not found", None)
    (tmp_path / "agent").write_text(f"#!{sys.executable}\nprint('{{\"a\": 1}}')\n")
    assert ask(tmp_path, one).problem == "the program './agent' cannot be run"
    (tmp_path / "agent").chmod(0o755)
    done = ask(tmp_path, one)
    assert (done.missing_tool, done.answer.value, done.reused) == (False, {"a": 1}, False)


def test_an_agent_that_nobody_configured_is_a_missing_tool(tmp_path: Path) -> None:
    done = ask(tmp_path, Agent("who"))
    assert (done.missing_tool, done.problem) == (True, "agent 'who' has no command: configure agents.who.command")


def test_a_call_that_was_made_is_not_made_again_whatever_it_brought(tmp_path: Path) -> None:
    for name, mode in (("a", "answer"), ("b", "garbage"), ("c", "fail")):
        first = ask(tmp_path, agent(tmp_path, mode, name=name))
        assert ask(tmp_path, agent(tmp_path, mode, name=name)) == first._replace(reused=True)
    assert len(ledger(tmp_path, "started")) == 3


def test_another_prompt_is_another_call(tmp_path: Path) -> None:
    one = agent(tmp_path, "answer")
    assert [ask(tmp_path, one, prompt).reused for prompt in ("a", "b", "a")] == [False, False, True]


def test_agents_are_called_at_the_same_time_and_come_back_in_order(tmp_path: Path) -> None:
    """Each waits for the others to have started: one after another, none would end."""
    code = (
        "import json, os, sys, time\n"
        "open(sys.argv[1], 'w').close()\n"
        "while not all(map(os.path.exists, 'abc')): time.sleep(0.01)\n"
        "print(json.dumps({'me': sys.argv[1]}))"
    )
    calls = [call(tmp_path, Agent(name, (sys.executable, "-c", code, name), timeout=60)) for name in "abc"]
    seen: list[CallProgress] = []
    done = call_all(world(tmp_path), calls, seen.append)
    assert [each.answer.value for each in done] == [{"me": "a"}, {"me": "b"}, {"me": "c"}]
    assert sorted((each.agent, each.state) for each in seen) == [
        (name, state) for name in "abc" for state in ("finished", "started")
    ]
    assert sorted(each.finished.agent for each in seen if each.finished) == ["a", "b", "c"]


def test_a_key_that_is_no_name_makes_no_folder(tmp_path: Path) -> None:
    one = call(tmp_path, agent(tmp_path, "answer"))
    for key in ("../x", "a/b", "", ".hidden", "a\nb"):
        with pytest.raises(ValueError):
            call_all(world(tmp_path), [one._replace(key=key)])
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"exit_code": 0}', b"\xff", b"null"])
def test_a_result_that_is_damaged_is_no_result(tmp_path: Path, damage: bytes) -> None:
    """What the agent wrote is still there, and whole: it is not paid again."""
    one = agent(tmp_path, "answer")
    ask(tmp_path, one)
    (folder(tmp_path, one) / RESULT).write_bytes(damage)
    done = ask(tmp_path, one)
    assert (done.problem, done.answer.value, done.exit_code) == (None, ANSWER, None)
    assert len(ledger(tmp_path, "started")) == 1


def test_the_digest_of_a_prompt_is_that_of_what_was_sent(tmp_path: Path) -> None:
    one = agent(tmp_path, "answer")
    ask(tmp_path, one)
    digest = subprocess.run(["sha256sum", "prompt"], cwd=folder(tmp_path, one), capture_output=True, text=True).stdout
    assert digest.split()[0] == prompt_sha256("Plan it.")


def test_what_is_kept_of_a_call_says_what_was_run(tmp_path: Path) -> None:
    one = agent(tmp_path, "answer")
    ask(tmp_path, one)
    about = json.loads((folder(tmp_path, one) / "call.json").read_text())
    assert (about["agent"], about["command"][0]) == ("gemini", sys.executable)
    assert sorted(os.listdir(folder(tmp_path, one))) == [
        *("agent", "call.json", "err", "lock", "out", "prompt", "result.json", "supervisor.log")
    ]
