"""Take secrets out of what a service sent: the values of some variables, in every form that is searched for."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from functools import cached_property
from html import escape
from itertools import accumulate
from typing import Any, NamedTuple

from guardrails.git.repo import to_bytes
from guardrails.secrets.values import LONGEST, SHORTEST, Needle, values

MARK = "[redacted]"
_ROUNDS = 8
_BREAK = re.compile(rb"\\[rn]|[\r\n]")
_ENCODED = re.compile(rb"[A-Za-z0-9+/=_-]*")

Span = tuple[int, int]


class Clean(NamedTuple):
    """Data without secrets, and how many were taken out. `data` is None where no part of it can be shown."""

    data: bytes | None
    removed: int


class Redactor:
    """Knows the values of some variables, and keeps them out of everything it returns."""

    def __init__(self, variables: tuple[str, ...], environment: Mapping[str, str]) -> None:
        self._needles = values(variables, environment).needles + tuple(_in_html(variables, environment))

    def clean(self, data: bytes) -> Clean:
        """`data` with a mark in place of each secret. Asked again until nothing is found: taking one out may join
        the halves of another."""
        count = 0
        for _ in range(_ROUNDS):
            spans, whole = self._spans(data)
            if not spans:
                return Clean(data, count)
            count += len(spans)
            if not whole:
                break
            data = _without(data, spans)
        return Clean(None, count)

    def text(self, text: str) -> str:
        """`text` without secrets."""
        data = self.clean(text.encode("utf-8", "surrogateescape")).data
        return MARK if data is None else data.decode("utf-8", "surrogateescape")

    def value(self, value: Any) -> tuple[Any, int]:
        """A JSON value without secrets in its strings, its keys and its numbers, and how many were taken out."""
        if isinstance(value, dict):
            pairs = [(self.value(key), self.value(item)) for key, item in value.items()]
            return {key: item for (key, _), (item, _) in pairs}, sum(k + v for (_, k), (_, v) in pairs)
        if isinstance(value, list):
            items = [self.value(item) for item in value]
            return [item for item, _ in items], sum(count for _, count in items)
        if value is None or isinstance(value, bool):
            return value, 0
        count = self.clean(str(value).encode("utf-8", "replace")).removed
        return (self.text(str(value)) if count else value), count

    def _spans(self, data: bytes) -> tuple[list[Span], bool]:
        """Where secrets stand, in order and apart; and whether each was found with its end."""
        view = _View(data)
        found: list[Span] = []
        whole = True
        for needle in self._needles:
            spans = list(_needle_spans(needle, view))
            whole = whole and not (spans and len(needle.data) >= LONGEST)
            found += spans
        return _merged(found), whole


def _in_html(variables: tuple[str, ...], environment: Mapping[str, str]) -> Iterator[Needle]:
    """Error pages show what they were sent, escaped their own way."""
    for variable in variables:
        value = environment.get(variable, "").strip()
        for escaped in {escape(value), escape(value, quote=False), escape(value).replace("&#x27;", "&#39;")} - {value}:
            if len(value) >= SHORTEST:
                yield Needle(variable, "HTML", to_bytes(escaped).lower()[:LONGEST])


class _View:
    """One text and what is made of it to search in, each made when it is needed."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    @cached_property
    def folded(self) -> bytes:
        return self.data.lower()

    @cached_property
    def joined(self) -> bytes:
        return _BREAK.sub(b"", self.data)

    @cached_property
    def folded_joined(self) -> bytes:
        return self.joined.lower()

    @cached_property
    def pieces(self) -> tuple[list[int], list[int]]:
        """Where each piece between line breaks begins: in `joined`, and in `data`."""
        breaks = [match.span() for match in _BREAK.finditer(self.data)]
        starts = [0, *(end for _, end in breaks)]
        ends = [*(start for start, _ in breaks), len(self.data)]
        sizes = [end - start for start, end in zip(starts, ends, strict=True)]
        return [0, *accumulate(sizes[:-1])], starts

    def unjoined(self, at: int) -> int:
        """Where the byte at `at` of `joined` stands in `data`."""
        before, starts = self.pieces
        piece = bisect_right(before, at) - 1
        return starts[piece] + at - before[piece]


def _needle_spans(needle: Needle, view: _View) -> Iterator[Span]:
    text = view.folded if needle.folded else view.data
    for start, end in _occurrences(needle.data, text):
        yield _around(view.data, start, end) if needle.form == "base64" else (start, end)
    if needle.wraps:
        joined = view.folded_joined if needle.folded else view.joined
        for start, end in _occurrences(needle.data, joined) if len(joined) < len(text) else ():
            yield _around(view.data, view.unjoined(start), view.unjoined(end - 1) + 1)


def _occurrences(data: bytes, text: bytes) -> Iterator[Span]:
    start = text.find(data)
    while start >= 0:
        yield start, start + len(data)
        start = text.find(data, start + len(data))


def _around(data: bytes, start: int, end: int) -> Span:
    """The whole run of encoded characters: those at the edges hold bits of the secret, too."""
    reach = 4096
    tail = _ENCODED.match(data, end, end + reach)
    head = _ENCODED.match(data[max(0, start - reach) : start][::-1])
    return start - (head.end() if head else 0), tail.end() if tail else end


def _merged(spans: list[Span]) -> list[Span]:
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _without(data: bytes, spans: list[Span]) -> bytes:
    parts, last = [], 0
    for start, end in spans:
        parts += [data[last:start], MARK.encode()]
        last = end
    return b"".join((*parts, data[last:]))
