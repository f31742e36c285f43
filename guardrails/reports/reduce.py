"""The one reducer: a snapshot's evidence → Facts. Every report asks here, so no two can differ in a number."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from guardrails.checks.footprint import NO_SPEC, Footprint, measure
from guardrails.config.layout import Layout
from guardrails.config.settings import Settings
from guardrails.consensus import sessions as grouping
from guardrails.consensus.load import ConsensusCase, ConsensusFile, CurrentInputs, cases, contents, current_inputs
from guardrails.consensus.model import AgentOutput, ConsensusVerdict, Current
from guardrails.consensus.sessions import ConsensusSession
from guardrails.consensus.verdict import compute_verdict
from guardrails.core.fields import text
from guardrails.core.parallel import in_turns
from guardrails.core.schema import is_valid
from guardrails.core.strict_json import JsonFlaw, parse_json
from guardrails.core.timestamps import EARLIEST
from guardrails.layouts.cost_summary import CostSummary, read_cost_summary
from guardrails.reports.evidence_files import EvidenceFiles, Reach, call_files, choose, listed
from guardrails.reports.load import CallEvents, read_call_events, read_run, read_usage
from guardrails.reports.model import CallRecord, Facts, Packet, RunRecord, SessionReport, StageRecord, TrackerRow
from guardrails.reports.telemetry import LEAST, Memo, telemetry_of, value_of
from guardrails.snapshot.base import Entry, Snapshot

# SPEC directories and the tracker's rows, as reports show them.


_ALSO = ("PRD.md",)


def packets_of(entries: Iterable[Entry], settings: Settings, only: str | None) -> Mapping[str, tuple[Packet, ...]]:
    """The directories of each SPEC that hold a document of one, with what they hold."""
    layout = settings.layout
    expected = (*(document.name for document in settings.documents), *_ALSO)
    start = len(layout.docs) + 1
    held: dict[str, set[str]] = {}
    for entry in entries:
        if entry.kind != "file" or not entry.path.endswith(".md") or not entry.path.startswith(layout.docs + "/"):
            continue
        folder, _, name = entry.path[start:].partition("/")
        if name and "/" not in name:
            held.setdefault(folder, set()).add(name)
    found: dict[str, tuple[Packet, ...]] = {}
    for folder in sorted(held):
        spec = layout.id_of(folder)
        documents = tuple((name, name in held[folder]) for name in expected)
        if spec and only in (None, spec) and any(there for _, there in documents):
            found[spec] = (*found.get(spec, ()), Packet(f"{layout.docs}/{folder}", documents))
    return found


def folder_of(packets: Mapping[str, tuple[Packet, ...]], layout: Layout, spec: str) -> str:
    """Where a SPEC's own files lie: its directory, the first by name where it has several."""
    known = packets.get(spec, ())
    return known[0].path if known else f"{layout.docs}/{spec}"


def tracker_rows(snapshot: Snapshot, settings: Settings, specs: Iterable[str]) -> Mapping[str, tuple[TrackerRow, ...]]:
    """The rows that name each SPEC, by its exact id. A tracker that cannot be read has none; `lint` says why."""
    from guardrails.layouts.own import mentioned, read_document, tables_of
    from guardrails.layouts.tracker import DONE

    layout = settings.layout
    entry = snapshot.entry(layout.tracker)
    tables = tables_of(next(read_document(snapshot, [entry])), settings) if entry else ()
    known: dict[str, list[str]] = {spec: [] for spec in specs}
    found: dict[str, tuple[TrackerRow, ...]] = {}
    for table in tables:
        for item in table.items:
            columns = item.columns
            row = TrackerRow(
                task=text(item.task) or "-",
                title=text(item.text(columns.title)) or "-",
                status=text(item.status or item.written) or "-",
                done=item.role == DONE,
                owners=text(item.text(columns.owner)) or "-",
                branch=text(item.text(columns.branch)) or "-",
                validated=text(item.text(columns.validated)) or "-",
                line=item.row.line,
            )
            for spec in {*mentioned(layout, item, known)} | _of_prd(layout, item.text(columns.prd), known):
                found[spec] = (*found.get(spec, ()), row)
    return found


