"""Find tokens and secret values, in a text that is held whole or in streams of any size."""

import re
import sys
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache, cached_property
from importlib import import_module
from itertools import accumulate, chain, islice
from typing import Any, NamedTuple, TypeVar

from guardrails.secrets.detectors import ALL, JSON_WEB_TOKEN, OPENAI, URL_PASSWORD, Detector
from guardrails.secrets.values import Needle

# Find tokens and secret values in one text that is held whole: where, and what.


_CHEAP_LITERALS = 1 << 16
"""Bytes up to which looking for the literals first is cheaper than compiling a pattern."""


_BREAK = re.compile(rb"\\[rn]|[\r\n]")
"""A line break, or one that is escaped inside a JSON string."""


class SecretSpan(NamedTuple):
    """Where a secret stands in a text. `what` names the detector or the variable, never anything of the secret.

    `form` is how the value of a variable was written, empty for what a detector found.
    """

    start: int
    end: int
    what: str
    variable: bool
    form: str = ""


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

    @cached_property
    def lines(self) -> tuple[list[int], list[int]]:
        """Where each piece between line breaks begins: in the text without them, and in `data`."""
        breaks = [match.span() for match in _BREAK.finditer(self.data)]
        starts = [0, *(end for _, end in breaks)]
        ends = [*(start for start, _ in breaks), len(self.data)]
        sizes = [end - start for start, end in zip(starts, ends, strict=True)]
        return [0, *accumulate(sizes[:-1])], starts

    def unjoined(self, at: int) -> int:
        """Where the byte at `at` of the text without line breaks stands in `data`."""
        before, starts = self.lines
        line = bisect_right(before, at) - 1
        return starts[line] + at - before[line]


def find_secrets(data: bytes, needles: tuple[Needle, ...], most: int) -> Iterator[SecretSpan]:
    """Every secret in a text, in no promised order, at most `most` and one more of each kind."""
    view = _View(data)
    for needle in needles:
        for start, end in islice(_needle_spans(needle, view), most + 1):
            yield SecretSpan(start, end, f"{needle.variable} ({needle.form})", variable=True, form=needle.form)
    for detector in ALL:
        likely = _likely(detector, data, view.folded)
        for start, end in islice(likely, most + 1):
            yield SecretSpan(start, end, detector.name, variable=False)


MOST_REFUSED = 1000
"""Web tokens of one text that turn out to be none. Each takes a decoder; a text that has more is made to keep it busy:
the next counts as a token, and the others are not looked at."""


def _likely(detector: Detector, data: bytes, folded: bytes) -> Iterator[tuple[int, int]]:
    refused = 0
    for span in spans(detector, data, folded):
        if refused == MOST_REFUSED:
            yield span
            return
        if _confirmed(detector, data, *span):
            yield span
        elif detector.name == JSON_WEB_TOKEN:
            refused += 1


def _needle_spans(needle: Needle, view: _View) -> Iterator[tuple[int, int]]:
    text = view.folded if needle.folded else view.data
    size = len(needle.data)
    start = text.find(needle.data)
    while start >= 0:
        yield start, start + size
        start = text.find(needle.data, start + size)
    if needle.wraps:
        yield from _wrapped(needle, text, view)


def _joined(text: bytes) -> bytes:
    """`text` without line breaks: as `_BREAK` finds them, at once."""
    return text.replace(b"\\r", b"").replace(b"\\n", b"").translate(None, b"\r\n")


def _wrapped(needle: Needle, text: bytes, view: _View) -> Iterator[tuple[int, int]]:
    """Where a needle stands in `text` with line breaks inside."""
    data = needle.data
    joined = view.folded_joined if needle.folded else view.joined
    if joined.count(data) <= text.count(data):
        return
    joined = _BREAK.sub(b"", view.data)
    if needle.folded:
        joined = joined.lower()
    at = joined.find(data)
    while at >= 0:
        start = view.unjoined(at)
        if not text.startswith(data, start):
            yield start, view.unjoined(at + len(data) - 1) + 1
        at = joined.find(data, at + len(data))


def spans(detector: Detector, data: bytes, folded: bytes) -> Iterator[tuple[int, int]]:
    """Where `data` may hold a token of this detector; `folded` is `data` in lower case."""
    text = folded if detector.folded else data
    if len(text) <= _CHEAP_LITERALS and not any(literal in text for literal in detector.literals):
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


MARGIN = 1 << 14
"""Bytes seen on either side of a position when a stream is cut: no token is longer."""
MOST = 1000
"""Hits that are kept of one stream. Nobody reads more, and a hostile file could hold millions."""
_SMALL, _HEAP = 1 << 16, 1 << 19
"""Bytes of a text that is searched together with others, and of all of them together."""
_AROUND = 200
"""Bytes of its line that tell on either side whether a hit was there before."""


class Hit(NamedTuple):
    """One secret. `what` names the detector or the variable, never anything of the secret.

    `surroundings` is kept to compare with an older version of the file and goes nowhere else.
    """

    line: int
    column: int
    what: str
    variable: bool
    start: int
    end: int
    surroundings: bytes


class Scan(NamedTuple):
    """`hits` in order; `cut` says that there were more than MOST."""

    hits: tuple[Hit, ...]
    cut: bool = False


