"""What a review document says, and what it still has to say before anybody can sign it off."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date
from typing import NamedTuple

from guardrails.checks.lint.documents import heading_key
from guardrails.checks.security_review.form import (
    APPROVAL,
    ARTIFACTS,
    CLASSES,
    CONTEXT,
    DATA,
    EXCEPTIONS,
    SECTIONS,
    STATUSES,
    STRIDE,
    THREATS,
    FormSection,
)
from guardrails.core.markdown import NEWLINE, Heading, MarkdownDocument, MarkdownTable, parse_markdown, plain
from guardrails.core.paths import is_plain

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


class ReviewSection(NamedTuple):
    """One section that is there. `rows` is None when it should hold a table and does not."""

    line: int
    text: str
    rows: tuple[Filled, ...] | None


class Review(NamedTuple):
    """A document by the keys of its sections; one that is not there is missing here, too."""

    parts: dict[str, ReviewSection]

    def rows(self, section: FormSection) -> tuple[Filled, ...]:
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


def read_review(text: str) -> Review:
    """Never raises, for any text. A section that is there twice counts as it stands first."""
    document = parse_markdown(text)
    lines = NEWLINE.split(text)
    parts: dict[str, ReviewSection] = {}
    for section in (CONTEXT, DATA, THREATS, ARTIFACTS, EXCEPTIONS, APPROVAL):
        at = next((at for at, block in enumerate(document.blocks) if _is(block, section)), None)
        if at is not None:
            parts[section.key] = _part(document, lines, at, section)
    return Review(parts)


def _is(block: object, section: FormSection) -> bool:
    return isinstance(block, Heading) and heading_key(block.text) == heading_key(section.heading)


def _part(document: MarkdownDocument, lines: list[str], at: int, section: FormSection) -> ReviewSection:
    heading = document.blocks[at]
    assert isinstance(heading, Heading)
    below = list(_below(document, at, heading))
    last = document.blocks[at + 1 + len(below)] if at + 1 + len(below) < len(document.blocks) else None
    end = last.line - 1 if isinstance(last, Heading) else len(lines)
    text = _COMMENT.sub("", "\n".join(lines[heading.line : end])).strip()
    tables = [
        rows for block in below if isinstance(block, MarkdownTable) and (rows := _rows(block, section)) is not None
    ]
    return ReviewSection(heading.line, text, tables[0] if tables and section.columns else None)


def _below(document: MarkdownDocument, at: int, heading: Heading) -> Iterator[object]:
    for block in document.blocks[at + 1 :]:
        if isinstance(block, Heading) and block.level <= heading.level:
            return
        yield block


def _rows(table: MarkdownTable, section: FormSection) -> tuple[Filled, ...] | None:
    """The rows of a table that has all columns of the section, in any order; None when it lacks one."""
    names = [plain(cell.text).casefold() for cell in table.header.cells]
    if any(column.casefold() not in names for column in section.columns):
        return None
    places = [names.index(column.casefold()) for column in section.columns]
    return tuple(
        Filled(row.line, tuple(plain(row.cells[at].text) if at < len(row.cells) else "" for at in places))
        for row in table.rows
    )


# What a review still has to say before anybody can sign it off.


SHORTEST_CONTEXT = 20
"""Characters of a context that says anything."""


class Open(NamedTuple):
    """One field that is not filled in as it must be. `line` is 1-based."""

    section: FormSection
    line: int
    message: str


def open_fields(review: Review) -> Iterator[Open]:
    """Everything that is open, section by section."""
    for section in SECTIONS:
        part = review.parts.get(section.key)
        if part is None:
            yield Open(section, 1, f"the section '{section.heading}' is missing")
        elif section is CONTEXT:
            if len(part.text) < SHORTEST_CONTEXT or is_hollow(part.text):
                yield Open(section, part.line, "the context is not described")
        elif part.rows is None or not part.rows:
            columns = ", ".join(section.columns)
            yield Open(section, part.line, f"'{section.heading}' has no table with rows and the columns {columns}")
        else:
            for row in _JUDGES[section.key](review):
                yield Open(section, *row)


SectionRows = Iterator[tuple[int, str]]


def _empty(row: Filled, section: FormSection, skip: tuple[str, ...] = ()) -> SectionRows:
    """Each cell that says nothing."""
    for column, cell in zip(section.columns, row.cells, strict=True):
        if column not in skip and is_hollow(cell):
            yield row.line, f"{column} is not filled in"


def _data(review: Review) -> SectionRows:
    for row in review.rows(DATA):
        yield from _empty(row, DATA)
        if not is_hollow(row.cells[1]) and row.cells[1].casefold() not in CLASSES:
            yield row.line, f"'{row.cells[1][:40]}' is no classification: write {', '.join(CLASSES)}"


def _threats(review: Review) -> SectionRows:
    rows = review.rows(THREATS)
    accepted = {row.cells[1] for row in review.exceptions}
    for row in rows:
        name, category, _, _, status = row.cells
        status = status.casefold()
        # Where nothing can happen, nothing is done about it.
        yield from _empty(row, THREATS, ("Mitigation",) if status in ("not-applicable", "accepted") else ())
        if not is_hollow(category) and category_of(category) is None:
            yield row.line, f"'{category[:40]}' is no category of STRIDE"
        if not is_hollow(status) and status not in STATUSES:
            yield row.line, f"'{status[:40]}' is no status: write {', '.join(STATUSES)}"
        if status == "open":
            yield row.line, f"threat {name} is open: mitigate it, or accept it with an exception"
        if status == "accepted" and name not in accepted:
            yield row.line, f"threat {name} is accepted, and no exception names it"
    yield from _twice(rows, "threat")
    answered = {category_of(row.cells[1]) for row in rows}
    line = rows[-1].line
    yield from ((line, f"no row answers {each.name}") for each in STRIDE if each.key not in answered)


def _artifacts(review: Review) -> SectionRows:
    for row in review.rows(ARTIFACTS):
        yield from _empty(row, ARTIFACTS)
        if not is_hollow(row.cells[1]) and not is_plain(row.cells[1]):
            yield row.line, f"'{row.cells[1][:80]}' is not a path below the root of the repository"


def _exceptions(review: Review) -> SectionRows:
    rows = review.rows(EXCEPTIONS)
    named = {row.cells[0] for row in review.rows(THREATS)}
    for row in rows:
        if row.cells[0].casefold() == "none":
            if len(rows) > 1:
                yield row.line, "'none' stands beside exceptions"
            continue
        yield from _empty(row, EXCEPTIONS)
        if not is_hollow(row.cells[1]) and row.cells[1] not in named:
            yield row.line, f"there is no threat {row.cells[1][:40]}"
        if not is_hollow(row.cells[4]) and day_of(row.cells[4]) is None:
            yield row.line, f"'{row.cells[4][:40]}' is not a day: write YYYY-MM-DD"
    yield from _twice(review.exceptions, "exception")


def _approval(review: Review) -> SectionRows:
    rows = review.rows(APPROVAL)
    for row in rows:
        yield from _empty(row, APPROVAL)
    names = Counter(row.cells[1].casefold() for row in rows)
    yield from ((row.line, f"{row.cells[1][:80]} is named twice") for row in rows if names[row.cells[1].casefold()] > 1)


def _twice(rows: tuple[Filled, ...], what: str) -> SectionRows:
    count = Counter(row.cells[0] for row in rows)
    yield from ((row.line, f"there are two {what}s {row.cells[0][:40]}") for row in rows if count[row.cells[0]] > 1)


def day_of(text: str) -> date | None:
    """The day that `YYYY-MM-DD` names; None when it names none."""
    try:
        return date.fromisoformat(text) if len(text) == 10 else None
    except ValueError:
        return None


_JUDGES: dict[str, Callable[[Review], SectionRows]] = {
    DATA.key: _data,
    THREATS.key: _threats,
    ARTIFACTS.key: _artifacts,
    EXCEPTIONS.key: _exceptions,
    APPROVAL.key: _approval,
}
