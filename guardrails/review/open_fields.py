"""What a review still has to say before anybody can sign it off."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date
from typing import NamedTuple

from guardrails.paths import is_plain
from guardrails.review.form import (
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
    Section,
)
from guardrails.review.reading import Filled, Review, category_of, is_hollow

SHORTEST_CONTEXT = 20
"""Characters of a context that says anything."""


class Open(NamedTuple):
    """One field that is not filled in as it must be. `line` is 1-based."""

    section: Section
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


Said = Iterator[tuple[int, str]]


def _empty(row: Filled, section: Section, skip: tuple[str, ...] = ()) -> Said:
    """Each cell that says nothing."""
    for column, cell in zip(section.columns, row.cells, strict=True):
        if column not in skip and is_hollow(cell):
            yield row.line, f"{column} is not filled in"


def _data(review: Review) -> Said:
    for row in review.rows(DATA):
        yield from _empty(row, DATA)
        if not is_hollow(row.cells[1]) and row.cells[1].casefold() not in CLASSES:
            yield row.line, f"'{row.cells[1][:40]}' is no classification: write {', '.join(CLASSES)}"


def _threats(review: Review) -> Said:
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


def _artifacts(review: Review) -> Said:
    for row in review.rows(ARTIFACTS):
        yield from _empty(row, ARTIFACTS)
        if not is_hollow(row.cells[1]) and not is_plain(row.cells[1]):
            yield row.line, f"'{row.cells[1][:80]}' is not a path below the root of the repository"


def _exceptions(review: Review) -> Said:
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


def _approval(review: Review) -> Said:
    rows = review.rows(APPROVAL)
    for row in rows:
        yield from _empty(row, APPROVAL)
    names = Counter(row.cells[1].casefold() for row in rows)
    yield from ((row.line, f"{row.cells[1][:80]} is named twice") for row in rows if names[row.cells[1].casefold()] > 1)


def _twice(rows: tuple[Filled, ...], what: str) -> Said:
    count = Counter(row.cells[0] for row in rows)
    yield from ((row.line, f"there are two {what}s {row.cells[0][:40]}") for row in rows if count[row.cells[0]] > 1)


def day_of(text: str) -> date | None:
    """The day that `YYYY-MM-DD` names; None when it names none."""
    try:
        return date.fromisoformat(text) if len(text) == 10 else None
    except ValueError:
        return None


_JUDGES: dict[str, Callable[[Review], Said]] = {
    DATA.key: _data,
    THREATS.key: _threats,
    ARTIFACTS.key: _artifacts,
    EXCEPTIONS.key: _exceptions,
    APPROVAL.key: _approval,
}
