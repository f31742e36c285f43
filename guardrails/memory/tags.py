"""Tags: `key:value`, compared exactly. What is one, and the one form each is kept and searched in."""

from __future__ import annotations

import re
import unicodedata

from guardrails.consensus.values import agent_of
from guardrails.errors import GuardrailError
from guardrails.layout import STAGES, Layout, stage_of
from guardrails.printable import unsafe

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
