"""Wordings and numbers in a text: whole words, without regard to case. No pattern is searched, so it is linear."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

_NUMBER = re.compile(r"(?<![^\W_])\d")
"""A number of its own: the 95 of p95 and the 1 of T1 are parts of names."""


def spoken(text: str) -> str:
    """A text as it is compared: case, kinds of blanks, underscores and hyphens do not matter."""
    return " ".join(text.casefold().replace("_", " ").replace("-", " ").split())


def places(text: str, wording: str) -> Iterator[int]:
    """Where a wording stands in a text as whole words, both as `spoken` gives them; occurrences do not overlap."""
    at = text.find(wording) if wording else -1
    while at >= 0:
        end = at + len(wording)
        if not (_joins(text, at - 1, wording[0]) or _joins(text, end, wording[-1])):
            yield at
            at = text.find(wording, end)
        else:
            at = text.find(wording, at + 1)


def _joins(text: str, at: int, edge: str) -> bool:
    """Whether the character at the edge of a find continues its word."""
    return 0 <= at < len(text) and text[at].isalnum() and edge.isalnum()


def count(text: str, wordings: Iterable[str]) -> int:
    """How often any of some wordings occurs."""
    words = spoken(text)
    return sum(1 for wording in wordings for _ in places(words, spoken(wording)))


def says(text: str, wording: str) -> bool:
    """Whether a wording stands in a text."""
    return next(places(spoken(text), spoken(wording)), None) is not None


def has_number(text: str) -> bool:
    """Whether a text states a number."""
    return _NUMBER.search(text) is not None


def begins(heading: str, wanted: str) -> bool:
    """Whether a heading starts with these words, whole: "Specious" does not start with "Spec"."""
    words, start = spoken(heading), spoken(wanted)
    return words.startswith(start) and not _joins(words, len(start), start[-1:] or " ")
