"""The state of each SPEC: packet, tracker row, stages, agents, evidence, waivers, and the step to take next."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from typing import Any, Literal, NamedTuple

from guardrails.checks.footprint import Footprint
from guardrails.config.layout import STAGES
from guardrails.config.settings import EvidenceSettings, Settings, Waiver
from guardrails.core.cost import Cost, described
from guardrails.core.text import MEGABYTE
from guardrails.engine.waivers import is_expired
from guardrails.layouts.cost_summary import CostSummary
from guardrails.reports.figures import age, count, megabytes, share, size, spent
from guardrails.reports.formats.plain_json import moment, plain
from guardrails.reports.model import Facts, Packet, RunRecord, SessionReport, StageRecord, TrackerRow
from guardrails.reports.view import (
    HTML,
    READ,
    TEXT,
    Chart,
    Fact,
    Fields,
    Forms,
    Lines,
    Paragraph,
    Section,
    Series,
    Target,
    View,
    chart,
    table,
)

AgentOutcome = Literal["usable", "hold", "no ballot", "unusable", "missing"]
Emphasis = Literal["within", "warning", "over"]


class AgentState(NamedTuple):
    """One agent of a stage's latest session. `model` is None when no record names it."""

    agent: str
    outcome: AgentOutcome
    model: str | None
    reason: str | None = None


class StageState(NamedTuple):
    """A stage as its latest records have it; `record` and `sessions` are empty when there are none.

    There are several `sessions` only where they share a moment, or none is dated.
    """

    stage: str
    record: StageRecord | None
    sessions: tuple[SessionReport, ...]
    agents: tuple[AgentState, ...]
    cost: Cost

    @property
    def guardrail(self) -> str:
        return self.record.outcome if self.record else "not run"

    @property
    def verdict(self) -> str:
        """The gravest of the latest sessions' recomputed verdicts."""
        kinds = {session.now.kind for session in self.sessions if session.now}
        return next((kind for kind in ("conflict", "hold", "degraded", "undecided", "ok") if kind in kinds), "not run")

    @property
    def holds(self) -> bool:
        return self.guardrail == "passed" and self.verdict == "ok"


class SpecState(NamedTuple):
    """All that is known of one SPEC. `age_hours` is since its latest evidence, None when none is dated."""

    spec: str
    packets: tuple[Packet, ...]
    rows: tuple[TrackerRow, ...]
    stages: tuple[StageState, ...]
    latest: datetime | None
    age_hours: float | None
    stale: bool | None
    footprint: Footprint | None
    weight: Emphasis
    cost: CostSummary | None
    last_run: RunRecord | None
    waivers: tuple[Waiver, ...]
    next_step: str


class StatusReport(NamedTuple):
    where: str
    stale_hours: float
    specs: tuple[SpecState, ...]


def status_report(
    facts: Facts, settings: Settings, now: datetime, stale_hours: float, only: str | None = None
) -> StatusReport:
    """The state of every SPEC, or of one."""
    names = [spec for spec in facts.specs if only in (None, spec)]
    return StatusReport(
        facts.where, stale_hours, tuple(_spec(facts, settings, now, stale_hours, name) for name in names)
    )


def _spec(facts: Facts, settings: Settings, now: datetime, stale_hours: float, spec: str) -> SpecState:
    records = [each for each in facts.records if each.spec == spec]
    sessions = [each for each in facts.sessions if each.spec == spec]
    runs = [each for each in facts.runs if each.spec == spec]
    moments = [when for when in (*(each.when for each in records), *(each.when for each in sessions)) if when]
    latest = max(moments, default=None)
    hours = None if latest is None else max(0.0, (now - latest).total_seconds() / 3600)
    rows = facts.rows.get(spec, ())
    footprint = facts.footprints.get(spec)
    state = SpecState(
        spec=spec,
        packets=facts.packets.get(spec, ()),
        rows=rows,
        stages=tuple(_stage(name, records, sessions) for name in STAGES),
        latest=latest,
        age_hours=hours,
        stale=None if hours is None else hours > stale_hours and not is_done(rows),
        footprint=footprint,
        weight=_weight(footprint, settings),
        cost=next((each for each in reversed(facts.costs) if each.spec == spec), None),
        last_run=runs[-1] if runs else None,
        waivers=open_waivers(settings, spec, now.date()),
        next_step="",
    )
    return state._replace(next_step=next_step(state))


