"""A repository with the packet of a SPEC in it, and its stages run in this process or through the command."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import yaml

from guardrails.agents import RunContext
from guardrails.config import loader
from guardrails.evidence import StageSession, WrittenFile, locked
from guardrails.git import open_repo
from guardrails.runs import Closed, Halt, Opened, TreeState, close_stage, open_stage, tree_state
from tests.consensus.builder import Bundle
from tests.sandbox import Ran as SandboxRan
from tests.sandbox import Sandbox

SPEC = "SPEC-KIT-DEMO"
TRIO = ("gemini", "claude", "gpt_pro")
QUARTET = ("gemini", "claude", "gpt_codex", "gpt_pro")
MOMENT = datetime.now(timezone.utc).replace(microsecond=0)
DOCS = f"docs/{SPEC}"
SPEC_MD = "# Spec\n\n## Context\n\nA microservice.\n\n## Objectives\n\nServe.\n"
PLAN_MD = """# Plan

## Inputs

spec.md

## Work Breakdown

1. Build.

## Acceptance Mapping

| Requirement | Validation Step |
| --- | --- |
| Serve | Ask it |

## Risks & Unknowns

None.

## Exit Criteria

It serves.
"""
TASKS_MD = """# Tasks

| Order | Task | Owner | Status | Validation |
| --- | --- | --- | --- | --- |
| 1 | Build | Code | Backlog | pytest |
"""
TRACKER = f"""# Tracker

| Order | Task ID | Title | Status | Owners | PRD | Branch | PR | Last Validation | Evidence | Notes |
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
| 1 | {SPEC} | Demo | In Progress | Code | {DOCS}/spec.md | demo | | | | |
"""
AGENTS = {name: {"command": ["cat"], "format": "text"} for name in QUARTET}


def packet(sandbox: Sandbox, documents: Sequence[str] = ("spec.md", "plan.md", "tasks.md"), **settings: Any) -> None:
    """Write and commit a packet, its tracker and a configuration whose agents can be found."""
    texts = {"spec.md": SPEC_MD, "plan.md": PLAN_MD, "tasks.md": TASKS_MD}
    for name in documents:
        sandbox.write(f"{DOCS}/{name}", texts[name])
    sandbox.write("SPEC.md", TRACKER)
    configure(sandbox, **settings)
    sandbox.commit()


def configure(sandbox: Sandbox, **settings: Any) -> None:
    sandbox.write(".speckit.yaml", yaml.safe_dump({"version": 1, "agents": AGENTS, **settings}))


def world(sandbox: Sandbox, run: str | None = None, **changes: Any) -> RunContext:
    """The world of a run here, configured as the repository is."""
    repo = open_repo(str(sandbox.root), sandbox.environment)
    file = sandbox.root / ".speckit.yaml"
    loaded = loader.load_for_run(file.read_bytes() if file.exists() else None, ".speckit.yaml", repo.environment)
    return RunContext(repo, loaded.settings, loaded.run, repo.environment, SPEC, run)._replace(**changes)


def session(stage: str, nonce: str = "4f2a9c10") -> StageSession:
    return StageSession(SPEC, stage, MOMENT, nonce)


class Ran:
    """One stage, run in this process under the lock."""

    def __init__(self, opened: Opened, closed: Closed) -> None:
        self.opened, self.closed = opened, closed
        self.written = (*opened.written, *closed.written)

    @property
    def rows(self) -> dict[str, tuple[str, str | None]]:
        return {row.name: (row.status, row.message) for row in self.closed.rows}


def run_stage(
    at: RunContext,
    stage: str,
    verdict: str | None = None,
    own: Sequence[WrittenFile] = (),
    start: TreeState | None = None,
    nonce: str = "4f2a9c10",
    unasked: Halt | None = None,
) -> Ran:
    with locked(at.repo, at.spec, "a test"):
        one = session(stage, nonce)
        opened = open_stage(at, one, tree_state(at) if start is None else start, own)
        return Ran(opened, close_stage(at, one, opened, verdict, own, unasked))


def telemetry(sandbox: Sandbox, closed: Closed) -> dict[str, Any]:
    assert closed.telemetry is not None
    document: dict[str, Any] = json.loads((sandbox.root / closed.telemetry.path).read_text(encoding="utf-8"))
    return document


def agreements(sandbox: Sandbox, *stages: str, **changes: Any) -> list[Bundle]:
    """Valid consensus evidence of some stages, made from the documents as they are. Nothing is committed."""
    bundles = []
    for stage in stages:
        roster = QUARTET if stage == "implement" else TRIO
        made = Bundle(spec=SPEC, stage=stage, roster=roster, spec_text=SPEC_MD, **changes)
        for path, data in made.files.items():
            sandbox.write(path, data)
        bundles.append(made)
    return bundles


def script(sandbox: Sandbox, name: str, text: str) -> str:
    """An executable policy script in the repository; gives its path."""
    target: Path = sandbox.write(name, "#!/bin/sh\n" + text + "\n")
    target.chmod(0o755)
    return name


def stage(sandbox: Sandbox, name: str, **environment: str) -> SandboxRan:
    """One stage through the command, reported as a document."""
    return sandbox.speckit("stage", name, SPEC, "--format", "json", **environment)
