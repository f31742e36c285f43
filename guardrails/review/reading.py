"""What a review document says: text and tables by section, each row with its line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from guardrails.checks.documents import heading_key
from guardrails.markdown import NEWLINE, Document, Heading, Table, parse, plain
from guardrails.review.form import (
    APPROVAL,
    ARTIFACTS,
    CLASSES,
    CONTEXT,
    DATA,
    EXCEPTIONS,
    STRIDE,
    THREATS,
    Section,
)

_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
# In capitals anywhere, for `todo` is a word of some languages; however written where it begins or is the whole.
_HOLLOW = re.compile(r"\b(?:TODO|TBD|TBC|FIXME|XXX)\b|^\s*(?i:todo|tbd|tbc)\s*:|^\s*\$?[{<][^{}<>]*[}>]\s*$")
_NOTHING = frozenset(
    "|-|--|?|??|???|\u2026|n/a|na|none|unknown|nobody|name|todo|tbd|tbc|fixme|xxx".split("|")  # noqa: SIM905
)


class Filled(NamedTuple):
    """One row: its line, and its cells in the order of the section's columns, as a reader sees them."""

    line: int
    cells: tuple[str, ...]


class Part(NamedTuple):
    """One section that is there. `rows` is None when it should hold a table and does not."""

    line: int
    text: str
    rows: tuple[Filled, ...] | None


class Review(NamedTuple):
    """A document by the keys of its sections; one that is not there is missing here, too."""

    parts: dict[str, Part]

    def rows(self, section: Section) -> tuple[Filled, ...]:
        part = self.parts.get(section.key)
        return part.rows or () if part else ()

    @property
    def classification(self) -> str | None:
        """The most sensitive class that is named; None when none is."""
        named = [row.cells[1].casefold() for row in self.rows(DATA)]
        return next((level for level in reversed(CLASSES) if level in named), None)

    @property
    def exceptions(self) -> tuple[Filled, ...]:
        """The exceptions, without the row that says there is none."""
        return tuple(row for row in self.rows(EXCEPTIONS) if row.cells[0].casefold() != "none")

    @property
    def approvers(self) -> tuple[Filled, ...]:
        return self.rows(APPROVAL)


def is_hollow(text: str) -> bool:
    """Whether a text only holds the place of another."""
    return text.strip(" .:").casefold() in _NOTHING or _HOLLOW.search(text) is not None


def category_of(text: str) -> str | None:
    """The key of a STRIDE category, however it is written."""
    words = re.sub(r"[\W_]+", "-", text.casefold()).strip("-")
    return next((each.key for each in STRIDE if each.key == words), None)


def read(text: str) -> Review:
    """Never raises, for any text. A section that is there twice counts as it stands first."""
    document = parse(text)
    lines = NEWLINE.split(text)
    parts: dict[str, Part] = {}
    for section in (CONTEXT, DATA, THREATS, ARTIFACTS, EXCEPTIONS, APPROVAL):
        at = next((at for at, block in enumerate(document.blocks) if _is(block, section)), None)
        if at is not None:
            parts[section.key] = _part(document, lines, at, section)
    return Review(parts)


def _is(block: object, section: Section) -> bool:
    return isinstance(block, Heading) and heading_key(block.text) == heading_key(section.heading)


def _part(document: Document, lines: list[str], at: int, section: Section) -> Part:
    heading = document.blocks[at]
    assert isinstance(heading, Heading)
    below = list(_below(document, at, heading))
    last = document.blocks[at + 1 + len(below)] if at + 1 + len(below) < len(document.blocks) else None
    end = last.line - 1 if isinstance(last, Heading) else len(lines)
    text = _COMMENT.sub("", "\n".join(lines[heading.line : end])).strip()
    tables = [rows for block in below if isinstance(block, Table) and (rows := _rows(block, section)) is not None]
    return Part(heading.line, text, tables[0] if tables and section.columns else None)


def _below(document: Document, at: int, heading: Heading) -> Iterator[object]:
    for block in document.blocks[at + 1 :]:
        if isinstance(block, Heading) and block.level <= heading.level:
            return
        yield block


def _rows(table: Table, section: Section) -> tuple[Filled, ...] | None:
    """The rows of a table that has all columns of the section, in any order; None when it lacks one."""
    names = [plain(cell.text).casefold() for cell in table.header.cells]
    if any(column.casefold() not in names for column in section.columns):
        return None
    places = [names.index(column.casefold()) for column in section.columns]
    return tuple(
        Filled(row.line, tuple(plain(row.cells[at].text) if at < len(row.cells) else "" for at in places))
        for row in table.rows
    )
