"""Find tokens and secret values in one text that is held whole: where, and what."""

import re
import sys
from collections.abc import Iterator
from functools import cache, cached_property
from importlib import import_module
from itertools import islice
from typing import Any, NamedTuple

from guardrails.secret_detectors import ALL, JSON_WEB_TOKEN, OPENAI, URL_PASSWORD, Detector
from guardrails.secret_values import Needle

_SMALL = 1 << 16
"""Bytes up to which looking for the literals first is cheaper than compiling a pattern."""


_WRAPPED = 20
"""Occurrences among which those with line breaks inside are looked for: each takes a search of its own."""


class Place(NamedTuple):
    """Where a secret stands in a text. `what` names the detector or the variable, never anything of the secret."""

    start: int
    end: int
    what: str
    variable: bool


class _View:
    """One text and what is made of it to search in, each made once."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    @cached_property
    def folded(self) -> bytes:
        return self.data.lower()

    @cached_property
    def joined(self) -> bytes:
        return _joined(self.data)

    @cached_property
    def folded_joined(self) -> bytes:
        return _joined(self.folded)


def places(data: bytes, needles: tuple[Needle, ...], most: int) -> Iterator[Place]:
    """Every secret in a text, in no promised order, at most `most` and one more of each kind."""
    view = _View(data)
    for needle in needles:
        for start, end in islice(_needle_spans(needle, view), most + 1):
            yield Place(start, end, f"{needle.variable} ({needle.form})", variable=True)
    for detector in ALL:
        likely = (span for span in spans(detector, data, view.folded) if _confirmed(detector, data, *span))
        for start, end in islice(likely, most + 1):
            yield Place(start, end, detector.name, variable=False)


def _needle_spans(needle: Needle, view: _View) -> Iterator[tuple[int, int]]:
    text = view.folded if needle.folded else view.data
    size = len(needle.data)
    start = text.find(needle.data)
    while start >= 0:
        yield start, start + size
        start = text.find(needle.data, start + size)
    if needle.wraps:
        yield from _wrapped(needle.data, text, view.folded_joined if needle.folded else view.joined)


def _joined(text: bytes) -> bytes:
    """`text` without line breaks: real ones, and escaped ones inside a JSON string."""
    return text.replace(b"\\r", b"").replace(b"\\n", b"").translate(None, b"\r\n")


def _wrapped(data: bytes, text: bytes, joined: bytes) -> Iterator[tuple[int, int]]:
    """Where `data` stands in `text` with line breaks inside, that is: in `joined` only."""
    if joined.count(data) <= text.count(data):
        return
    at = joined.find(data)
    for _ in range(_WRAPPED):
        if at < 0:
            return
        start = _before_joining(text, at)
        if not text.startswith(data, start):
            yield start, min(len(text), start + 2 * len(data))
        at = joined.find(data, at + len(data))


def _before_joining(text: bytes, at: int) -> int:
    """Where the byte stands in `text` that is at `at` once its line breaks are gone."""
    low, high = 0, len(text)
    while low < high:  # the shortest beginning of `text` that holds more than `at` bytes besides line breaks
        middle = (low + high) // 2
        if len(_joined(text[:middle])) > at:
            high = middle
        else:
            low = middle + 1
    return max(0, low - 1)


def spans(detector: Detector, data: bytes, folded: bytes) -> Iterator[tuple[int, int]]:
    """Where `data` may hold a token of this detector; `folded` is `data` in lower case."""
    text = folded if detector.folded else data
    if len(text) <= _SMALL and not any(literal in text for literal in detector.literals):
        return
    if detector.name == JSON_WEB_TOKEN:
        yield from _web_tokens(data, re.compile(detector.pattern))
    elif detector.name == OPENAI:
        yield from _openai_tokens(data, re.compile(detector.pattern))
    else:
        for match in re.finditer(detector.pattern, text):
            yield match.span()


def _web_tokens(data: bytes, run: "re.Pattern[bytes]") -> Iterator[tuple[int, int]]:
    """Each `eyJ...` run with the run behind its dot. As one pattern this takes quadratic time on `eyJeyJeyJ...`."""
    start = data.find(b"eyJ")
    while start >= 0:
        header = _end(run, data, start)
        payload = _end(run, data, header + 1)
        if data[header : header + 1] == b"." and payload > header + 1:
            yield start, payload + (data[payload : payload + 1] == b".")
        start = data.find(b"eyJ", header)


def _openai_tokens(data: bytes, run: "re.Pattern[bytes]") -> Iterator[tuple[int, int]]:
    """Each marker with 20 characters on either side and `sk-` somewhere before it in the same run."""
    marker = data.find(b"T3BlbkFJ")
    while marker >= 0:
        start = data.rfind(b"sk-", max(0, marker - 1024), marker - 17)
        if start >= 0 and _end(run, data, start, marker + 28) == marker + 28:
            yield start, marker + 28
        marker = data.find(b"T3BlbkFJ", marker + 1)


def _end(run: "re.Pattern[bytes]", data: bytes, start: int, limit: int = sys.maxsize) -> int:
    """Where the run that begins at `start` ends, looked for up to `limit`: a run may be as long as the text."""
    match = run.match(data, start, limit)
    return match.end() if match else start


def clipped(data: bytes, start: int, end: int, before: int, after: int) -> bytes:
    """A span and so many bytes around it, but no other line."""
    low, high = max(0, start - before), end + after
    ends = data.find(b"\n", end, high)
    return data[data.rfind(b"\n", low, start) + 1 or low : high if ends < 0 else ends]


def _confirmed(detector: Detector, data: bytes, start: int, end: int) -> bool:
    """Whether the detector itself finds something in the span and what is around it on the line."""
    if detector.plugin is None:
        return True
    shown = clipped(data, start, end, detector.before, detector.after).decode("utf-8", "surrogateescape")
    try:
        found = list(_plugin(*detector.plugin).analyze_string(_narrowed(shown)))
    except RecursionError:
        return False  # a web token is JSON inside; one that is nested so deep was never issued by anybody
    if detector.name == URL_PASSWORD:
        return not all(map(_is_placeholder, found))
    return bool(found)


def _narrowed(text: str) -> str:
    """Long runs of blanks cut short: some of detect-secrets' patterns take cubic time over them."""
    while " " * 9 in text:
        text = text.replace(" " * 9, " " * 4)
    return text


def _is_placeholder(secret: str) -> bool:
    """Whether a password in an address stands for one that is filled in later: {password}, <password>, ***."""
    from detect_secrets.filters.heuristic import is_templated_secret

    return is_templated_secret(secret) or not any(char.isalnum() for char in secret)


@cache
def _plugin(module: str, name: str) -> Any:
    """The detector, imported when something looks like what it finds and not before."""
    return getattr(import_module("detect_secrets.plugins." + module), name)()
