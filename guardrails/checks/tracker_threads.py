"""Rules that compare the rows of a tracker: with each other, and with the revision before."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from guardrails.checks.tracker_items import IN_PROGRESS, is_in
from guardrails.checks.tracker_layout import is_empty
from guardrails.checks.tracker_looks import look
from guardrails.checks.tracker_rows import Item, quoted
from guardrails.finding import Finding
from guardrails.rules.tracker import DUPLICATE_TASK, SEVERAL_IN_PROGRESS, STATUS_WITHOUT_NOTE

Thread = Literal["branch", "table", "file"]


def key_of(item: Item) -> tuple[int, str]:
    """What identifies a row: its id, and its table where ids are names that only the table knows."""
    return (-1 if item.columns.strong else item.table, look(item.task))


def duplicates(path: str, items: Sequence[Item]) -> Iterator[Finding]:
    """The same task in two rows."""
    seen: dict[tuple[int, str], Item] = {}
    for item in items:
        if is_empty(item.task):
            continue
        first = seen.setdefault(key_of(item), item)
        if first is not item:
            place = item.place(item.columns.task)
            hint = "merge the rows or give one a new id"
            same = item.task.casefold() == first.task.casefold()
            message = f"{item.name} has another row already" if same else _alike(item, first)
            yield DUPLICATE_TASK.at(path, message, line=item.row.line, column=place, hint=hint)


def _alike(item: Item, first: Item) -> str:
    return f"{item.name} and the id of another row, {first.name}, look alike: they differ in blanks or characters only"


def in_progress(path: str, items: Sequence[Item], thread: Thread) -> Iterator[Finding]:
    """A second task In Progress in one thread."""
    for where, (first, *others) in threads(items, thread).items():
        for item in others:
            message = f"{item.name} is {item.status} {where.words}, as {first.name} is"
            place = item.place(item.columns.status)
            hint = "set one of them back (tracker.thread and tracker.one_in_progress in .speckit.yaml)"
            yield SEVERAL_IN_PROGRESS.at(path, message, line=item.row.line, column=place, hint=hint)


class Where(NamedTuple):
    """A thread, and how a message speaks of it. Branches are exact; rows without one are one thread."""

    identity: str
    words: str


def threads(items: Sequence[Item], thread: Thread) -> dict[Where, list[Item]]:
    """The tasks In Progress by the thread they are in."""
    found: dict[Where, list[Item]] = {}
    for item in items:
        if item.whole and is_in(item, IN_PROGRESS):
            found.setdefault(_where(item, thread), []).append(item)
    return found


def _where(item: Item, thread: Thread) -> Where:
    if thread == "table":
        return Where(str(item.table), "in the same table")
    if thread == "file":
        return Where("", "in the same tracker")
    branch = item.text(item.columns.branch)
    return Where("", "without a branch") if is_empty(branch) else Where(branch, f"on branch '{quoted(branch)}'")


def silent_changes(path: str, items: Sequence[Item], before: Sequence[Item]) -> Iterator[Finding]:
    """A status that changed against the base while nothing that explains it did."""
    known = _unique(before)
    for key, item in _unique(items).items():
        old = known.get(key)
        if old and item.whole and item.status and old.status and item.status != old.status and _unexplained(item, old):
            message = f"{item.name} went from {old.status} to {item.status}: status change without an evidence note"
            place = item.place(item.columns.status)
            hint = "say in Notes or Evidence what the change rests on"
            yield STATUS_WITHOUT_NOTE.at(path, message, line=item.row.line, column=place, hint=hint)


def _unique(items: Sequence[Item]) -> dict[str, Item]:
    """The rows whose id no other row has, by id: only these can be found again."""
    found: dict[str, Item] = {}
    twice: set[str] = set()
    for item in items:
        name = look(item.task)
        if not is_empty(name):
            twice.update({name} & found.keys())
            found[name] = item
    return {name: item for name, item in found.items() if name not in twice}


def _unexplained(item: Item, old: Item) -> bool:
    """Whether the row has a column for a note, and none of these columns holds anything new."""
    columns, before = item.columns, old.columns
    pairs = [
        (columns.notes, before.notes),
        (columns.evidence, before.evidence),
        (columns.validated, before.validated),
    ]
    if all(now is None for now, _ in pairs):
        return False
    return all(is_empty(item.text(now)) or item.text(now) == old.text(then) for now, then in pairs)
