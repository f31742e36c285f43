"""The one reducer: a snapshot's evidence → Facts. Every report asks here, so no two can differ in a number."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timezone
from typing import Any, NamedTuple

from guardrails.checks.footprint import NO_SPEC, measure
from guardrails.consensus.gathering import Candidate
from guardrails.jsontext import JsonFlaw, parse_lines
from guardrails.reports.finding_files import Reach, choose, listed, witnesses
from guardrails.reports.packets import packets_of, tracker_rows
from guardrails.reports.records import Events, read_costs, read_events, read_metrics, read_run
from guardrails.reports.sessions import Told, sessions_of
from guardrails.reports.telemetry import Memo, telemetry_of, value_of
from guardrails.reports.values import Call, CostSummary, Facts, Packet, Run
from guardrails.settings import Settings
from guardrails.snapshot import Blob, Snapshot

_ALL = Reach()
_DAWN = datetime.min.replace(tzinfo=timezone.utc)


class _Read(NamedTuple):
    """What the files that stand for themselves say."""

    costs: list[CostSummary]
    runs: list[Run]
    metrics: dict[str, Call]
    events: dict[str, Events]


def reduce(
    snapshot: Snapshot,
    settings: Settings,
    reach: Reach = _ALL,
    *,
    footprint: bool = True,
    tracker: bool = True,
    memo: Memo | None = None,
) -> Facts:
    """What the evidence within reach says. `footprint` and `tracker`: whether those are asked for, too. `memo` is what
    is known of contents that were read before."""
    layout = settings.layout
    entries = listed(snapshot, layout)
    files = choose(entries, layout, reach)
    read = _read(snapshot, [*files.single, *witnesses(files, reach)])
    records = telemetry_of(snapshot, files.telemetry, memo)
    told = Told(
        read.metrics, read.events, {_key(run, row.session): run.name for run in read.runs for row in run.stages}
    )
    sessions = sessions_of(snapshot, settings, files.consensus, told, reach.latest)
    weights = measure(snapshot, layout, reach.spec) if footprint else {}
    packets = packets_of(entries, settings, reach.spec)
    specs = {*files.specs, *packets, *weights} - {NO_SPEC}
    return Facts(
        where=snapshot.describe(),
        specs=tuple(sorted(specs)),
        records=tuple(sorted(records, key=lambda each: (each.when or _DAWN, each.path))),
        sessions=tuple(
            sorted(sessions, key=lambda each: (each.when or _DAWN, each.spec, each.stage, each.stamp or ""))
        ),
        costs=tuple(sorted(read.costs, key=lambda each: (each.spec, each.path))),
        runs=tuple(sorted(read.runs, key=lambda each: (each.started or _DAWN, each.path))),
        footprints=weights,
        rows=tracker_rows(snapshot, settings, specs) if tracker else {},
        packets=packets,
    )


def reduce_packets(snapshot: Snapshot, settings: Settings, spec: str) -> Mapping[str, tuple[Packet, ...]]:
    """The directories of one SPEC alone."""
    return packets_of(listed(snapshot, settings.layout), settings, spec)


def _key(run: Run, session: str | None) -> tuple[str, str]:
    return run.spec, session or ""


def _read(snapshot: Snapshot, found: list[Candidate]) -> _Read:
    read = _Read([], [], {}, {})
    files = [each for each in found if each.entry.kind == "file"]
    for each, blob in zip(files, snapshot.read_many(each.entry for each in files), strict=True):
        _file(read, each, blob)
    for each in found:
        if each.entry.kind != "file":
            _file(read, each, Blob(each.entry, 0, None, f"a {each.entry.kind}, not a regular file"))
    return read


def _file(read: _Read, each: Candidate, blob: Blob) -> None:
    path, name = each.entry.path, each.name
    if name.kind == "consensus_telemetry":
        read.events[path] = read_events(path, _lines(blob.data))
        return
    value, problem = value_of(blob)
    if name.kind == "agent_metrics":
        read.metrics[path] = read_metrics(path, name, value)
    elif name.kind == "cost_summary":
        read.costs.append(read_costs(path, name, value, problem))
    elif name.kind == "run_summary":
        read.runs.append(read_run(path, name, value, problem))


def _lines(data: bytes | None) -> Iterator[Any]:
    """The sound lines; `validate` tells of the others."""
    lines: Iterable[tuple[int, Any]] = parse_lines(data) if data else ()
    return (value for _, value in lines if not isinstance(value, JsonFlaw))
