"""Metrics, event lines, cost summaries and run summaries → values. Nothing is believed beyond its type."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal, NamedTuple

from guardrails.config.layout import stage_of
from guardrails.consensus.load import Candidate
from guardrails.consensus.model import agent_of
from guardrails.core.strict_json import JsonFlaw, parse_lines
from guardrails.core.timestamps import parse
from guardrails.layouts.evidence_names import EvidenceName
from guardrails.reports.fields import amount, first, number, rows, source, table, text, whole
from guardrails.reports.figures import total
from guardrails.reports.model import Call, CostSummary, Money, Recovery, Run, RunStage, SessionCost, StageCost
from guardrails.reports.telemetry import value_of
from guardrails.snapshot.base import Blob, Snapshot

_TIMES = ("generatedAt", "generated_at", "timestamp", "created_at")
_TOTALS = ("total_usd", "total_spent", "total_cost_usd", "totalCostUsd")
_CALLS = ("calls", "call_count", "total_calls")


class Events(NamedTuple):
    """What the event lines of one session tell."""

    calls: tuple[Call, ...] = ()
    recoveries: tuple[Recovery, ...] = ()
    run: str | None = None


def read_metrics(path: str, name: EvidenceName, value: Any) -> Call:
    """The call that a metrics file tells of; of its agent nothing is known when it is no object."""
    given = table(value)
    agent = agent_of(text(given.get("agent")) or name.agent or "?")
    return _call(given, agent, path, _tokens(given))


def read_usage(path: str, agent: str, value: Any) -> Call:
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
    calls: list[Call] = []
    recoveries: list[Recovery] = []
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
            recoveries.append(Recovery(text(given.get("action")) or "?", text(given.get("reason")) or "", agents))
    return Events(tuple(calls), tuple(recoveries), run)


def _call(given: dict[str, Any], agent: str, path: str, tokens: int | None) -> Call:
    # Costs and tokens have sources of their own; older records have one for both.
    how, usd = source(given.get("cost_source", given.get("source"))), number(given.get("cost_usd"))
    if usd == 0 and how != "measured":
        usd = None  # nobody looked a price up
    if usd is not None and how == "unknown":
        how = "estimated"
    said = given.get("status")
    status: Literal["ok", "error", "unknown"] = said if said in ("ok", "error") else "unknown"
    return Call(
        agent=agent,
        status=status,
        model=first(given, ("model_id", "model")),
        latency_ms=whole(given.get("latency_ms")) or None,  # no call takes no time: nobody looked at the clock
        tokens=tokens,
        usd=usd,
        source=how if usd is not None else "unknown",
        error=text(given.get("error")),
        attempt=whole(given.get("attempt")),
        replayed=given.get("replayed") is True,
        path=path,
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


def read_costs(path: str, name: EvidenceName, value: Any, problem: str | None = None) -> CostSummary:
    """A cost summary of any form. A zero that nobody measured is unknown, whatever it was summed up to."""
    given = table(value)
    spec = name.spec or ""
    if problem or not given:
        return CostSummary(path, spec, None, None, (), Money(), None, problem=problem or "not a JSON object")
    stages = tuple(_stage_costs(given))
    stated = next((found for key in _TOTALS if (found := number(given.get(key))) is not None), None)
    calls = next((found for key in _CALLS if (found := whole(given.get(key))) is not None), None)
    sum_ = total([row.money for row in stages])
    free = bool(stages) and all(row.money.source == "measured" for row in stages)
    zero = stated == 0 and not free
    usd = None if zero else stated
    priced = whole(given.get("priced_calls"))
    partly = calls is not None and priced is not None and priced < calls
    money = Money(
        usd,
        whole(given.get("total_tokens")),
        "unknown" if usd is None else sum_.source if sum_.usd is not None else "estimated",
        calls,
        priced,
        usd is not None and (partly or sum_.floor),
    )
    budget = given.get("budget")
    return CostSummary(
        path=path,
        spec=spec,
        when=next((when for key in _TIMES if (when := parse(given.get(key)))), None),
        profile=first(given, ("runProfile", "run_profile", "profile")),
        stages=stages,
        total=money,
        budget=number(table(budget).get("usd")) if isinstance(budget, dict) else number(budget),
        zero_for_calls=zero and bool(calls),
        sessions=tuple(_session_costs(given)),
    )


def _stage_costs(given: dict[str, Any]) -> Iterator[StageCost]:
    """The amounts by stage, in the order of stages; keys that name none are left out."""
    stages = table(given.get("per_stage", given.get("perStage")))
    for key, value in stages.items():
        stage = stage_of(key)
        if stage:
            item = value if isinstance(value, dict) else {"usd": value}
            yield StageCost(stage, amount(item))


def _session_costs(given: dict[str, Any]) -> Iterator[SessionCost]:
    for item in rows(given.get("sessions")):
        session, stage = text(item.get("session")), stage_of(item.get("stage"))
        if session and stage:
            yield SessionCost(session, stage, amount(item))


def read_run(path: str, name: EvidenceName, value: Any, problem: str | None = None) -> Run:
    """A run summary."""
    given, spec = table(value), name.spec or ""
    file_name = path.rpartition("/")[2].removesuffix(".json")
    if problem or not given:
        unread = problem or "not a JSON object"
        return Run(path, spec, file_name, None, None, None, "unknown", None, None, (), Money(), problem=unread)
    seal, code = table(given.get("seal")), given.get("exit_code")
    return Run(
        path=path,
        spec=spec,
        name=text(given.get("run")) or file_name,
        profile=text(given.get("profile")),
        started=parse(given.get("started_at")),
        finished=parse(given.get("finished_at")),
        outcome=text(given.get("outcome")) or "unknown",
        exit_code=code if isinstance(code, int) and not isinstance(code, bool) else None,
        halt=_halt(table(given.get("halt"))),
        stages=tuple(_run_stages(given)),
        cost=amount(given.get("cost")),
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
            yield RunStage(stage, text(item.get("session")), status, amount(item.get("cost")))


# What metrics and event lines say of the calls of agents, by the path of the file that says it.


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
