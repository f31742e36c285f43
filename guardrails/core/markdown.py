"""Headings and GFM tables of a Markdown text, with positions, and what a reader sees of a cell."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Literal, NamedTuple

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.rules_block.table import table as gfm_table
from markdown_it.token import Token

# The blocks of a Markdown text.
#
# markdown-it-py decides what is a table, a heading, a fence or a comment. Only two of its rules are replaced:
# a table becomes one token that carries its lines instead of three tokens for each cell, so that a table of
# 10,000 rows stays cheap, and nesting that is too deep is recorded instead of silently ending the text. A rule
# that starts nothing counts what the others do.


MAX_DEPTH = 40
"""Levels of lists and quotes that are read; a list item counts two."""
MAX_CELLS = 1_000
"""Cells of one row that are told apart. What follows stays in the last one."""

SIZE_LIMIT = 4 * 1024 * 1024
"""Bytes of a document that is read."""
LINE_LIMIT = 50_000
"""Lines of a document that is read: the parser takes seconds and 100 MB for as many lines of small blocks."""
WORK_LIMIT = 500_000
"""How often a line may be asked whether a block starts there, and tokens that may be kept, together: of quotes and
lists within each other the parser asks and keeps as many for each line as there are levels."""

NEWLINE = re.compile(r"\r\n?|\n")
_PIPE = re.compile(r"(?<!\\)\|")
_BLANK = " \t\v\f"
# Comments and what is shown as it stands never count as tables, not even as misplaced ones.
_RAW_HTML = re.compile(r"<(?:!|\?|(?:pre|script|style|textarea)\b)", re.IGNORECASE)


class Cell(NamedTuple):
    """One cell as written: `text` without padding and with `\\|` turned to `|`, `column` 1-based."""

    text: str
    column: int


class TableRow(NamedTuple):
    """One line of a table. `column` is where the row starts, after the marks of quotes and lists;
    `source` is the line from there, without blanks at its ends."""

    line: int
    column: int
    source: str
    cells: tuple[Cell, ...]


class MarkdownTable(NamedTuple):
    header: TableRow
    separator: TableRow
    rows: tuple[TableRow, ...]


class Heading(NamedTuple):
    line: int
    level: int
    text: str


class LooseLines(NamedTuple):
    """Lines with pipes that are no table: a paragraph, an indented block right below a table, or inside HTML."""

    line: int
    lines: tuple[str, ...]
    html: bool = False


class Prose(NamedTuple):
    """Text that is neither heading nor table: a paragraph, also of a list or quote, code, or HTML."""

    line: int
    text: str
    html: bool = False


class MarkdownDocument(NamedTuple):
    """`too_deep` is the line from which nesting was not read, None as a rule. `too_large` says why nothing was read;
    `prose` is what no block holds."""

    blocks: tuple[Heading | MarkdownTable | LooseLines, ...]
    too_deep: int | None = None
    too_large: str | None = None
    prose: tuple[Prose, ...] = ()

    @property
    def tables(self) -> list[MarkdownTable]:
        return [block for block in self.blocks if isinstance(block, MarkdownTable)]

    @property
    def headings(self) -> list[Heading]:
        return [block for block in self.blocks if isinstance(block, Heading)]


@lru_cache(maxsize=4)
def parse_markdown(text: str) -> MarkdownDocument:
    """The headings, tables and stray pipe lines of `text`, in order. Never raises, for any text."""
    problem = _too_large(text)
    if problem:
        return MarkdownDocument((), too_large=problem)
    blocks: list[Heading | MarkdownTable | LooseLines] = []
    prose: list[Prose] = []
    too_deep, end = None, -1
    try:
        tokens = _block_parser().parse(text.removeprefix("\ufeff"), {_ASKED: 0})
    except _TooMuchWorkError:
        return MarkdownDocument((), too_large=f"more than {WORK_LIMIT:,} blocks within blocks")
    for at, token in enumerate(tokens):
        if token.type == "table":
            blocks.append(_table(token))
            end = token.map[1] if token.map else -1
        elif token.type == "heading_open" and token.map:
            blocks.append(Heading(token.map[0] + 1, int(token.tag[1]), tokens[at + 1].content))
        elif token.type == "too_deep" and token.map:
            too_deep = too_deep or token.map[0] + 1
        else:
            blocks.extend(_loose(token, end, tokens[at - 1].type))
            if token.map and token.content and tokens[at - 1].type != "heading_open":
                prose.append(Prose(token.map[0] + 1, token.content, token.type == "html_block"))
    return MarkdownDocument(tuple(blocks), too_deep, prose=tuple(prose))


def _too_large(text: str) -> str | None:
    """Why a text is too large to be read; None when it is not."""
    if len(text) > SIZE_LIMIT:
        return f"more than {SIZE_LIMIT // (1024 * 1024)} MB of text"
    if text.count("\n") + text.count("\r") > LINE_LIMIT and len(NEWLINE.findall(text)) > LINE_LIMIT:
        return f"more than {LINE_LIMIT:,} lines"
    return None


def _loose(token: Token, table_end: int, before: str) -> Iterator[LooseLines]:
    if token.map is None or "|" not in token.content:
        return
    html = token.type == "html_block" and not _RAW_HTML.search(token.content)
    paragraph = token.type == "inline" and before == "paragraph_open"
    if html or paragraph or (token.type == "code_block" and token.map[0] == table_end):
        yield LooseLines(token.map[0] + 1, tuple(token.content.split("\n")), html)


def _table(token: Token) -> MarkdownTable:
    header, separator, *rows = (_row(*line) for line in token.meta["lines"])
    return MarkdownTable(header, separator, tuple(rows))


def _row(line: int, column: int, source: str) -> TableRow:
    cells = []
    for piece, offset in split_row(source):
        text = piece.strip(_BLANK)
        # The column of an empty cell is where its text would start.
        lead = len(piece) - len(piece.lstrip(_BLANK)) if text else min(1, len(piece))
        cells.append(Cell(text.replace("\\|", "|"), column + offset + lead))
    return TableRow(line, column, source, tuple(cells))


def split_row(source: str) -> list[tuple[str, int]]:
    """(text, offset) of each cell of a row without blanks at its ends, the padding and `\\|` kept.

    A pipe after a backslash is part of the cell, in a code span too, as GFM has it.
    """
    pieces = _PIPE.split(source, MAX_CELLS) if "\\|" in source else source.split("|", MAX_CELLS)
    placed, offset = [], 0
    for piece in pieces:
        placed.append((piece, offset))
        offset += len(piece) + 1
    if placed[0][0] == "":
        del placed[0]
    if placed and placed[-1][0] == "":
        del placed[-1]
    return placed


def decode(data: bytes) -> str | int:
    """The text of a file, or the 1-based line of its first byte that is not UTF-8."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        return len(NEWLINE.findall(data[: error.start].decode("utf-8", "replace"))) + 1


