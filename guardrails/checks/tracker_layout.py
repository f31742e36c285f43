"""Which column of a status table is which: known by header names, in any order, among any others."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from guardrails.checks.tracker_looks import LONGEST, seen_as
from guardrails.markdown import Cell, plain

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
