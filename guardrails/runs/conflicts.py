"""The open conflicts of a stage's latest session: what a person can settle."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, NamedTuple

from guardrails.agents.run_context import RunContext
from guardrails.consensus.load import ConsensusFile, candidates, cases
from guardrails.consensus.model import Conflict
from guardrails.consensus.sessions import ConsensusSession, group, latest
from guardrails.core.schema import is_valid
from guardrails.core.timestamps import parse_stamp, stamped
from guardrails.errors import GuardrailError
from guardrails.evidence.names import StageSession, consensus_path
from guardrails.evidence.store import EvidenceStore, WrittenFile
from guardrails.runs.reload import gather, verdict_of
from guardrails.secrets.redact import redactor_of
from guardrails.snapshot.context import Scope
from guardrails.snapshot.worktree import Worktree


class Dispute(NamedTuple):
    """A session and its open conflicts, in the order they are numbered from 1."""

    session: StageSession
    conflicts: tuple[Conflict, ...]
    settled: int
    """how many are settled already"""

    def find(self, wanted: str) -> Conflict:
        """The conflict of a number or an id. Raises GuardrailError when there is none."""
        if wanted.isdecimal() and 0 < int(wanted) <= len(self.conflicts):
            return self.conflicts[int(wanted) - 1]
        for conflict in self.conflicts:
            if conflict.id == wanted.lower():
                return conflict
        known = ", ".join(f"{number} ({each.id})" for number, each in enumerate(self.conflicts, 1))
        raise GuardrailError(f"there is no open conflict '{wanted}'", f"open are: {known or 'none'}")


def dispute(world: RunContext, stage: str) -> Dispute:
    """The latest session of a stage. Raises GuardrailError where there is none that can be added to."""
    session = _named(world, stage, _latest(world, stage))
    gathered = gather(world, session)
    verdict = verdict_of(world, gathered, ())
    return Dispute(session, verdict.conflicts, len(verdict.resolved))


def _latest(world: RunContext, stage: str) -> ConsensusSession:
    snapshot = Worktree(world.repo)
    scope = Scope(spec=world.spec, stage=stage)
    found = [each for each in candidates(snapshot, world.settings.layout, scope) if isinstance(each, ConsensusFile)]
    case = cases(snapshot, world.settings, found, is_valid).get((world.spec, stage))
    sessions = latest(group(case.outputs, case.records, case.witnesses)) if case else []
    if not sessions:
        raise GuardrailError(
            f"{world.spec} has no consensus evidence of {stage}", f"speckit consensus run {stage} {world.spec}"
        )
    if len(sessions) > 1:
        raise GuardrailError(
            f"{stage} of {world.spec} has {len(sessions)} latest sessions",
            "run the stage again",
        )
    return sessions[0]


def _named(world: RunContext, stage: str, filed: ConsensusSession) -> StageSession:
    stamp = parse_stamp(filed.stamp)
    if stamp is None or stamp.session is None:
        raise GuardrailError(
            f"the latest session of {stage} has no name that a resolution could be filed under",
            f"run the stage again: speckit consensus run {stage} {world.spec}",
        )
    session = StageSession(world.spec, stage, stamp.when, stamp.session)
    if session.stamp != filed.stamp:
        raise GuardrailError(
            f"the latest session of {stage} is named in an older style ({filed.stamp})",
            f"run the stage again: speckit consensus run {stage} {world.spec}",
        )
    return session


# Write the record that settles a conflict: which one, what was decided and why, by whom and when.


def write_resolution(
    world: RunContext, session: StageSession, conflict: Conflict, because: str, by: str, at: datetime, number: int = 0
) -> WrittenFile:
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
    kept = redactor_of(world.settings, world.environment).value({"because": because, "by": by})
    named = session._replace(started=at + timedelta(seconds=number))
    path = consensus_path(world.settings.layout, named, "resolution.json")
    return EvidenceStore(world.repo.root).record(path, "resolution", {**document, **kept}, replace=True)
