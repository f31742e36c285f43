"""What `lint --fix` may change: padding and alignment of status tables, and the style of validation dates.

Nothing else: no cell is added, no other text touched, and a row with a wrong number of cells is left for people.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from guardrails.checks.lint.rows import mended
from guardrails.config.settings import Settings
from guardrails.core.markdown import MAX_CELLS, NEWLINE, MarkdownTable, TableRow, parse_markdown, split_row
from guardrails.layouts.tracker import Columns, columns_of

NARROWEST = 3
"""Dashes of the shortest separator cell that every renderer accepts."""
WIDEST = 120
"""A column with a wider cell is not padded: one long note would blow up every row."""

_BOM = "\ufeff"
_JOINER, _EMOJI = "\u200d", "\ufe0f"


class _Style(NamedTuple):
    """How one column is laid out. `width` is 0 where nothing is padded."""

    width: int
    left: bool
    right: bool


def fix_text(text: str, settings: Settings) -> str:  # noqa: ARG001  what is safe does not depend on the settings yet
    """`text` with its status tables padded and its dates written YYYY-MM-DD. Fixing twice changes nothing more."""
    body = text.removeprefix(_BOM)
    tables = [table for table in parse_markdown(body).tables if _is_ours(table)]
    if not tables:
        return text
    lines = _lines(body)
    for table in tables:
        for row, cells in _formatted(table, lines):
            lines[row.line - 1] = _replaced(lines[row.line - 1], row, cells)
    return text[: len(text) - len(body)] + "".join(lines)


def _is_ours(table: MarkdownTable) -> bool:
    cells = table.header.cells
    return len(cells) < MAX_CELLS and columns_of(cells).status is not None


def _lines(text: str) -> list[str]:
    """The lines with their endings, split where Markdown splits them and nowhere else."""
    ends = [match.end() for match in NEWLINE.finditer(text)]
    return [text[start:end] for start, end in zip([0, *ends], [*ends, len(text)], strict=True)]


def _formatted(table: MarkdownTable, lines: Sequence[str]) -> Iterator[tuple[TableRow, list[str]]]:
    columns = columns_of(table.header.cells)
    width = len(table.header.cells)
    rows = [row for row in table.rows if len(row.cells) == width]
    texts = [_texts(table.header, lines), *(_mended(_texts(row, lines), columns) for row in rows)]
    styles = [_style(mark.text, [row[at] for row in texts]) for at, mark in enumerate(table.separator.cells)]
    yield table.separator, [_rule(style) for style in styles]
    for row, cells in zip([table.header, *rows], texts, strict=True):
        yield row, [_padded(text, style) for text, style in zip(cells, styles, strict=True)]


def _texts(row: TableRow, lines: Sequence[str]) -> list[str]:
    """The cells as they stand in the file, without padding."""
    start = row.column - 1
    return [text.strip(" \t") for text, _ in split_row(lines[row.line - 1][start : start + len(row.source)])]


def _mended(cells: list[str], columns: Columns) -> list[str]:
    at = columns.validated
    if at is not None and (date := mended(cells[at])):
        cells[at] = date
    return cells


def _style(mark: str, cells: Sequence[str]) -> _Style:
    width = max(NARROWEST, *map(display_width, cells))
    return _Style(width if width <= WIDEST else 0, mark.startswith(":"), mark.endswith(":"))


def _rule(style: _Style) -> str:
    dashes = max(style.width, NARROWEST) - style.left - style.right
    return ":" * style.left + "-" * dashes + ":" * style.right


def _padded(text: str, style: _Style) -> str:
    room = max(0, style.width - display_width(text))
    before = (room // 2 if style.left else room) if style.right else 0
    return " " * before + text + " " * (room - before)


def _replaced(line: str, row: TableRow, cells: Sequence[str]) -> str:
    start = row.column - 1
    return line[:start] + "| " + " | ".join(cells) + " |" + line[start + len(row.source) :].lstrip(" \t")


def display_width(text: str) -> int:
    """The columns a terminal needs: two for wide characters and emoji, none for what combines with a neighbour."""
    if text.isascii():
        return len(text)
    width, last, joined = 0, 2, False
    for character in text:
        if character == _EMOJI:  # makes an emoji, two columns wide, of the character before
            width, last = width + 2 - last, 2
        elif not joined and unicodedata.category(character) not in ("Mn", "Me", "Cf"):
            last = 2 if unicodedata.east_asian_width(character) in "WF" else 1
            width += last
        joined = character == _JOINER
    return width
