"""Status tables: which column is which, and each row as the rules look at it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from guardrails.core.markdown import Cell, MarkdownDocument, MarkdownTable, TableRow, plain

# Confusable text: look-alike letters become Latin ones, invisible characters are dropped.


LONGEST = 200
"""Characters of an id or header that are compared by their looks. Sorting the accents of longer ones costs too much."""

# Cyrillic, then Greek: capitals and small letters look like different Latin ones, so case is folded afterwards.
_ALIKE = str.maketrans(
    "\u0410\u0412\u0415\u0405\u0406\u0408\u041a\u041c\u041d\u041e\u0420\u0421\u0422\u0423\u0425\u04ae\u04c0\u051a\u051c"
    "\u0430\u0432\u0435\u0455\u0456\u0458\u043a\u043c\u043d\u043e\u0440\u0441\u0442\u0443\u0445\u04af\u04cf\u051b\u051d"
    "\u04bb\u0501"
    "\u0391\u0392\u0395\u0396\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a5\u03a7"
    "\u03b1\u03b5\u03b9\u03ba\u03bd\u03bf\u03c1\u03c4\u03c5\u03c7\u03f2\u03f3",
    "ABESIJKMHOPCTYXYIQW" + "abesijkmhopctyxylqw" + "hd" + "ABEZHIKMNOPTYX" + "aeikvoptuxcj",
)
# These are letters or marks to Unicode, and nothing to the eye.
_BLANKS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")


def seen_as(text: str) -> str:
    """`text` with compatible and look-alike characters as their plain ones, invisible characters dropped."""
    if len(text) > LONGEST or (text.isascii() and text.isprintable()):
        return text
    shown = unicodedata.normalize("NFKC", text).translate(_ALIKE)
    return "".join(character for character in shown if not _is_invisible(character))


def _is_invisible(character: str) -> bool:
    if character in _BLANKS or "\ufe00" <= character <= "\ufe0f" or "\U000e0100" <= character <= "\U000e01ef":
        return True
    return unicodedata.category(character) in ("Cf", "Cc") and not character.isspace()


def visible_form(text: str) -> str:
    """What two ids that look alike have in common: case and blanks do not count either."""
    return "".join(seen_as(text).casefold().split())


# The first name found wins, so `ID | Task` has the id in ID and the title in Task.
STRONG_IDS = ("task id", "spec id", "id")
"""Headers whose cells name a task in the whole file; the others name it in their table."""
STEPS = ("stage", "phase")
"""Headers whose cells name a step of a process rather than a task."""
STATUS_NAMES = ("status", "task status", "current status", "statuses", "state", "task state")
_LEGENDS = frozenset(("meaning", "meanings", "definition", "explanation"))
_ALIASES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("order", ("order", "#", "no", "nr", "num", "number", "seq", "rank")),
    ("task", (*STRONG_IDS, "task", "spec", "stage", "phase", "item", "ticket")),
    ("title", ("title", "name", "summary", "task", "description")),
    ("status", STATUS_NAMES),
    ("owner", ("owner", "owners", "assignee", "assignees", "responsible")),
    ("prd", ("prd", "prds", "prd path", "prd link")),
    ("branch", ("branch", "git branch")),
    ("pr", ("pr", "prs", "pull request", "pr link")),
    ("validated", ("last validation", "last validated", "validated", "validation date", "last run", "last run date")),
    ("evidence", ("evidence", "evidence path", "evidence paths", "evidence link", "evidence links")),
    ("notes", ("notes", "note", "reason", "reasons", "comment", "comments", "remarks")),
)
_EMPTY = frozenset(("", "n/a", "na", "tbd", "tbc", "none", "nil", "unknown", "unassigned"))
_SPACES = re.compile(r"[\s_-]+")


class Columns(NamedTuple):
    """The index of each known column, None where the table has none. `names` are all headers, folded."""

    names: tuple[str, ...]
    order: int | None
    task: int | None
    title: int | None
    status: int | None
    owner: int | None
    prd: int | None
    branch: int | None
    pr: int | None
    validated: int | None
    evidence: int | None
    notes: int | None

    @property
    def strong(self) -> bool:
        """Whether task ids are unique in the whole file, and not only in the table."""
        return self.task is not None and self.names[self.task] in STRONG_IDS

    def missing(self, wanted: Sequence[str]) -> list[str]:
        """The headers of `wanted` that the table has under no name."""
        return [header for header in wanted if not self._has(header_key(header))]

    def _has(self, name: str) -> bool:
        role = role_of(name)
        return name in self.names or (role is not None and getattr(self, role) is not None)

    @property
    def lists_tasks(self) -> bool:
        """Whether the rows are tasks, and not the steps of a process or the statuses themselves."""
        return self.task is not None and self.names[self.task] not in STEPS

    @property
    def is_legend(self) -> bool:
        """Whether the table only says what each status means."""
        return self.task is None and not _LEGENDS.isdisjoint(self.names)

    @property
    def statuses(self) -> int:
        """How many columns are called Status, under any of its names."""
        return sum(name in STATUS_NAMES for name in self.names)

    @property
    def unread(self) -> int | None:
        """The column that speaks of a status in a table without tasks, where none is called Status."""
        return None if self.status is not None else _speaks_of_status(self.names)


def role_of(header: str) -> str | None:
    """The field of `Columns` that a header names, which was folded by `header_key`."""
    return next((role for role, aliases in _ALIASES if header in aliases), None)


def columns_of(header: Sequence[Cell]) -> Columns:
    """The layout that a header row declares."""
    names = tuple(header_key(cell.text) for cell in header)
    taken: list[int | None] = []
    for _, aliases in _ALIASES:
        free = (names.index(alias) for alias in aliases if alias in names)
        taken.append(next((at for at in free if at not in taken), None))
    columns = Columns(names, *taken)
    if columns.status is None and columns.task is not None:
        return columns._replace(status=_speaks_of_status(names))
    if columns.status is not None and names[columns.status] == "state" and not _says_more(columns):
        return columns._replace(status=None)  # a table of other things that have a state
    return columns


def _speaks_of_status(names: Sequence[str]) -> int | None:
    return next((at for at, name in enumerate(names) if "status" in name), None)


def _says_more(columns: Columns) -> bool:
    """Whether a table has a known column besides its status."""
    return sum(at is not None for at in columns[1:]) > 1


def is_status_header(cells: Sequence[Cell]) -> bool:
    """Whether cells read like the header of a status table: a Status and at least one other known name."""
    if len(cells) < 2 or not any(_may_be_status(cell.text) for cell in cells):
        return False
    columns = columns_of(cells)
    return columns.status is not None and _says_more(columns)


def _may_be_status(text: str) -> bool:
    """A cheap look at a cell of a line that may be anything."""
    if len(text) > LONGEST:
        return False
    # Markup inside the word, and characters written as entities, are left to the thorough look.
    return "stat" in seen_as(text).casefold() or any(mark in text for mark in "*_`~&<\\")


@lru_cache(maxsize=1024)
def header_key(text: str) -> str:
    """A header for comparison, as `fold`, with look-alike letters as the ones they look like."""
    return fold(seen_as(plain(text)))


@lru_cache(maxsize=1024)
def fold(text: str) -> str:
    """A header, heading or status for comparison: what a reader sees, in lower case, `-` and `_` as a space,
    without symbols at its ends, a colon, or one remark in parentheses."""
    words = _SPACES.sub(" ", without_remark(trimmed(plain(text)))).strip().casefold()
    return words or plain(text)


def trimmed(text: str) -> str:
    """`text` without emoji, symbols and punctuation at its ends; brackets stay."""
    start, end = 0, len(text)
    while start < end and _is_mark(text[start]):
        start += 1
    while end > start and _is_mark(text[end - 1]):
        end -= 1
    return text[start:end]


def _is_mark(character: str) -> bool:
    # S* are symbols and emoji, C* and M* the joiners and variants around them, Z* blanks, P* punctuation.
    return not character.isalnum() and character not in "()[]" and unicodedata.category(character)[0] in "SCMZP"


def without_remark(text: str) -> str:
    """`text` without a colon at its end and without one remark in parentheses there."""
    text = text.rstrip(" :")
    if not text.endswith(")"):
        return text
    depth = 0
    for at in range(len(text) - 1, -1, -1):
        depth += (text[at] == ")") - (text[at] == "(")
        if depth == 0:
            return text[:at].rstrip(" :")
    return text


def is_empty(text: str) -> bool:
    """Whether a cell says nothing: empty, a dash, TBD, N/A and the like."""
    return text.casefold() in _EMPTY or not any(map(str.isalnum, text))


# The status tables of a text, row by row, as the rules look at them.


QUOTED = 60
"""Characters of a cell that a message repeats."""
QUOTED_PATH = 200


IN_PROGRESS, IN_REVIEW, DONE, BACKLOG = "in progress", "in review", "done", "backlog"


class TrackerStatus(NamedTuple):
    """A configured status, and which of the statuses that rules speak of it counts as, in lower case."""

    name: str | None
    role: str


class StatusRow(NamedTuple):
    """One row. `whole` is False when it has not as many cells as the header: then no value can be trusted
    to stand under its heading. `status` is the configured status, `role` what it counts as in lower case,
    `written` what a reader sees."""

    row: TableRow
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
    table: MarkdownTable
    columns: Columns
    items: tuple[StatusRow, ...]


def status_tables(document: MarkdownDocument, statuses: tuple[str, ...]) -> tuple[StatusTable, ...]:
    """Every table with a status column, wherever it stands."""
    return tuple(_tables(document, statuses))


def _tables(document: MarkdownDocument, statuses: tuple[str, ...]) -> Iterator[StatusTable]:
    for number, table in enumerate(document.tables):
        columns = columns_of(table.header.cells)
        if columns.status is not None:
            yield StatusTable(table, columns, items_of(table, columns, statuses, number))


def items_of(table: MarkdownTable, columns: Columns, statuses: Sequence[str], number: int = 0) -> tuple[StatusRow, ...]:
    """The rows of one table under a layout."""
    known = roles(tuple(statuses))
    width = len(table.header.cells)
    return tuple(_item(row, columns, number, width, known) for row in table.rows)


def _item(row: TableRow, columns: Columns, number: int, width: int, known: dict[str, TrackerStatus]) -> StatusRow:
    cells, task, status = row.cells, columns.task, columns.status
    written = trimmed(plain(cells[status].text)) if status is not None and status < len(cells) else ""
    name = plain(cells[task].text) if task is not None and task < len(cells) else ""
    found = known.get(_bare(written), _UNKNOWN)
    return StatusRow(row, columns, number, len(cells) == width, name, found.name, found.role, written)


_UNKNOWN = TrackerStatus(None, "")
_ALSO = (
    (DONE, frozenset((DONE, "complete", "completed", "closed", "finished", "shipped"))),
    (IN_PROGRESS, frozenset((IN_PROGRESS, "doing", "active", "wip"))),
)


@lru_cache(maxsize=16)
def roles(statuses: tuple[str, ...]) -> dict[str, TrackerStatus]:
    """The configured statuses by their folded names. One that means Done or In Progress counts as it
    where the word itself is not configured."""
    names = {fold(status): status for status in statuses}
    found = {name: TrackerStatus(status, name) for name, status in names.items()}
    for role, words in _ALSO:
        if role not in names:
            found.update({name: TrackerStatus(names[name], role) for name in words & names.keys()})
    return found


@lru_cache(maxsize=1024)
def _bare(status: str) -> str:
    # Unlike a header, a status keeps its remark: "Done (partly)" is not Done.
    return " ".join(status.replace("-", " ").replace("_", " ").split()).casefold()


def quoted(text: str, limit: int = QUOTED) -> str:
    """Content for a message, cut where it is long."""
    return text if len(text) <= limit else text[: limit - 3] + "..."
