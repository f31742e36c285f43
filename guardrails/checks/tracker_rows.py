"""The status tables of a text, row by row, as the rules look at them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from guardrails.checks.tracker_layout import Columns, columns_of, fold, is_empty, trimmed
from guardrails.markdown import Cell, Document, Row, Table, plain

QUOTED = 60
"""Characters of a cell that a message repeats."""
QUOTED_PATH = 200


IN_PROGRESS, IN_REVIEW, DONE, BACKLOG = "in progress", "in review", "done", "backlog"


class Status(NamedTuple):
    """A configured status, and which of the statuses that rules speak of it counts as, in lower case."""

    name: str | None
    role: str


class Item(NamedTuple):
    """One row. `whole` is False when it has not as many cells as the header: then no value can be trusted
    to stand under its heading. `status` is the configured status, `role` what it counts as in lower case,
    `written` what a reader sees."""

    row: Row
    columns: Columns
    table: int
    whole: bool
    task: str
    status: str | None
    role: str
    written: str

    def cell(self, column: int | None) -> Cell | None:
        """The cell under a column; None when there is no such column or cell."""
        return self.row.cells[column] if column is not None and column < len(self.row.cells) else None

    def text(self, column: int | None) -> str:
        """What a reader sees under a column, `""` when there is nothing."""
        cell = self.cell(column)
        return plain(cell.text) if cell else ""

    def place(self, column: int | None) -> int:
        """Where a finding about a column points: the cell, or the row when the cell is missing."""
        cell = self.cell(column)
        return cell.column if cell else self.row.column

    @property
    def name(self) -> str:
        """How messages call the row."""
        return quoted(self.task) if not is_empty(self.task) else "a task without an id"


class StatusTable(NamedTuple):
    table: Table
    columns: Columns
    items: tuple[Item, ...]


def status_tables(document: Document, statuses: tuple[str, ...]) -> tuple[StatusTable, ...]:
    """Every table with a status column, wherever it stands."""
    return tuple(_tables(document, statuses))


def _tables(document: Document, statuses: tuple[str, ...]) -> Iterator[StatusTable]:
    for number, table in enumerate(document.tables):
        columns = columns_of(table.header.cells)
        if columns.status is not None:
            yield StatusTable(table, columns, items_of(table, columns, statuses, number))


def items_of(table: Table, columns: Columns, statuses: Sequence[str], number: int = 0) -> tuple[Item, ...]:
    """The rows of one table under a layout."""
    known = roles(tuple(statuses))
    width = len(table.header.cells)
    return tuple(_item(row, columns, number, width, known) for row in table.rows)


def _item(row: Row, columns: Columns, number: int, width: int, known: dict[str, Status]) -> Item:
    cells, task, status = row.cells, columns.task, columns.status
    written = trimmed(plain(cells[status].text)) if status is not None and status < len(cells) else ""
    name = plain(cells[task].text) if task is not None and task < len(cells) else ""
    found = known.get(_bare(written), _UNKNOWN)
    return Item(row, columns, number, len(cells) == width, name, found.name, found.role, written)


_UNKNOWN = Status(None, "")
_ALSO = (
    (DONE, frozenset((DONE, "complete", "completed", "closed", "finished", "shipped"))),
    (IN_PROGRESS, frozenset((IN_PROGRESS, "doing", "active", "wip"))),
)


@lru_cache(maxsize=16)
def roles(statuses: tuple[str, ...]) -> dict[str, Status]:
    """The configured statuses by their folded names. One that means Done or In Progress counts as it
    where the word itself is not configured."""
    names = {fold(status): status for status in statuses}
    found = {name: Status(status, name) for name, status in names.items()}
    for role, words in _ALSO:
        if role not in names:
            found.update({name: Status(names[name], role) for name in words & names.keys()})
    return found


@lru_cache(maxsize=1024)
def _bare(status: str) -> str:
    # Unlike a header, a status keeps its remark: "Done (partly)" is not Done.
    return " ".join(status.replace("-", " ").replace("_", " ").split()).casefold()


def quoted(text: str, limit: int = QUOTED) -> str:
    """Content for a message, cut where it is long."""
    return text if len(text) <= limit else text[: limit - 3] + "..."
