"""Whether there is anything for a check to examine, asked before the check itself is imported.

Hooks start often, and few repositories have runs, archives or acceptance criteria.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from guardrails.config.layout import ACCEPTANCE

if TYPE_CHECKING:
    from guardrails.snapshot.base import Snapshot
    from guardrails.snapshot.context import CheckContext

COMPARED = ("worktree", "index", "range", "push")
"""Kinds of source that are compared with what was there before."""
_LEDGER_FOLDERS = frozenset(("runs", "archive"))


def has_runs(context: CheckContext) -> bool:
    """Whether there are runs or archives, or there were in the base, or the scope names one."""
    root, snapshot = context.settings.layout.evidence, context.snapshot
    if context.scope.spec is not None or context.scope.run is not None or _holds_runs(snapshot, root):
        return True
    base = snapshot.base if snapshot.source.kind in COMPARED else None
    return base is not None and _holds_runs(base, root)


def _holds_runs(snapshot: Snapshot, root: str) -> bool:
    return not _LEDGER_FOLDERS.isdisjoint(snapshot.folders(root))


def declares_acceptance(context: CheckContext) -> bool:
    """Whether a SPEC declares acceptance criteria, or the configuration or the scope asks for them."""
    snapshot, layout = context.snapshot, context.settings.layout
    if context.scope.spec is not None or context.settings.acceptance.require:
        return True
    places = (f"{layout.docs}/{name}" for name in snapshot.folders(layout.docs) if layout.id_of(name))
    return any(snapshot.entries(f"{place}/{ACCEPTANCE}") for place in places)
