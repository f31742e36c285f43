"""Metrics, event lines and run summaries → values. Nothing is believed beyond its type."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Literal, NamedTuple

from guardrails.config.layout import stage_of
from guardrails.consensus.load import ConsensusFile, contents
from guardrails.consensus.model import agent_of
from guardrails.core.cost import Cost
from guardrails.core.fields import first, number, rows, table, text, whole
from guardrails.core.strict_json import JsonFlaw, parse_lines
from guardrails.core.timestamps import parse_time
from guardrails.layouts.cost_summary import read_cost, read_source
from guardrails.layouts.evidence_names import EvidenceName
from guardrails.reports.model import CallRecord, RecoveryStep, RunRecord, RunStage
from guardrails.reports.telemetry import value_of
from guardrails.snapshot.base import Snapshot


class Events(NamedTuple):
    """What the event lines of one session tell."""

    calls: tuple[CallRecord, ...] = ()
    recoveries: tuple[RecoveryStep, ...] = ()
    run: str | None = None


def read_metrics(path: str, name: EvidenceName, value: Any) -> CallRecord:
    """The call that a metrics file tells of; of its agent nothing is known when it is no object."""
    given = table(value)
    agent = agent_of(text(given.get("agent")) or name.agent or "?")
    return _call(given, agent, path, _tokens(given))


def read_usage(path: str, agent: str, value: Any) -> CallRecord:
    """The call that an agent's own answer tells of, where no other record does."""
    given = table(value)
    usage = table(given.get("usage"))
    read, written = whole(usage.get("input_tokens")), whole(usage.get("output_tokens"))
    stated = whole(usage.get("total_tokens"))
    tokens = stated if stated is not None else read + written if read is not None and written is not None else None
    return _call(
        {**given, "source": usage.get("cost_source", usage.get("source")), "cost_usd": usage.get("cost_usd")},
        agent,
        path,
        tokens,
    )


def read_events(path: str, lines: Iterable[Any]) -> Events:
    """The calls and recovery steps in the lines of a consensus telemetry file, and the run they name."""
    calls: list[CallRecord] = []
    recoveries: list[RecoveryStep] = []
    run = None
    for line in lines:
        given = table(line)
        run = run or text(given.get("run"))
        if given.get("event") == "agent":
            agent = agent_of(text(given.get("agent")) or "?")
            model = first(given, ("gen_ai.response.model", "gen_ai.request.model"))
            calls.append(_call({**given, "model_id": model}, agent, path, _event_tokens(given)))
        elif given.get("event") == "recovery":
            agents = tuple(text(item) or "?" for item in given.get("agents") or () if isinstance(item, str))
            recoveries.append(RecoveryStep(text(given.get("action")) or "?", text(given.get("reason")) or "", agents))
    return Events(tuple(calls), tuple(recoveries), run)


def _call(given: dict[str, Any], agent: str, path: str, tokens: int | None) -> CallRecord:
    # Costs and tokens have sources of their own; older records have one for both.
    how = read_source(given.get("cost_source", given.get("source")))
    cost = Cost.of_call(number(given.get("cost_usd")), tokens, how)
    said = given.get("status")
    status: Literal["ok", "error", "unknown"] = said if said in ("ok", "error") else "unknown"
    return CallRecord(
        agent=agent,
        status=status,
        model=first(given, ("model_id", "model")),
        latency_ms=whole(given.get("latency_ms")) or None,  # no call takes no time: nobody looked at the clock
        tokens=tokens,
        usd=cost.usd,
        source=cost.source,
        error=text(given.get("error")),
        attempt=whole(given.get("attempt")),
        replayed=given.get("replayed") is True,
        path=path,
        ballot=given.get("call") == "ballot",
    )


def _tokens(given: dict[str, Any]) -> int | None:
    stated = whole(given.get("total_tokens"))
    if stated is not None:
        return stated
    read, written = whole(given.get("prompt_tokens")), whole(given.get("completion_tokens"))
    return read + written if read is not None and written is not None else None


def _event_tokens(given: dict[str, Any]) -> int | None:
    read, written = (whole(given.get(f"gen_ai.usage.{side}_tokens")) for side in ("input", "output"))
    return read + written if read is not None and written is not None else None


def read_run(path: str, name: EvidenceName, value: Any, problem: str | None = None) -> RunRecord:
    """A run summary."""
    given, spec = table(value), name.spec or ""
    file_name = path.rpartition("/")[2].removesuffix(".json")
    if problem or not given:
        unread = problem or "not a JSON object"
        return RunRecord(path, spec, file_name, None, None, None, "unknown", None, None, (), Cost(), problem=unread)
    seal, code = table(given.get("seal")), given.get("exit_code")
    return RunRecord(
        path=path,
        spec=spec,
        name=text(given.get("run")) or file_name,
        profile=text(given.get("profile")),
        started=parse_time(given.get("started_at")),
        finished=parse_time(given.get("finished_at")),
        outcome=text(given.get("outcome")) or "unknown",
        exit_code=code if isinstance(code, int) and not isinstance(code, bool) else None,
        halt=_halt(table(given.get("halt"))),
        stages=tuple(_run_stages(given)),
        cost=read_cost(given.get("cost")),
        ledger=text(seal.get("ledger")),
        entries=whole(seal.get("entries")),
        seal=text(seal.get("head")),
        replayed=table(given.get("overrides")).get("replay") is True,
    )


def _halt(halt: dict[str, Any]) -> str | None:
    if not halt:
        return None
    where, why = text(halt.get("stage")) or "?", text(halt.get("reason")) or "?"
    return f"{where}: {why}: {text(halt.get('message')) or '?'}"


def _run_stages(given: dict[str, Any]) -> Iterator[RunStage]:
    for item in rows(given.get("stages")):
        stage = stage_of(item.get("stage"))
        if stage:
            status = text(item.get("status")) or "unknown"
            yield RunStage(stage, text(item.get("session")), status, read_cost(item.get("cost")))


# What metrics and event lines say of the calls of agents, by the path of the file that says it.


class CallEvents(NamedTuple):
    metrics: dict[str, CallRecord]
    events: dict[str, Events]


def read_call_events(snapshot: Snapshot, found: Iterable[ConsensusFile]) -> CallEvents:
    """What some files say of calls."""
    told = CallEvents({}, {})
    for each, blob in contents(snapshot, list(found)):
        path = each.entry.path
        if each.name.kind == "consensus_telemetry":
            told.events[path] = read_events(path, _lines(blob.data))
        else:
            told.metrics[path] = read_metrics(path, each.name, value_of(blob)[0])
    return told


def _lines(data: bytes | None) -> Iterator[Any]:
    """The sound lines; `validate` tells of the others."""
    lines: Iterable[tuple[int, Any]] = parse_lines(data) if data else ()
    return (value for _, value in lines if not isinstance(value, JsonFlaw))
