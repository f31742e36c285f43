"""`evidence verify`: the evidence of each run is what the run wrote.

The judging is imported where there are runs or archives, or were: hooks start often, and few repositories have any.
"""

from __future__ import annotations

from collections.abc import Iterator

from guardrails.finding import Observation
from guardrails.snapshot import Snapshot
from guardrails.subject import Subject

COMPARED = ("worktree", "index", "range", "push")
"""Kinds of source that are held against what was there before."""
_KINDS = frozenset(("runs", "archive"))


def check(subject: Subject) -> Iterator[Observation]:
    """Every finding about the runs and archives of the snapshot, or of the SPEC or run that was named."""
    if _concerns(subject):
        from guardrails.checks import ledger_judging

        yield from ledger_judging.check(subject)


def _concerns(subject: Subject) -> bool:
    root, snapshot = subject.settings.layout.evidence, subject.snapshot
    if subject.scope.spec is not None or subject.scope.run is not None or _holds(snapshot, root):
        return True
    base = snapshot.base if snapshot.source.kind in COMPARED else None
    return base is not None and _holds(base, root)


def _holds(snapshot: Snapshot, root: str) -> bool:
    return not _KINDS.isdisjoint(snapshot.folders(root))
