"""A repository whose SPEC can be taken through a run by agents that are small processes."""

from __future__ import annotations

import json
import os
import sys

from benchmarks.environment import ROOT

SPEC = "SPEC-KIT-DEMO"
EVIDENCE = "docs/evidence"
ROSTER = {"plan": 3, "tasks": 3, "implement": 4, "validate": 3, "audit": 3, "unlock": 3}
CALLS = 2 * sum(ROSTER.values())
"""Each agent is asked for an answer and for a ballot."""
_AGENTS = ("gemini", "claude", "gpt_codex", "gpt_pro")
_AGENT = os.path.join(ROOT, "benchmarks", "chaos_agent.py")


def files(pause: float, more: dict[str, bytes] | None = None, **settings: object) -> list[tuple[str, bytes]]:
    """The sample of `speckit demo`, with agents that answer after `pause` seconds."""
    source, found = os.path.join(ROOT, "demo"), []
    for place, _, names in os.walk(source):
        for name in names:
            path = os.path.relpath(os.path.join(place, name), source).replace(os.sep, "/")
            if not path.startswith("recordings/") and path not in ("speckit.yaml", "gitignore"):
                with open(os.path.join(place, name), "rb") as stream:
                    found.append((path, stream.read()))
    return [*found, (".speckit.yaml", _configuration(pause, settings)), *(more or {}).items()]


def _configuration(pause: float, settings: dict[str, object]) -> bytes:
    """JSON is YAML."""
    agents = {
        name: {
            "command": [sys.executable, "-I", "-S", _AGENT, name, str(pause)],
            "format": "json",
            "env": ["CHAOS_LEDGER"],
        }
        for name in _AGENTS
    }
    return json.dumps({"version": 1, "evidence": {"root": EVIDENCE}, "agents": agents, **settings}, indent=2).encode()
