"""Judge the documents of each SPEC: they exist, and have the required headings and tables."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from html import unescape

from guardrails.checks.lint import tracker
from guardrails.checks.lint.document_rules import (
    EMPTY_DOCUMENT,
    EMPTY_SECTION,
    MISSING_DOCUMENT,
    MISSING_HEADING,
    MISSING_TABLE,
    SPEC_NOT_FOUND,
    TWO_DIRECTORIES,
    UNREADABLE_DOCUMENT,
)
from guardrails.checks.lint.rows import is_in, row_status
from guardrails.checks.lint.tracker_rules import NO_SEPARATOR
from guardrails.config.settings import DocumentRule, SectionRule
from guardrails.core.finding import Checked, Finding, Observation
from guardrails.core.markdown import Heading, MarkdownDocument, MarkdownTable, Prose, plain
from guardrails.core.text import quoted_list
from guardrails.layouts.own import Directory, Linked, Survey, Text, read_document, survey
from guardrails.layouts.tracker import BACKLOG, StatusRow, columns_of, items_of, without_remark
from guardrails.snapshot.base import Entry
from guardrails.snapshot.context import CheckContext

ALWAYS = "spec.md"
"""The document that even a SPEC in the backlog must have."""
_COMMENT = re.compile(r"(?s)<!--.*?(?:-->|\Z)")
_TAG = re.compile(r"<[^<>]*>")
_MARKS = re.compile(r"\A\s*(?:[-*+>]|\d{1,9}[.)])?\s*(?:\[[ xX]?\])?")
_LINK = re.compile(r"\A[ ]{0,3}\[[^\]\n]+\]:.*|!?\[\s*\]\([^()\n]*\)", re.MULTILINE)
"""A definition of a link, and a link without a text: nobody reads them."""
_BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""Letters and symbols by their category, and blanks to whoever looks at them."""
_PUNCTUATION = " \t\v\f\r\u00a0*_`~.:;,!?-\u2013\u2014\u2026()[]{}<>|\\/#"
_PLACEHOLDERS = frozenset(
    (
        "tbd", "todo", "to do", "tba", "fixme", "xxx", "wip", "to be determined", "to be defined", "to be decided",
        "to be done", "to be written", "to be announced", "placeholder",
    )
)  # fmt: skip
_UNSEEN = frozenset(("Cc", "Cf", "Mn", "Zl", "Zp", "Zs"))
_NUMBERING = re.compile(r"\d{1,3}(?:\.\d+)*[.)]?\s+")


def check(context: CheckContext) -> Iterator[Observation]:
    """Everything about the documents alone; `lint` judges the tracker as well."""
    yield from judge(context, survey(context.snapshot, context.settings))


def judge(context: CheckContext, found: Survey) -> Iterator[Observation]:
    """Findings about the documents of every SPEC directory, or of the one that was asked for."""
    wanted = context.scope.spec
    directories = [row for row in found.directories if wanted in (None, row.spec)]
    linked = [row for row in found.linked if wanted in (None, row.spec)]
    yield from map(_elsewhere, linked)
    if wanted and not (directories or linked):
        docs = context.settings.layout.docs
        message = f"{wanted} has no directory in {docs}"
        yield SPEC_NOT_FOUND.at(docs, message, hint="check the id; ids are compared exactly", spec=wanted)
    yield from _doubled(directories)
    required = [(row, document) for row in directories for document in context.settings.documents]
    entries = [_entry(row, document) for row, document in required]
    texts = read_document(context.snapshot, [entry for entry in entries if entry])
    for (directory, document), entry in zip(required, entries, strict=True):
        if entry is None:
            yield _missing(directory, document, found)
        else:
            waiting = _waits(found.rows[directory.path])
            for seen in _document(next(texts), document, directory.spec, context.settings.tracker.statuses):
                if waiting and isinstance(seen, Finding) and seen.rule is EMPTY_SECTION:
                    yield seen._replace(severity="warning")
                else:
                    yield seen


def _entry(directory: Directory, document: DocumentRule) -> Entry | None:
    path = f"{directory.path}/{document.name}"
    return next((entry for entry in directory.files if entry.path == path), None)


def _elsewhere(linked: Linked) -> Finding:
    message = f"{linked.spec} cannot be judged: its directory is a {linked.kind}, and what it leads to is not read"
    hint = "keep the SPEC in a directory of this repository"
    return UNREADABLE_DOCUMENT.at(linked.path, message, hint=hint, spec=linked.spec)


def _doubled(directories: Sequence[Directory]) -> Iterator[Finding]:
    first: dict[str, Directory] = {}
    for directory in directories:
        other = first.setdefault(directory.spec, directory)
        if other is not directory:
            message = f"{directory.spec} has two directories, {other.path} and {directory.path}"
            hint = "merge them, or give one a new id"
            yield TWO_DIRECTORIES.at(directory.path, message, hint=hint, spec=directory.spec)


def _waits(rows: Sequence[StatusRow]) -> bool:
    """Whether a SPEC is in the backlog: nobody has to have written it yet."""
    return bool(rows) and all(is_in(row, BACKLOG) for row in rows)


def _missing(directory: Directory, document: DocumentRule, found: Survey) -> Finding:
    path = f"{directory.path}/{document.name}"
    waiting = _waits(found.rows[directory.path]) and document.name != ALWAYS
    similar = next((entry.path for entry in directory.files if entry.path.casefold() == path.casefold()), None)
    message = f"{directory.spec} has no {document.name}" + (", while its row is Backlog" if waiting else "")
    hint = f"rename {similar}" if similar else f"write {path}"
    return MISSING_DOCUMENT.at(path, message, hint=hint, severity="warning" if waiting else None, spec=directory.spec)


