"""Callers and supervisors are killed at every moment: a call that was made is there, and is not made again."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from guardrails.agents import AGENT, ENDED, RESULT, Order, call_all, recorded, start
from guardrails.config import Agent
from tests.agents.calling import (
    ANSWER,
    agent,
    ask,
    at_work,
    call,
    folder,
    ledger,
    parent,
    runs,
    supervisors,
    until,
    world,
)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are looked up in /proc")
fcntl = pytest.importorskip("fcntl")
CALLER = str(Path(__file__).with_name("caller.py"))


class Caller:
    """A process that asks agents one question."""

    def __init__(self, root: Path, mode: str, seconds: float, timeout: float = 60, names: str = "gemini") -> None:
        words = [sys.executable, CALLER, str(root), mode, str(seconds), str(timeout), *names.split()]
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=root)
        assert self.process.stdout is not None
        assert self.process.stdout.readline().startswith("ready")

    def kill(self, number: int = signal.SIGKILL) -> str:
        self.process.send_signal(number)
        return self.process.communicate()[1]

    def end(self) -> str:
        return self.process.communicate(timeout=60)[0].strip()


def kill(*pids: int, number: int = signal.SIGKILL) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def begun(root: Path) -> Caller:
    """A caller whose agent has begun and takes a second."""
    caller = Caller(root, "answer", 1)
    until(lambda: ledger(root, "started"))
    return caller


@pytest.fixture
def one(tmp_path: Path) -> Agent:
    return agent(tmp_path, "answer", "1")


@pytest.mark.tier2
def test_a_killed_caller_is_given_what_its_agent_brought(tmp_path: Path, one: Agent) -> None:
    begun(tmp_path).kill()
    done = ask(tmp_path, one)
    assert (done.answer.value, done.exit_code, done.reused) == (ANSWER, 0, True)
    assert len(ledger(tmp_path, "started")) == 1


@pytest.mark.tier2
def test_an_interrupted_caller_leaves_its_agent_at_work(tmp_path: Path, one: Agent) -> None:
    caller = begun(tmp_path)
    assert "KeyboardInterrupt" in caller.kill(signal.SIGINT)
    assert caller.process.returncode != 0
    assert runs(ledger(tmp_path, "started")[0])
    assert (ask(tmp_path, one).exit_code, len(ledger(tmp_path, "started"))) == (0, 1)


@pytest.mark.tier2
def test_two_callers_at_once_make_one_call(tmp_path: Path, one: Agent) -> None:
    callers = [Caller(tmp_path, "answer", 1) for _ in range(3)]
    assert [caller.end() for caller in callers] == ["done 0 None"] * 3
    assert len(ledger(tmp_path, "started")) == 1


@pytest.mark.tier2
@pytest.mark.parametrize("which", [0, 1], ids=["keeper", "waiter"])
@pytest.mark.parametrize("alone", [False, True], ids=["caller waits", "caller killed"])
def test_one_supervisor_is_enough(tmp_path: Path, which: int, alone: bool) -> None:
    caller = Caller(tmp_path, "fail", 1.5)
    one = agent(tmp_path, "fail", "1.5")
    until(lambda: ledger(tmp_path, "started"))
    time.sleep(0.5)  # the keeper is ready a few milliseconds after the agent
    if alone:
        caller.kill()
    kill(supervisors(tmp_path, one)[which])
    done = ask(tmp_path, one)
    assert (done.exit_code, done.problem) == (7, "exit code 7; its last words: no quota left")
    assert len(ledger(tmp_path, "started")) == 1


@pytest.mark.tier2
def test_an_exit_that_the_waiter_saw_and_did_not_tell_is_told_by_the_keeper(tmp_path: Path) -> None:
    caller = Caller(tmp_path, "fail", 0.5)
    one = agent(tmp_path, "fail", "0.5")
    until(lambda: ledger(tmp_path, "started"))
    time.sleep(0.3)
    waiter = supervisors(tmp_path, one)[1]
    kill(waiter, number=signal.SIGSTOP)
    until(lambda: ledger(tmp_path, "answered"))
    until(lambda: not runs(ledger(tmp_path, "started")[0]))
    kill(waiter)
    assert caller.end() == "done 7 exit code 7; its last words: no quota left"


@pytest.mark.tier2
def test_the_answer_of_an_agent_that_lost_both_is_waited_for(tmp_path: Path, one: Agent) -> None:
    caller = begun(tmp_path)
    kill(*supervisors(tmp_path, one))
    assert caller.end() == "done None None"
    done = ask(tmp_path, one)
    assert (done.answer.value, done.problem, done.exit_code, done.reused) == (ANSWER, None, None, True)
    assert len(ledger(tmp_path, "started")) == 1


@pytest.mark.tier2
def test_the_answer_of_an_agent_that_nobody_saw_end_is_found(tmp_path: Path, one: Agent) -> None:
    caller = begun(tmp_path)
    caller.kill()
    kill(*supervisors(tmp_path, one))
    until(lambda: not runs(ledger(tmp_path, "started")[0]))
    done = ask(tmp_path, one)
    assert (done.answer.value, done.problem, done.exit_code, done.reused) == (ANSWER, None, None, True)
    assert done.latency_ms >= 900
    assert len(ledger(tmp_path, "started")) == 1


@pytest.mark.tier2
def test_an_agent_that_lost_both_and_gave_no_answer_has_failed_and_is_not_paid_again(tmp_path: Path) -> None:
    caller = Caller(tmp_path, "garbage", 1)
    one = agent(tmp_path, "garbage", "1")
    until(lambda: ledger(tmp_path, "started"))
    caller.kill()
    kill(*supervisors(tmp_path, one))
    for _ in range(2):
        done = ask(tmp_path, one)
        assert str(done.problem).startswith("its supervisors were ended, and it left no whole answer: ")
    assert len(ledger(tmp_path, "started")) == 1


@pytest.mark.tier2
def test_an_agent_that_lost_both_is_ended_at_its_time_limit(tmp_path: Path) -> None:
    caller = Caller(tmp_path, "hang", 0, timeout=4)
    one = agent(tmp_path, "hang", "0", timeout=4.0)
    until(lambda: ledger(tmp_path, "child"))
    kill(*supervisors(tmp_path, one))
    assert caller.end() == "done None no answer within 4s"
    until(lambda: not any(map(runs, ledger(tmp_path, "started") + ledger(tmp_path, "child"))))


@pytest.mark.tier2
@pytest.mark.parametrize("spared", [True, False], ids=["the agent begins", "the agent is killed"])
def test_a_waiter_killed_before_its_agent_has_begun_is_stood_in_for(tmp_path: Path, spared: bool) -> None:
    """The process that becomes the agent is held up: what it is to read is a pipe that nobody has opened."""
    os.mkfifo(tmp_path / "pipe")
    lock = os.open(tmp_path / "lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(lock, fcntl.LOCK_EX)
    command = agent(tmp_path, "answer").command
    start([Order(str(tmp_path), lock, command, "/", "pipe", 60, 1000, dict(os.environ))], {}).wait()
    os.close(lock)
    until(lambda: at_work(tmp_path, ("speckit:agent",)))
    keeper, waiter = at_work(tmp_path)
    [becoming] = at_work(tmp_path, ("speckit:agent",))
    kill(waiter)
    until(lambda: parent(becoming) == keeper)
    if spared:
        (tmp_path / "pipe").write_bytes(b"")
    else:
        kill(becoming)
    with open(tmp_path / "lock") as again:
        fcntl.flock(again, fcntl.LOCK_EX)
    outcome = recorded(str(tmp_path))
    assert (outcome and outcome.exit_code) == (0 if spared else None)
    assert len(ledger(tmp_path, "answered")) == spared


@pytest.mark.parametrize(("mode", "calls"), [("answer", 1), ("garbage", 2)])
def test_after_a_power_cut_only_what_was_cut_off_is_called_again(tmp_path: Path, mode: str, calls: int) -> None:
    one = agent(tmp_path, mode)
    ask(tmp_path, one)
    (folder(tmp_path, one) / RESULT).unlink()
    record = folder(tmp_path, one) / AGENT
    pid, ticks, _, *moments = record.read_text().split()
    record.write_text(" ".join([pid, ticks, "another/boot", *moments]))
    ask(tmp_path, one)
    assert len(ledger(tmp_path, "started")) == calls


def test_an_end_that_was_said_and_not_settled_is_believed(tmp_path: Path) -> None:
    one = agent(tmp_path, "fail")
    first = ask(tmp_path, one)
    place = folder(tmp_path, one)
    (place / RESULT).rename(place / ENDED)
    assert ask(tmp_path, one) == first._replace(reused=True)
    assert (place / RESULT).exists()
    assert not (place / ENDED).exists()


def test_an_end_that_is_said_of_more_output_than_there_is_was_not_settled(tmp_path: Path) -> None:
    one = agent(tmp_path, "answer")
    ask(tmp_path, one)
    place = folder(tmp_path, one)
    (place / RESULT).rename(place / ENDED)
    (place / "out").write_bytes((place / "out").read_bytes()[:10])
    done = ask(tmp_path, one)
    assert (done.exit_code, done.answer.value) == (None, None)


def victims(chance: random.Random, caller: Caller, at_work: list[int]) -> Iterator[int]:
    """One to three of those that can be killed, and sometimes all."""
    everybody = [caller.process.pid, *at_work]
    yield from chance.sample(everybody, min(len(everybody), chance.choice([1, 2, 3, 10])))


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.tier2) for seed in range(1, 10))])
def test_whoever_is_killed_whenever_nothing_is_paid_twice(tmp_path: Path, seed: int) -> None:
    """The agents are let alone. Whatever happens to all others, each is started once, and its answer comes."""
    chance = random.Random(seed)
    seconds = chance.choice([0, 0.1])
    agents = [agent(tmp_path, "answer", str(seconds), name=name) for name in "abc"]
    for _ in range(chance.randint(1, 3)):
        caller = Caller(tmp_path, "answer", seconds, names="a b c")
        time.sleep(chance.random() * (0.15 + seconds))
        kill(*victims(chance, caller, [pid for one in agents for pid in supervisors(tmp_path, one)]))
        caller.kill()
    done = call_all(world(tmp_path), [call(tmp_path, one) for one in agents])
    assert [(each.answer.value, each.problem) for each in done] == [(ANSWER, None)] * 3
    assert len(ledger(tmp_path, "started")) == len(ledger(tmp_path, "answered")) == 3