def _of_prd(layout: Layout, cell: str, known: Mapping[str, object]) -> set[str]:
    """The SPECs whose directories the PRD column points into."""
    parts = (word.partition("/")[0] for word in cell.replace("`", " ").split(layout.docs + "/")[1:])
    return {spec for part in parts if (spec := layout.id_of(part.split()[0] if part.split() else "")) in known and spec}


# Consensus sessions: grouped and judged by the same functions as the check, so that status and gate cannot differ.


class SessionFiles(NamedTuple):
    """What there is to judge: answers and records, the metrics and event lines that tell of them, the run each session
    belongs to by SPEC and stamp, and whether only those sessions are wanted that the gate would judge."""

    consensus: Sequence[ConsensusFile]
    witnesses: Sequence[ConsensusFile]
    runs: Mapping[tuple[str, str], str]
    latest_only: bool = False


class _Filed(NamedTuple):
    """One session of a case, and whether it is the latest of its stage."""

    case: ConsensusCase
    session: ConsensusSession
    is_latest: bool


def sessions_of(snapshot: Snapshot, settings: Settings, asked: SessionFiles) -> list[SessionReport]:
    """The sessions among some files, each judged."""
    told = read_call_events(snapshot, asked.witnesses)
    filed_cases = cases(snapshot, settings, asked.consensus, is_valid).values()
    filed = [row for case in filed_cases for row in _of_case(case, asked.latest_only)]
    judged = [output for row in filed if row.is_latest for output in row.session.outputs]
    now = current_inputs(snapshot, settings.layout, judged)
    usage = _usage(snapshot, {each.path: each.agent for row in filed for each in _silent(row.session, told)})
    return [_session(settings, row, now, asked.runs, told, usage) for row in filed]


def _of_case(case: ConsensusCase, latest_only: bool) -> list[_Filed]:
    sessions = grouping.group(case.outputs, case.records, case.witnesses, case.ballots)
    latest = grouping.latest(sessions)
    return [_Filed(case, each, each in latest) for each in (latest if latest_only else sessions)]


def _silent(session: ConsensusSession, told: CallEvents) -> Iterator[AgentOutput]:
    """The answers of agents whose calls no other record tells of: that one was made is known all the same."""
    paths = [file.path for file in session.witnesses]
    heard = {told.metrics[path].agent for path in paths if path in told.metrics}
    heard |= {call.agent for path in paths if path in told.events for call in told.events[path].calls}
    return (output for output in session.outputs if output.agent not in heard)


def _usage(snapshot: Snapshot, agents: Mapping[str, str]) -> dict[str, CallRecord]:
    """What answers themselves say of their calls, by path. `agents` are those asked for, by the path of the answer."""
    entries = [entry for path in agents if (entry := snapshot.entry(path)) and entry.kind == "file"]
    found = {}
    for blob in snapshot.read_many(entries):
        try:
            value = parse_json(blob.data) if blob.data else None
        except JsonFlaw:
            value = None
        path = blob.entry.path
        found[path] = read_usage(path, agents[path], value)
    return found


