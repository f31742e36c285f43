"""What the tracker says in one commit, reduced to what a later commit is compared with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from guardrails.checks.lint.tracker import threads
from guardrails.config.settings import TrackerSettings
from guardrails.core.markdown import decode, parse_markdown
from guardrails.layouts.tracker import StatusRow, fold, is_empty, roles, status_tables, visible_form


class TaskState(NamedTuple):
    """A task: how messages call it, its configured status, and what that counts as, in lower case."""

    name: str
    status: str
    role: str


class ThreadConflict(NamedTuple):
    """Several tasks of one thread that are In Progress, and how a message speaks of the thread."""

    words: str
    tasks: tuple[str, ...]


class TrackerState(NamedTuple):
    """The tracker of one commit. `rows` are the tasks whose status is known, by id; `ids` are all ids that stand in
    it; `crowds` are told by their thread."""

    rows: Mapping[str, TaskState]
    ids: frozenset[str]
    crowds: Mapping[str, ThreadConflict]


NOTHING = TrackerState({}, frozenset(), {})


def tracker_state(data: bytes | None, settings: TrackerSettings) -> TrackerState | None:
    """The picture a tracker's bytes give; None when they cannot be read."""
    text = decode(data) if data is not None else None
    if not isinstance(text, str):
        return None
    document = parse_markdown(text)
    if document.too_large:
        return None
    tables = status_tables(document, settings.statuses)
    items = [item for table in tables if table.columns.lists_tasks for item in table.items]
    rows = dict(_rows(items))
    ids = frozenset(visible_form(item.task) for item in items if not is_empty(item.task))
    everything = [item for table in tables for item in table.items]
    return TrackerState(rows, ids, _crowds(everything, settings) if settings.one_in_progress else {})


def _rows(items: Sequence[StatusRow]) -> Iterator[tuple[str, TaskState]]:
    """Each task by its id. Where several rows have one id, they count as long as they agree."""
    by_id: dict[str, set[TaskState]] = {}
    for item in items:
        if item.whole and item.status and not is_empty(item.task):
            by_id.setdefault(visible_form(item.task), set()).add(TaskState(item.name, item.status, item.role))
    for key, rows in by_id.items():
        if len({row.status for row in rows}) == 1:
            yield key, min(rows)


def _crowds(items: Sequence[StatusRow], settings: TrackerSettings) -> dict[str, ThreadConflict]:
    found = threads(items, settings.thread).items()
    several = ((where, tasks) for where, tasks in found if len(tasks) > 1)
    return {
        where.identity: ThreadConflict(where.words, tuple(sorted(task.name for task in tasks)))
        for where, tasks in several
    }


class Edges(NamedTuple):
    """Which status may follow which. `spoken_of` are the statuses the table knows; others are free."""

    after: Mapping[str, frozenset[str]]
    spoken_of: frozenset[str]

    def allow(self, before: TaskState, after: TaskState) -> bool:
        """Whether a task may go from the one to the other."""
        if before.role == after.role or before.role not in self.after or after.role not in self.spoken_of:
            return True
        return after.role in self.after[before.role]


def edges(settings: TrackerSettings) -> Edges:
    """The configured steps, by what each status counts as: where Done is called Shipped, Shipped is meant."""
    known = roles(settings.statuses)

    def role(status: str) -> str:
        found = known.get(fold(status))
        return found.role if found else fold(status)

    after = {role(status): frozenset(map(role, targets)) for status, targets in settings.transitions}
    return Edges(after, frozenset(after).union(*after.values()))