def is_done(rows: Sequence[TrackerRow]) -> bool:
    """Whether the tracker counts a SPEC as done: every row that names it."""
    return bool(rows) and all(row.done for row in rows)


def _stage(name: str, records: Sequence[StageRecord], sessions: Sequence[SessionReport]) -> StageState:
    """Records are sorted oldest first, and a record without a date counts as older than any that has one."""
    mine = [each for each in records if each.stage == name]
    latest = tuple(each for each in sessions if each.stage == name and each.now is not None)
    calls = [call for each in latest for call in each.calls]
    return StageState(name, mine[-1] if mine else None, latest, tuple(_agents(latest)), spent(calls))


def _agents(sessions: Iterable[SessionReport]) -> Iterator[AgentState]:
    for session in sessions:
        verdict, models = session.then, {call.agent: call.model for call in session.calls if call.model}
        for output in verdict.usable:
            model, holds = models.get(output.agent), output.position.proceeds is False
            if holds:
                yield AgentState(output.agent, "hold", model, "; ".join(output.position.reasons))
            elif output.agent in verdict.unvoted:
                why = (each.reasons[0].text for each in verdict.uncounted if each.agent == output.agent)
                yield AgentState(output.agent, "no ballot", model, next(why, None))
            else:
                yield AgentState(output.agent, "usable", model)
        for each in verdict.unusable:
            reason = "; ".join(problem.text for problem in each.reasons)
            yield AgentState(each.output.agent, "unusable", models.get(each.output.agent), reason)
        for agent in verdict.missing:
            error = next((call.error for call in session.calls if call.agent == agent and call.error), None)
            yield AgentState(agent, "missing", models.get(agent), error or "no output")


def _weight(footprint: Footprint | None, settings: Settings) -> Emphasis:
    size = footprint.total if footprint else 0
    if size > settings.evidence.limit_bytes:
        return "over"
    return "warning" if size > settings.evidence.warn_bytes else "within"


def open_waivers(settings: Settings, spec: str, today: date) -> tuple[Waiver, ...]:
    """The waivers in force that may concern a SPEC: all but those for the files of another one."""
    layout = settings.layout

    def owners(path: str) -> set[str]:
        return {found for part in path.split("/") if (found := layout.id_of(part.partition("_")[0]))}

    holder = layout.id_of(layout.evidence.rpartition("/")[0].rpartition("/")[2])  # it names no SPEC of its own
    return tuple(
        each
        for each in settings.waivers
        if not is_expired(each, today) and (spec in owners(each.path) or not owners(each.path) - {holder})
    )


def next_step(state: SpecState) -> str:
    """What to do next, the most pressing first, as a command where there is one."""
    spec = state.spec
    if not state.packets:
        return f"write docs for it: no directory of {spec} holds a spec.md"
    lacking = [name for name, there in state.packets[0].documents if not there and name != "PRD.md"]
    if "spec.md" in lacking:
        return f"write {state.packets[0].path}/spec.md"
    if state.weight == "over":
        return f"evidence is over its limit: speckit evidence archive {spec}"
    for stage in state.stages:
        step = _of_stage(spec, stage)
        if step:
            return step
    if lacking:
        return f"write {state.packets[0].path}/{lacking[0]}"
    return (
        "nothing: every stage holds" if is_done(state.rows) else "every stage holds: set its row in the tracker to Done"
    )


