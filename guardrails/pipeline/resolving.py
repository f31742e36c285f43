"""Write the record that settles a conflict: which one, what was decided and why, by whom and when."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from guardrails.consensus.values import Conflict
from guardrails.evidence.names import Session, consensus_path
from guardrails.evidence.store import Store, Written
from guardrails.pipeline.moments import stamped
from guardrails.pipeline.world import World
from guardrails.redaction import needles, redacted


def write_resolution(
    world: World, session: Session, conflict: Conflict, because: str, by: str, at: datetime, number: int = 0
) -> Written:
    """The record of one decision (schema resolution). Its name has the session's nonce and a second of its own:
    `number` tells apart those that are made at the same moment. Done again it writes the same file."""
    document: dict[str, Any] = {
        "schemaVersion": 1,
        "specId": session.spec,
        "stage": session.stage,
        "session": session.stamp,
        "conflict": conflict.id,
        "text": conflict.text,
        "because": because,
        "by": by,
        "timestamp": stamped(at),
    }
    if world.run is not None:
        document["run"] = world.run
    kept = redacted({"because": because, "by": by}, needles(world.settings.secrets.variables, world.environment))
    named = session._replace(started=at + timedelta(seconds=number))
    path = consensus_path(world.settings.layout, named, "resolution.json")
    return Store(world.repo.root).record(path, "resolution", {**document, **kept}, replace=True)
