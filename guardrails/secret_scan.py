"""Find tokens and secret values in streams of bytes: any size, any encoding, in linear time and flat memory."""

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import NamedTuple, TypeVar

from guardrails.secret_places import clipped, places
from guardrails.secret_values import Needle

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


Key = TypeVar("Key")


def scan_all(items: Iterable[tuple[Key, Iterable[bytes]]], needles: tuple[Needle, ...]) -> Iterator[tuple[Key, Scan]]:
    """Every secret in each of many streams, in no promised order.

    Small texts are searched many at a time. Most hold nothing; where a heap holds something its parts are searched
    one by one.
    """
    heap: list[tuple[Key, bytes]] = []
    size = 0
    for key, chunks in items:
        source = iter(chunks)
        first, second = next(source, b""), next(source, None)
        if second is not None:
            yield key, scan(chain((first, second), source), needles)
        elif len(first) > _SMALL or b"\0" in first:
            yield key, scan((first,), needles)
        else:
            heap.append((key, first))
            size += len(first) + 1
        if size > _HEAP:
            yield from _scan_heap(heap, needles)
            heap, size = [], 0
    yield from _scan_heap(heap, needles)


def _scan_heap(heap: list[tuple[Key, bytes]], needles: tuple[Needle, ...]) -> Iterator[tuple[Key, Scan]]:
    clean = len(heap) > 1 and not scan((b"\n".join(text for _, text in heap),), needles).hits
    for key, text in heap:
        yield key, Scan(()) if clean else scan((text,), needles)


def scan(chunks: Iterable[bytes], needles: tuple[Needle, ...]) -> Scan:
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
    own = (place for place in places(data, needles, MOST) if window.start <= place.start < window.stop)
    for start, end, what, variable in sorted(own):
        line += data.count(b"\n", counted, start)
        counted = start
        first = data.rfind(b"\n", 0, start) + 1
        column = len(data[first:start].decode("utf-8", "replace")) + 1 + (window.column if first == 0 else 0)
        around = clipped(data, start, end, _AROUND, _AROUND).rstrip(b"\r")
        yield Hit(line, column, what, variable, window.offset + start, window.offset + end, around)
