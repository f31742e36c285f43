"""Which conflicts are settled, and which resolution records settle nothing."""

from __future__ import annotations

import re
from collections.abc import Sequence

from guardrails.consensus.statements import ID_LENGTH, identity
from guardrails.consensus.usable import foreign
from guardrails.consensus.values import Conflict, Problem, Question, Resolution, Settled

_ID = re.compile(rf"[0-9a-f]{{{ID_LENGTH}}}")


def settled(
    conflicts: Sequence[Conflict], resolutions: Sequence[Resolution], question: Question
) -> tuple[Settled, ...]:
    """The conflicts that a sound resolution names."""
    by_target: dict[str, Resolution] = {}
    for resolution in sorted(resolutions, key=lambda each: each.path):
        target = target_of(resolution)
        if target and not faults_of_resolution(resolution, question):
            by_target.setdefault(target, resolution)
    return tuple(Settled(conflict, by_target[conflict.id]) for conflict in conflicts if conflict.id in by_target)


def target_of(resolution: Resolution) -> str | None:
    """The id of the conflict a resolution names, by id, by text, or by both if they are of the same one."""
    ids = {identity(resolution.text)} if resolution.text is not None else set()
    if resolution.conflict is not None:
        ids.add(resolution.conflict if _ID.fullmatch(resolution.conflict) else identity(resolution.conflict))
    return ids.pop() if len(ids) == 1 else None


def faults_of_resolution(resolution: Resolution, question: Question) -> tuple[Problem, ...]:
    """Why a resolution settles nothing for this question."""
    if resolution.problems:
        return resolution.problems
    if target_of(resolution) is None:
        return (Problem("incomplete", "names one conflict by its id and another by its text"),)
    # Its session was compared when it was assigned: a resolution may be stamped later than what it settles.
    return tuple(foreign(resolution.named._replace(sessions=frozenset()), question))
