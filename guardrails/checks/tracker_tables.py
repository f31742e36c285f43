"""Rules about the shape of status tables: columns, separator, rows that belong to none, cell counts, order."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from guardrails.checks.tracker_layout import columns_of, is_status_header
from guardrails.checks.tracker_rows import Item, StatusTable, quoted
from guardrails.finding import Finding, Severity
from guardrails.markdown import Cell, Document, Heading, Loose, Row, Table, plain, split_row
from guardrails.rules.tracker import (
    CELL_COUNT,
    DETACHED_ROW,
    DUPLICATE_ORDER,
    EMPTY_TABLE,
    MISSING_COLUMNS,
    NO_SEPARATOR,
    NO_STATUS_TABLE,
)

_DASHES = re.compile(r":?-+:?\Z")
ROW_CELLS = 3
"""Cells from which a line reads like a row of a status table further up."""


def columns(path: str, tables: Sequence[StatusTable], wanted: Sequence[str]) -> Iterator[Finding]:
    """Columns that no table has, at the table that comes nearest; what further tables lack is a warning."""
    lacking = [table.columns.missing(wanted) for table in tables]
    nearest = min(range(len(tables)), key=lambda at: len(lacking[at]))
    for at, (table, missing) in enumerate(zip(tables, lacking, strict=True)):
        if not missing or (at != nearest and table.columns.task is None):
            continue
        row = table.table.header
        message = f"the status table has no column {_listed(missing)}"
        hint = "add the columns, or change tracker.columns in .speckit.yaml"
        severity: Severity = "error" if at == nearest else "warning"
        yield MISSING_COLUMNS.at(path, message, line=row.line, column=row.column, hint=hint, severity=severity)


def headers(path: str, document: Document) -> Iterator[Finding]:
    """Tables of which nobody can say which column is the status."""
    for table in document.tables:
        columns = columns_of(table.header.cells)
        if columns.status is not None and columns.statuses > 1:
            message = f"the table has {columns.statuses} Status columns, so it has no status anybody could rely on"
            hint = "keep one, and call the others something else than Status or State"
            yield _at(NO_STATUS_TABLE.at(path, message, hint=hint), table.header)
        elif columns.unread is not None:
            name = quoted(_text(table.header.cells[columns.unread]))
            message = f"the column '{name}' is not read as a status, because the table has no column for a task"
            hint = "call it Status, or add a Task ID column, if the table is part of the tracker"
            yield _at(NO_STATUS_TABLE.at(path, message, hint=hint, severity="warning"), table.header)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)


def empty(path: str, table: Table) -> Iterator[Finding]:
    """A table without rows."""
    if not table.rows:
        finding = EMPTY_TABLE.at(path, "the status table has no rows", hint="add rows or remove the table")
        yield _at(finding, table.header)


def cells(path: str, items: Sequence[Item], width: int) -> Iterator[Finding]:
    """Rows with more or fewer cells than the header."""
    for item in items:
        if not item.whole:
            count = len(item.row.cells)
            hint = "write a pipe inside a cell as \\|" if count > width else "keep a pipe for each empty cell"
            message = f"{item.name} has {_count(count)} where the header has {width}"
            yield _at(CELL_COUNT.at(path, message, hint=hint), item.row)


def _count(number: int) -> str:
    return "1 cell" if number == 1 else f"{number} cells"


def order(path: str, items: Sequence[Item]) -> Iterator[Finding]:
    """The same order twice in one table."""
    seen: dict[str, Item] = {}
    for item in items:
        number = item.text(item.columns.order).casefold() if item.whole else ""
        first = seen.setdefault(number, item) if number else item
        if first is not item:
            message = f"{item.name} has the order {quoted(number)}, as {first.name} has"
            place, hint = item.place(item.columns.order), "give each row its own number"
            yield DUPLICATE_ORDER.at(path, message, line=item.row.line, column=place, hint=hint)


def stray(path: str, document: Document) -> Iterator[Finding]:
    """Headers without a separator, and rows that are cut off from their table."""
    widths: set[int] = set()
    near = headless = False
    for block in document.blocks:
        if isinstance(block, Table):
            near, headless = columns_of(block.header.cells).status is not None, False
            widths |= {len(block.header.cells)} if near else set()
            continue
        near = near and isinstance(block, Loose)
        if finding := _stray(path, _loose(block), widths if isinstance(block, Loose) else set(), near):
            # The rows below a header without separator are not reported once more.
            if not (headless and finding.rule is DETACHED_ROW):
                yield finding
            headless = headless or finding.rule is NO_SEPARATOR


def _loose(block: Heading | Loose) -> Loose:
    """A dashed line with too few cells makes a heading of the header above it."""
    return block if isinstance(block, Loose) else Loose(block.line, (block.text,))


def _stray(path: str, block: Loose, widths: set[int], near: bool) -> Finding | None:
    for offset, source in enumerate(block.lines):
        row = _row(block.line + offset, source)
        if is_status_header(row.cells):
            hint = _HTML_HINT if block.html else _SEPARATOR_HINT
            return _at(NO_SEPARATOR.at(path, _why(block, offset, len(row.cells)), hint=hint), row)
        if _is_row(row, widths, near):
            message = f"{_several(block, offset)} cut off from the table: {quoted(' | '.join(map(_text, row.cells)))}"
            return _at(DETACHED_ROW.at(path, message, hint=_DETACHED_HINT), row)
    return None


_HTML_HINT = "put a blank line between the HTML and the table"
_SEPARATOR_HINT = "put a row like | --- | --- | with one cell for each column right below the header"
_DETACHED_HINT = "remove the blank line or the indentation before it"


def _row(line: int, source: str) -> Row:
    source = source.strip()
    pieces = split_row(source) if "|" in source else []
    return Row(line, 1, source, tuple(Cell(text.strip(), 1 + at) for text, at in pieces))


def _is_row(row: Row, widths: set[int], near: bool) -> bool:
    """Whether a line reads like a row of a status table before it: as many cells, or pipes right below the table."""
    if row.source.startswith("|") and len(row.cells) > 1 and near:
        return True
    return len(row.cells) >= ROW_CELLS and len(row.cells) in widths


def _why(block: Loose, offset: int, width: int) -> str:
    if block.html:
        return "the header of a status table stands in an HTML block, so nothing shows it as a table"
    below = block.lines[offset + 1].strip() if offset + 1 < len(block.lines) else ""
    if below and set(below) <= set("|-: \t"):
        marks = [text.strip() for text, _ in split_row(below)]
        if len(marks) != width:
            return f"the separator row has {_count(len(marks))} where the header has {width}"
        if not all(map(_DASHES.match, marks)):
            return "the separator row has a cell that is not dashes, so nothing shows the lines as a table"
        return "a status table is indented or part of other text, so nothing shows it as a table"
    return "the header of a status table has no separator row below it, so nothing shows it as a table"


def _several(block: Loose, offset: int) -> str:
    count = sum("|" in line for line in block.lines[offset:])
    return "a row is" if count == 1 else f"{count} rows are"


def _text(cell: Cell) -> str:
    return plain(cell.text)


def _at(finding: Finding, row: Row) -> Finding:
    return finding._replace(line=row.line, column=row.column)
