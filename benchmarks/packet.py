"""SPEC packets as a repository holds them: documents, tracker, telemetry, costs and one consensus session each."""

from __future__ import annotations

import json
from collections.abc import Iterator

from benchmarks import telemetry
from benchmarks.answers import consensus
from benchmarks.data import File
from benchmarks.telemetry import EVIDENCE, spec_id

SESSIONS = 12
"""Plan runs of one SPEC."""
ROWS = 3
"""Tracker rows of one SPEC of a guarded repository."""
EDITED = 20
"""One row in this many is revised by the edit."""
CHANGED = 10
"""SPECs that a commit touches at most."""
_HEADER = [
    *("Order", "Task ID", "Title", "Status", "Owners", "PRD", "Branch", "PR"),
    *("Last Validation", "Evidence", "Notes"),
]
_STATUSES = ("Done", "**Done**", "Done", "In Review", "In Progress", "Blocked", "Backlog")


def files(specs: int) -> Iterator[File]:
    """A repository of `specs` SPECs at a commit."""
    for number in range(1, specs + 1):
        documents = list(_documents(number))
        yield from documents
        yield from consensus(spec_id(number), documents[0])
        yield _costs(spec_id(number))
        for session in range(SESSIONS):
            yield telemetry.plan(spec_id(number), session, documents[:1])
    yield "SPEC.md", _tracker(specs * ROWS, ROWS)
    yield from _runs(specs * ROWS, ROWS)


def changes(specs: int) -> Iterator[File]:
    """What a commit adds to it: two more plan runs for some SPECs, their plans and the tracker edited."""
    for number in range(1, min(specs, CHANGED) + 1):
        spec, plan, tasks = list(_documents(number))[:3]
        yield plan[0], plan[1] + b"\nMilestone two was split.\n"
        for session in (SESSIONS, SESSIONS + 1):
            yield telemetry.plan(spec_id(number), session, [spec, tasks])
    yield "SPEC.md", _tracker(specs * ROWS, ROWS, edited=True)


def tracked(rows: int) -> Iterator[File]:
    """A repository with a tracker of `rows` rows for one SPEC, and a file of evidence for each of them."""
    yield "SPEC.md", _tracker(rows, rows)
    yield from _documents(1)
    yield from _runs(rows, rows)


def edited_tracker(rows: int) -> File:
    """The tracker of `tracked` with some rows revised."""
    return "SPEC.md", _tracker(rows, rows, edited=True)


def _tracker(rows: int, share: int, edited: bool = False) -> bytes:
    lines = ["# Tracker", "", "What is planned and how far it is.", ""]
    lines += [_line(_HEADER), _line(["---"] * len(_HEADER))]
    lines += [_line(_row(number, share, edited and number % EDITED == 0)) for number in range(rows)]
    return "\n".join([*lines, "", "See docs/ for the packets.", ""]).encode()


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _row(number: int, share: int, revised: bool) -> list[str]:
    spec, status = spec_id(1 + number // share), _STATUSES[number % len(_STATUSES)]
    begun = status not in ("Blocked", "Backlog")
    return [
        str(number + 1),
        f"{spec}-T{number % share + 1}",
        f"{spec}: work item {number}" + (", revised" if revised else ""),
        status,
        "Dana, Kim" if begun else "",
        f"docs/{spec}/PRD.md",
        f"feat/item-{number}" if begun else "-",
        f"#{number + 10}" if begun else "",
        "2025-10-05" if begun else "",
        f"`{_run(number, share)}`, docs/{spec}/plan.md" if begun else "",
        "milestone moved after review" if revised else "as planned",
    ]


def _run(number: int, share: int) -> str:
    return f"docs/{spec_id(1 + number // share)}/evidence/item-{number}.log"


def _runs(rows: int, share: int) -> Iterator[File]:
    """The log that each row names as its evidence."""
    for number in range(rows):
        yield _run(number, share), b"item %d\nall steps passed\n" % number


def _costs(spec: str) -> File:
    stage = {"usd": 0.12, "tokens": 5200, "source": "measured"}
    summary = {
        "specId": spec,
        "schemaVersion": 1,
        "generatedAt": "2025-02-01T10:00:00Z",
        "runProfile": "default",
        "per_stage": {"plan": stage, "tasks": stage},
        "total_usd": 0.24,
        "total_tokens": 10400,
        "calls": 6,
        "priced_calls": 6,
        "budget": None,
    }
    return f"{EVIDENCE}/costs/{spec}_cost_summary.json", json.dumps(summary, indent=2).encode() + b"\n"


def _documents(number: int) -> Iterator[File]:
    """spec.md, plan.md, tasks.md and PRD.md with what they must hold."""
    spec = spec_id(number)
    for name, text in (("spec.md", _SPEC), ("plan.md", _PLAN), ("tasks.md", _TASKS), ("PRD.md", _SPEC)):
        yield f"docs/{spec}/{name}", text.replace("SPEC-ID", spec).encode()


_PROSE = "The service keeps reminders of each user and sends them by mail and by chat. " * 6
_SPEC = f"# Spec: SPEC-ID\n\n## Context\n\n{_PROSE}\n\n## Objectives\n\n" + "\n".join(
    f"- Objective {number}: a reader can tell whether it is met" for number in range(1, 9)
)
_PLAN = (
    f"# Plan: SPEC-ID\n\n## Inputs\n\n{_PROSE}\n\n## Work Breakdown\n\n"
    + "\n".join(f"{number}. Step {number} of the work" for number in range(1, 9))
    + "\n\n## Acceptance Mapping\n\n| Requirement | Validation Step |\n| --- | --- |\n"
    + "\n".join(f"| R{number} | `make check-{number}` |" for number in range(1, 9))
    + f"\n\n## Risks & Unknowns\n\n{_PROSE}\n\n## Exit Criteria\n\n- all of them are met\n"
)
_TASKS = (
    "# Tasks: SPEC-ID\n\n| Order | Task | Owner | Status | Validation |\n| --- | --- | --- | --- | --- |\n"
    + "\n".join(f"| {number} | T{number} | Dana | Done | `make check-{number}` |" for number in range(1, 13))
    + "\n"
)
