"""What a reader sees of a cell or heading, and the parts a cell consists of."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Literal, NamedTuple

from markdown_it import MarkdownIt
from markdown_it.token import Token

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