@lru_cache(maxsize=1)
def _block_parser() -> MarkdownIt:
    # Link definitions change neither tables nor headings, and nobody here needs every cell's inline tokens.
    parser = MarkdownIt("commonmark", {"maxNesting": MAX_DEPTH + 10}).disable(["inline", "reference"])
    parser.block.ruler.at("table", _table_rule, {"alt": ["paragraph", "reference"]})
    parser.block.ruler.before("table", "too_deep", _too_deep_rule)
    every_chain = ["paragraph", "reference", "blockquote", "list"]
    parser.block.ruler.before("too_deep", "work", _work_rule, {"alt": every_chain})
    return parser.enable("table")


_ASKED = "asked"


class _TooMuchWorkError(Exception):
    """The text is made to exhaust its reader."""


def _work_rule(state: StateBlock, _start: int, _end: int, _silent: bool) -> bool:
    """Starts no block: it is asked first, wherever one could start, and counts."""
    state.env[_ASKED] += 1
    if state.env[_ASKED] + len(state.tokens) > WORK_LIMIT:
        raise _TooMuchWorkError
    return False


def _too_deep_rule(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    if state.level < MAX_DEPTH:
        return False
    if not silent:
        state.push("too_deep", "", 0).map = [start, end]
        state.line = end
    return True


def _table_rule(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """markdown-it-py says whether a table starts here; its lines are then kept as they are written.

    A line that starts another block (a list item, a heading) is no header, as GFM has it. Neither is one with more or
    fewer cells than its separator: the library strips more than blanks from a row before it counts.
    """
    if not gfm_table(state, start, end, True) or _starts_other_block(state, start, end):
        return False
    header, separator = (len(split_row(_line(state, line)[2])) for line in (start, start + 1))
    if header != separator:
        return False
    if silent:
        return True
    parent, state.parentType = state.parentType, "table"
    stop = _table_end(state, start + 2, end)
    state.parentType = parent
    token = state.push("table", "", 0)
    token.map = [start, stop]
    token.meta["lines"] = [_line(state, line) for line in range(start, stop)]
    state.line = stop
    return True


def _table_end(state: StateBlock, line: int, end: int) -> int:
    """The first line that is no longer a row: blank, indented as code, outside the block, or another block's start."""
    while line < end and state.sCount[line] >= state.blkIndent:
        if state.isEmpty(line) or state.is_code_block(line) or _starts_other_block(state, line, end):
            break
        line += 1
    return line


def _starts_other_block(state: StateBlock, line: int, end: int) -> bool:
    return any(rule(state, line, end, True) for rule in state.md.block.ruler.getRules("blockquote"))


def _line(state: StateBlock, line: int) -> tuple[int, int, str]:
    start = state.bMarks[line] + state.tShift[line]
    source = state.src[start : state.eMarks[line]]
    trimmed = source.strip(_BLANK)
    start += source.index(trimmed)
    return line + 1, start - state.src.rfind("\n", 0, start), trimmed


# What a reader sees of a cell or heading, and the parts a cell consists of.


MAX_INLINE = 10_000
"""Characters of one cell or heading whose emphasis, links and code are recognised."""

# Underscores inside a word are never emphasis; everything else that inline Markdown knows needs one of these.
_MARKUP = re.compile(r"[*`~\[\]<>&\\!]|(?<![^\W_])_|_(?![^\W_])")
_BREAK = re.compile(r"<br\s*/?\s*>\Z", re.IGNORECASE)


class Piece(NamedTuple):
    """A part of a cell: running text, a code span, a link's destination, or a line break."""

    kind: Literal["text", "code", "link", "break"]
    text: str


def plain(text: str) -> str:
    """Inline Markdown as a reader sees it: no emphasis, code marks, strikethrough or link targets; blanks folded."""
    if len(text) > MAX_INLINE:
        text = text.translate({ord(mark): None for mark in "*`~"})
    elif _MARKUP.search(text):
        text = _rendered(text)
    return " ".join(text.split())


@lru_cache(maxsize=4096)
def _rendered(text: str) -> str:
    return "".join(_words(_inline(text)))


def _words(tokens: list[Token]) -> Iterator[str]:
    for token in tokens:
        if token.type in ("text", "text_special", "code_inline", "image"):
            yield token.content
        elif token.type in ("softbreak", "hardbreak", "html_inline"):
            yield " "


@lru_cache(maxsize=4096)
def pieces(text: str) -> tuple[Piece, ...]:
    """The parts of a cell: text (emphasis removed), code spans, destinations of links, and `<br>`."""
    if len(text) > MAX_INLINE or not _MARKUP.search(text):
        return (Piece("text", text),)
    parts: list[Piece] = []
    inside_link = 0
    for token in _inline(text):
        if token.type == "link_open":
            inside_link += 1
            parts.append(Piece("link", str(token.attrs.get("href", ""))))
        elif token.type == "link_close":
            inside_link -= 1
        elif not inside_link:
            _add(parts, token)
    return tuple(parts)


def _add(parts: list[Piece], token: Token) -> None:
    if token.type == "code_inline":
        parts.append(Piece("code", token.content))
    elif token.type == "image":
        parts.append(Piece("link", str(token.attrs.get("src", ""))))
    elif token.type == "hardbreak" or (token.type == "html_inline" and _BREAK.match(token.content)):
        parts.append(Piece("break", ""))
    elif token.type != "html_inline" and token.content:  # emphasis marks have none, so `docs/*a*.md` stays one text
        if parts and parts[-1].kind == "text":
            parts[-1] = Piece("text", parts[-1].text + token.content)
        else:
            parts.append(Piece("text", token.content))


def _inline(text: str) -> list[Token]:
    return _inline_parser().parseInline(text)[0].children or []


@lru_cache(maxsize=1)
def _inline_parser() -> MarkdownIt:
    return MarkdownIt("commonmark").enable("strikethrough")
