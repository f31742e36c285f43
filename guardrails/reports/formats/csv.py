"""A report as CSV, as spreadsheets read it (RFC 4180). Unknown is an empty cell, and no cell is a formula."""

from __future__ import annotations

import csv
import io

from guardrails.core.text import printable
from guardrails.reports.view import Table, View, ViewCell

# A cell that begins with one of these is a formula to a spreadsheet: https://owasp.org/www-community/attacks/CSV_Injection
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def render(view: View) -> str:
    """The table that is made for spreadsheets."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\r\n")
    for section in view.of("csv"):
        for block in section.blocks:
            if isinstance(block, Table):
                writer.writerow(block.header)
                writer.writerows([_harmless(cell) for cell in row] for row in block.rows)
    return stream.getvalue()


def _harmless(cell: ViewCell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, (int, float)):
        return repr(cell)
    shown = printable(cell)
    return f"'{shown}" if cell.startswith(_FORMULA) or shown.lstrip().startswith(_FORMULA[:4]) else shown
