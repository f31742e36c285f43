"""Memories as text and as JSON. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from guardrails.core.text import printable
from guardrails.services.memory.entries import Memory
from guardrails.services.memory.query import Query

SCHEMA = "speckit.memory/1"
_SHOWN, _BEFORE = 300, 80
"""Characters of a text that are shown, and how many of them before what was found."""


def as_text(memories: Sequence[Memory], query: Query, full: bool) -> str:
    """A line about each, its text below, fit for a terminal."""
    return "".join(f"{line}\n" for memory in memories for line in _lines(memory, query, full))


def _lines(memory: Memory, query: Query, full: bool) -> Iterator[str]:
    yield printable(f"#{memory.id} [{memory.importance}] {memory.created} {' '.join(memory.tags)}".rstrip())
    yield from _body(memory.text, query, full)
    if memory.source:
        yield printable(f"    from {memory.source.path}")


def _body(text: str, query: Query, full: bool) -> Iterator[str]:
    """A text indented: all its lines, or on one line what is around the first word that was found."""
    for line in text.split("\n") if full else (excerpt(text, query.terms),):
        yield f"    {printable(line)}".rstrip()


def excerpt(text: str, terms: Sequence[str]) -> str:
    """Part of a text on one line, with the first of `terms` in it if it can be found as it is written."""
    line = " ".join(text.split())
    if len(line) <= _SHOWN:
        return line
    places = [at for term in terms if (at := line.lower().find(" ".join(term.lower().split()))) >= 0]
    start = max(0, min(places, default=0) - _BEFORE)
    end = start + _SHOWN
    return f"{'... ' if start else ''}{line[start:end]}{' ...' if end < len(line) else ''}"


def as_json(memories: Sequence[Memory], text: str) -> str:
    """One document: the query, and the memories whole."""
    rows = [
        {
            "id": memory.id,
            "importance": memory.importance,
            "created": memory.created,
            "tags": memory.tags,
            "text": memory.text,
            "source": memory.source._asdict() if memory.source else None,
        }
        for memory in memories
    ]
    return json.dumps({"schema": SCHEMA, "query": text, "count": len(rows), "memories": rows}, indent=2) + "\n"


def answers_text(items: Sequence[str], query: Query, full: bool) -> str:
    """What an MCP server answered, numbered, fit for a terminal."""
    return "".join(
        f"{line}\n" for number, item in enumerate(items, 1) for line in (f"{number}.", *_body(item, query, full))
    )


def answers_json(items: Sequence[str], text: str) -> str:
    """One document: the query, and what an MCP server answered."""
    return json.dumps({"schema": SCHEMA, "query": text, "count": len(items), "answers": list(items)}, indent=2) + "\n"
