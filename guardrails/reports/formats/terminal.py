"""A report as text for a terminal. Cells are cut to what a line can hold; the other forms hold all of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from guardrails.core.text import printable
from guardrails.reports.formats.plain_json import moment
from guardrails.reports.view import Block, Fields, Lines, Paragraph, Section, Table, View

_WIDEST = 60
"""Characters of a cell."""


def render(view: View) -> str:
    """The sections one below the other, each block after a blank line."""
    return "\n".join(_section(section) for section in view.of("text"))


def _section(section: Section) -> str:
    """A list is indented below its title, and so are the parts of a section."""
    heading = f"{printable(section.text_title)}\n" if section.text_title else ""
    blocks = [
        _indented(_block(block)) if heading and isinstance(block, (Fields, Lines)) else _block(block)
        for block in section.blocks
    ]
    return heading + "\n".join((*blocks, *(_indented(_section(part)) for part in section.parts)))


def _indented(text: str) -> str:
    return "".join(f"  {line}\n" if line else "\n" for line in text.split("\n")[:-1])


def _block(block: Block) -> str:
    return "".join(f"{line}\n" for line in _lines(block))


def _lines(block: Block) -> Iterator[str]:
    if isinstance(block, Paragraph):
        yield printable(block.text)
    elif isinstance(block, Lines):
        yield from map(printable, block.items)
    elif isinstance(block, Fields):
        width = max((len(label) for label, _ in block.rows), default=0) + 1
        for label, value in block.rows:
            shown = moment(value) or "" if isinstance(value, datetime) else printable(value)
            yield f"{label + ':':<{width}} {shown}".rstrip()
    elif isinstance(block, Table):
        yield from _aligned(block)


def _aligned(table: Table) -> Iterator[str]:
    """Columns that line up, two blanks apart."""
    rows = [[_cut(printable(str(cell))) for cell in row] for row in table.rows]
    cells = [[printable(name) for name in table.header], *rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _cut(cell: str) -> str:
    return cell if len(cell) <= _WIDEST else cell[: _WIDEST - 3] + "..."
