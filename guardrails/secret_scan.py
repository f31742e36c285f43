"""Find tokens and secret values in streams of bytes: any size, any encoding, in linear time and flat memory."""

from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache, cached_property
from importlib import import_module
from itertools import chain, islice
from typing import Any, NamedTuple, TypeVar

from guardrails.secret_detectors import ALL, URL_PASSWORD, Detector, spans
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
    hits = list(_positioned(window, _places(window, needles)))
    if b"\0" in window.data:
        # UTF-16 puts a NUL beside every ASCII character; without them a token is whole again.
        text = window.data.replace(b"\0", b"")
        start, stop = (edge - window.data.count(b"\0", 0, edge) for edge in (window.start, window.stop))
        without = window._replace(data=text, start=start, stop=stop)
        hits += _positioned(without, _places(without, needles))
    return hits


class _Place(NamedTuple):
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


def _places(window: _Window, needles: tuple[Needle, ...]) -> list[_Place]:
    """Everything that is found in the window's own part, in order."""
    view = _View(window.data)
    found = [
        _Place(start, end, f"{needle.variable} ({needle.form})", variable=True)
        for needle in needles
        for start, end in _needle_spans(needle, view)
    ]
    for detector in ALL:
        likely = (span for span in spans(detector, view.data, view.folded) if _confirmed(detector, view.data, *span))
        found += [_Place(start, end, detector.name, variable=False) for start, end in islice(likely, MOST + 1)]
    return sorted(place for place in found if window.start <= place.start < window.stop)


def _needle_spans(needle: Needle, view: _View) -> Iterator[tuple[int, int]]:
    text = view.folded if needle.folded else view.data
    start = text.find(needle.data)
    if start < 0 and needle.wraps:
        yield from _wrapped(needle, text, view.folded_joined if needle.folded else view.joined)
    for _ in range(MOST + 1):
        if start < 0:
            return
        yield start, start + len(needle.data)
        start = text.find(needle.data, start + len(needle.data))


def _joined(text: bytes) -> bytes:
    """`text` without line breaks: real ones, and escaped ones inside a JSON string."""
    return text.replace(b"\\r", b"").replace(b"\\n", b"").translate(None, b"\r\n")


def _wrapped(needle: Needle, text: bytes, joined: bytes) -> Iterator[tuple[int, int]]:
    """Where a needle begins in `text` that is found in it once its line breaks are gone."""
    at = joined.find(needle.data)
    if at < 0:
        return
    low, high = 0, len(text)
    while low < high:  # the shortest beginning of `text` that holds more than `at` bytes besides line breaks
        middle = (low + high) // 2
        if len(_joined(text[:middle])) > at:
            high = middle
        else:
            low = middle + 1
    yield max(0, low - 1), min(len(text), low - 1 + 2 * len(needle.data))


def _positioned(window: _Window, places: list[_Place]) -> Iterator[Hit]:
    """Hits with line and column, counted once from the front."""
    data, line, counted = window.data, window.line, 0
    for start, end, what, variable in places:
        line += data.count(b"\n", counted, start)
        counted = start
        first = data.rfind(b"\n", 0, start) + 1
        column = len(data[first:start].decode("utf-8", "replace")) + 1 + (window.column if first == 0 else 0)
        around = _clipped(data, start, end, _AROUND, _AROUND).rstrip(b"\r")
        yield Hit(line, column, what, variable, window.offset + start, window.offset + end, around)


def _clipped(data: bytes, start: int, end: int, before: int, after: int) -> bytes:
    """A span and so many bytes around it, but no other line."""
    low, high = max(0, start - before), end + after
    ends = data.find(b"\n", end, high)
    return data[data.rfind(b"\n", low, start) + 1 or low : high if ends < 0 else ends]


def _confirmed(detector: Detector, data: bytes, start: int, end: int) -> bool:
    """Whether the detector itself finds something in the span and what is around it on the line."""
    if detector.plugin is None:
        return True
    shown = _clipped(data, start, end, detector.before, detector.after).decode("utf-8", "surrogateescape")
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
