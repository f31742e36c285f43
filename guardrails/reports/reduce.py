"""The one reducer: a snapshot's evidence → Facts. Every report asks here, so no two can differ in a number."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timezone
from functools import partial
from typing import NamedTuple

from guardrails.checks.footprint import NO_SPEC, Footprint, measure
from guardrails.consensus.gathering import Candidate
from guardrails.halves import in_turns
from guardrails.reports.finding_files import Files, Reach, choose, listed, witnesses
from guardrails.reports.packets import packets_of, tracker_rows
from guardrails.reports.records import read_costs, read_run
from guardrails.reports.sessions import Asked, sessions_of
from guardrails.reports.telemetry import LEAST, Memo, telemetry_of, value_of
from guardrails.reports.values import CostSummary, Facts, Packet, Run, Session, StageRecord, TrackerRow
from guardrails.reports.witnessing import contents
from guardrails.settings import Settings
from guardrails.snapshot import Snapshot

_ALL = Reach()
_DAWN = datetime.min.replace(tzinfo=timezone.utc)
LEAST_SPECS, PARTS = 10, 4
"""SPECs from which two processes share the work, and the parts their sessions are shared out in."""


class _Work(NamedTuple):
    """All there is to read. `footprint` and `tracker`: whether those are asked for, too."""

    snapshot: Snapshot
    settings: Settings
    reach: Reach
    files: Files
    packets: Mapping[str, tuple[Packet, ...]]
    runs: Sequence[Run]
    footprint: bool
    tracker: bool


class _Found(NamedTuple):
    """What one part of the work came to."""

    sessions: Sequence[Session] = ()
    records: Sequence[StageRecord] = ()
    weights: Mapping[str, Footprint] = {}
    rows: Mapping[str, tuple[TrackerRow, ...]] = {}


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
    entries = listed(snapshot, settings.layout)
    files = choose(entries, settings.layout, reach)
    costs, runs = _summaries(snapshot, files.single)
    packets = packets_of(entries, settings, reach.spec)
    work = _Work(snapshot, settings, reach, files, packets, runs, footprint, tracker)
    # Telemetry by thousands is shared out by itself, and what remembers it is in this process.
    apart = memo is not None or len(files.telemetry) >= LEAST
    first = [_Found(records=telemetry_of(snapshot, files.telemetry, memo))] if apart else []
    parts: list[Callable[[], _Found]] = [*_sessions(work), partial(_about, work)]
    if not apart:
        parts.append(lambda: _Found(records=telemetry_of(snapshot, files.telemetry)))
    found = in_turns(_called, parts) if len(files.specs) >= LEAST_SPECS else [part() for part in parts]
    return _facts(work, costs, [*first, *found])


def _called(part: Callable[[], _Found]) -> _Found:
    return part()


def _sessions(work: _Work) -> Iterator[Callable[[], _Found]]:
    """The sessions in parts: all files of a SPEC in one of them."""
    files, runs = work.files, {_key(run, row.session): run.name for run in work.runs for row in run.stages}
    names = sorted({each.name.spec or "" for each in files.consensus})
    number = {name: at % PARTS for at, name in enumerate(names)}
    told = list(witnesses(files, work.reach))
    for part in range(min(PARTS, len(names))):
        mine, tell = (
            [each for each in found if number[each.name.spec or ""] == part] for found in (files.consensus, told)
        )
        asked = Asked(mine, tell, runs, work.reach.latest)
        yield partial(_judged, work, asked)


def _judged(work: _Work, asked: Asked) -> _Found:
    return _Found(sessions=sessions_of(work.snapshot, work.settings, asked))


def _about(work: _Work) -> _Found:
    """What is known of SPECs besides their evidence: how much that weighs, and their rows in the tracker."""
    weights = measure(work.snapshot, work.settings.layout, work.reach.spec) if work.footprint else {}
    rows = tracker_rows(work.snapshot, work.settings, _specs(work, weights)) if work.tracker else {}
    return _Found(weights=weights, rows=rows)


def _specs(work: _Work, weights: Iterable[str]) -> set[str]:
    return {*work.files.specs, *work.packets, *weights} - {NO_SPEC}


def _facts(work: _Work, costs: list[CostSummary], parts: Sequence[_Found]) -> Facts:
    weights = {spec: each for part in parts for spec, each in part.weights.items()}
    return Facts(
        where=work.snapshot.describe(),
        specs=tuple(sorted(_specs(work, weights))),
        records=tuple(
            sorted((row for part in parts for row in part.records), key=lambda each: (each.when or _DAWN, each.path))
        ),
        sessions=tuple(
            sorted(
                (row for part in parts for row in part.sessions),
                key=lambda each: (each.when or _DAWN, each.spec, each.stage, each.stamp or ""),
            )
        ),
        costs=tuple(sorted(costs, key=lambda each: (each.spec, each.path))),
        runs=tuple(sorted(work.runs, key=lambda each: (each.started or _DAWN, each.path))),
        footprints=weights,
        rows={spec: rows for part in parts for spec, rows in part.rows.items()},
        packets=work.packets,
    )


def reduce_packets(snapshot: Snapshot, settings: Settings, spec: str) -> Mapping[str, tuple[Packet, ...]]:
    """The directories of one SPEC alone."""
    return packets_of(listed(snapshot, settings.layout), settings, spec)


def _key(run: Run, session: str | None) -> tuple[str, str]:
    return run.spec, session or ""


def _summaries(snapshot: Snapshot, found: list[Candidate]) -> tuple[list[CostSummary], list[Run]]:
    """The cost summaries and run summaries among some files."""
    costs: list[CostSummary] = []
    runs: list[Run] = []
    for each, blob in contents(snapshot, found):
        path, (value, problem) = each.entry.path, value_of(blob)
        if each.name.kind == "cost_summary":
            costs.append(read_costs(path, each.name, value, problem))
        else:
            runs.append(read_run(path, each.name, value, problem))
    return costs, runs
