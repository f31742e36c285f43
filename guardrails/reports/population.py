"""Which fields of telemetry say something: not absent, not null, and not a zero that nobody measured."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from guardrails.evidence_names import EvidenceKind, evidence_name
from guardrails.jsontext import JsonFlaw, parse, parse_lines
from guardrails.layout import stage_of
from guardrails.reports.contents import table
from guardrails.settings import Settings
from guardrails.snapshot import Entry, Snapshot

# What a record of each kind is kept for. Dots lead into objects; `a|b` are two spellings of one field.
_FIELDS: dict[EvidenceKind, tuple[str, ...]] = {
    "telemetry": ("specId|spec_id", "sessionId|session_id", "timestamp", "artifacts"),
    "agent_output": ("agent", "model", "prompt_sha256", "inputs", "consensus.agreements"),
    "agent_metrics": (
        "model_id", "latency_ms", "prompt_tokens", "completion_tokens", "total_tokens", "cost_usd",
    ),
    "consensus_telemetry": (
        "timestamp", "latency_ms", "cost_usd", "gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens",
    ),
    "cost_summary": ("total_usd|total_spent|total_cost_usd|totalCostUsd", "total_tokens", "calls|call_count"),
    "run_summary": ("profile", "started_at", "outcome", "cost.usd", "cost.tokens", "seal.head"),
    "tasks_telemetry": ("output_tokens", "latency_ms", "agent_participation"),
}  # fmt: skip
_BY_STAGE: dict[str, tuple[str, ...]] = {
    "plan": ("baseline.status", "hooks.session.start"),
    "tasks": ("tool.status",),
    "implement": ("lock_status", "hook_status"),
    "validate": ("scenarios",),
    "audit": ("scenarios",),
    "unlock": ("unlock_status",),
}
# A zero of these is a measurement only where the record says so; of the others it is a value like any other.
_AMOUNTS = ("usd", "tokens", "latency_ms", "total_spent")


class Field(NamedTuple):
    """One field over all records of a kind: how many say something, and how the others do not."""

    kind: str
    name: str
    records: int
    said: int
    zero: int = 0
    null: int = 0
    absent: int = 0

    @property
    def share(self) -> float:
        return self.said / self.records


class Missing(NamedTuple):
    """One field of one record that says nothing."""

    path: str
    line: int | None
    field: str
    how: str


class Population(NamedTuple):
    """`missing` lists the first MOST of what is missing."""

    fields: tuple[Field, ...]
    missing: tuple[Missing, ...]


MOST = 200


def population(snapshot: Snapshot, settings: Settings, entries: Iterable[Entry]) -> Population:
    """The fields of all records among some files that can be read; `validate` tells of the others."""
    counted: dict[tuple[str, str], dict[str, int]] = {}
    missing: list[Missing] = []
    for path, line, kind, stage, value in _records(snapshot, settings, entries):
        for name in _wanted(kind, stage, value):
            how = state(value, name)
            row = counted.setdefault((kind, name), dict.fromkeys(("said", "zero", "null", "absent"), 0))
            row[how] += 1
            if how != "said" and len(missing) < MOST:
                missing.append(Missing(path, line, name.partition("|")[0], how))
    fields = [Field(kind, name.partition("|")[0], sum(row.values()), **row) for (kind, name), row in counted.items()]
    return Population(tuple(sorted(fields)), tuple(missing))


def _records(
    snapshot: Snapshot, settings: Settings, entries: Iterable[Entry]
) -> Iterator[tuple[str, int | None, EvidenceKind, str | None, dict[str, Any]]]:
    """(path, line, kind, stage, record) of every record."""
    for blob in snapshot.read_many(entry for entry in entries if entry.kind == "file"):
        path, name = blob.entry.path, evidence_name(settings.layout, blob.entry.path)
        if name is None or name.kind not in _FIELDS or blob.data is None:
            continue
        if path.endswith(".jsonl"):
            for line, value in parse_lines(blob.data):
                if isinstance(value, dict) and value.get("event") == "agent":
                    yield path, line, name.kind, name.stage, value
            continue
        try:
            document = parse(blob.data)
        except JsonFlaw:
            continue
        if isinstance(document, dict):
            yield path, None, name.kind, name.stage, document


def _wanted(kind: EvidenceKind, stage: str | None, value: dict[str, Any]) -> tuple[str, ...]:
    if kind == "telemetry" and "checks" not in value:
        return (*_FIELDS[kind], *_BY_STAGE.get(stage_of(value.get("command")) or stage or "", ()))
    return _FIELDS[kind]


def state(value: dict[str, Any], name: str) -> str:
    """`said`, `zero`, `null` or `absent`. An empty text or list says nothing either: it counts as null."""
    found = [_state(value, spelling) for spelling in name.split("|")]
    return min(found, key=("said", "zero", "null", "absent").index)


def _state(value: dict[str, Any], name: str) -> str:
    item: Any = value
    if name in value:  # names of OpenTelemetry hold dots themselves
        item = value[name]
    else:
        parts = name.split(".")
        parts = ["hooks", "session.start"] if name == "hooks.session.start" else parts
        for part in parts:
            if not isinstance(item, dict) or part not in item:
                return "absent"
            item = item[part]
    if item is None or item in ("", [], {}):
        return "null"
    if item == 0 and not isinstance(item, bool) and any(word in name for word in _AMOUNTS) and not _measured(value):
        return "zero"
    return "said"


def _measured(value: dict[str, Any]) -> bool:
    """Whether a record says that its amounts were measured: itself, or each of its stages."""
    stages = [table(stage) for stage in table(value.get("per_stage")).values()]
    given = [value.get("source"), table(value.get("cost")).get("source")]
    return "measured" in given or bool(stages and all(stage.get("source") == "measured" for stage in stages))