class _Window(NamedTuple):
    """A view of a stream. Hits that begin in `start:stop` are this view's own, the rest is context.

    `line` is the number of the line data[0] is on, `column` how many bytes of that line come before, `offset` how
    many bytes of the stream.
    """

    data: bytes
    start: int
    stop: int
    line: int = 1
    column: int = 0
    offset: int = 0


HitKey = TypeVar("HitKey")


def scan_all(
    items: Iterable[tuple[HitKey, Iterable[bytes]]], needles: tuple[Needle, ...]
) -> Iterator[tuple[HitKey, Scan]]:
    """Every secret in each of many streams, in no promised order.

    Small texts are searched many at a time. Most hold nothing; where a heap holds something its parts are searched
    one by one.
    """
    heap: list[tuple[HitKey, bytes]] = []
    size = 0
    for key, chunks in items:
        source = iter(chunks)
        first, second = next(source, b""), next(source, None)
        if second is not None:
            yield key, scan_stream(chain((first, second), source), needles)
        elif len(first) > _SMALL or b"\0" in first:
            yield key, scan_stream((first,), needles)
        else:
            heap.append((key, first))
            size += len(first) + 1
        if size > _HEAP:
            yield from _scan_heap(heap, needles)
            heap, size = [], 0
    yield from _scan_heap(heap, needles)


def _scan_heap(heap: list[tuple[HitKey, bytes]], needles: tuple[Needle, ...]) -> Iterator[tuple[HitKey, Scan]]:
    clean = len(heap) > 1 and not scan_stream((b"\n".join(text for _, text in heap),), needles).hits
    for key, text in heap:
        yield key, Scan(()) if clean else scan_stream((text,), needles)


def scan_stream(chunks: Iterable[bytes], needles: tuple[Needle, ...]) -> Scan:
    """Every secret in a stream."""
    found: list[Hit] = []
    for window in _windows(chunks):
        found += _hits(window, needles)
        if len(found) > MOST:
            return Scan(tuple(found[:MOST]), cut=True)
    return Scan(tuple(found))


def added(now: Scan, bases: Iterable[Scan]) -> list[Hit]:
    """The hits of `now` that none of the older versions had: on another line, or once more than before."""
    hits = list(now.hits)
    for base in bases:
        known = Counter((hit.what, hit.surroundings) for hit in base.hits)
        kept = []
        for hit in hits:
            if known[hit.what, hit.surroundings] > 0:
                known[hit.what, hit.surroundings] -= 1
            else:
                kept.append(hit)
        hits = kept
    return hits


def distinct(hits: Iterable[Hit]) -> list[Hit]:
    """One hit for each secret of a line: the value of a variable is called that, not the token it also is."""
    kept: list[Hit] = []
    taken: dict[int, list[Hit]] = {}
    for hit in sorted(hits, key=lambda hit: not hit.variable):
        others = taken.setdefault(hit.line, [])
        if any(hit.what == other.what or (hit.start < other.end and other.start < hit.end) for other in others):
            continue
        others.append(hit)
        kept.append(hit)
    return sorted(kept, key=lambda hit: (hit.line, hit.start))


def _windows(chunks: Iterable[bytes]) -> Iterator[_Window]:
    source = iter(chunks)
    window = _Window(next(source, b""), 0, 0)
    for chunk in source:
        stop = len(window.data) - MARGIN
        if stop > window.start:
            yield window._replace(stop=stop)
            window = _advanced(window, stop)
        window = window._replace(data=window.data + chunk)
    yield window._replace(stop=len(window.data))


def _advanced(window: _Window, stop: int) -> _Window:
    """What is kept of a window for the next: a margin before `stop`, and all after it."""
    cut = max(0, stop - MARGIN)
    lines = window.data.count(b"\n", 0, cut)
    column = cut - window.data.rfind(b"\n", 0, cut) - 1 if lines else window.column + cut
    return _Window(window.data[cut:], stop - cut, 0, window.line + lines, column, window.offset + cut)


def _hits(window: _Window, needles: tuple[Needle, ...]) -> list[Hit]:
    """The hits of one window, in order."""
    hits = list(_positioned(window, needles))
    if b"\0" in window.data:
        # UTF-16 puts a NUL beside every ASCII character; without them a token is whole again.
        text = window.data.replace(b"\0", b"")
        start, stop = (edge - window.data.count(b"\0", 0, edge) for edge in (window.start, window.stop))
        hits += _positioned(window._replace(data=text, start=start, stop=stop), needles)
    return hits


def _positioned(window: _Window, needles: tuple[Needle, ...]) -> Iterator[Hit]:
    """The window's own hits with line and column, counted once from the front."""
    data, line, counted = window.data, window.line, 0
    own = (place for place in find_secrets(data, needles, MOST) if window.start <= place.start < window.stop)
    for start, end, what, variable, _ in sorted(own):
        line += data.count(b"\n", counted, start)
        counted = start
        first = data.rfind(b"\n", 0, start) + 1
        column = len(data[first:start].decode("utf-8", "replace")) + 1 + (window.column if first == 0 else 0)
        around = clipped(data, start, end, _AROUND, _AROUND).rstrip(b"\r")
        yield Hit(line, column, what, variable, window.offset + start, window.offset + end, around)
