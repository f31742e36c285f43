"""From commit to commit: what became of each row. Pure over a history and the picture each commit gives.

A merge is compared with all its parents, so that nothing is told twice: what any parent has was told there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from guardrails.checks.transitions.rows import NOTHING, Crowd, Picture, Row
from guardrails.snapshot.history import History, Step

Pictures = Callable[[str | None], Picture | None]
"""The picture of a content, by its name; None when it cannot be read."""


class Known(NamedTuple):
    """The last that is known of a row, and the step that removed it, None while it is there."""

    row: Row
    gone: Step | None = None


State = Mapping[str, Known]


class Change(NamedTuple):
    """A row's status after a step, and before it: in each parent that knew the row, none when it is new."""

    step: Step
    key: str
    before: tuple[Row, ...]
    after: Row


class Crowding(NamedTuple):
    """A thread that a step leaves with several tasks In Progress, which no parent had so."""

    step: Step
    crowd: Crowd


class Told(NamedTuple):
    """All that happened, and what is known of each row at the tip."""

    changes: tuple[Change, ...]
    crowdings: tuple[Crowding, ...]
    tip: State


def walk(history: History, pictures: Pictures) -> Told:
    """What the steps of a history did to the rows."""
    blobs: dict[str, str | None] = dict(history.before)
    states: dict[str, State] = {name: _begin(pictures(blob)) for name, blob in blobs.items()}
    changes: list[Change] = []
    crowdings: list[Crowding] = []
    state: State = {}
    for step in history.steps:
        befores = [states[parent] for parent in step.parents]
        if len(befores) == 1 and blobs[step.parents[0]] == step.blob:
            state = befores[0]
        else:
            shown = NOTHING if step.blob is None else pictures(step.blob)
            parents = [blobs[parent] for parent in step.parents]
            if shown is not None:
                changes += _changes(step, shown, befores, any(blob is not None for blob in parents))
                if step.blob not in parents:
                    crowdings += _crowdings(step, shown, [pictures(blob) for blob in parents])
            state = _after(history, step, shown, befores, pictures)
        blobs[step.id], states[step.id] = step.blob, state
    return Told(tuple(changes), tuple(crowdings), state)


def _begin(shown: Picture | None) -> State:
    return {key: Known(row) for key, row in shown.rows.items()} if shown else {}


def _changes(step: Step, shown: Picture, befores: Sequence[State], had_tracker: bool) -> Iterable[Change]:
    for key, row in shown.rows.items():
        before = tuple(state[key].row for state in befores if key in state)
        if before and all(older.status != row.status for older in before):
            yield Change(step, key, before, row)
        elif not before and had_tracker:  # the rows a tracker begins with have no past that could be judged
            yield Change(step, key, (), row)


def _crowdings(step: Step, shown: Picture, parents: Sequence[Picture | None]) -> Iterable[Crowding]:
    for thread, crowd in shown.crowds.items():
        inherited = (parent.crowds.get(thread) for parent in parents if parent)
        if not any(older and set(crowd.tasks) <= set(older.tasks) for older in inherited):
            yield Crowding(step, crowd)


def _after(
    history: History, step: Step, shown: Picture | None, befores: Sequence[State], pictures: Pictures
) -> dict[str, Known]:
    """What is known of each row after a step: a row that is gone is remembered with the step that removed it."""
    union: dict[str, Known] = {}
    for state in befores:
        for key, known in state.items():
            if key not in union or union[key].gone:
                union[key] = known
    if shown is None:  # nobody can say what changed
        return union
    after = {key: Known(row) for key, row in shown.rows.items()}
    missing = [key for key in union if key not in after]
    dropped: list[str] = []
    for key in missing:
        if key in shown.ids:
            after[key] = union[key]._replace(gone=None)  # it is there, under a status or an id that cannot be read
        elif union[key].gone:
            after[key] = union[key]
        else:
            dropped.append(key)
    elsewhere = _removed_elsewhere(history, step, dropped, befores, pictures)
    after.update({key: union[key]._replace(gone=step) for key in dropped if key not in elsewhere})
    return after


def _removed_elsewhere(
    history: History, step: Step, dropped: Sequence[str], befores: Sequence[State], pictures: Pictures
) -> set[str]:
    """The rows that a side of a merge removed before what is judged: its common ancestor had them, and it has not."""
    lacking = {key for key in dropped if any(key not in state for state in befores)}
    if not lacking:
        return set()
    shown = [pictures(blob) for blob in history.bases(step.parents)]
    return {key for key in lacking if any(base is not None and key in base.ids for base in shown)}
