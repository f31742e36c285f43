"""A repository whose SPEC is taken through runs by `speckit auto`, with agents that are real processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from guardrails.setup import SPEC
from tests.sandbox import EVIDENCE, SPECKIT, Ran, Sandbox

ROOT = Path(__file__).parent.parent.parent
AGENT = str(ROOT / "tests" / "agents" / "agent.py")
QUARTET = ("gemini", "claude", "gpt_codex", "gpt_pro")
ANSWERS = 19
"""Answers of a whole run: three agents in each of six stages, and a fourth in one."""
CALLS = 2 * ANSWERS
"""Each votes on what all have answered."""


def _age(path: Path) -> tuple[str, int]:
    """Names tell whole seconds, and a run may take less."""
    return path.name.partition("Z-")[0], path.stat().st_mtime_ns


class Runs:
    """The sample of `speckit demo` with other agents: `modes` says what each does (see tests/agents/agent.py)."""

    def __init__(self, sandbox: Sandbox, **modes: str) -> None:
        self.sandbox, self.root = sandbox, sandbox.root
        for path in (ROOT / "demo").rglob("*"):
            name = str(path.relative_to(ROOT / "demo"))
            if path.is_file() and not name.startswith("recordings"):
                sandbox.write(f".{name}" if name in ("speckit.yaml", "gitignore") else name, path.read_bytes())
        self.modes = {name: modes.get(name, "answer") for name in QUARTET}
        self.configure()

    def configure(self, **settings: Any) -> None:
        """Write and commit the configuration."""
        given = {
            "version": 1,
            "agents": {name: self.agent(name, mode) for name, mode in self.modes.items()},
            **settings,
        }
        self.sandbox.write(".speckit.yaml", yaml.safe_dump(given))
        self.sandbox.commit()

    def agent(self, name: str, mode: str) -> dict[str, Any]:
        words = mode.split()
        if words[0] == "absent":
            return {"command": ["no-such-agent-anywhere"]}
        return {"command": [sys.executable, "-S", AGENT, words[0], self.ledger(name), *words[1:]], "format": "json"}

    def ledger(self, name: str) -> str:
        return str(self.sandbox.home / f"{name}.ledger")

    def paid(self, name: str | None = None) -> int:
        """How often an agent, or any of them, was called for an answer."""
        return self._counted("started", name)

    def ballots(self, name: str | None = None) -> int:
        """How often an agent, or any of them, was called for its ballot."""
        return self._counted("voting", name)

    def _counted(self, word: str, name: str | None) -> int:
        count = 0
        for each in QUARTET if name is None else (name,):
            if os.path.exists(self.ledger(each)):
                with open(self.ledger(each)) as stream:
                    count += sum(line.startswith(word) for line in stream)
        return count

    def auto(self, *arguments: str, **variables: str) -> Ran:
        return self.sandbox.speckit("auto", SPEC, *arguments, **variables)

    def start(self, *arguments: str, **variables: str) -> subprocess.Popen[bytes]:
        """A run that is under way."""
        return subprocess.Popen(
            [*SPECKIT, "auto", SPEC, *arguments],
            cwd=self.root,
            env={**self.sandbox.environment, **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )

    def summaries(self) -> list[dict[str, Any]]:
        """The summaries of all runs, the oldest first."""
        paths = sorted((self.root / EVIDENCE / "runs" / SPEC).glob("*Z-*.json"), key=_age)
        return [json.loads(path.read_text()) for path in paths]

    @property
    def summary(self) -> dict[str, Any]:
        return self.summaries()[-1]

    def events(self, stage: str) -> list[dict[str, Any]]:
        """The lines of telemetry of a stage's last session."""
        paths = sorted((self.root / EVIDENCE / "consensus" / SPEC).glob(f"spec-{stage}_*_telemetry.jsonl"), key=_age)
        return [json.loads(line) for line in paths[-1].read_text().splitlines()]


def until(holds: Callable[[], bool], process: subprocess.Popen[bytes] | None = None) -> None:
    """Wait for something, half a minute at most, or for the end of a process."""
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline, "it never happens"
        if process is not None and process.poll() is not None:
            return
        time.sleep(0.005)


def kill(process: subprocess.Popen[bytes]) -> None:
    """As a power cut would: no handler of it runs."""
    process.send_signal(signal.SIGKILL)
    process.communicate()
