"""Consensus sessions: grouped and judged by the same functions as the check, so that status and gate cannot differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from guardrails.consensus import sessions as grouping
from guardrails.consensus.gathering import Candidate, Case, Present, cases, present
from guardrails.consensus.sessions import Session as Filed
from guardrails.consensus.values import AgentOutput, Current
from guardrails.consensus.verdict import judge
from guardrails.jsontext import JsonFlaw, parse
from guardrails.reports.records import read_usage
from guardrails.reports.values import Call, Session
from guardrails.reports.witnessing import Witnessed, read_witnesses
from guardrails.schema import is_valid
from guardrails.settings import Settings
from guardrails.snapshot import Snapshot


class Asked(NamedTuple):
    """What there is to judge: answers and records, the metrics and event lines that tell of them, the run each session
    belongs to by SPEC and stamp, and whether only those sessions are wanted that the gate would judge."""

    consensus: Sequence[Candidate]
    witnesses: Sequence[Candidate]
    runs: Mapping[tuple[str, str], str]
    latest_only: bool = False


class _Filed(NamedTuple):
    """One session of a case, and whether it is the latest of its stage."""

    case: Case
    session: Filed
    is_latest: bool


def sessions_of(snapshot: Snapshot, settings: Settings, asked: Asked) -> list[Session]:
    """The sessions among some files, each judged."""
    told = read_witnesses(snapshot, asked.witnesses)
    filed_cases = cases(snapshot, settings, asked.consensus, is_valid).values()
    filed = [row for case in filed_cases for row in _of_case(case, asked.latest_only)]
    judged = [output for row in filed if row.is_latest for output in row.session.outputs]
    now = present(snapshot, settings.layout, judged)
    usage = _usage(snapshot, {each.path: each.agent for row in filed for each in _silent(row.session, told)})
    return [_session(settings, row, now, asked.runs, told, usage) for row in filed]


def _of_case(case: Case, latest_only: bool) -> list[_Filed]:
    sessions = grouping.group(case.outputs, case.records, case.witnesses)
    latest = grouping.latest(sessions)
    return [_Filed(case, each, each in latest) for each in (latest if latest_only else sessions)]


def _silent(session: Filed, told: Witnessed) -> Iterator[AgentOutput]:
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


def _session(
    settings: Settings,
    row: _Filed,
    now: Present,
    runs: Mapping[tuple[str, str], str],
    told: Witnessed,
    usage: Mapping[str, Call],
) -> Session:
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
    run = next((each.run for each in events if each.run), None) or runs.get((question.spec, filed.stamp or ""))
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
