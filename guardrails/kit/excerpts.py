"""The parts of a Markdown document that a kit shows: its sections, each cut to a size, all within one."""

from __future__ import annotations

from typing import NamedTuple

from guardrails.consensus.fencing import beginning, shown
from guardrails.markdown import NEWLINE, parse, plain

SECTION_BYTES = 2_000
DOCUMENT_BYTES = 16_000
MOST_SECTIONS = 40
LONGEST_TITLE = 120
_DEEPEST = 2
"""Headings of this level and above begin a section; those below belong to one."""


class Excerpt(NamedTuple):
    """One section, or what fits of it. `line` is where it begins, 1-based; `left_out` are bytes that are not shown."""

    title: str
    line: int
    text: str
    left_out: int = 0


class Excerpts(NamedTuple):
    """`untold` are the titles of sections for which there was no room."""

    shown: tuple[Excerpt, ...]
    untold: tuple[str, ...] = ()


def excerpts_of(text: str) -> Excerpts:
    """The sections of a document, in order. Never raises, for any text."""
    made: list[Excerpt] = []
    untold: list[str] = []
    room = DOCUMENT_BYTES
    for title, line, body in _sections(text):
        if not body.strip():
            continue
        if room < SECTION_BYTES or len(made) == MOST_SECTIONS:
            untold.append(title)
            continue
        kept = beginning(body, SECTION_BYTES)
        told = shown(kept)
        made.append(
            Excerpt(title, line, told, len(body.encode("utf-8", "replace")) - len(kept.encode("utf-8", "replace")))
        )
        room -= len(told.encode())
    return Excerpts(tuple(made), tuple(untold[:MOST_SECTIONS]))


def _sections(text: str) -> list[tuple[str, int, str]]:
    """(title, line, text) of each section, the heading's own line included; what stands before the first is one too."""
    lines = NEWLINE.split(text.removeprefix("\ufeff"))
    starts = [(1, "")]
    for heading in parse(text).headings:
        if heading.level <= _DEEPEST:
            title = shown(plain(heading.text))[:LONGEST_TITLE]
            if heading.line == 1:
                starts = []
            starts.append((heading.line, title))
    ends = [line for line, _ in starts[1:]] + [len(lines) + 1]
    return [
        (title, line, "\n".join(lines[line - 1 : end - 1]).rstrip() + "\n")
        for (line, title), end in zip(starts, ends, strict=True)
    ]
