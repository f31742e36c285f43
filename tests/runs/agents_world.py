"""A repository with the packet of a SPEC and agents that are real processes, each doing what a test tells it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from tests.runs.stage_world import QUARTET, SPEC, packet
from tests.sandbox import Sandbox

SPEAKER = str(Path(__file__).with_name("speaker.py"))
AGREED = ["schema first", "three milestones"]
STORAGE = "SQLite or Postgres by default"
EVIDENCE = "docs/SPEC-OPS-004-integrated-coder-hooks/evidence"
FAST = {"retries": 1, "backoff": "10ms"}


def answer(*agreements: str, conflicts: tuple[str, ...] = (), **more: Any) -> dict[str, Any]:
    """An answer that states what it agrees with and where it sees a contradiction."""
    stated = {"agreements": list(agreements or AGREED), "conflicts": list(conflicts)}
    decision = {"proceed": True, "because": "the documents settle it"}
    return {"decision": decision, "work_breakdown": ["schema", "service"], "consensus": stated, **more}


class Cast:
    """The agents of a sandbox. Nothing is written below its root, so its tree stays as it is."""

    def __init__(self, sandbox: Sandbox, **settings: Any) -> None:
        self.sandbox = sandbox
        self.folder = sandbox.root.parent / "agents"
        self.folder.mkdir()
        agents = {name: self.agent(name) for name in QUARTET}
        for name in QUARTET:
            self.does(name, {"say": answer()})
        given = {**agents, **settings.pop("agents", {})}
        packet(sandbox, **{"agents": given, "consensus": FAST, **settings})

    def agent(self, name: str, **more: Any) -> dict[str, Any]:
        return {"command": [sys.executable, "-S", SPEAKER, str(self.folder), name], **more}

    def does(self, name: str, *behaviours: dict[str, Any]) -> None:
        """What an agent does at its first call, its second, and so on."""
        (self.folder / f"{name}.json").write_text(json.dumps(behaviours), encoding="utf-8")

    def votes(self, name: str, *behaviours: dict[str, Any]) -> None:
        """What an agent does at its first ballot, its second, and so on: {"vote": {TEXT: WORD}} for one."""
        self.does(f"{name}-ballot", *behaviours)

    def ballots(self, name: str) -> int:
        """How often an agent was asked for its ballot."""
        return self.calls(f"{name}-ballot")

    def says(self, name: str, *answers: dict[str, Any]) -> None:
        self.does(name, *({"say": each} for each in answers))

    def calls(self, name: str) -> int:
        path = self.folder / f"{name}.calls"
        return len(path.read_text().splitlines()) if path.exists() else 0

    def prompt(self, name: str) -> str:
        return (self.folder / f"{name}.prompt").read_bytes().decode("utf-8")

    def filed(self, tail: str, stage: str = "plan") -> list[Path]:
        """The consensus evidence of a stage whose names end so, in order of name."""
        place = self.sandbox.root / EVIDENCE / "consensus" / SPEC
        return sorted(place.glob(f"spec-{stage}_*_{tail}")) if place.exists() else []

    def document(self, tail: str, stage: str = "plan") -> dict[str, Any]:
        """The only one of them."""
        [path] = self.filed(tail, stage)
        document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return document

    def events(self, stage: str = "plan") -> list[dict[str, Any]]:
        [path] = self.filed("telemetry.jsonl", stage)
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
