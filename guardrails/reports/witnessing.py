"""What metrics and event lines say of the calls of agents, by the path of the file that says it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from guardrails.consensus.gathering import Candidate
from guardrails.jsontext import JsonFlaw, parse_lines
from guardrails.reports.records import Events, read_events, read_metrics
from guardrails.reports.telemetry import value_of
from guardrails.reports.values import Call
from guardrails.snapshot import Blob, Snapshot


class Witnessed(NamedTuple):
    metrics: dict[str, Call]
    events: dict[str, Events]


def read_witnesses(snapshot: Snapshot, found: Iterable[Candidate]) -> Witnessed:
    """What some files say of calls."""
    told = Witnessed({}, {})
    for each, blob in contents(snapshot, list(found)):
        path = each.entry.path
        if each.name.kind == "consensus_telemetry":
            told.events[path] = read_events(path, _lines(blob.data))
        else:
            told.metrics[path] = read_metrics(path, each.name, value_of(blob)[0])
    return told


def contents(snapshot: Snapshot, found: Sequence[Candidate]) -> Iterator[tuple[Candidate, Blob]]:
    """What each file holds. A link is a link: what it points to was not filed there."""
    files = [each for each in found if each.entry.kind == "file"]
    yield from zip(files, snapshot.read_many(each.entry for each in files), strict=True)
    for each in found:
        if each.entry.kind != "file":
            yield each, Blob(each.entry, 0, None, f"a {each.entry.kind}, not a regular file")


def _lines(data: bytes | None) -> Iterator[Any]:
    """The sound lines; `validate` tells of the others."""
    lines: Iterable[tuple[int, Any]] = parse_lines(data) if data else ()
    return (value for _, value in lines if not isinstance(value, JsonFlaw))
