"""Tables and fields as plain text, Markdown and CSV: what every report is laid out with. Cells are escaped here."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from guardrails.core.text import printable

_WIDEST = 60
"""Characters of a cell in a text table; the other formats hold all of it."""
# A cell that begins with one of these is a formula to a spreadsheet: https://owasp.org/www-community/attacks/CSV_Injection
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def text_table(header: Sequence[str], rows: Iterable[Sequence[str]], indent: str = "") -> str:
    """Columns that line up, two blanks apart."""
    cells = [list(header), *([_cut(printable(cell)) for cell in row] for row in rows)]
    widths = [max(len(row[at]) for row in cells) for at in range(len(header))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells)
    return "".join(f"{indent}{line}\n" for line in lines)


def _cut(cell: str) -> str:
    return cell if len(cell) <= _WIDEST else cell[: _WIDEST - 3] + "..."


def fields(rows: Iterable[tuple[str, str]], indent: str = "") -> str:
    """A label and a value a line, values in one column."""
    kept = list(rows)
    width = max((len(label) for label, _ in kept), default=0) + 1
    return "".join(f"{indent}{label + ':':<{width}} {printable(value)}".rstrip() + "\n" for label, value in kept)


# What means something to Markdown or to HTML inside it. A reader sees the character itself.
_MARKS = {ord(mark): f"\\{mark}" for mark in "\\`*_{}[]#|~"} | {
    ord("<"): "&lt;",
    ord(">"): "&gt;",
    ord("&"): "&amp;",
    ord("!"): "&#33;",
    ord("@"): "&#64;",
    ord(":"): "&#58;",
}


def markdown(value: str) -> str:
    """A value from evidence inside Markdown: nothing in it is markup, a link, a mention or an image."""
    return printable(value).translate(_MARKS)


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A GFM table; every cell is escaped."""
    lines = [f"| {' | '.join(header)} |", f"|{'|'.join(' --- ' for _ in header)}|"]
    lines += [f"| {' | '.join(markdown(cell) for cell in row)} |" for row in rows]
    return "\n".join(lines) + "\n"


def csv_table(header: Sequence[str], rows: Iterable[Sequence[str | float | None]]) -> str:
    """CSV as spreadsheets read it (RFC 4180). Unknown is an empty cell, and no cell is a formula."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\r\n")
    writer.writerow(header)
    writer.writerows([_harmless(cell) for cell in row] for row in rows)
    return stream.getvalue()


def _harmless(cell: str | float | None) -> str:
    if cell is None:
        return ""
    if isinstance(cell, (int, float)):
        return repr(cell)
    shown = printable(cell)
    return f"'{shown}" if cell.startswith(_FORMULA) or shown.lstrip().startswith(_FORMULA[:4]) else shown
