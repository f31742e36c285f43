"""A report as Markdown, with GFM tables. Nothing in a value from evidence is markup."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from guardrails.core.text import printable
from guardrails.reports.formats.plain_json import moment
from guardrails.reports.view import Block, Fields, Lines, Paragraph, Table, View

# What means something to Markdown or to HTML inside it. A reader sees the character itself.
_MARKS = {ord(mark): f"\\{mark}" for mark in "\\`*_{}[]#|~"} | {
    ord("<"): "&lt;",
    ord(">"): "&gt;",
    ord("&"): "&amp;",
    ord("!"): "&#33;",
    ord("@"): "&#64;",
    ord(":"): "&#58;",
}


def render(view: View) -> str:
    """A document: its title, then every section below a heading of its own."""
    parts = [f"# {escaped(view.document_title or view.title)}\n"]
    for section in view.of("markdown"):
        parts += [f"## {escaped(section.title)}\n"] if section.title else []
        parts += ["".join(f"{line}\n" for line in _lines(block)) for block in section.blocks]
    return "\n".join(parts)


def escaped(value: str) -> str:
    """A value from evidence inside Markdown: nothing in it is markup, a link, a mention or an image."""
    return printable(value).translate(_MARKS)


def _lines(block: Block) -> Iterator[str]:
    if isinstance(block, Paragraph):
        yield block.text if block.literal else escaped(block.text)
    elif isinstance(block, Lines):
        yield from (f"- {escaped(line)}" for line in block.items)
    elif isinstance(block, Fields):
        for label, value in block.rows:
            yield f"- {label}: {moment(value) if isinstance(value, datetime) else escaped(value)}"
    elif isinstance(block, Table):
        yield _row(block.header)
        yield f"|{'|'.join(' --- ' for _ in block.header)}|"
        yield from map(_row, block.rows)


def _row(cells: Iterable[object]) -> str:
    return f"| {' | '.join(escaped(str(cell)) for cell in cells)} |"