def _of_stage(spec: str, stage: StageState) -> str | None:
    name, record = stage.stage, stage.record
    if record is not None and record.outcome != "passed":
        at = next((part for part in record.parts if part.outcome == record.outcome), None)
        why = record.problem or (f"{at.name} is {at.said}" if at else "it examined nothing")
        return f"{name}: its guardrail {record.outcome} ({why}): mend it, then speckit stage {name} {spec}"
    verdict = stage.verdict
    if verdict == "conflict":
        conflict = next(each for session in stage.sessions if session.now for each in session.now.conflicts)
        return f"{name}: speckit consensus resolve {name} {spec} --conflict {conflict.id} --because TEXT"
    if verdict == "hold":
        now = next(each.now for each in stage.sessions if each.now and each.now.kind == "hold")
        return f"{name}: hold ({now.reasons[0]}): change that, then speckit auto {spec} --new --from {name}"
    if verdict in ("degraded", "undecided"):
        now = next(each.now for each in stage.sessions if each.now and each.now.kind == verdict)
        severe = " it is severe: find out why before it is repeated;" if now.severe else ""
        return f"{name}: consensus is {verdict} ({now.reasons[0]}):{severe} speckit consensus run {name} {spec}"
    if record is None:
        return f"{name}: speckit auto {spec} --from {name}"
    return None if verdict == "ok" else f"{name}: speckit consensus run {name} {spec}"


# Status laid out, and as JSON.


SCHEMA = "speckit.status/1"
_MARKS = {"passed": "ok", "ok": "ok", "not run": "-", "failed": "FAILED", "hold": "HOLD", "conflict": "CONFLICT"}
_HEAVIEST = 12


def view(found: StatusReport, limits: EvidenceSettings, now: datetime, *, whole: bool = False) -> View:
    """All SPECs in one table, then each by itself; text has either the table, or each in full with `whole`."""
    number = f"{len(found.specs)} {'SPEC' if len(found.specs) == 1 else 'SPECs'}"
    stale = sum(state.stale is True for state in found.specs)
    header = ("SPEC", "Tracker", "Stages", "Now at", "Guardrail", "Verdict", "Age", "Evidence", "Next")
    every = Section(
        "all",
        "All SPECs",
        (
            _progress(found),
            footprint_chart([(each.spec, each.footprint.total) for each in found.specs if each.footprint], limits),
            table("All SPECs", header, map(_overview_row, found.specs)),
            Paragraph(f"{number} in {found.where}, {stale} without evidence for {found.stale_hours:g} h or more", TEXT),
        ),
        HTML if whole else READ,
    )
    specs = [_section(state, found.stale_hours, READ if whole else HTML) for state in found.specs]
    return View("Status", f"from {found.where}", moment(now) or "", _facts(found, stale), (every, *specs))


def _facts(found: StatusReport, stale: int) -> tuple[Fact, ...]:
    stages = [stage for state in found.specs for stage in state.stages]
    over = sum(state.weight == "over" for state in found.specs)
    conflicts = sum(stage.verdict == "conflict" for stage in stages)
    agreed, dated = any(stage.sessions for stage in stages), any(state.latest for state in found.specs)
    return (
        Fact("SPECs", str(len(found.specs))),
        Fact("Stages that hold", f"{sum(stage.holds for stage in stages)} of {len(stages)}"),
        Fact("Conflicts", str(conflicts), "stages with one that nobody settled", _bad(conflicts, agreed)),
        Fact("Stale", str(stale), f"without evidence for {found.stale_hours:g} h", _bad(stale, dated, "warn")),
        Fact("Over the limit", str(over), "of evidence", _bad(over, any(state.footprint for state in found.specs))),
    )


def _bad(number: int, known: bool, bad: str = "bad") -> str:
    """The tone of a number that should be 0: it is good where there was something to count."""
    return bad if number else "good" if known else ""


def _progress(found: StatusReport) -> Chart:
    """How far each SPEC has come."""
    states = found.specs[:_HEAVIEST]
    held = Series("stages that hold", tuple(float(sum(stage.holds for stage in state.stages)) for state in states))
    names = [state.spec for state in states]
    return chart("progress", "Stages that hold", "horizontal", names, [held], "number", most=len(STAGES))


