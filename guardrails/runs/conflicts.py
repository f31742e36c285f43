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
from guardrails.runs.reload import load_answers, verdict_of
from guardrails.secrets.redact import redactor_of
from guardrails.snapshot.context import Scope
from guardrails.snapshot.worktree import Worktree


class OpenConflicts(NamedTuple):
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


def open_conflicts(run_context: RunContext, stage: str) -> OpenConflicts:
    """The latest session of a stage. Raises GuardrailError where there is none that can be added to."""
    session = _named(run_context, stage, _latest(run_context, stage))
    gathered = load_answers(run_context, session)
    verdict = verdict_of(run_context, gathered, ())
    return OpenConflicts(session, verdict.conflicts, len(verdict.resolved))


def _latest(run_context: RunContext, stage: str) -> ConsensusSession:
    snapshot = Worktree(run_context.repo)
    scope = Scope(spec=run_context.spec, stage=stage)
    found = [
        each for each in candidates(snapshot, run_context.settings.layout, scope) if isinstance(each, ConsensusFile)
    ]
    case = cases(snapshot, run_context.settings, found, is_valid).get((run_context.spec, stage))
    sessions = latest(group(case.outputs, case.records, case.witnesses, case.ballots)) if case else []
    if not sessions:
        raise GuardrailError(
            f"{run_context.spec} has no consensus evidence of {stage}",
            f"speckit consensus run {stage} {run_context.spec}",
        )
    if len(sessions) > 1:
        raise GuardrailError(
            f"{stage} of {run_context.spec} has {len(sessions)} latest sessions",
            "run the stage again",
        )
    return sessions[0]


def _named(run_context: RunContext, stage: str, filed: ConsensusSession) -> StageSession:
    stamp = parse_stamp(filed.stamp)
    if stamp is None or stamp.session is None:
        raise GuardrailError(
            f"the latest session of {stage} has no name that a resolution could be filed under",
            f"run the stage again: speckit consensus run {stage} {run_context.spec}",
        )
    session = StageSession(run_context.spec, stage, stamp.when, stamp.session)
    if session.stamp != filed.stamp:
        raise GuardrailError(
            f"the latest session of {stage} is named in an older style ({filed.stamp})",
            f"run the stage again: speckit consensus run {stage} {run_context.spec}",
        )
    return session


# Write the record that settles a conflict: which one, what was decided and why, by whom and when.


class ConflictDecision(NamedTuple):
    """What was decided, why and by whom. `proceed`: whether the stage goes on, where the agents disagree about it."""

    because: str
    by: str
    proceed: bool | None = None


def write_resolution(
    run_context: RunContext,
    session: StageSession,
    conflict: Conflict,
    decision: ConflictDecision,
    at: datetime,
    number: int = 0,
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
        "because": decision.because,
        "by": decision.by,
        "timestamp": stamped(at),
    }
    if decision.proceed is not None:
        document["proceed"] = decision.proceed
    if run_context.run is not None:
        document["run"] = run_context.run
    said = {"because": decision.because, "by": decision.by}
    kept = redactor_of(run_context.settings, run_context.environment).value(said)
    named = session._replace(started=at + timedelta(seconds=number))
    path = consensus_path(run_context.settings.layout, named, "resolution.json")
    return EvidenceStore(run_context.repo.root).record(path, "resolution", {**document, **kept}, replace=True)
