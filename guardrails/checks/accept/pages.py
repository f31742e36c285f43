"""Documents and answers as criteria look at them: tables, list items and passages, each below its headings.

A Markdown document and the JSON of an agent come out alike: a list of objects is a table as well as a list, a key is a
heading, and text in JSON that is Markdown is read as Markdown.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeGuard

from markdown_it import MarkdownIt
from markdown_it.token import Token

from guardrails.checks.lint.documents import heading_key
from guardrails.core.markdown import (
    LINE_LIMIT,
    SIZE_LIMIT,
    Heading,
    MarkdownDocument,
    MarkdownTable,
    parse_markdown,
    plain,
)
from guardrails.core.strict_json import JsonPath, locate, walk
from guardrails.layouts.tracker import header_key

MAX_DEPTH = 40
MOST_TEXTS = 10_000
"""Texts of more than one line in one answer."""
LONGEST_LABEL = 60
_ABOUT = frozenset(("inputs", "prompt_sha256", "promptSha256", "prompt"))
"""Keys of an answer that repeat the question, which must not be taken for the answer."""


class TextRecord(NamedTuple):
    """A row of a table or an item of a list: its fields by folded name, and all of its text."""

    line: int
    column: int
    fields: Mapping[str, str]
    text: str


class TextTable(NamedTuple):
    """A table. `section` are the headings above it, the nearest last; `columns` are folded."""

    line: int
    section: tuple[str, ...]
    columns: frozenset[str]
    rows: tuple[TextRecord, ...]


class ListItem(NamedTuple):
    """An item at the top of a list, with everything below it."""

    section: tuple[str, ...]
    record: TextRecord


class Passage(NamedTuple):
    """Text that a reader sees: a paragraph, a heading, a cell's line."""

    line: int
    section: tuple[str, ...]
    text: str


class TextPage(NamedTuple):
    """One file. `headings` are (line, text) of all of them."""

    path: str
    tables: tuple[TextTable, ...]
    items: tuple[ListItem, ...]
    passages: tuple[Passage, ...]
    headings: tuple[tuple[int, str], ...]


def page_of_markdown(path: str, text: str) -> TextPage | None:
    """A document; None for one that is too large. Code blocks and comments say nothing: no reader takes them for
    statements."""
    document = parse_markdown(text)
    return None if document.too_large else _page(path, text, document)


def _page(path: str, text: str, document: MarkdownDocument) -> TextPage:
    sections = _Sections(document)
    tables = tuple(_tables(sections))
    items, passages = _flow(sections, text)
    headings = tuple((heading.line, plain(heading.text)) for heading in sections.headings)
    return TextPage(path, tables, items, passages, headings)


class _Sections:
    """The headings of a text, and which of them are in force at a line."""

    def __init__(self, document: MarkdownDocument) -> None:
        self.blocks = document.blocks
        self.headings = [block for block in self.blocks if isinstance(block, Heading)]
        self._starts: list[tuple[int, tuple[str, ...]]] = [(0, ())]
        stack: list[Heading] = []
        for heading in self.headings:
            while stack and stack[-1].level >= heading.level:
                stack.pop()
            stack.append(heading)
            self._starts.append((heading.line, tuple(heading_key(each.text) for each in stack)))

    def at(self, line: int) -> tuple[str, ...]:
        from bisect import bisect_right

        return self._starts[bisect_right(self._starts, line, key=lambda start: start[0]) - 1][1]


def _tables(sections: _Sections) -> Iterator[TextTable]:
    for block in sections.blocks:
        if isinstance(block, MarkdownTable):
            names = [header_key(cell.text) for cell in block.header.cells]
            rows = []
            for row in block.rows:
                texts = [plain(cell.text) for cell in row.cells]
                fields = dict(zip(names, texts, strict=False))
                rows.append(TextRecord(row.line, row.column, fields, " | ".join(texts)))
            yield TextTable(block.header.line, sections.at(block.header.line), frozenset(names), tuple(rows))


def _flow(sections: _Sections, text: str) -> tuple[tuple[ListItem, ...], tuple[Passage, ...]]:
    """List items at the top, and every piece of text, lines of tables included."""
    tokens = _flow_parser().parse(text.removeprefix("\ufeff"))
    items: list[ListItem] = []
    passages: list[Passage] = []
    depth, begun, texts = 0, 1, [""]
    for token in tokens:
        if token.type == "list_item_open":
            if depth == 0:
                begun, texts = _line(token), []
            depth += 1
        elif token.type == "list_item_close":
            depth -= 1
            if depth == 0:
                items.append(ListItem(sections.at(begun), _record(begun, 1, "\n".join(texts))))
        elif token.type == "inline" and token.map:
            passages.append(Passage(_line(token), sections.at(_line(token)), token.content))
            if depth:
                texts.append(token.content)
    return tuple(items), tuple(passages)


def _line(token: Token) -> int:
    return token.map[0] + 1 if token.map else 1


def _flow_parser() -> MarkdownIt:
    return MarkdownIt("commonmark", {"maxNesting": MAX_DEPTH}).disable(["inline", "reference"])


def _record(line: int, column: int, text: str) -> TextRecord:
    """An item with the fields it states as `Label: value`, each on a line of its own or between ` · `."""
    fields: dict[str, str] = {}
    shown = [plain(part) for row in text.split("\n") for part in row.split(" · ")]
    for part in shown:
        label, colon, value = part.partition(":")
        if colon and len(label) <= LONGEST_LABEL and value.strip():
            fields.setdefault(header_key(label), value.strip())
    return TextRecord(line, column, fields, " ".join(shown))