def footprint_chart(weights: Iterable[tuple[str, int]], limits: EvidenceSettings) -> Chart:
    """The evidence of the heaviest SPECs beside the two limits, from (SPEC, bytes)."""
    shown = sorted(weights, key=lambda row: (-row[1], row[0]))[:_HEAVIEST]
    labels = [spec for spec, _ in shown]
    series = Series("evidence", tuple(weight / MEGABYTE for _, weight in shown))
    warning, limit = limits.warn_bytes / MEGABYTE, limits.limit_bytes / MEGABYTE
    targets = [Target("warning", warning), Target("limit", limit)]
    made = chart("footprint", "Evidence by SPEC", "horizontal", labels, [series], "megabytes", targets)
    heaviest = f"{labels[0]} is the heaviest with {megabytes(series.values[0])}; " if shown else ""
    return made._replace(alt=f"{heaviest}warning above {megabytes(warning)}, limit {megabytes(limit)}.")


def at(state: SpecState) -> StageState:
    """The stage a SPEC stands at: the first that does not hold, or the last of all."""
    return next((stage for stage in state.stages if not stage.holds), state.stages[-1])


def _overview_row(state: SpecState) -> tuple[str, ...]:
    here = at(state)
    held = sum(stage.holds for stage in state.stages)
    return (
        state.spec,
        state.rows[0].status if state.rows else "no row",
        f"{held}/{len(state.stages)}",
        here.stage,
        _MARKS.get(here.guardrail, here.guardrail),
        _MARKS.get(here.verdict, here.verdict),
        age(state.age_hours) + (" stale" if state.stale else ""),
        _weighed(state),
        state.next_step,
    )


def _weighed(state: SpecState) -> str:
    """The size of a SPEC's evidence, and whether that is too much."""
    if state.footprint is None:
        return "none"
    marks = {"within": "", "warning": " (warning)", "over": " (OVER)"}
    return size(state.footprint.total) + marks[state.weight]


def _section(state: SpecState, stale_hours: float, forms: Forms) -> Section:
    """One SPEC in full. A page has its agents as a table, and its waivers among the fields."""
    stale = f", stale: more than {stale_hours:g} h" if state.stale else ""
    waivers = [f"{each.rule} {each.path} until {each.expires}: {each.reason}" for each in state.waivers]
    agents = [(stage, agent) for stage in state.stages for agent in stage.agents]
    header = ("Stage", "Guardrail", "Verdict", "Agreement", "Participation", "Cost", "When")
    stages = table(f"Stages of {state.spec}", header, _stage_rows(state), (3, 4))
    rows = [
        (stage.stage, agent.agent, agent.model or "unknown", agent.outcome, agent.reason or "")
        for stage, agent in agents
    ]
    called = table(f"Agents of {state.spec}", ("Stage", "Agent", "Model", "Outcome", "Why"), rows, forms=HTML)
    return Section(
        state.spec,
        state.spec,
        (
            Paragraph(f"Next: {state.next_step}", HTML),
            Fields(tuple(_fields(state, stale)), TEXT),
            Fields((*_fields(state, ""), *(("waiver", each) for each in waivers)), HTML),
        ),
        forms,
        text_title=state.spec,
        parts=(
            Section("", "", (stages, called)),
            _list("Agents", [_in_words(*each) for each in agents]),
            _list("Open waivers", waivers),
            Section("", "", (Paragraph(f"next: {state.next_step}", TEXT),)),
        ),
    )


def _list(title: str, items: Sequence[str]) -> Section:
    return Section("", "", (Lines(tuple(items) or ("none",)),), TEXT, title)


def _in_words(stage: StageState, agent: AgentState) -> str:
    why = f": {agent.reason}" if agent.reason else ""
    return f"{stage.stage}: {agent.agent} ({agent.model or 'model unknown'}) {agent.outcome}{why}"


