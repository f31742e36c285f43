"""One file that is made to exhaust its reader, and `speckit guard` over it: whatever the file holds, seconds and memory
stay below fixed limits, and it is never a pass."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

from benchmarks import packet, telemetry
from benchmarks.data import Repository, repository
from benchmarks.environment import speckit
from benchmarks.measure import Command, Series, interleave, peak
from benchmarks.rows import Claim, Limit, Pair, Row, rows
from benchmarks.setting import Setting

SECONDS = 10.0
MEGABYTES = 500.0
RED = (1, 3, 4, 5)
"""Exit codes of a guard that does not pass and did not break."""
MEGABYTE = 2**20
READ = 32 * MEGABYTE - 1
"""The largest file that is parsed. A larger one is refused, and only searched for secrets."""

_SPEC = telemetry.spec_id(1)
_RECORD = telemetry.plan(_SPEC, 0, [])[0]
_ANSWER = f"{telemetry.EVIDENCE}/consensus/{_SPEC}/spec-plan_20250201T093000Z-4f2a_claude.json"
_LEDGER = f"{telemetry.EVIDENCE}/runs/{_SPEC}/20250201T093000Z-4f2a.ledger.jsonl"
_TRACKER = "SPEC.md"
_DOCUMENT = f"docs/{_SPEC}/spec.md"
_HEADER = b"| Order | Task ID | Title | Status |\n|---|---|---|---|\n"


class Shape(NamedTuple):
    """What a file at `path` is replaced with; `most` is how much of the size makes it worst."""

    name: str
    path: str
    make: Callable[[int], bytes]
    most: int = READ


def _repeat(item: bytes, size: int, around: bytes = b"") -> bytes:
    """`item` again and again, up to `size` bytes, within an opening and a closing byte."""
    body = item * (size // len(item))
    return around[:1] + body.rstrip(b",") + around[1:]


def _keys(size: int, end: bytes = b"}") -> bytes:
    """Keys with a space before the colon, so that none is counted cheaply, as many as are read."""
    return b"{" + b",".join(b'"key%d" :1' % number for number in range(min(499_000, size // 14))) + end


def _conflicts(size: int) -> bytes:
    items = b",".join(b'"conflict number %d of many"' % number for number in range(min(499_000, size // 32)))
    return b'{"agent": "claude", "stage": "plan", "status": "ok", "consensus": {"conflicts": [%s]}}' % items


def _ledger(size: int) -> bytes:
    """As many long lines as are read."""
    count = min(99_000, size // 100)
    return b'{"path": "%s"}\n' % (b"a" * (size // count - 13)) * count


SHAPES = (
    Shape("a list of zeros", _RECORD, partial(_repeat, b"0,", around=b"[]")),
    Shape("a string of escaped quotes", _RECORD, partial(_repeat, b'\\"', around=b'""')),
    Shape("brackets in brackets", _RECORD, partial(_repeat, b"[")),
    Shape("keys on one line", _RECORD, _keys),
    Shape("the last of many keys twice", _RECORD, partial(_keys, end=b',"key1" :2}')),
    Shape("an answer of conflicts", _ANSWER, _conflicts),
    Shape("a ledger of empty lines", _LEDGER, partial(_repeat, b"\n")),
    Shape("a ledger of long lines", _LEDGER, _ledger),
    Shape("a row of millions of cells", _TRACKER, lambda size: _HEADER + _repeat(b"|", size), 4_000_000),
    Shape("lists in lists", _TRACKER, partial(_repeat, b"- " * 18 + b"a\n"), 1_800_000),
    Shape("headings of brackets", _DOCUMENT, partial(_repeat, b"# " + b"[a](" * 2_000 + b"\n"), 4_000_000),
    Shape("almost web tokens", "notes.txt", partial(_repeat, b"eyJhbGciOi.eyJzdWIi."), 1024 * MEGABYTE),
    Shape("one line without end", "notes.txt", partial(_repeat, b"a"), 1024 * MEGABYTE),
)


def run(setting: Setting) -> Iterator[Row]:
    """Each shape in turn, beside the two limits."""
    repo = repository(os.path.join(setting.folder, "hostile"), setting.environment, packet.files(1))
    for shape in SHAPES:
        size = min(shape.most, setting.sizes.hostile * MEGABYTE)
        what = f"guard, {size / MEGABYTE:.0f} MB: {shape.name}"
        limits = (f"{SECONDS:g} s", f"{MEGABYTES:g} MB")
        claims = [Claim("hostile", what, limit, Limit(1)) for limit in limits]
        yield from rows(claims, partial(_measure, setting, repo, shape, size))


def _measure(setting: Setting, repo: Repository, shape: Shape, size: int) -> list[Pair]:
    repo.git("reset", "-q", "--hard")
    repo.git("clean", "-qfd")
    path = os.path.join(repo.root, shape.path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as stream:
        stream.write(shape.make(size))
    command = Command("speckit guard", (*speckit(), "guard"), repo.root, RED, " checked in ")
    [wall] = interleave([command], setting.environment, setting.times(1))
    taken = Series(command.label, tuple(value / 1000 for value in wall.values), "s")
    peaks = [peak(command, setting.environment) for _ in range(setting.times(1))]
    held = Series(command.label, tuple(each.together or each.largest for each in peaks), "MB")
    return [(taken, Series("limit", (SECONDS,), "s")), (held, Series("limit", (MEGABYTES,), "MB"))]
