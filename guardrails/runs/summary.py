"""The summary of a run, made from its history and nothing else: what was run, what it cost, how it ended.

A run that was cut off and went on has the summary it would have had without that, apart from times. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal, NamedTuple

from guardrails import __version__
from guardrails.config.layout import STAGES, Layout
from guardrails.core.cost import Cost, total
from guardrails.core.schema import is_valid
from guardrails.core.strict_json import JsonFlaw, parse_json
from guardrails.core.timestamps import stamped
from guardrails.errors import GuardrailError
from guardrails.layouts.cost_summary import cost_document
from guardrails.runs.budget import spent_of
from guardrails.runs.halt import Halt
from guardrails.runs.history import (
    AgentsAsked,
    HistoryRecord,
    RecoveryTaken,
    RunBegan,
    RunRequest,
    StageClosed,
    StageOpened,
    StageSettled,
    StageStarted,
    of_kind,
    of_stage,
)
from guardrails.runs.planner import Done, ending
from guardrails.runs.rounds import AgentCall, Round
from guardrails.snapshot.base import Snapshot

INTERRUPTED = 130

RunEnd = Literal["completed", "halted", "interrupted", "running"]


class Circumstances(NamedTuple):
    """What holds for a run and is no step of it."""

    budget_usd: float | None = None
    hal: str = "off"


def summary_document(
    request: RunRequest,
    history: Sequence[HistoryRecord],
    end: Halt | Done | None,
    around: Circumstances,
    stopped: bool = False,
) -> dict[str, Any]:
    """The summary (schema run_summary) after a history. `end` is None while it is under way, or when the operator has
    `stopped` it. Its seal is set when it is written."""
    begun = list(of_kind(history, RunBegan))
    outcome: RunEnd = "interrupted" if stopped else "running"
    if end is not None:
        outcome = "completed" if isinstance(end, Done) else "halted"
    return {
        "schemaVersion": 1,
        "specId": request.spec,
        "run": request.run,
        "profile": request.profile,
        "from": request.stages[0],
        "to": request.stages[-1],
        "started_at": stamped(history[0].at),
        "finished_at": None if outcome == "running" else stamped(history[-1].at),
        "outcome": outcome,
        "exit_code": exit_code(end, stopped),
        "halt": _halt(end),
        "stages": [_stage(stage, history, request, end) for stage in request.stages if _is_over(stage, history, end)],
        "cost": {**cost_document(cost_of(rounds_of(history))), "budget_usd": around.budget_usd},
        "overrides": _overrides(history, begun, around),
        "digests": _digests(history, begun[0].tree.head if begun else None, request),
        "seal": None,
        "producer": {"name": "speckit-guardrails", "version": __version__},
    }


def exit_code(end: Halt | Done | None, stopped: bool = False) -> int | None:
    """The exit code of a run that ended so; None while it is under way."""
    if end is None:
        return INTERRUPTED if stopped else None
    return end.exit_code if isinstance(end, Halt) else 0


def rounds_of(history: Iterable[HistoryRecord]) -> tuple[Round, ...]:
    """Every time that agents were asked. A time that was cut short is not counted beside the one that made it good:
    its calls are the same."""
    asked = list(of_kind(history, AgentsAsked))
    counted = [
        record
        for index, record in enumerate(asked)
        if record.halt is None or all(later.stage != record.stage for later in asked[index + 1 :])
    ]
    return tuple(record.round for record in counted if record.round is not None)


def _halt(end: Halt | Done | None) -> dict[str, Any] | None:
    if not isinstance(end, Halt):
        return None
    return {"stage": end.stage, "reason": end.reason, "message": end.message, "hint": end.hint}


def _is_over(stage: str, history: Sequence[HistoryRecord], end: Halt | Done | None) -> bool:
    """Whether anything can be said of how a stage ended. One that was not begun is not listed."""
    records = of_stage(history, stage)
    begun = any(isinstance(record, StageStarted) for record in records)
    shut = any(isinstance(record, StageClosed) for record in records)
    return begun and (shut or (isinstance(end, Halt) and end.stage == stage))


def _stage(
    stage: str, history: Sequence[HistoryRecord], request: RunRequest, end: Halt | Done | None
) -> dict[str, Any]:
    records = of_stage(history, stage)
    sessions = list(of_kind(records, StageStarted))
    started = sessions[0]
    duration = records[-1].at - started.at
    settled = [record for record in of_kind(records, StageSettled) if record.record is not None]
    return {
        "stage": stage,
        "session": sessions[-1].session(request.spec).stamp,
        "status": _status(records, request, end),
        "started_at": stamped(started.at),
        "finished_at": stamped(records[-1].at),
        "duration_ms": max(0, round(duration.total_seconds() * 1000)),
        "telemetry": _telemetry(records),
        "verdict": _verdict(settled[-1]) if settled else None,
        "retries": [_retry(record) for record in of_kind(records, RecoveryTaken)],
        "cost": cost_document(cost_of(rounds_of(records))),
    }


def _status(records: Sequence[HistoryRecord], request: RunRequest, end: Halt | Done | None) -> str:
    """Failed: its guardrail does not hold. Halted: its agents do not agree, or could not be asked."""
    shuts = list(of_kind(records, StageClosed))
    stopped = ending(records, request) if shuts else end
    if not isinstance(stopped, Halt):
        return shuts[-1].closed.status if shuts else "halted"
    guarded = [record.opened.halt for record in of_kind(records, StageOpened)] + [shut.closed.halt for shut in shuts]
    return "failed" if stopped in guarded else "halted"


def _telemetry(records: Sequence[HistoryRecord]) -> list[dict[str, Any]]:
    """The telemetry that lies there now: a stage that was closed again has replaced what it wrote before."""
    written = [shut.closed.telemetry for shut in of_kind(records, StageClosed) if shut.closed.telemetry is not None]
    return [{"path": path, "sha256": digest} for path, digest in {each.path: each.sha256 for each in written}.items()]


def _verdict(settled: StageSettled) -> dict[str, Any] | None:
    if settled.record is None:
        return None
    return {"verdict": settled.verdict, "path": settled.record.path, "sha256": settled.record.sha256}


def _retry(record: RecoveryTaken) -> dict[str, Any]:
    return {
        "action": record.action,
        "agents": list(record.agents),
        "attempt": record.attempt,
        "reason": record.reason,
        "timestamp": stamped(record.at),
    }


def calls_of(rounds: Iterable[Round]) -> list[AgentCall]:
    return [made for each in rounds for made in each.made]


def cost_of(rounds: Iterable[Round]) -> Cost:
    """What every call of some rounds cost together, failed ones included."""
    return total(spent_of(made).cost for made in calls_of(rounds) if not made.carried)


def _overrides(history: Sequence[HistoryRecord], begun: Sequence[RunBegan], around: Circumstances) -> dict[str, Any]:
    return {
        "allow_dirty": any(each.allow_dirty for each in begun),
        "allow_degraded": any(each.allow_degraded for each in begun),
        "hal": around.hal,
        "replay": any(made.replayed for made in calls_of(rounds_of(history))),
    }


def _digests(history: Sequence[HistoryRecord], commit: str | None, request: RunRequest) -> dict[str, Any]:
    rounds = rounds_of(history)
    documents = {source.path: source.sha256 for each in rounds for source in each.inputs}
    return {
        "documents": [{"path": path, "sha256": digest} for path, digest in sorted(documents.items())],
        "prompts": list(dict.fromkeys(made.prompt_sha256 for made in calls_of(rounds))),
        "config_sha256": request.config_sha256,
        "commit": commit,
    }


# The runs that a working tree has evidence of, read from their summaries.


class PastRun(NamedTuple):
    """One run by its summary. `halted_at` is the stage and reason, None when it did not halt."""

    spec: str
    run: str
    path: str
    outcome: str
    exit_code: int | None
    started_at: str
    finished_at: str | None
    halted_at: str | None
    passed: int
    stages: int
    document: dict[str, Any]


class Unreadable(NamedTuple):
    """A summary that cannot be used, and why."""

    path: str
    problem: str


def past_runs(snapshot: Snapshot, layout: Layout, spec: str | None = None) -> Iterator[PastRun | Unreadable]:
    """Every run there is a summary of, the oldest first."""
    folder = f"{layout.evidence}/runs" + (f"/{spec}" if spec else "")
    paths = [entry.path for entry in snapshot.entries(folder) if entry.kind == "file"]
    for path in sorted(paths, key=lambda each: each.rpartition("/")[2]):
        if path.endswith(".json") and path.count("/") == layout.evidence.count("/") + 3:
            yield _read(snapshot, path)


def _read(snapshot: Snapshot, path: str) -> PastRun | Unreadable:
    data = snapshot.read(path)
    try:
        document = parse_json(data) if data is not None else None
    except JsonFlaw as flaw:
        return Unreadable(path, str(flaw))
    if not isinstance(document, dict) or not is_valid("run_summary", document):
        return Unreadable(path, "is not the summary of a run; 'speckit validate' says why")
    halt = document["halt"]
    return PastRun(
        spec=document["specId"],
        run=document["run"],
        path=path,
        outcome=document["outcome"],
        exit_code=document["exit_code"],
        started_at=document["started_at"],
        finished_at=document["finished_at"],
        halted_at=f"{halt['stage']} ({halt['reason']})" if halt else None,
        passed=sum(stage["status"] == "passed" for stage in document["stages"]),
        stages=STAGES.index(document["to"]) - STAGES.index(document["from"]) + 1,
        document=document,
    )


def find_run(snapshot: Snapshot, layout: Layout, name: str | None) -> PastRun | None:
    """The run of that name, or whose name begins so; without a name the latest, None when there is no run at all.

    Raises GuardrailError when there is none of that name, or more than one.
    """
    runs = [run for run in past_runs(snapshot, layout) if isinstance(run, PastRun)]
    if name is None:
        return runs[-1] if runs else None
    found = [run for run in runs if run.run == name] or [run for run in runs if run.run.startswith(name)]
    if len(found) != 1:
        said = f"{len(found)} runs begin with" if found else "there is no run"
        raise GuardrailError(f"{said} '{name}'", "'speckit runs' lists them")
    return found[0]
