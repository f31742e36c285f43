"""A small spec-driven repository that every check finds sound, for hooks to judge, and ways to spoil it."""

from __future__ import annotations

import json
import sys

from tests.records import plan_telemetry, telemetry_path
from tests.sandbox import EVIDENCE, Ran, Sandbox

SPEC = "SPEC-KIT-900"
TELEMETRY = telemetry_path("plan")
GOOD = plan_telemetry()
BAD = plan_telemetry(timestamp="yesterday")
MEGABYTE = 1_048_576

TRACKER = f"""\
# Tasks

| Order | Task ID | Title | Status | Owners | PRD | Branch | PR | Last Validation | Evidence | Notes |
|---|---|---|---|---|---|---|---|---|---|---|
| 1 | {SPEC} | Smoke | In Progress | dev | docs/{SPEC}/spec.md | main | | | | |
"""
DOCUMENTS = {
    "spec.md": "# Smoke\n\n## Context\n\nText.\n\n## Objectives\n\nText.\n",
    "plan.md": """\
# Plan

## Inputs

Text.

## Work Breakdown

Text.

## Acceptance Mapping

| Requirement | Validation Step |
|---|---|
| R1 | run it |

## Risks & Unknowns

Text.

## Exit Criteria

Text.
""",
    "tasks.md": """\
# Tasks

| Order | Task | Owner | Status | Validation |
|---|---|---|---|---|
| 1 | Write it | dev | Backlog | run it |
""",
}


def sound(sandbox: Sandbox) -> Sandbox:
    """Write the sound repository and commit it, no hook asked."""
    sandbox.write("SPEC.md", TRACKER)
    sandbox.write("docs/baseline.md", "# Baseline\n")
    for name, text in DOCUMENTS.items():
        sandbox.write(f"docs/{SPEC}/{name}", text)
    sandbox.write(TELEMETRY, GOOD)
    sandbox.commit("a sound repository")
    return sandbox


def put_speckit_on_path(sandbox: Sandbox) -> None:
    """A `speckit` that runs this checkout, whatever is installed."""
    directory = sandbox.root.parent / "program"
    directory.mkdir()
    path = directory / "speckit"
    start = f'import sys; sys.argv[0] = "{path}"; from guardrails.cli.main import main; main()'
    path.write_text(f'#!/bin/sh\nexec "{sys.executable}" -c \'{start}\' "$@"\n', encoding="utf-8")
    path.chmod(0o755)
    sandbox.environment["PATH"] = f"{directory}:{sandbox.environment['PATH']}"


def commit(sandbox: Sandbox, *arguments: str) -> Ran:
    """`git commit` with its hooks."""
    return sandbox.git("commit", "-q", "-m", "change", *arguments, check=False)


def push(sandbox: Sandbox, *arguments: str) -> Ran:
    """`git push` to `origin`, with its hooks."""
    return sandbox.git("push", "-q", "origin", *arguments, check=False)


def add_remote(sandbox: Sandbox) -> None:
    """An empty bare `origin`."""
    sandbox.git("init", "-q", "--bare", "../remote")
    sandbox.git("remote", "add", "origin", "../remote")


def written(document: object) -> str:
    return json.dumps(document, indent=2) + "\n"


def evidence_of(sandbox: Sandbox, megabytes: int) -> None:
    """That much evidence, in lines no secret hides in."""
    line = b"0123456789abcde\n"
    sandbox.write(f"{EVIDENCE}/commands/{SPEC}/transcript.log", line * (megabytes * MEGABYTE // len(line)))
