"""What is remembered: a text, its tags, how important it is, and the evidence it comes from."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable
from datetime import datetime
from hashlib import sha256
from typing import NamedTuple

from guardrails.config.layout import STAGES, Layout, stage_of
from guardrails.consensus.model import agent_of
from guardrails.core.text import unsafe, utf8
from guardrails.errors import GuardrailError
from guardrails.secrets.redact import Redactor

LONGEST = 100_000
"""Characters of one text."""
MOST_TAGS = 32
LEAST, MOST = 1, 10
"""How important a memory can be."""


class MemorySource(NamedTuple):
    """The evidence file a memory comes from, relative to the repository root, and the digest of its bytes then."""

    path: str
    sha256: str


class NewMemory(NamedTuple):
    """What to remember. `tags` are sorted and in their one form; `created` None means now."""

    text: str
    tags: tuple[str, ...]
    importance: int
    created: datetime | None = None
    source: MemorySource | None = None


class Memory(NamedTuple):
    """What is remembered. `created` is UTC, `YYYY-MM-DDTHH:MM:SSZ`."""

    id: int
    text: str
    tags: tuple[str, ...]
    importance: int
    created: str
    source: MemorySource | None


def entry(
    text: str,
    tags: Iterable[str],
    importance: int,
    created: datetime | None = None,
    source: MemorySource | None = None,
) -> NewMemory:
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
    return NewMemory(words, distinct, importance, created, source)


def plain(text: str) -> str:
    """`text` as any store can hold it: UTF-8, one kind of line end, no NUL, nothing blank around it."""
    return utf8(text).replace("\0", "\N{REPLACEMENT CHARACTER}").replace("\r\n", "\n").replace("\r", "\n").strip()


def digest(item: NewMemory) -> bytes:
    """What makes an entry the same as one that is known already: its evidence, its tags and its text."""
    parts = (item.source.sha256 if item.source else None, item.tags, item.text)
    return sha256(json.dumps(parts).encode("ascii")).digest()


# Tags: `key:value`, compared exactly. What is one, and the one form each is kept and searched in.


FREE = "tag"
"""The key of a tag that was given without one: `urgent` is kept as `tag:urgent`."""
IMPORTANCE = "importance"
"""Every memory can be found by `importance:8`, so nobody gives it as a tag."""

# A value begins with a letter or digit: `std::vector`, `http://` and `:-)` are text.
_VALUE = r'[^\W_][^\s"]{0,199}'
_TAG = re.compile(rf"([a-z][a-z0-9_-]{{0,31}}):({_VALUE})")
_FREE = re.compile(r"[^\W_][^\s\":]{0,199}")
_HINT = "write key:value without blanks, for example spec:SPEC-KIT-900 or type:audit"


def parse(word: str, layout: Layout) -> str | None:
    """The tag that a word of a query names, in its one form; None when the word is text."""
    match = _TAG.fullmatch(unicodedata.normalize("NFC", word))
    return f"{match[1]}:{_canonical(match[1], match[2], layout)}" if match else None


def require(text: str, layout: Layout) -> str:
    """`text` as a tag to be kept. Raises GuardrailError for what is none, or names no SPEC or stage where it must."""
    word = text.strip()
    match = _TAG.fullmatch(f"{FREE}:{word}" if _FREE.fullmatch(word) else word)
    if match is None or unsafe().search(word):
        raise GuardrailError(f"'{text}' is not a tag", _HINT)
    key, value = match[1], match[2]
    if key == IMPORTANCE:
        raise GuardrailError(f"'{text}': importance is not a tag", "give it with --importance")
    if key == "spec":
        layout.require_id(value)
    elif key == "stage" and stage_of(value) is None:
        raise GuardrailError(f"'{text}' names no stage", f"stages are {', '.join(STAGES)}")
    tag = parse(f"{key}:{value}", layout)
    assert tag is not None  # normalising a tag leaves one
    return tag


def known(key: str, value: object, layout: Layout) -> str | None:
    """The tag for what a record says; None when it says nothing that could be one."""
    tag = parse(f"{key}:{value}", layout) if isinstance(value, str) else None
    return None if tag is None or unsafe().search(tag) else tag


def mark(tag: str) -> str:
    """A tag as one word of letters and digits, which no tokenizer takes apart and no folding of case touches."""
    return "x" + tag.encode("utf-8").hex()


def _canonical(key: str, value: str, layout: Layout) -> str:
    """One SPEC, stage or agent has one tag, in whichever of its usual spellings it was given."""
    if key == "spec":
        return layout.id_of(value) or value
    if key == "stage":
        return stage_of(value) or value
    return agent_of(value) if key == "agent" else value


def refuse_secrets(redactor: Redactor, what: str, text: str) -> None:
    """Raise GuardrailError when `text`, which `what` names, holds a secret. The message shows nothing of it."""
    hit = redactor.first(text)
    if hit:
        raise GuardrailError(
            f"{what} holds a secret at line {hit.line}, column {hit.column}: {hit.what}",
            "nothing was remembered; take it out, and revoke it if anybody else may have seen it",
        )


def without_secrets(item: NewMemory, redactor: Redactor) -> NewMemory:
    """`item` with the mark in place of every line that holds a secret, and without tags that do."""
    path = item.source.path if item.source else ""
    if not redactor.first("\n".join((item.text, path, *item.tags))):
        return item
    source = item.source._replace(path=redactor.lines(path)) if item.source else None
    tags = tuple(tag for tag in item.tags if not redactor.first(tag))
    return item._replace(text=redactor.lines(item.text), tags=tags, source=source)
