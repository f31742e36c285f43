"""What is remembered: a text, its tags, how important it is, and the evidence it comes from."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from hashlib import sha256
from typing import NamedTuple

from guardrails.errors import GuardrailError
from guardrails.printable import utf8

LONGEST = 100_000
"""Characters of one text."""
MOST_TAGS = 32
LEAST, MOST = 1, 10
"""How important a memory can be."""


class Source(NamedTuple):
    """The evidence file a memory comes from, relative to the repository root, and the digest of its bytes then."""

    path: str
    sha256: str


class Entry(NamedTuple):
    """What to remember. `tags` are sorted and in their one form; `created` None means now."""

    text: str
    tags: tuple[str, ...]
    importance: int
    created: datetime | None = None
    source: Source | None = None


class Memory(NamedTuple):
    """What is remembered. `created` is UTC, `YYYY-MM-DDTHH:MM:SSZ`."""

    id: int
    text: str
    tags: tuple[str, ...]
    importance: int
    created: str
    source: Source | None


def entry(
    text: str,
    tags: Iterable[str],
    importance: int,
    created: datetime | None = None,
    source: Source | None = None,
) -> Entry:
    """An entry in the form that is kept. Raises GuardrailError for one that cannot be."""
    words = plain(text)
    distinct = tuple(sorted(set(tags)))
    if not words:
        raise GuardrailError("there is no text to remember", "say something besides the tags")
    if len(words) > LONGEST:
        raise GuardrailError(f"a text of {len(words)} characters is too long", f"keep it to {LONGEST}")
    if len(distinct) > MOST_TAGS:
        raise GuardrailError(f"{len(distinct)} tags are too many", f"keep them to {MOST_TAGS}")
    if not LEAST <= importance <= MOST:
        raise GuardrailError(f"an importance of {importance} does not exist", f"it goes from {LEAST} to {MOST}")
    return Entry(words, distinct, importance, created, source)


def plain(text: str) -> str:
    """`text` as any store can hold it: UTF-8, one kind of line end, no NUL, nothing blank around it."""
    return utf8(text).replace("\0", "\N{REPLACEMENT CHARACTER}").replace("\r\n", "\n").replace("\r", "\n").strip()


def digest(item: Entry) -> bytes:
    """What makes an entry the same as one that is known already: its evidence, its tags and its text."""
    parts = (item.source.sha256 if item.source else None, item.tags, item.text)
    return sha256(json.dumps(parts).encode("ascii")).digest()
