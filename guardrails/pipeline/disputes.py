"""The open conflicts of a stage's latest session: what a person can settle."""

from __future__ import annotations

from typing import NamedTuple

from guardrails.consensus.gathering import Candidate, candidates, cases
from guardrails.consensus.sessions import Session as FiledSession
from guardrails.consensus.sessions import group, latest
from guardrails.consensus.values import Conflict
from guardrails.errors import GuardrailError
from guardrails.evidence.names import Session
from guardrails.pipeline.gathered import gather, verdict_of
from guardrails.pipeline.world import World
from guardrails.schema import is_valid
from guardrails.snapshot.worktree import Worktree
from guardrails.subject import Scope
from guardrails.timestamps import parse_stamp


class Dispute(NamedTuple):
    """A session and its open conflicts, in the order they are numbered from 1."""

    session: Session
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


def dispute(world: World, stage: str) -> Dispute:
    """The latest session of a stage. Raises GuardrailError where there is none that can be added to."""
    session = _named(world, stage, _latest(world, stage))
    gathered = gather(world, session)
    verdict = verdict_of(world, gathered, ())
    return Dispute(session, verdict.conflicts, len(verdict.resolved))


def _latest(world: World, stage: str) -> FiledSession:
    snapshot = Worktree(world.repo)
    scope = Scope(spec=world.spec, stage=stage)
    found = [each for each in candidates(snapshot, world.settings.layout, scope) if isinstance(each, Candidate)]
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


def _named(world: World, stage: str, filed: FiledSession) -> Session:
    stamp = parse_stamp(filed.stamp)
    if stamp is None or stamp.session is None:
        raise GuardrailError(
            f"the latest session of {stage} has no name that a resolution could be filed under",
            f"run the stage again: speckit consensus run {stage} {world.spec}",
        )
    session = Session(world.spec, stage, stamp.when, stamp.session)
    if session.stamp != filed.stamp:
        raise GuardrailError(
            f"the latest session of {stage} is named in an older style ({filed.stamp})",
            f"run the stage again: speckit consensus run {stage} {world.spec}",
        )
    return session
