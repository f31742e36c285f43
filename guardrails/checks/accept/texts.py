"""Whether documents and answers hold what a criterion asks of their text. Pure over pages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from guardrails.checks.accept.declared import Bounds, Criterion
from guardrails.checks.accept.pages import Passage, TextPage, TextRecord, below, count, has_number, says, spoken
from guardrails.core.markdown import plain
from guardrails.core.text import plural, quoted_list
from guardrails.layouts.tracker import header_key, is_empty

AT_LEAST_ONE = Bounds(1)
_NAMES = frozenset(("order", "#", "no", "nr", "id", "task id"))
"""Columns whose numbers name a row and measure nothing."""


_WAITED_FOR = frozenset(("roster", "missing", "unusable", "path"))
"""Keys of a synthesis that name an agent without its having said anything."""


class CriterionFlaw(NamedTuple):
    """What keeps a criterion from holding. `path` None: nowhere but in the criterion. `judged` is False where
    nobody can say, because what is looked at is not there."""

    what: str
    path: str | None = None
    line: int | None = None
    column: int | None = None
    judged: bool = True


class LocatedRecord(NamedTuple):
    """A record and the file it is in."""

    path: str
    record: TextRecord


def judge_text(criterion: Criterion, pages: Sequence[TextPage], roster: Sequence[str]) -> Iterator[CriterionFlaw]:
    """The flaws of one criterion about text, over pages that count as one."""
    if criterion.kind == "table":
        yield from _table(criterion, pages)
    elif criterion.kind == "rows":
        yield from _rows(criterion, pages)
    elif criterion.kind == "list":
        yield from _list(criterion, pages)
    elif criterion.kind == "agents":
        yield from _agents(criterion, pages, roster)
    elif criterion.kind == "review":
        yield from _review(criterion, pages)
    else:
        yield from _wordings(criterion, pages)


def _start(criterion: Criterion, pages: Sequence[TextPage]) -> CriterionFlaw:
    """Where something is missing: at the heading below which it should be, else at the top."""
    for page in pages:
        for line, text in page.headings:
            if criterion.under and below((text,), criterion.under):
                return CriterionFlaw("", page.path, line, 1)
    if not pages:
        return CriterionFlaw("")
    return CriterionFlaw("", pages[0].path, 1, 1)


def _missing(criterion: Criterion, pages: Sequence[TextPage], what: str) -> CriterionFlaw:
    place = _start(criterion, pages)
    if criterion.under and not any(below(each.section, criterion.under) for page in pages for each in page.passages):
        what = f"{what} (there is no heading '{criterion.under}')"
    return place._replace(what=what)


def _table(criterion: Criterion, pages: Sequence[TextPage]) -> Iterator[CriterionFlaw]:
    wanted = {header_key(name) for name in criterion.columns}
    tables = [table for page in pages for table in page.tables if below(table.section, criterion.under)]
    fitting = [table for table in tables if wanted <= table.columns]
    if not fitting:
        yield _missing(criterion, pages, f"no table has the columns {quoted_list(criterion.columns)}")
        return
    bounds = criterion.rows or AT_LEAST_ONE
    counts = [sum(map(_says_anything, table.rows)) for table in fitting]
    if not any(map(bounds.hold, counts)):
        page = next(page for page in pages if fitting[0] in page.tables)
        yield CriterionFlaw(f"the table has {plural(counts[0], 'row')}, not {bounds}", page.path, fitting[0].line, 1)


def _rows(criterion: Criterion, pages: Sequence[TextPage]) -> Iterator[CriterionFlaw]:
    wanted = {header_key(name) for name in criterion.fields}
    rows = [
        LocatedRecord(page.path, row)
        for page in pages
        for table in page.tables
        if below(table.section, criterion.under) and wanted <= table.columns
        for row in table.rows
        if _says_anything(row)
    ]
    if not rows:
        yield _missing(criterion, pages, f"no table with rows has the columns {quoted_list(criterion.fields)}")
        return
    yield from _counted(criterion, pages, len(rows), criterion.rows or AT_LEAST_ONE, "row")
    yield from _records(criterion, pages, rows)
    yield from _grouped(criterion, pages, rows)


def _list(criterion: Criterion, pages: Sequence[TextPage]) -> Iterator[CriterionFlaw]:
    items = [
        LocatedRecord(page.path, item.record)
        for page in pages
        for item in page.items
        if below(item.section, criterion.under) and not is_empty(item.record.text)
    ]
    yield from _counted(criterion, pages, len(items), criterion.items or AT_LEAST_ONE, "list item")
    yield from _records(criterion, pages, items)


def _counted(
    criterion: Criterion, pages: Sequence[TextPage], number: int, bounds: Bounds, noun: str
) -> Iterator[CriterionFlaw]:
    if not bounds.hold(number):
        yield _missing(criterion, pages, f"there {'is' if number == 1 else 'are'} {plural(number, noun)}, not {bounds}")


def _records(
    criterion: Criterion, pages: Sequence[TextPage], records: Sequence[LocatedRecord]
) -> Iterator[CriterionFlaw]:
    """What each row or item must have, and what all of them must cover."""
    for path, record in records:
        place = (path, record.line, record.column)
        lacking = [name for name in criterion.fields if is_empty(record.fields.get(header_key(name), ""))]
        if lacking:
            yield CriterionFlaw(f"'{_short(record.text)}' has no {quoted_list(lacking)}", *place)
        if criterion.measurable and not _measures(record):
            yield CriterionFlaw(f"'{_short(record.text)}' states no number", *place)
    if criterion.covers_field is not None and records:
        said = [record.fields.get(header_key(criterion.covers_field), "") for _, record in records]
        missing = [value for value in criterion.covers if not any(says(text, value) for text in said)]
        if missing:
            yield _missing(criterion, pages, f"no '{criterion.covers_field}' is {quoted_list(missing)}")


def _measures(record: TextRecord) -> bool:
    if not record.fields:
        return has_number(record.text)
    measured = any(has_number(text) for name, text in record.fields.items() if name not in _NAMES)
    return measured or ("|" not in record.text and has_number(record.text))


def _grouped(criterion: Criterion, pages: Sequence[TextPage], rows: Sequence[LocatedRecord]) -> Iterator[CriterionFlaw]:
    if criterion.group_by is None:
        if criterion.groups:
            yield CriterionFlaw("'groups' says nothing without 'group_by'", judged=False)
        return
    key = header_key(criterion.group_by)
    for path, record in rows:
        if is_empty(record.fields.get(key, "")):
            yield CriterionFlaw(
                f"'{_short(record.text)}' is in no '{criterion.group_by}'", path, record.line, record.column
            )
    groups = {spoken(text) for _, record in rows if not is_empty(text := record.fields.get(key, ""))}
    bounds = criterion.groups or AT_LEAST_ONE
    if not bounds.hold(len(groups)):
        yield _missing(criterion, pages, f"'{criterion.group_by}' makes {plural(len(groups), 'group')}, not {bounds}")


def _passages(criterion: Criterion, pages: Sequence[TextPage]) -> list[Passage]:
    return [each for page in pages for each in page.passages if below(each.section, criterion.under)]


def _wordings(criterion: Criterion, pages: Sequence[TextPage]) -> Iterator[CriterionFlaw]:
    texts = [plain(each.text) for each in _passages(criterion, pages)]
    number = sum(count(text, criterion.any_of) for text in texts)
    bounds = criterion.times or AT_LEAST_ONE
    if not bounds.hold(number):
        wordings = " or ".join(f"'{_short(wording)}'" for wording in criterion.any_of)
        what = f"nothing says {wordings}" if number == 0 else f"{wordings} occurs {number} times, not {bounds}"
        yield _missing(criterion, pages, what)


def _agents(criterion: Criterion, pages: Sequence[TextPage], roster: Sequence[str]) -> Iterator[CriterionFlaw]:
    agents = criterion.agents or roster
    if not agents:
        yield CriterionFlaw("no agents are declared for the stage", judged=False)
        return
    texts = [each.text for each in _passages(criterion, pages) if _WAITED_FOR.isdisjoint(each.section)]
    missing = [agent for agent in agents if not any(says(text, agent) for text in texts)]
    if missing:
        yield _missing(criterion, pages, f"not named: {', '.join(missing)}")


def _review(criterion: Criterion, pages: Sequence[TextPage]) -> Iterator[CriterionFlaw]:
    """A judgement is a value of its own: a cell, a line, or what follows a colon. "Not adequate" is not adequate."""
    wanted = {spoken(wording) for wording in criterion.any_of}
    for each in _passages(criterion, pages):
        for line in each.text.split("\n"):
            for part in line.split("|"):
                value = plain(part).rpartition(":")[2]
                if spoken(value).strip(" .!\"'") in wanted:
                    return
    wordings = " or ".join(f"'{_short(wording)}'" for wording in criterion.any_of)
    yield _missing(criterion, pages, f"no judgement is stated as {wordings}")


def _says_anything(record: TextRecord) -> bool:
    return not all(map(is_empty, record.fields.values()))


def _short(text: str, most: int = 60) -> str:
    return text if len(text) <= most else text[: most - 3] + "..."
