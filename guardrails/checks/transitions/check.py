"""How the tracker changed, commit by commit: which status followed which, what Done rests on, what is gone.

Judged is what a range, a push or a commit adds, and at the index or in the working tree what is about to be added.
Where the tracker did not change, what reads it is not even imported.
"""

from __future__ import annotations

from collections.abc import Iterator

from guardrails.core.finding import Checked, Observation
from guardrails.snapshot.context import CheckContext
from guardrails.snapshot.file_history import history_of, replaces
from guardrails.snapshot.history import History


def check(context: CheckContext) -> Iterator[Observation]:
    """One finding for each step, row or thread that should not be as it is. Nothing where there never was a tracker."""
    path = context.settings.layout.tracker
    history = history_of(context.snapshot, path)
    replaced = replaces(context.snapshot, path)
    if not (history is not None and _blobs(history)) and not replaced:
        return
    yield Checked(path)
    if replaced or (history is not None and _changes(history)):
        from guardrails.checks.transitions import report

        yield from report.judge(context, history, replaced)


def _blobs(history: History) -> set[str]:
    blobs = {step.blob for step in history.steps} | {*history.before.values()}
    return {blob for blob in blobs if blob is not None}


def _changes(history: History) -> bool:
    """Whether any step has another tracker than a commit it follows."""
    known = {**history.before, **{step.id: step.blob for step in history.steps}}
    return not all(step.parents and {known[parent] for parent in step.parents} == {step.blob} for step in history.steps)
