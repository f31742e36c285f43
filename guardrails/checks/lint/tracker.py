"""Judge the tracker (SPEC.md): its status tables, their rows, and whether they agree with the SPEC directories."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from guardrails.checks.lint.evidence import EvidenceLookup
from guardrails.checks.lint.paths import PathLookup
from guardrails.checks.lint.rows import RowContext, is_in, judge_row
from guardrails.checks.lint.tracker_rules import (
    CELL_COUNT,
    DETACHED_ROW,
    DUPLICATE_ORDER,
    DUPLICATE_TASK,
    EMPTY_TABLE,
    MISSING_COLUMNS,
    MISSING_TRACKER,
    NO_SEPARATOR,
    NO_STATUS_TABLE,
    ROW_WITHOUT_SPEC,
    SEVERAL_IN_PROGRESS,
    SPEC_WITHOUT_ROW,
    STATUS_WITHOUT_NOTE,
    UNREADABLE_TRACKER,
)
from guardrails.core.finding import Checked, Finding, Observation, Severity
from guardrails.core.markdown import (
    Cell,
    Heading,
    LooseLines,
    MarkdownDocument,
    MarkdownTable,
    TableRow,
    decode,
    parse_markdown,
    plain,
    split_row,
)
from guardrails.core.text import plural, quoted_list
from guardrails.layouts.own import Survey, Text, spec_in, survey
from guardrails.layouts.tracker import (
    BACKLOG,
    IN_PROGRESS,
    StatusRow,
    StatusTable,
    columns_of,
    header_key,
    is_empty,
    is_status_header,
    quoted,
    role_of,
    status_tables,
    visible_form,
)
from guardrails.snapshot.context import CheckContext

# The form of status tables: columns, separator, rows outside any table, cell counts, order.


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
        message = f"the status table has no column {quoted_list(missing)}"
        hint = "add the columns, or change tracker.columns in .speckit.yaml"
        severity: Severity = "error" if at == nearest else "warning"
        yield MISSING_COLUMNS.at(path, message, line=row.line, column=row.column, hint=hint, severity=severity)


def headers(path: str, document: MarkdownDocument) -> Iterator[Finding]:
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


def empty(path: str, table: MarkdownTable) -> Iterator[Finding]:
    """A table without rows."""
    if not table.rows:
        finding = EMPTY_TABLE.at(path, "the status table has no rows", hint="add rows or remove the table")
        yield _at(finding, table.header)


def cells(path: str, items: Sequence[StatusRow], width: int) -> Iterator[Finding]:
    """Rows with more or fewer cells than the header."""
    for item in items:
        if not item.whole:
            count = len(item.row.cells)
            hint = "write a pipe inside a cell as \\|" if count > width else "keep a pipe for each empty cell"
            message = f"{item.name} has {plural(count, 'cell')} where the header has {width}"
            yield _at(CELL_COUNT.at(path, message, hint=hint), item.row)


def order(path: str, items: Sequence[StatusRow]) -> Iterator[Finding]:
    """The same order twice in one table."""
    seen: dict[str, StatusRow] = {}
    for item in items:
        number = item.text(item.columns.order).casefold() if item.whole else ""
        first = seen.setdefault(number, item) if number else item
        if first is not item:
            message = f"{item.name} has the order {quoted(number)}, as {first.name} has"
            place, hint = item.place(item.columns.order), "give each row its own number"
            yield DUPLICATE_ORDER.at(path, message, line=item.row.line, column=place, hint=hint)


def stray(path: str, document: MarkdownDocument) -> Iterator[Finding]:
    """Headers without a separator, and rows that are cut off from their table."""
    widths: set[int] = set()
    near = headless = False
    for block in document.blocks:
        if isinstance(block, MarkdownTable):
            near, headless = columns_of(block.header.cells).status is not None, False
            widths |= {len(block.header.cells)} if near else set()
            continue
        near = near and isinstance(block, LooseLines)
        if finding := _stray(path, _loose(block), widths if isinstance(block, LooseLines) else set(), near):
            # Rows below a header that has no separator: the missing separator is reported already.
            if not (headless and finding.rule is DETACHED_ROW):
                yield finding
            headless = headless or finding.rule is NO_SEPARATOR


def _loose(block: Heading | LooseLines) -> LooseLines:
    """A dashed line with too few cells makes a heading of the header above it."""
    return block if isinstance(block, LooseLines) else LooseLines(block.line, (block.text,))


def _stray(path: str, block: LooseLines, widths: set[int], near: bool) -> Finding | None:
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


def _row(line: int, source: str) -> TableRow:
    source = source.strip()
    pieces = split_row(source) if "|" in source else []
    return TableRow(line, 1, source, tuple(Cell(text.strip(), 1 + at) for text, at in pieces))


def _is_row(row: TableRow, widths: set[int], near: bool) -> bool:
    """Whether a line reads like a row of a status table before it: as many cells, or pipes right below the table."""
    if row.source.startswith("|") and len(row.cells) > 1 and near:
        return True
    return len(row.cells) >= ROW_CELLS and len(row.cells) in widths


def _why(block: LooseLines, offset: int, width: int) -> str:
    if block.html:
        return "the header of a status table stands in an HTML block, so nothing shows it as a table"
    below = block.lines[offset + 1].strip() if offset + 1 < len(block.lines) else ""
    if below and set(below) <= set("|-: \t"):
        marks = [text.strip() for text, _ in split_row(below)]
        if len(marks) != width:
            return f"the separator row has {plural(len(marks), 'cell')} where the header has {width}"
        if not all(map(_DASHES.match, marks)):
            return "the separator row has a cell that is not dashes, so nothing shows the lines as a table"
        return "a status table is indented or part of other text, so nothing shows it as a table"
    return "the header of a status table has no separator row below it, so nothing shows it as a table"


def _several(block: LooseLines, offset: int) -> str:
    count = sum("|" in line for line in block.lines[offset:])
    return "a row is" if count == 1 else f"{count} rows are"


def _text(cell: Cell) -> str:
    return plain(cell.text)


def _at(finding: Finding, row: TableRow) -> Finding:
    return finding._replace(line=row.line, column=row.column)


# The rows of a tracker compared with each other and with the previous revision.


Thread = Literal["branch", "table", "file"]


def key_of(item: StatusRow) -> tuple[int, str]:
    """What identifies a row: its id, and its table where ids are names that only the table knows."""
    return (-1 if item.columns.strong else item.table, visible_form(item.task))


def duplicates(path: str, items: Sequence[StatusRow]) -> Iterator[Finding]:
    """The same task in two rows."""
    seen: dict[tuple[int, str], StatusRow] = {}
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


def _alike(item: StatusRow, first: StatusRow) -> str:
    return f"{item.name} and the id of another row, {first.name}, look alike: they differ in blanks or characters only"


def in_progress(path: str, items: Sequence[StatusRow], thread: Thread) -> Iterator[Finding]:
    """A second task In Progress in one thread."""
    for where, (first, *others) in threads(items, thread).items():
        for item in others:
            message = f"{item.name} is {item.status} {where.words}, as {first.name} is"
            place = item.place(item.columns.status)
            hint = "set one of them back (tracker.thread and tracker.one_in_progress in .speckit.yaml)"
            yield SEVERAL_IN_PROGRESS.at(path, message, line=item.row.line, column=place, hint=hint)


class ThreadKey(NamedTuple):
    """A thread, and how a message speaks of it. Branches are exact; rows without one are one thread."""

    identity: str
    words: str


def threads(items: Sequence[StatusRow], thread: Thread) -> dict[ThreadKey, list[StatusRow]]:
    """The tasks In Progress by the thread they are in."""
    found: dict[ThreadKey, list[StatusRow]] = {}
    for item in items:
        if item.whole and is_in(item, IN_PROGRESS):
            found.setdefault(_where(item, thread), []).append(item)
    return found


def _where(item: StatusRow, thread: Thread) -> ThreadKey:
    if thread == "table":
        return ThreadKey(str(item.table), "in the same table")
    if thread == "file":
        return ThreadKey("", "in the same tracker")
    branch = item.text(item.columns.branch)
    return ThreadKey("", "without a branch") if is_empty(branch) else ThreadKey(branch, f"on branch '{quoted(branch)}'")


def silent_changes(path: str, items: Sequence[StatusRow], before: Sequence[StatusRow]) -> Iterator[Finding]:
    """A status that changed against the base while nothing that explains it did."""
    known = _unique(before)
    for key, item in _unique(items).items():
        old = known.get(key)
        if old and item.whole and _has_moved(item, old) and _unexplained(item, old):
            message = f"{item.name} went from {old.status} to {item.status}: status change without an evidence note"
            place = item.place(item.columns.status)
            hint = "say in Notes or Evidence what the change rests on"
            yield STATUS_WITHOUT_NOTE.at(path, message, line=item.row.line, column=place, hint=hint)


def _unique(items: Sequence[StatusRow]) -> dict[str, StatusRow]:
    """The rows whose id no other row has, by id: only these can be found again."""
    found: dict[str, StatusRow] = {}
    twice: set[str] = set()
    for item in items:
        name = visible_form(item.task)
        if not is_empty(name):
            twice.update({name} & found.keys())
            found[name] = item
    return {name: item for name, item in found.items() if name not in twice}


def _has_moved(item: StatusRow, old: StatusRow) -> bool:
    """Whether the row has another status than before."""
    return bool(item.status and old.status) and item.status != old.status


def _unexplained(item: StatusRow, old: StatusRow) -> bool:
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


def check(context: CheckContext) -> Iterator[Observation]:
    """Everything about the tracker alone; `lint` judges the documents as well."""
    yield from judge(context, survey(context.snapshot, context.settings))


def judge(context: CheckContext, found: Survey) -> Iterator[Observation]:
    """Findings about a tracker that was read already. Nothing at all where a repository needs none and has none."""
    tracker = found.tracker
    if tracker is None:
        yield from _missing(context, found)
    elif tracker.document is None:
        message, hint = f"the tracker cannot be read: {tracker.problem}", "save it as UTF-8 text in the repository"
        yield UNREADABLE_TRACKER.at(tracker.path, message, line=tracker.line, hint=hint)
    else:
        yield Checked(tracker.path)
        yield from _shape(context, found, tracker)
        yield from _rows(context, found, tracker.path)
        yield from _directories(context, found, tracker.path)


def _missing(context: CheckContext, found: Survey) -> Iterator[Finding]:
    path, base = context.settings.layout.tracker, context.snapshot.base
    if base is not None and base.read(context.settings_of_base.layout.tracker) is not None:
        reason = f"it is in {base.describe()}"
    elif found.directories:
        reason = f"there are SPEC directories, {found.directories[0].path} for one"
    elif context.settings.tracker.required:
        reason = f"{context.settings.config_path} names it"
    else:
        return
    hint = "restore it, or set layout.tracker in .speckit.yaml to where it is"
    yield MISSING_TRACKER.at(path, f"the tracker does not exist, though {reason}", hint=hint)


def _shape(context: CheckContext, found: Survey, tracker: Text) -> Iterator[Finding]:
    document, path = tracker.document, tracker.path
    assert document is not None
    if document.too_deep:
        message = "the text from here on is nested too deep to be read"
        yield UNREADABLE_TRACKER.at(path, message, line=document.too_deep, hint="nest lists and quotes less")
    loose = list(stray(path, document))
    yield from loose
    if not found.tables and not any(finding.rule is NO_SEPARATOR for finding in loose):
        message = "the tracker is empty" if tracker.blank else "no table of the tracker has a Status column"
        yield NO_STATUS_TABLE.at(path, message, line=1, hint="add a table with a Status column")
    yield from headers(path, document)
    if found.tables:
        yield from columns(path, found.tables, context.settings.tracker.columns)
    for table in found.tables:
        yield from _table(path, table)


def _table(path: str, table: StatusTable) -> Iterator[Finding]:
    yield from empty(path, table.table)
    yield from cells(path, table.items, len(table.table.header.cells))
    yield from order(path, table.items)


def _rows(context: CheckContext, found: Survey, path: str) -> Iterator[Finding]:
    settings, items = context.settings.tracker, found.items
    specs = {directory.spec for directory in found.directories}
    wants_evidence = any(role_of(header_key(header)) == "evidence" for header in settings.columns)
    proof, places = EvidenceLookup(context.snapshot, context.settings.layout, specs), PathLookup(context.snapshot, path)
    row_context = RowContext(path, settings.statuses, places, context.now, proof, wants_evidence)
    for item in items:
        if item.whole:
            spec = item.task if item.task in specs else None
            yield from (finding._replace(spec=spec) for finding in judge_row(row_context, item))
    yield from duplicates(path, items)
    if settings.one_in_progress:
        yield from in_progress(path, items, settings.thread)
    yield from silent_changes(path, items, _before(context))


def _before(context: CheckContext) -> list[StatusRow]:
    """The rows of the tracker in the base, read by its own configuration; none when it had no readable one."""
    base, settings = context.snapshot.base, context.settings_of_base
    data = base.read(settings.layout.tracker) if base else None
    text = decode(data) if data else None
    if not isinstance(text, str):
        return []
    tables = status_tables(parse_markdown(text), settings.tracker.statuses)
    return [item for table in tables for item in table.items]


def _directories(context: CheckContext, found: Survey, path: str) -> Iterator[Finding]:
    for directory in found.directories:
        if not found.rows[directory.path]:
            message = f"{directory.path} has no row in the tracker"
            hint = f"add a row that names {directory.spec}"
            yield SPEC_WITHOUT_ROW.at(path, message, line=1, hint=hint, spec=directory.spec)
    layout = context.settings.layout
    known = {directory.spec for directory in found.directories} | {linked.spec for linked in found.linked}
    heads = {"SPEC", *(spec.partition("-")[0] for spec in known)}
    placed = {item.row.line for rows in found.rows.values() for item in rows}
    for item in found.items:
        spec = spec_in(layout, item.task)
        if spec is None or spec in known or spec.partition("-")[0] not in heads:
            continue
        if item.row.line not in placed and not is_in(item, BACKLOG):
            place = item.place(item.columns.task)
            message = f"{spec} has a row, but no directory in {layout.docs}"
            hint = f"add {layout.docs}/{spec}, mend the id, or set the row to Backlog"
            yield ROW_WITHOUT_SPEC.at(path, message, line=item.row.line, column=place, hint=hint, spec=spec)
