"""The telemetry QA sweep of a SPEC: schemas, fields, costs, and whether alerts reach anybody."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from hashlib import sha256
from typing import Any, NamedTuple

from guardrails.config.layout import stage_of
from guardrails.config.run_settings import Budget
from guardrails.config.settings import Settings
from guardrails.core.cost import dollars, priced_calls
from guardrails.core.fields import table as as_object
from guardrails.core.limits import MISSING_FIELDS
from guardrails.core.strict_json import JsonFlaw, parse_json, parse_lines
from guardrails.layouts.evidence_names import EvidenceKind, evidence_name
from guardrails.reports.adoption import Alert, Targets, adoption_report
from guardrails.reports.audit import MADE, Reconciliation, cost_table, costs_fact, reconcile
from guardrails.reports.audit_checks import AuditedCheck, Sealed
from guardrails.reports.figures import mean
from guardrails.reports.formats.plain_json import moment, plain
from guardrails.reports.model import Facts, SessionReport
from guardrails.reports.runs import Execution, executions
from guardrails.reports.view import (
    BOUND,
    HTML,
    MARKDOWN,
    TEXT,
    Chart,
    Fact,
    Fields,
    Paragraph,
    Section,
    Series,
    Table,
    View,
    chart,
    or_none,
    table,
)
from guardrails.snapshot.base import Entry, Snapshot

# Alert rules played back over a SPEC's history: what fires, in the order it would have.


class RuleRow(NamedTuple):
    """One alert rule: what fires it, and whether it looks at one session, one run, or two weeks."""

    name: str
    about: str
    when: str


RULES = (
    RuleRow("consensus-conflict", "session", "a conflict nobody settled"),
    RuleRow("consensus-hold", "session", "all agents agree that it must not go on"),
    RuleRow("consensus-degraded", "session", "agents missing, or an agreement below the configured one"),
    RuleRow("guardrail-failed", "stage", "a guardrail failed"),
    RuleRow("cost-unknown", "run", "agents were called and no price is known"),
    RuleRow("cost-over-cap", "run", "a run cost more than its cap"),
    RuleRow("adoption-low-runs", "two weeks", "fewer than 3 runs in each"),
    RuleRow("adoption-low-agreement", "two weeks", "an agreement below 0.85 in each"),
    RuleRow("adoption-high-cost", "two weeks", "more than $3.50 a run in each"),
)


class Fired(NamedTuple):
    """An alert, with an id that is the same each time the same history is played."""

    id: str
    alert: Alert


class Played(NamedTuple):
    """What fired, and over how many runs: of none, nothing can."""

    runs: int
    fired: tuple[Fired, ...]


def playback(facts: Facts, now: datetime, weeks: int, cap: float | None, spec: str) -> Played:
    """Everything that fires over the last `weeks` ISO weeks of one SPEC."""
    found = adoption_report(facts, now, weeks, Targets())
    first = found.weeks[0].monday
    recent = [each for each in executions(facts) if each.started and each.started.date() >= first]
    alerts = [alert for each in recent for alert in _of_run(each, cap)]
    weekly = [alert._replace(spec=spec) for alert in found.alerts]
    return Played(len(recent), tuple(Fired(identity(each), each) for each in (*alerts, *weekly)))


def identity(alert: Alert) -> str:
    """What tells two alerts apart: the rule, and what it is about."""
    return sha256(f"{alert.name}\0{alert.spec}\0{alert.period}".encode("utf-8", "surrogateescape")).hexdigest()[:16]


def _of_run(each: Execution, cap: float | None) -> Iterator[Alert]:
    for stage in each.stages:
        if stage.session is not None:
            yield from _of_session(stage.session)
        record = stage.record
        if record is not None and record.outcome == "failed":
            failed = ", ".join(part.name for part in record.parts if part.outcome == "failed")
            period = f"{record.stage} {record.stamp or moment(record.when) or record.path}"
            yield Alert("guardrail-failed", period, f"{record.stage}: {failed}", None, None, record.spec)
    cost = each.cost
    if not each.called or each.replayed:
        return
    if cost.total_micros is None:
        yield Alert("cost-unknown", each.name, priced_calls(cost), None, None, each.spec)
    if cap is not None and cost.usd is not None and cost.usd > cap:
        yield Alert("cost-over-cap", each.name, f"{dollars(cost.usd)} of {dollars(cap)}", cost.usd, cap, each.spec)


def _of_session(session: SessionReport) -> Iterator[Alert]:
    verdict = session.then
    if verdict.kind in ("conflict", "hold", "degraded"):
        period = f"{session.stage} {session.stamp or moment(session.when) or 'undated'}"
        said = f"{session.stage}: {'; '.join(verdict.reasons)}"
        yield Alert(f"consensus-{verdict.kind}", period, said, verdict.agreement, None, session.spec)


# Field completeness: not absent, not null, and not a zero that nobody measured.


# What a record of each kind is kept for. Dots lead into objects; `a|b` are two spellings of one field.
_FIELDS: dict[EvidenceKind, tuple[str, ...]] = {
    "telemetry": ("specId|spec_id", "sessionId|session_id", "timestamp", "artifacts"),
    "agent_output": ("agent", "model", "prompt_sha256", "inputs", "consensus.agreements"),
    "ballot": ("agent", "model", "prompt_sha256", "inputs", "ballot"),
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
    """`missing` lists the first MISSING_FIELDS of what is missing."""

    fields: tuple[Field, ...]
    missing: tuple[Missing, ...]


def population(snapshot: Snapshot, settings: Settings, entries: Iterable[Entry]) -> Population:
    """The fields of all records among some files that can be read; `validate` tells of the others."""
    counted: dict[tuple[str, str], dict[str, int]] = {}
    missing: list[Missing] = []
    for path, line, kind, stage, value in _records(snapshot, settings, entries):
        for name in _wanted(kind, stage, value):
            how = state(value, name)
            row = counted.setdefault((kind, name), dict.fromkeys(("said", "zero", "null", "absent"), 0))
            row[how] += 1
            if how != "said" and len(missing) < MISSING_FIELDS:
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
            document = parse_json(blob.data)
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
    stages = [as_object(stage) for stage in as_object(value.get("per_stage")).values()]
    given = [value.get("source"), as_object(value.get("cost")).get("source")]
    return "measured" in given or bool(stages and all(stage.get("source") == "measured" for stage in stages))


class Routed(NamedTuple):
    """What became of one alert at one place. `place` is shown without anything secret."""

    alert: str
    place: str
    outcome: str


class Routing(NamedTuple):
    """Where alerts go. `sent` is None when nothing was sent: then `places` is where they would have gone."""

    places: tuple[str, ...]
    sent: tuple[Routed, ...] | None = None


class Inputs(NamedTuple):
    """What was looked at besides the facts."""

    judged: AuditedCheck
    population: Population
    sealed: Sealed


class Qa(NamedTuple):
    spec: str
    where: str
    generated: datetime
    sealed: Sealed
    schemas: AuditedCheck
    population: Population
    costs: Reconciliation
    weeks: int
    runs: int
    """runs of these weeks, over which alert rules were played back"""
    fired: tuple[Fired, ...]
    routing: Routing

    @property
    def faults(self) -> tuple[str, ...]:
        """What keeps the telemetry from being trusted, each in a sentence."""
        found = []
        if self.schemas.verdict != "pass":
            found.append(f"{self.schemas.found} faults against the schemas ({self.schemas.verdict})")
        empty = [field for field in self.population.fields if field.said < field.records]
        if not self.population.fields:
            found.append("no record has a field to look at")
        if empty:
            found.append(f"{len(empty)} fields are not always populated")
        if not self.costs.agrees:
            found.append("costs do not agree, or are not known")
        if self.routing.sent is not None and any(each.outcome.startswith("failed") for each in self.routing.sent):
            found.append("an alert did not reach its place")
        if not self.routing.places:
            found.append("alerts go nowhere: no route is configured")
        return tuple(found)


def qa_report(
    facts: Facts, budget: Budget, inputs: Inputs, now: datetime, weeks: int, spec: str, routing: Routing
) -> Qa:
    """The sweep over one SPEC. `facts` are of that SPEC alone."""
    runs, fired = playback(facts, now, weeks, budget.usd, spec)
    costs = reconcile(facts, spec)
    looked = (inputs.sealed, inputs.judged, inputs.population)
    return Qa(spec, facts.where, now, *looked, costs, weeks, runs, fired, routing)


# The QA sweep laid out, and as JSON.


SCHEMA = "speckit.qa/1"
_SHOWN = 20


def view(found: Qa) -> View:
    """The sweep. It is filed as Markdown, which has all of it but charts."""
    evidence = f"{found.sealed.files} files, sha256 {found.sealed.sha256}"
    schemas = found.schemas
    examined = f"{schemas.checked} examined, {schemas.found} faults"
    result = f"{_verdict(found)}."
    faults = _faults(found)
    at_hand = f"{schemas.checked} records examined, {schemas.found} faults: {schemas.verdict}."
    sections = (
        Section(
            "",
            "",
            (
                Fields(
                    (("SPEC", found.spec), ("evidence", evidence), ("schemas", f"{schemas.verdict}: {examined}")), TEXT
                ),
                Fields((("evidence", evidence), (MADE, found.generated), ("result", _verdict(found))), MARKDOWN),
            ),
            (*TEXT, *MARKDOWN),
        ),
        Section("result", "Result", (Paragraph(result[:1].upper() + result[1:]),), HTML),
        *([Section("", "", (faults,), TEXT)] if schemas.errors else []),
        Section("", "Schemas", (Paragraph(at_hand, literal=True), faults), MARKDOWN),
        Section("schemas", "Faults against the schemas", (faults,), HTML),
        _fields(found),
        Section("costs", "Costs", (cost_table(found.costs),)),
        _playback(found),
        Section("routing", "Alert routing", (_sent(found),)),
        Section("", "", (Paragraph(_verdict(found)),), TEXT),
    )
    title, made = f"Telemetry QA of {found.spec}", moment(found.generated) or ""
    about = f"{found.sealed.files} evidence files, sha256 {found.sealed.sha256}"
    return View(title, about, made, _facts(found, examined), sections)


def _facts(found: Qa, examined: str) -> tuple[Fact, ...]:
    fields, partial = found.population.fields, _partial(found)
    quiet, ok = found.runs and not found.fired, found.schemas.verdict == "pass"
    populated = f"{len(fields) - len(partial)} of {len(fields)}"
    return (
        Fact("Schemas", found.schemas.verdict, examined, "good" if ok else "bad"),
        Fact("Fields always populated", populated, "", "warn" if partial or not fields else "good"),
        costs_fact(found.costs),
        Fact("Alerts", str(len(found.fired)), f"over {_played(found)}", "good" if quiet else "warn"),
    )


def _verdict(found: Qa) -> str:
    """The sweep in a sentence."""
    return "the telemetry can be trusted" if not found.faults else "; ".join(found.faults)


def _partial(found: Qa) -> list[Field]:
    return [field for field in found.population.fields if field.said < field.records]


def _faults(found: Qa) -> Table:
    rows = [(each.rule, f"{each.path}:{each.line or 1}", each.message) for each in found.schemas.errors]
    return or_none(table("Faults against the schemas", ("Rule", "Place", "What"), rows))


def _fields(found: Qa) -> Section:
    """How much of each kind of record says something. Text has only the fields that do not always."""
    fields, partial = found.population.fields, _partial(found)
    header = ("Record", "Field", "Populated", "Share", "Zero by default", "Null or empty", "Absent")
    every = table("Fields", header, map(_field_row, fields), range(2, 7), BOUND)
    some = table("Fields", header, map(_field_row, partial), forms=TEXT)
    missing = found.population.missing
    silent = [(each.path + (f":{each.line}" if each.line else ""), each.field, each.how) for each in missing[:_SHOWN]]
    examples = table("What says nothing", ("Record", "Field", "How"), silent, forms=BOUND if silent else HTML)
    more = f"and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else ""
    return Section(
        "fields",
        "Fields",
        (
            _populated(found),
            every,
            some if partial else Paragraph("none", TEXT),
            examples,
            Paragraph(more if silent else "Every field says something.", MARKDOWN),
        ),
        text_title=f"Fields that are not always populated ({len(partial)} of {len(fields)})",
    )


def _field_row(field: Field) -> tuple[str, ...]:
    share = f"{field.share:.0%}" if field.said < field.records else "100%"
    counts = (str(field.zero), str(field.null), str(field.absent))
    return field.kind, field.name, f"{field.said} of {field.records}", share, *counts


def _populated(found: Qa) -> Chart:
    kinds = tuple(dict.fromkeys(field.kind for field in found.population.fields))
    shares = tuple(mean(field.share for field in found.population.fields if field.kind == kind) for kind in kinds)
    series = [Series("mean share", shares)]
    return chart("populated", "Fields that say something", "horizontal", kinds, series, "percent")


def _playback(found: Qa) -> Section:
    """Every rule, and how often it fired: one that never did was played back all the same."""
    times = [sum(each.alert.name == rule.name for each in found.fired) for rule in RULES]
    names, fired = [rule.name for rule in RULES], [Series("times", tuple(map(float, times)))]
    rules = [(rule.name, rule.about, rule.when, str(number)) for rule, number in zip(RULES, times, strict=True)]
    alerts = [(each.alert.name, each.alert.period, each.alert.message, each.id) for each in found.fired]
    return Section(
        "playback",
        "Alert playback",
        (
            Paragraph(f"Over {_played(found)}.", MARKDOWN),
            chart("fired", "Alerts that fired", "horizontal", names, fired, "number"),
            table("Rules", ("Rule", "About", "Fires at", "Fired"), rules, (3,), BOUND),
            or_none(table("Alerts", ("Alert", "About", "What", "Id"), alerts)),
        ),
        text_title=f"Alerts over {_played(found)}",
    )


def _played(found: Qa) -> str:
    """What the rules were played back over."""
    return f"the last {found.weeks} ISO weeks, {found.runs or 'no'} {'run' if found.runs == 1 else 'runs'}"


def _sent(found: Qa) -> Table:
    """What became of each alert, or where all of them would have gone."""
    rows = list(found.routing.sent or ())
    if found.routing.sent is None:
        places = found.routing.places or ("nowhere: no route is configured",)
        rows = [Routed(f"{len(found.fired)} alerts", place, "not sent: add --route") for place in places]
    return table("Alert routing", ("Alert", "Where", "What became of it"), rows)


def as_document(found: Qa) -> dict[str, Any]:
    """The sweep as one JSON document."""
    return {
        "schema": SCHEMA,
        "spec": found.spec,
        MADE: moment(found.generated),
        "evidence": plain(found.sealed),
        "trusted": not found.faults,
        "faults": list(found.faults),
        "schemas": plain(found.schemas),
        "fields": plain(found.population.fields),
        "missing": plain(found.population.missing),
        "costs": {
            "agrees": found.costs.agrees,
            "lines": plain(found.costs.lines),
            "total": plain(found.costs.total),
            "archived": list(found.costs.archived),
        },
        "weeks": found.weeks,
        "runs": found.runs,
        "alerts": [{"id": fired.id, **plain(fired.alert)} for fired in found.fired],
        "routing": {"places": list(found.routing.places), "sent": plain(found.routing.sent)},
    }
