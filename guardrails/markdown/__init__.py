"""Headings and GFM tables of a Markdown text, with positions, and what a reader sees of a cell."""

from guardrails.markdown.blocks import (
    MAX_CELLS,
    NEWLINE,
    Cell,
    Document,
    Heading,
    Loose,
    Row,
    Table,
    decode,
    parse,
    split_row,
)
from guardrails.markdown.inline import Piece, pieces, plain

__all__ = (
    "MAX_CELLS",
    "NEWLINE",
    "Cell",
    "Document",
    "Heading",
    "Loose",
    "Piece",
    "Row",
    "Table",
    "decode",
    "parse",
    "pieces",
    "plain",
    "split_row",
)