def _session(
    settings: Settings,
    row: _Filed,
    now: CurrentInputs,
    runs: Mapping[tuple[str, str], str],
    told: CallEvents,
    usage: Mapping[str, CallRecord],
) -> SessionReport:
    case, filed = row.case, row.session
    question = case.question._replace(stamp=filed.stamp)
    resolutions = [each for each in case.resolutions if grouping.belongs(each, filed)]
    current = now.of(question.spec)
    recorded = {item.path: item.sha256 for output in filed.outputs for item in output.inputs}

    def judged(at: Current) -> ConsensusVerdict:
        policy = settings.consensus
        return compute_verdict(question, filed.outputs, filed.ballots, filed.records, resolutions, at, policy)

    now_ = judged(current) if row.is_latest else None
    # A verdict that found nothing changed since is the one that was true then.
    then = now_ if now_ and not now_.stale else judged(Current(recorded, current.required))
    metrics = tuple(told.metrics[each.path] for each in filed.witnesses if each.path in told.metrics)
    events = [told.events[each.path] for each in filed.witnesses if each.path in told.events]
    calls = tuple(call for each in events for call in each.calls)
    answers = tuple(usage[each.path] for each in filed.outputs if each.path in usage)
    run = next((each.run for each in events if each.run), None) or runs.get((question.spec, filed.stamp or ""))
    return SessionReport(
        spec=question.spec,
        stage=question.stage,
        when=filed.when,
        stamp=filed.stamp,
        run=run,
        then=then,
        now=now_,
        metrics=(*metrics, *answers),
        events=calls,
        recoveries=tuple(step for each in events for step in each.recoveries),
        paths=tuple(sorted(file.path for file in filed.files)),
    )


_ALL = Reach()
LEAST_SPECS, PARTS = 10, 4
"""SPECs from which two processes share the work, and the parts their sessions are shared out in."""


class _Work(NamedTuple):
    """All there is to read. `footprint` and `tracker`: whether those are asked for, too."""

    snapshot: Snapshot
    settings: Settings
    reach: Reach
    files: EvidenceFiles
    packets: Mapping[str, tuple[Packet, ...]]
    runs: Sequence[RunRecord]
    footprint: bool
    tracker: bool


class _Found(NamedTuple):
    """What one part of the work came to."""

    sessions: Sequence[SessionReport] = ()
    records: Sequence[StageRecord] = ()
    weights: Mapping[str, Footprint] = {}
    rows: Mapping[str, tuple[TrackerRow, ...]] = {}


def reduce_evidence(
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
    told = list(call_files(files, work.reach))
    for part in range(min(PARTS, len(names))):
        mine, tell = (
            [each for each in found if number[each.name.spec or ""] == part] for found in (files.consensus, told)
        )
        asked = SessionFiles(mine, tell, runs, work.reach.latest)
        yield partial(_judged, work, asked)


def _judged(work: _Work, asked: SessionFiles) -> _Found:
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
            sorted((row for part in parts for row in part.records), key=lambda each: (each.when or EARLIEST, each.path))
        ),
        sessions=tuple(
            sorted(
                (row for part in parts for row in part.sessions),
                key=lambda each: (each.when or EARLIEST, each.spec, each.stage, each.stamp or ""),
            )
        ),
        costs=tuple(sorted(costs, key=lambda each: (each.spec, each.path))),
        runs=tuple(sorted(work.runs, key=lambda each: (each.started or EARLIEST, each.path))),
        footprints=weights,
        rows={spec: rows for part in parts for spec, rows in part.rows.items()},
        packets=work.packets,
    )


def reduce_packets(snapshot: Snapshot, settings: Settings, spec: str) -> Mapping[str, tuple[Packet, ...]]:
    """The directories of one SPEC alone."""
    return packets_of(listed(snapshot, settings.layout), settings, spec)


def _key(run: RunRecord, session: str | None) -> tuple[str, str]:
    return run.spec, session or ""


def _summaries(snapshot: Snapshot, found: list[ConsensusFile]) -> tuple[list[CostSummary], list[RunRecord]]:
    """The cost summaries and run summaries among some files."""
    costs: list[CostSummary] = []
    runs: list[RunRecord] = []
    for each, blob in contents(snapshot, found):
        path, (value, problem) = each.entry.path, value_of(blob)
        if each.name.kind == "cost_summary":
            costs.append(read_cost_summary(value, path, each.name.spec or "", problem))
        else:
            runs.append(read_run(path, each.name, value, problem))
    return costs, runs