def _fields(state: SpecState, stale: str) -> Iterator[tuple[str, str]]:
    for packet in state.packets:
        held = ", ".join(
            f"{name}{'' if there else ' MISSING'}" for name, there in packet.documents if there or name != "PRD.md"
        )
        yield "packet", f"{packet.path}: {held}"
    if not state.packets:
        yield "packet", "none"
    for row in state.rows:
        yield (
            "tracker",
            f"{row.task} {row.status}: {row.title} (owners {row.owners}, branch {row.branch}, line {row.line})",
        )
    if not state.rows:
        yield "tracker", "no row names it"
    yield (
        "latest",
        f"{moment(state.latest) or 'nothing dated'} ({age(state.age_hours)} ago{stale})"
        if state.latest
        else "no dated evidence",
    )
    yield "evidence", _weighed(state) + (f" in {count(state.footprint.files)} files" if state.footprint else "")
    for bytes_, path in state.footprint.largest if state.footprint else ():
        yield "  largest", f"{size(bytes_)} {path}"
    yield (
        "cost",
        described(state.cost.total) + (f" ({state.cost.path})" if state.cost else " (no cost summary)")
        if state.cost
        else "unknown (no cost summary)",
    )
    if state.last_run:
        run = state.last_run
        ended = f", {run.halt}" if run.halt else ""
        yield "last run", f"{run.name} {run.outcome}{ended}"


def _stage_rows(state: SpecState) -> Iterator[tuple[str, ...]]:
    for stage in state.stages:
        now = next((each.now for each in stage.sessions if each.now and each.now.kind == stage.verdict), None)
        stale = " (stale)" if now and now.stale else ""
        severe = " (severe)" if now and now.severe else ""
        when = max((each.when for each in (stage.record, *stage.sessions) if each and each.when), default=None)
        yield (
            stage.stage,
            stage.guardrail,
            stage.verdict + severe + stale,
            share(now.agreement) if now else "-",
            share(now.participation) if now else "-",
            described(stage.cost) if stage.sessions else "-",
            moment(when) or "-",
        )


def as_document(found: StatusReport) -> dict[str, Any]:
    """The same facts as one JSON document."""
    return {
        "schema": SCHEMA,
        "source": found.where,
        "stale_hours": found.stale_hours,
        "specs": [_document(state) for state in found.specs],
    }


def _document(state: SpecState) -> dict[str, Any]:
    footprint = state.footprint
    return {
        "spec": state.spec,
        "packets": [{"path": each.path, "documents": dict(each.documents)} for each in state.packets],
        "tracker": plain(state.rows),
        "stages": [_stage_document(stage) for stage in state.stages],
        "latest": moment(state.latest),
        "age_hours": state.age_hours,
        "stale": state.stale,
        "evidence": None
        if footprint is None
        else {
            "bytes": footprint.total,
            "files": footprint.files,
            "state": state.weight,
            "largest": [{"path": path, "bytes": bytes_} for bytes_, path in footprint.largest],
        },
        "cost": None if state.cost is None else _summary_document(state.cost),
        "last_run": plain(state.last_run),
        "waivers": plain(state.waivers),
        "next_step": state.next_step,
    }


def _summary_document(summary: CostSummary) -> dict[str, Any]:
    """A cost summary as it was read."""
    return {
        "path": summary.path,
        "spec": summary.spec,
        "when": moment(summary.when),
        "profile": summary.profile,
        "stages": [{"stage": each.stage, "money": plain(each.cost)} for each in summary.known_stages],
        "total": plain(summary.total),
        "budget": summary.cap_usd,
        "zero_for_calls": summary.zero_for_calls,
        "sessions": [
            {"session": each.session, "stage": each.stage, "money": plain(each.cost)} for each in summary.sessions or ()
        ],
        "problem": summary.problem,
    }


def _stage_document(stage: StageState) -> dict[str, Any]:
    now = next((each.now for each in stage.sessions if each.now and each.now.kind == stage.verdict), None)
    return {
        "stage": stage.stage,
        "guardrail": stage.guardrail,
        "record": plain(stage.record),
        "verdict": stage.verdict,
        "severe": now.severe if now else None,
        "agreement": now.agreement if now else None,
        "participation": now.participation if now else None,
        "reasons": list(now.reasons) if now else [],
        "conflicts": [each._asdict() for each in now.conflicts] if now else [],
        "stale_inputs": list(now.stale) if now else [],
        "agents": plain(stage.agents),
        "cost": plain(stage.cost),
        "holds": stage.holds,
    }