def _document(text: Text, document: DocumentRule, spec: str, statuses: tuple[str, ...]) -> Iterator[Observation]:
    if text.document is None:
        message = f"{document.name} cannot be read: {text.problem}"
        yield UNREADABLE_DOCUMENT.at(text.path, message, line=text.line, hint="save it as UTF-8 text", spec=spec)
        return
    yield Checked(text.path)
    if text.blank:
        yield EMPTY_DOCUMENT.at(text.path, f"{document.name} is empty", hint="write it", spec=spec)
        return
    if text.document.too_deep:
        message = "the text from here on is nested too deep to be read"
        yield UNREADABLE_DOCUMENT.at(text.path, message, line=text.document.too_deep, hint="nest less", spec=spec)
    for section in document.sections:
        for finding in _section(text.path, text.document, section, statuses):
            yield finding._replace(spec=spec)


def _section(
    path: str, markdown: MarkdownDocument, section: SectionRule, statuses: tuple[str, ...]
) -> Iterator[Finding]:
    places = [at for at, block in enumerate(markdown.blocks) if _is_heading(block, section.heading)]
    if section.heading and not places:
        hint = f"add a heading '{section.heading}'"
        yield MISSING_HEADING.at(path, f"heading '{section.heading}' is missing", line=1, hint=hint)
    if not section.columns:
        if places and not any(_says_something(markdown, at) for at in places):
            message = f"nothing stands below the heading '{section.heading}'"
            line, _ = _lines(markdown, places[0])
            yield EMPTY_SECTION.at(path, message, line=line, hint="write the section, or 'none' where there is nothing")
        return
    # A table whose heading is missing may stand anywhere: one missing thing is one finding.
    tables = [table for at in places for table in _below(markdown, at)] if places else markdown.tables
    fitting = [table for table in tables if not columns_of(table.header.cells).missing(section.columns)]
    rows = list(_status_rows(path, markdown, fitting, section, statuses))
    yield from rows
    if not any(table.rows for table in fitting) and not any(finding.rule is NO_SEPARATOR for finding in rows):
        yield _no_table(path, section, fitting, bool(places))


def _no_table(path: str, section: SectionRule, fitting: Sequence[MarkdownTable], below: bool) -> Finding:
    where = f" below '{section.heading}'" if below else ""
    columns = quoted_list(section.columns)
    what = "has no rows" if fitting else "is missing"
    return MISSING_TABLE.at(path, f"the table with the columns {columns}{where} {what}", line=1, hint="add the table")


def _is_heading(block: object, wanted: str | None) -> bool:
    return wanted is not None and isinstance(block, Heading) and heading_key(block.text) == heading_key(wanted)


def heading_key(text: str) -> str:
    """A heading for comparison: no emphasis, leading number, colon at the end, or one remark in parentheses there."""
    words = plain(text)
    number = _NUMBERING.match(words)
    return without_remark(words[number.end() :] if number else words).casefold()


def _below(markdown: MarkdownDocument, at: int) -> Iterator[MarkdownTable]:
    """The tables between a heading and the next one that is not below it."""
    heading = markdown.blocks[at]
    for place in range(at + 1, len(markdown.blocks)):
        block = markdown.blocks[place]
        if isinstance(block, Heading) and isinstance(heading, Heading) and block.level <= heading.level:
            return
        if isinstance(block, MarkdownTable):
            yield block


def _says_something(markdown: MarkdownDocument, at: int) -> bool:
    """Whether there is text, or a table with rows, between a heading and the next one that is not below it."""
    if any(_is_text(cell.text) for table in _below(markdown, at) for row in table.rows for cell in row.cells):
        return True
    first, last = _lines(markdown, at)
    start = bisect_right(markdown.prose, first, key=lambda each: each.line)
    end = bisect_left(markdown.prose, last, start, key=lambda each: each.line)
    return any(_has_text(markdown.prose[place]) for place in range(start, end))


def _lines(markdown: MarkdownDocument, at: int) -> tuple[int, float]:
    """The line of a heading, and that of the next one that is not below it."""
    heading = markdown.blocks[at]
    assert isinstance(heading, Heading)
    for place in range(at + 1, len(markdown.blocks)):
        block = markdown.blocks[place]
        if isinstance(block, Heading) and block.level <= heading.level:
            return heading.line, block.line
    return heading.line, float("inf")


def _has_text(prose: Prose) -> bool:
    text = _LINK.sub("", _COMMENT.sub("", prose.text))
    if prose.html:
        text = _TAG.sub(" ", text) if "<img" not in text.casefold() else text
    return any(map(_is_text, text.split("\n")))


def _is_text(line: str) -> bool:
    """Whether a line says something: it is no list mark, empty box or placeholder."""
    words = _MARKS.sub("", _seen(line)).strip(_PUNCTUATION).casefold()
    return bool(words) and words not in _PLACEHOLDERS


def _seen(line: str) -> str:
    """A line without the characters that leave no mark: an entity counts as what it stands for."""
    text = unescape(line) if "&" in line else line
    if text.isascii() and text.isprintable():
        return text
    return "".join(" " if char in _BLANK or unicodedata.category(char) in _UNSEEN else char for char in text)


def _status_rows(
    path: str,
    markdown: MarkdownDocument,
    tables: Sequence[MarkdownTable],
    section: SectionRule,
    statuses: tuple[str, ...],
) -> Iterator[Finding]:
    """The tracker's rules that hold for any status table, for a required table with a Status column."""
    if "status" not in (name.casefold() for name in section.columns):
        return
    yield from tracker.stray(path, markdown)
    for table in tables:
        items = items_of(table, columns_of(table.header.cells), statuses)
        yield from tracker.cells(path, items, len(table.header.cells))
        yield from tracker.order(path, items)
        for item in items:
            if item.whole:
                yield from row_status(path, statuses, item)
