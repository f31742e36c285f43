"""Consensus sessions: grouped and judged by the same functions as the check, so that status and gate cannot differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from guardrails.consensus import sessions as grouping
from guardrails.consensus.gathering import Candidate, Case, Present, cases, present
from guardrails.consensus.sessions import Session as Filed
from guardrails.consensus.values import AgentOutput, Current
from guardrails.consensus.verdict import judge
from guardrails.halves import in_halves
from guardrails.jsontext import JsonFlaw, parse
from guardrails.reports.records import Events, read_usage
from guardrails.reports.values import Call, Session
from guardrails.schema import is_valid
from guardrails.settings import Settings
from guardrails.snapshot import Snapshot

LEAST_SPECS = 10
"""SPECs from which they are judged in two processes."""


class Told(NamedTuple):
    """What witnesses tell, by path, and the run each session belongs to, by SPEC and the session's stamp."""

    metrics: Mapping[str, Call]
    events: Mapping[str, Events]
    runs: Mapping[tuple[str, str], str]


class _Filed(NamedTuple):
    """One session of a case, and whether it is the latest of its stage."""

    case: Case
    session: Filed
    is_latest: bool


class _Work(NamedTuple):
    """What it takes to judge the consensus evidence of some SPECs."""

    snapshot: Snapshot
    settings: Settings
    told: Told
    latest_only: bool
    found: Mapping[str, list[Candidate]]


def sessions_of(
    snapshot: Snapshot, settings: Settings, found: Sequence[Candidate], told: Told, latest_only: bool
) -> list[Session]:
    """The sessions among some files, each judged. With `latest_only` those alone that the gate would judge."""
    by_spec: dict[str, list[Candidate]] = {}
    for each in found:
        by_spec.setdefault(each.name.spec or "", []).append(each)
    work = _Work(snapshot, settings, told, latest_only, by_spec)
    halves = in_halves(partial(_judged, work), sorted(by_spec), least=LEAST_SPECS)
    return [session for half in halves for session in half]


def _judged(work: _Work, specs: list[str]) -> list[Session]:
    """The sessions of some SPECs."""
    snapshot, settings, told = work.snapshot, work.settings, work.told
    found = [each for spec in specs for each in work.found[spec]]
    filed_cases = cases(snapshot, settings, found, is_valid).values()
    filed = [row for case in filed_cases for row in _of_case(case, work.latest_only)]
    judged = [output for row in filed if row.is_latest for output in row.session.outputs]
    now = present(snapshot, settings.layout, judged)
    usage = _usage(snapshot, {each.path: each.agent for row in filed for each in _silent(row.session, told)})
    return [_session(settings, row, now, told, usage) for row in filed]


def _of_case(case: Case, latest_only: bool) -> list[_Filed]:
    sessions = grouping.group(case.outputs, case.records, case.witnesses)
    latest = grouping.latest(sessions)
    return [_Filed(case, each, each in latest) for each in (latest if latest_only else sessions)]


def _silent(session: Filed, told: Told) -> Iterator[AgentOutput]:
    """The answers of agents whose calls no other record tells of: that one was made is known all the same."""
    paths = [file.path for file in session.witnesses]
    heard = {told.metrics[path].agent for path in paths if path in told.metrics}
    heard |= {call.agent for path in paths if path in told.events for call in told.events[path].calls}
    return (output for output in session.outputs if output.agent not in heard)


def _usage(snapshot: Snapshot, agents: Mapping[str, str]) -> dict[str, Call]:
    """What answers themselves say of their calls, by path. `agents` are those asked for, by the path of the answer."""
    entries = [entry for path in agents if (entry := snapshot.entry(path)) and entry.kind == "file"]
    found = {}
    for blob in snapshot.read_many(entries):
        try:
            value = parse(blob.data) if blob.data else None
        except JsonFlaw:
            value = None
        path = blob.entry.path
        found[path] = read_usage(path, agents[path], value)
    return found


def _session(settings: Settings, row: _Filed, now: Present, told: Told, usage: Mapping[str, Call]) -> Session:
    case, filed = row.case, row.session
    question = case.question._replace(stamp=filed.stamp)
    resolutions = [each for each in case.resolutions if grouping.belongs(each, filed)]
    current = now.of(question.spec)
    recorded = {item.path: item.sha256 for output in filed.outputs for item in output.inputs}
    now_ = (
        judge(question, filed.outputs, filed.records, resolutions, current, settings.consensus)
        if row.is_latest
        else None
    )
    # A verdict that found nothing changed since is the one that was true then.
    then = now_ if now_ and not now_.stale else None
    as_then = Current(recorded, current.required)
    then = then or judge(question, filed.outputs, filed.records, resolutions, as_then, settings.consensus)
    metrics = tuple(told.metrics[each.path] for each in filed.witnesses if each.path in told.metrics)
    events = [told.events[each.path] for each in filed.witnesses if each.path in told.events]
    calls = tuple(call for each in events for call in each.calls)
    answers = tuple(usage[each.path] for each in filed.outputs if each.path in usage)
    run = next((each.run for each in events if each.run), None) or told.runs.get((question.spec, filed.stamp or ""))
    return Session(
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