def page_of_json(path: str, data: bytes, value: Any) -> TextPage | None:
    """An answer or a synthesis; None for one that is too large. Positions are those of the JSON text."""
    found = [(key, item) for key, item in walk(value) if not key or key[0] not in _ABOUT]
    if _are_too_large(item for _, item in found):
        return None
    lines = locate(data, [key for key, _ in found])
    tables: list[TextTable] = []
    items: list[ListItem] = []
    passages: list[Passage] = []
    for key, item in found:
        line, column = lines.get(key, (1, 1))
        section = _section(key)
        if key and isinstance(key[-1], str):
            passages.append(Passage(line, section, key[-1]))
        if isinstance(item, list):
            places = [lines.get((*key, at), (line, column)) for at in range(len(item))]
            records = [_of_json(each, *place) for each, place in zip(item, places, strict=True)]
            texts = list(map(_is_markdown, item))
            own = _section(key[_last_number(key) + 1 :])  # what lies within another item belongs to that one
            items += [ListItem(own, record) for record, text in zip(records, texts, strict=True) if not text]
            rows = tuple(record for record, each in zip(records, item, strict=True) if isinstance(each, dict))
            if rows:
                columns = frozenset(name for row in rows for name in row.fields)
                tables.append(TextTable(line, section, columns, rows))
        elif isinstance(item, str):
            if not _is_markdown(item):
                passages.append(Passage(line, section, item))
                continue
            inner = page_of_markdown(path, item)
            if inner is None:
                return None
            tables += [_moved(rows, line, column, section) for rows in inner.tables]
            items += [
                ListItem(section + each.section, each.record._replace(line=line, column=column)) for each in inner.items
            ]
            passages += [Passage(line, section + each.section, each.text) for each in inner.passages]
    return TextPage(path, tuple(tables), tuple(items), tuple(passages), ())


def _is_markdown(value: Any) -> TypeGuard[str]:
    """Whether a value is read as Markdown: text of more than one line."""
    return isinstance(value, str) and "\n" in value


def _are_too_large(values: Iterable[Any]) -> bool:
    """Whether all texts of an answer are together more than one document may be, or those that are Markdown too many
    to start a parser for each."""
    texts = [value for value in values if isinstance(value, str)]
    lines, size = sum(text.count("\n") for text in texts), sum(map(len, texts))
    return lines > LINE_LIMIT or size > SIZE_LIMIT or sum(map(_is_markdown, texts)) > MOST_TEXTS


def _section(key: JsonPath) -> tuple[str, ...]:
    return tuple(heading_key(part.replace("_", " ")) for part in key if isinstance(part, str))


def _last_number(key: JsonPath) -> int:
    """Where the last index into a list stands in a key; -1 where there is none."""
    return next((at for at in range(len(key) - 1, -1, -1) if isinstance(key[at], int)), -1)


def _moved(rows: TextTable, line: int, column: int, section: tuple[str, ...]) -> TextTable:
    moved = tuple(row._replace(line=line, column=column) for row in rows.rows)
    return TextTable(line, section + rows.section, rows.columns, moved)


def _of_json(value: Any, line: int, column: int) -> TextRecord:
    if isinstance(value, dict):
        fields = {header_key(name.replace("_", " ")): _text(each) for name, each in value.items()}
        return TextRecord(line, column, fields, " | ".join(fields.values()))
    return _record(line, column, _text(value))


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, list):
        return ", ".join(map(_text, value))
    return json.dumps(value, ensure_ascii=False)


def below(section: Sequence[str], under: str | None) -> bool:
    """Whether one of the headings in force starts with some words; always, where none are asked for."""

    return under is None or any(begins(heading, under) for heading in section)


# Wordings and numbers in a text: whole words, without regard to case. No pattern is searched, so it is linear.


_NUMBER = re.compile(r"(?<![^\W_])\d")
"""A number of its own: the 95 of p95 and the 1 of T1 are parts of names."""


def spoken(text: str) -> str:
    """A text as it is compared: case, kinds of blanks, underscores and hyphens do not matter."""
    return " ".join(text.casefold().replace("_", " ").replace("-", " ").split())


def places(text: str, wording: str) -> Iterator[int]:
    """Where a wording stands in a text as whole words, both as `spoken` gives them; occurrences do not overlap."""
    at = text.find(wording) if wording else -1
    while at >= 0:
        end = at + len(wording)
        if not (_joins(text, at - 1, wording[0]) or _joins(text, end, wording[-1])):
            yield at
            at = text.find(wording, end)
        else:
            at = text.find(wording, at + 1)


def _joins(text: str, at: int, edge: str) -> bool:
    """Whether the character at the edge of a find continues its word."""
    return 0 <= at < len(text) and text[at].isalnum() and edge.isalnum()


def count(text: str, wordings: Iterable[str]) -> int:
    """How often any of some wordings occurs."""
    words = spoken(text)
    return sum(1 for wording in wordings for _ in places(words, spoken(wording)))


def says(text: str, wording: str) -> bool:
    """Whether a wording stands in a text."""
    return next(places(spoken(text), spoken(wording)), None) is not None


def has_number(text: str) -> bool:
    """Whether a text states a number."""
    return _NUMBER.search(text) is not None


def begins(heading: str, wanted: str) -> bool:
    """Whether a heading starts with these words, whole: "Specious" does not start with "Spec"."""
    words, start = spoken(heading), spoken(wanted)
    return words.startswith(start) and not _joins(words, len(start), start[-1:] or " ")
