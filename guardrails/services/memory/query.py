"""What a user typed, understood: words, "phrases" and exact `key:value` tags. Nothing a user types is FTS5 syntax."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from guardrails.config.layout import Layout
from guardrails.core.text import utf8
from guardrails.services.memory.entries import mark, parse

LONGEST = 10_000
"""Characters of a query that are read."""
MOST = 64
"""Words, phrases and tags of a query that are looked for."""


class Query(NamedTuple):
    """`terms` are words and phrases, all of which must be in the text; `tags` must all be on it.

    `everything`: nothing was asked, so everything is found. `cut`: more was asked than is looked for.
    """

    terms: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    everything: bool = False
    cut: bool = False

    @property
    def nothing(self) -> bool:
        """Whether nothing can be found: what was asked holds no letter and no digit."""
        return not (self.terms or self.tags or self.everything)


def understand(text: str, layout: Layout) -> Query:
    """The query in `text`. Never fails: a quote that is not closed goes to the end, other signs are no letters."""
    readable = utf8(text[:LONGEST].replace("\0", " "))
    terms: dict[str, None] = {}
    tags: dict[str, None] = {}
    for part, quoted in _parts(readable):
        tag = None if quoted else parse(part, layout)
        if tag:
            tags[tag] = None
        elif any(map(str.isalnum, part)):
            terms[part] = None
    asked = len(terms) + len(tags)
    # Tags narrow most, so they are the last to go.
    kept = tuple(tags)[:MOST]
    words = tuple(terms)[: MOST - len(kept)]
    return Query(words, kept, not text.strip(), len(text) > LONGEST or asked > MOST)


def _parts(text: str) -> Iterator[tuple[str, bool]]:
    """Each word, and each phrase with True."""
    for number, part in enumerate(text.split('"')):
        if number % 2:
            yield part, True
        else:
            yield from ((word, False) for word in part.split())


def expression(query: Query) -> str:
    """The query as FTS5 understands it: every term a quoted string, every tag its mark."""
    terms = ['text:"' + term.replace('"', '""') + '"' for term in query.terms]
    return " ".join([*terms, *(f'marks:"{mark(tag)}"' for tag in query.tags)])
