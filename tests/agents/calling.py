"""What tests of calls share: agents of every temper, a world to call them in, and the ledger they write."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from guardrails.agents import Call, Finished, RunContext, call_all, call_key
from guardrails.config import Agent, RunSettings, Settings
from guardrails.git import Repo

SCRIPT = str(Path(__file__).with_name("agent.py"))
PROMPT = "Plan it."
ANSWER = {
    "work": ["one"],
    "decision": {"proceed": True, "because": "it can be done"},
    "consensus": {"agreements": ["all"], "conflicts": []},
}


def world(root: Path, **environment: str) -> RunContext:
    variables = {"PATH": os.environ["PATH"], **environment}
    return RunContext(Repo(str(root), variables), Settings(), RunSettings(), variables, "SPEC-KIT-DEMO")


def agent(root: Path, mode: str, *arguments: str, name: str = "gemini", **changed: Any) -> Agent:
    """An agent that notes in `ledger` what it does."""
    command = (sys.executable, "-S", SCRIPT, mode, str(root / "ledger"), *arguments)
    return Agent(name, command, timeout=changed.pop("timeout", 60.0), **changed)


def call(root: Path, one: Agent, prompt: str = PROMPT) -> Call:
    return Call(call_key("plan", 1, one.name, prompt), one, "plan", prompt, str(root / "calls"))


def folder(root: Path, one: Agent) -> Path:
    return root / "calls" / call(root, one).key


def ask(root: Path, one: Agent, prompt: str = PROMPT, **environment: str) -> Finished:
    [finished] = call_all(world(root, **environment), [call(root, one, prompt)])
    return finished


def ledger(root: Path, word: str) -> list[int]:
    """The process ids that stand behind a word."""
    path = root / "ledger"
    lines = path.read_text().splitlines() if path.exists() else []
    return [int(line.split()[-1]) for line in lines if line.startswith(word)]


def until(condition: Callable[[], Any]) -> None:
    """Wait for something that must happen. Half a minute is for machines that are busy."""
    for _ in range(3000):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("it did not happen")


def runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def supervisors(root: Path, one: Agent) -> list[int]:
    return at_work(folder(root, one))


def at_work(place: Path, names: tuple[str, ...] = ("speckit:keeper", "speckit:waiter")) -> list[int]:
    """The processes of these names in the folder of a call. None of the two becomes an agent before it is killed."""
    found = []
    for path in Path("/proc").iterdir():
        with suppress(OSError):
            if path.name.isdigit() and (path / "cwd").readlink() == place:
                name = (path / "comm").read_text().strip()
                if name in names:
                    found.append((names.index(name), int(path.name)))
    return [pid for _, pid in sorted(found)]


def parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
