"""The telemetry of a stage's consensus: one JSON object a line, in the order things happened."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

import orjson

from guardrails.consensus.values import Settled, Verdict
from guardrails.evidence.names import Session, consensus_path
from guardrails.evidence.store import Store, Written
from guardrails.pipeline.answer_records import event
from guardrails.pipeline.history import Recovered
from guardrails.pipeline.moments import stamped
from guardrails.pipeline.rounds import Round
from guardrails.pipeline.world import World
from guardrails.redaction import needles, redacted
from guardrails.schema import faults

SCHEMA = "consensus_telemetry"
_NO_REASON = "no reason was given"


def write_telemetry(world: World, session: Session, documents: Iterable[dict[str, Any]]) -> Written:
    """Write the telemetry of a session whole. Raises ValueError for a line that does not satisfy its schema."""
    known = needles(world.settings.secrets.variables, world.environment)
    made = []
    for document in documents:
        for fault in faults(SCHEMA, document):
            raise ValueError(f"{SCHEMA}{fault.pointer}: {fault.message}")
        made.append(orjson.dumps(redacted(document, known)) + b"\n")
    path = consensus_path(world.settings.layout, session, "telemetry.jsonl")
    return Store(world.repo.root).write(path, b"".join(made), replace=True)


def of_calls(
    session: Session, run: str | None, rounds: Sequence[Round], recovered: Sequence[Recovered]
) -> Iterator[dict[str, Any]]:
    """Calls and steps of recovery, by when they happened; a step stands before the calls it led to."""
    steps = [(each.at, 0, number, recovery(session, run, each)) for number, each in enumerate(recovered)]
    calls = [
        (made.finished, 1, number, event(session, run, made))
        for number, made in enumerate(made for each in rounds for made in each.made)
    ]
    for *_, document in sorted((*steps, *calls), key=lambda row: row[:3]):
        yield document


def recovery(session: Session, run: str | None, step: Recovered) -> dict[str, Any]:
    document = {
        **_head(session, run, "recovery", step.at),
        "action": step.action,
        "reason": step.reason or _NO_REASON,
        "agents": list(step.agents),
        "attempt": step.attempt,
        "wait_ms": round(step.wait * 1000),
    }
    if step.profile is not None:
        document["profile"] = step.profile
    return document


def of_outcome(
    session: Session, run: str | None, verdict: Verdict, synthesis: Written, record: Written, at: datetime
) -> Iterator[dict[str, Any]]:
    """What settled conflicts, the synthesis and the verdict."""
    for settled in verdict.resolved:
        yield _resolved(session, run, settled, at)
    yield {**_head(session, run, "synthesis", at), "path": synthesis.path, "sha256": synthesis.sha256}
    yield {
        **_head(session, run, "verdict", at),
        "verdict": verdict.kind,
        "participation": verdict.participation,
        "agreement": verdict.agreement,
        "path": record.path,
        "sha256": record.sha256,
    }


def _resolved(session: Session, run: str | None, settled: Settled, at: datetime) -> dict[str, Any]:
    by = settled.resolution
    reason = f"{settled.conflict.text}: {by.because}" if by.because else settled.conflict.text
    return {**_head(session, run, "recovery", by.when or at), "action": "resolve", "reason": reason, "agents": []}


def _head(session: Session, run: str | None, what: str, at: datetime) -> dict[str, Any]:
    head: dict[str, Any] = {
        "schemaVersion": "2.0",
        "event": what,
        "specId": session.spec,
        "stage": session.stage,
        "session": session.stamp,
        "timestamp": stamped(at),
    }
    return head if run is None else {**head, "run": run}
