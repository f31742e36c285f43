"""Plan telemetry as a stage run leaves it: about 1.2 KB, with policy notes and the digests of two artifacts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from hashlib import sha256

from benchmarks.data import File

EVIDENCE = "docs/SPEC-OPS-004-integrated-coder-hooks/evidence"
SESSIONS = 200
"""Plan runs of one SPEC."""
_FIRST = datetime(2025, 1, 1, tzinfo=timezone.utc)
_NOTES = (
    "no policy forbids the files this plan touches",
    "plan names an owner, a validation step and a rollback for each of its {} work items",
)


def spec_id(number: int) -> str:
    return f"SPEC-BENCH-{number:03}"


def stamp(number: int) -> str:
    """The compact time stamp of session `number`."""
    return (_FIRST + timedelta(minutes=number)).strftime("%Y%m%dT%H%M%SZ")


def sessions(count: int, own_artifacts: bool = False) -> Iterator[File]:
    """`count` telemetry files and the artifacts they name.

    The artifacts are the SPEC's own spec.md and plan.md; with `own_artifacts` a report and a log of each session,
    two more files to read and to hash for each record.
    """
    shared: dict[str, bytes] = {}
    for number in range(count):
        spec = spec_id(1 + number // SESSIONS)
        artifacts = _reports(spec, number) if own_artifacts else _documents(spec)
        shared.update(artifacts)
        yield plan(spec, number, artifacts)
    yield from shared.items()


def plan(spec: str, number: int, artifacts: list[File]) -> File:
    """The telemetry of one plan run."""
    session = f"{stamp(number)}-{number:05}"
    folder = f"{EVIDENCE}/commands/{spec}"
    layers = [
        {"model": model, "status": "passed", "note": note.format(3 + number % 7), "exit_code": 0, "duration_ms": time}
        for model, note, time in zip(("policy-small", "policy-large"), _NOTES, (812, 2640), strict=True)
    ]
    record = {
        "schemaVersion": 1,
        "command": "spec-ops-plan",
        "specId": spec,
        "sessionId": session,
        "timestamp": (_FIRST + timedelta(minutes=number)).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "baseline": {"mode": "full", "artifact": f"{folder}/baseline_{session}.md", "status": "passed"},
        "hooks": {"session.start": "ok"},
        "policy": {"prefilter": layers[0], "final": layers[1]},
        "hal": {"mode": "off", "summary": {"status": "skipped", "failed_checks": [], "artifacts": []}},
        "artifacts": [{"path": path, "sha256": sha256(data).hexdigest()} for path, data in artifacts],
    }
    return f"{folder}/spec-plan_{session}.json", json.dumps(record, indent=2).encode() + b"\n"


def _documents(spec: str) -> list[File]:
    sections = ("Context", "Objectives", "Constraints", "Risks", "Open questions")
    return [
        (
            f"docs/{spec}/{name}.md",
            "\n\n".join(f"## {section}\n\nOf the {name} of {spec}." for section in sections).encode() + b"\n",
        )
        for name in ("spec", "plan")
    ]


def _reports(spec: str, number: int) -> list[File]:
    session = f"{stamp(number)}-{number:05}"
    lines = "".join(f"{session} step {step}: passed\n" for step in range(25))
    folder = f"{EVIDENCE}/commands/{spec}"
    report = f"# Baseline of {session}\n\nThe packet of {spec} is complete.\n"
    return [(f"{folder}/baseline_{session}.md", report.encode()), (f"{folder}/spec-plan_{session}.log", lines.encode())]
