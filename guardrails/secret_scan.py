"""Find tokens and secret values in streams of bytes: any size, any encoding, in linear time and flat memory."""

from collections import Counter
from collections.abc import Iterable, Iterator
from functools import lru_cache
from importlib import import_module
from typing import Any, NamedTuple

from guardrails.secret_detectors import ALL, JSON_WEB_TOKEN, URL_PASSWORD, Detector, spans
from guardrails.secret_values import Needle

MARGIN = 1 << 14
"""Bytes seen on either side of a position when a stream is cut: no token is longer."""
MOST = 1000
"""Hits that are kept of one stream. Nobody reads more, and a hostile file could hold millions."""
_AROUND = 200
"""Bytes of its line that tell on either side whether a hit was there before."""
_BEFORE, _AFTER = 512, 1200
"""What a detector is shown around a span: more than any of its patterns looks at."""


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
    places = list(_places(window.data, needles))
    own = sorted((place for place in places if window.start <= place[0] < window.stop), key=lambda place: place[:2])
    hits = _positioned(window, own)
    if b"\0" not in window.data:
        return hits
    # UTF-16 puts a NUL beside every ASCII character; without them a token is whole again.
    text = window.data.replace(b"\0", b"")
    start = window.start - window.data.count(b"\0", 0, window.start)
    stop = window.stop - window.data.count(b"\0", 0, window.stop)
    again = sorted((place for place in _places(text, needles) if start <= place[0] < stop), key=lambda place: place[:2])
    return hits + _positioned(window._replace(data=text, start=start, stop=stop), again)


_Place = tuple[int, int, str, bool]


def _places(data: bytes, needles: tuple[Needle, ...]) -> Iterator[_Place]:
    """(start, end, what, whether it is a variable) of everything in one view, at most MOST of each kind."""
    folded = data.lower()
    for needle in needles:
        what = f"{needle.variable} ({needle.form})"
        for start, end in _needle_spans(needle, folded if needle.folded else data):
            yield start, end, what, True
    for detector in ALL:
        kept = 0
        for start, end in spans(detector, data, folded):
            if _confirmed(detector, data, start, end):
                yield start, end, detector.name, False
                kept += 1
                if kept > MOST:
                    break


def _needle_spans(needle: Needle, text: bytes) -> Iterator[tuple[int, int]]:
    start = text.find(needle.data)
    if start < 0 and needle.wraps:
        yield from _wrapped(needle, text)
    for _ in range(MOST + 1):
        if start < 0:
            return
        yield start, start + len(needle.data)
        start = text.find(needle.data, start + len(needle.data))


def _wrapped(needle: Needle, text: bytes) -> Iterator[tuple[int, int]]:
    """Where the needle stands with line breaks inside: real ones, or escaped ones inside a JSON string."""
    at = _unwrapped(text).find(needle.data)
    if at < 0:
        return
    low, high = 0, len(text)
    while low < high:  # the shortest beginning of `text` that holds more than `at` bytes without its line breaks
        middle = (low + high) // 2
        if len(_unwrapped(text[:middle])) > at:
            high = middle
        else:
            low = middle + 1
    yield max(0, low - 1), min(len(text), low - 1 + 2 * len(needle.data))


def _unwrapped(text: bytes) -> bytes:
    return text.replace(b"\\r", b"").replace(b"\\n", b"").translate(None, b"\r\n")


def _positioned(window: _Window, places: list[_Place]) -> list[Hit]:
    """Hits with line and column, counted once from the front."""
    hits = []
    data, line, counted = window.data, window.line, 0
    for start, end, what, variable in places:
        line += data.count(b"\n", counted, start)
        counted = start
        begins, ends = _line(data, start, end)
        column = len(data[begins:start].decode("utf-8", "replace")) + 1 + (window.column if begins == 0 else 0)
        around = data[max(begins, start - _AROUND) : min(ends, end + _AROUND)].rstrip(b"\r")
        hits.append(Hit(line, column, what, variable, window.offset + start, window.offset + end, around))
    return hits


def _line(data: bytes, start: int, end: int) -> tuple[int, int]:
    """Where the line (or lines) of a span begin and end."""
    ends = data.find(b"\n", end)
    return data.rfind(b"\n", 0, start) + 1, len(data) if ends < 0 else ends


def _confirmed(detector: Detector, data: bytes, start: int, end: int) -> bool:
    """Whether the detector itself finds something in the span and what is around it on the line."""
    if detector.plugin is None:
        return True
    before, after = (0, 0) if detector.name == JSON_WEB_TOKEN else (_BEFORE, _AFTER)
    begins, ends = _line(data, start, end)
    shown = data[max(begins, start - before) : min(ends, end + after)].decode("utf-8", "surrogateescape")
    try:
        found = list(_plugin(*detector.plugin).analyze_string(_narrowed(shown)))
    except RecursionError:
        return False  # a web token is JSON inside; one that is nested so deep was never issued by anybody
    if detector.name == URL_PASSWORD:
        return not all(map(_is_placeholder, found))
    return bool(found)


def _narrowed(text: str) -> str:
    """Long runs of blanks cut short: some of detect-secrets' patterns take quadratic time over them."""
    while " " * 9 in text:
        text = text.replace(" " * 9, " " * 4)
    return text


def _is_placeholder(secret: str) -> bool:
    """Whether a password in an address stands for one that is filled in later: {password}, <password>, ***, ..."""
    from detect_secrets.filters import heuristic

    return heuristic.is_templated_secret(secret) or heuristic.is_not_alphanumeric_string(secret)


@lru_cache(maxsize=None)
def _plugin(module: str, name: str) -> Any:
    """The detector, imported when something looks like what it finds and not before."""
    return getattr(import_module("detect_secrets.plugins." + module), name)()
