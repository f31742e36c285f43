"""Status as text and JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from guardrails.printable import printable
from guardrails.reports.documents import moment, plain
from guardrails.reports.layouts import fields, text_table
from guardrails.reports.numbers import age, count, money, share, size
from guardrails.reports.status import SpecState, StageState, Status

SCHEMA = "speckit.status/1"
COLUMNS = ("SPEC", "Tracker", "Stages", "Now at", "Guardrail", "Verdict", "Age", "Evidence", "Next")
STAGE_COLUMNS = ("Stage", "Guardrail", "Verdict", "Agreement", "Participation", "Cost", "When")
_MARKS = {"passed": "ok", "ok": "ok", "not run": "-", "failed": "FAILED", "conflict": "CONFLICT"}


def as_text(found: Status, whole: bool) -> str:
    """All SPECs in one table, or each in full with `whole`."""
    if whole:
        return "\n".join(_in_full(state, found.stale_hours) for state in found.specs)
    table = text_table(COLUMNS, (overview_row(state) for state in found.specs))
    number = f"{len(found.specs)} {'SPEC' if len(found.specs) == 1 else 'SPECs'}"
    stale = sum(state.stale is True for state in found.specs)
    return f"{table}\n{number} in {found.where}, {stale} without evidence for {found.stale_hours:g} h or more\n"


def at(state: SpecState) -> StageState:
    """The stage a SPEC stands at: the first that does not hold, or the last of all."""
    return next((stage for stage in state.stages if not stage.holds), state.stages[-1])


def overview_row(state: SpecState) -> tuple[str, ...]:
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
        weight(state),
        state.next_step,
    )


def weight(state: SpecState) -> str:
    """The size of a SPEC's evidence, and whether that is too much."""
    if state.footprint is None:
        return "none"
    marks = {"within": "", "warning": " (warning)", "over": " (OVER)"}
    return size(state.footprint.total) + marks[state.weight]


def _in_full(state: SpecState, stale_hours: float) -> str:
    stale = f", stale: more than {stale_hours:g} h" if state.stale else ""
    return "".join(
        (
            f"{printable(state.spec)}\n",
            fields(facts_of(state, stale), "  "),
            "\n",
            text_table(STAGE_COLUMNS, stage_rows(state), "  "),
            *_section("Agents", [line for stage in state.stages for line in _agents(stage)]),
            *_section(
                "Open waivers",
                [f"{each.rule} {each.path} until {each.expires}: {each.reason}" for each in state.waivers],
            ),
            f"\n  next: {printable(state.next_step)}\n",
        )
    )


def _section(title: str, lines: list[str]) -> Iterator[str]:
    yield f"\n  {title}\n"
    for line in lines or ["none"]:
        yield f"    {printable(line)}\n"


def facts_of(state: SpecState, stale: str) -> Iterator[tuple[str, str]]:
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
    yield "evidence", weight(state) + (f" in {count(state.footprint.files)} files" if state.footprint else "")
    for bytes_, path in state.footprint.largest if state.footprint else ():
        yield "  largest", f"{size(bytes_)} {path}"
    yield (
        "cost",
        money(state.cost.total) + (f" ({state.cost.path})" if state.cost else " (no cost summary)")
        if state.cost
        else "unknown (no cost summary)",
    )
    if state.last_run:
        run = state.last_run
        ended = f", {run.halt}" if run.halt else ""
        yield "last run", f"{run.name} {run.outcome}{ended}"


def stage_rows(state: SpecState) -> Iterator[tuple[str, ...]]:
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
            money(stage.cost) if stage.sessions else "-",
            moment(when) or "-",
        )


def _agents(stage: StageState) -> Iterator[str]:
    for agent in stage.agents:
        why = f": {agent.reason}" if agent.reason else ""
        yield f"{stage.stage}: {agent.agent} ({agent.model or 'model unknown'}) {agent.outcome}{why}"


def as_document(found: Status) -> dict[str, Any]:
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
        "cost": plain(state.cost),
        "last_run": plain(state.last_run),
        "waivers": plain(state.waivers),
        "next_step": state.next_step,
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
