"""A small repository in memory with a sound tracker, and ways to spoil it."""

from __future__ import annotations

from datetime import datetime, timezone

from guardrails.config import Settings
from guardrails.core import Checked, Finding, Observation
from guardrails.engine import check_named
from guardrails.snapshot import CheckContext, MemorySnapshot, Scope

NOW = datetime(2025, 10, 20, 12, 0, tzinfo=timezone.utc)
HEADER = (
    "| Order | Task ID | Title | Status | Owners | PRD | Branch | PR | Last Validation | Evidence | Notes |\n"
    "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n"
)
FILES = {"docs/prd.md": b"x", "docs/run.log": b"x", "docs/with space/run 1.log": b"x", "src/app.py": b"x"}
SPEC = b"# Spec\n\n## Context\n\nText.\n\n## Objectives\n\n- Text\n"
PLAN = (
    b"## Inputs\nText.\n## Work Breakdown\n1. Text\n## Acceptance Mapping\n\n"
    b"| Requirement | Validation Step |\n|---|---|\n| R1 | run |\n\n"
    b"## Risks & Unknowns\nNone.\n## Exit Criteria\n> Text\n"
)
TASKS = b"| Order | Task | Owner | Status | Validation |\n|---|---|---|---|---|\n| 1 | Write | Code | Done | run |\n"


def row(
    task: str = "T1",
    status: str = "Backlog",
    *,
    order: str = "",
    title: str = "A task",
    owner: str = "Code",
    prd: str = "docs/prd.md",
    branch: str = "",
    pr: str = "",
    date: str = "2025-10-05",
    evidence: str = "docs/run.log",
    notes: str = "",
) -> str:
    """One row of the main tracker, sound unless a value says otherwise; its order is its id's number."""
    number = order or "".join(filter(str.isdigit, task)) or "1"
    values = (number, task, title, status, owner, prd, branch, pr, date, evidence, notes)
    return "| " + " | ".join(values) + " |\n"


def spec(name: str, **documents: bytes | None) -> dict[str, bytes]:
    """A SPEC directory with sound documents; `plan=b"..."` replaces one, `plan=None` leaves it out."""
    made = {"spec": SPEC, "plan": PLAN, "tasks": TASKS} | documents
    return {f"docs/{name}/{key}.md": text for key, text in made.items() if text is not None}


def judge(
    tracker: str | bytes | None,
    files: dict[str, bytes] | None = None,
    *,
    base: str | bytes | dict[str, bytes] | None = None,
    settings: Settings | None = None,
    scope: str | None = None,
) -> list[Observation]:
    """What `lint` says of a tracker among the usual files. `base` is the tracker it is compared with."""
    before = base if isinstance(base, dict) else {"SPEC.md": _bytes(base)} if base is not None else None
    world = FILES | (files or {}) | ({} if tracker is None else {"SPEC.md": _bytes(tracker)})
    snapshot = MemorySnapshot(world, MemorySnapshot(before) if before is not None else None)
    return list(check_named("lint").run(CheckContext(snapshot, settings or Settings(), NOW, Scope(spec=scope))))


def findings(*arguments: object, **named: object) -> list[Finding]:
    return [seen for seen in judge(*arguments, **named) if isinstance(seen, Finding)]  # type: ignore[arg-type]


def codes(*arguments: object, **named: object) -> list[str]:
    """The rules of the findings, in order; warnings with a `~`."""
    return [
        seen.rule.code if seen.severity == "error" else "~" + seen.rule.code for seen in findings(*arguments, **named)
    ]


def messages(*arguments: object, **named: object) -> list[str]:
    return [seen.message for seen in findings(*arguments, **named)]


def checked(*arguments: object, **named: object) -> list[str]:
    return [seen.path for seen in judge(*arguments, **named) if isinstance(seen, Checked)]  # type: ignore[arg-type]


def _bytes(text: str | bytes) -> bytes:
    return text.encode() if isinstance(text, str) else text
