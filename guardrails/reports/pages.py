"""Each report as a page: its figures, charts and tables, from the same values as its text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from guardrails.reports import adoption_shown, qa_shown, status_shown
from guardrails.reports import audit_shown as shown
from guardrails.reports.adoption import Adoption
from guardrails.reports.audit import Audit
from guardrails.reports.documents import moment
from guardrails.reports.numbers import dollars, duration, least, share, size
from guardrails.reports.page import Fact, Link, Page, Section, Table, render, table
from guardrails.reports.page_charts import adoption_charts, audit_charts, footprint_chart, qa_charts, status_charts
from guardrails.reports.qa import Qa
from guardrails.reports.reconcile import Reconciliation
from guardrails.reports.status import SpecState, Status
from guardrails.settings import Settings

Links = Sequence[Link]


def adoption_page(found: Adoption, settings: Settings, now: datetime, links: Links = ()) -> str:
    """Adoption: are runs made, do agents agree, what do they cost."""
    facts = _adoption_facts(found)
    rows = [row for week in found.weeks for row in adoption_shown.week_rows(week)]
    by_week = table("Weeks", adoption_shown.COLUMNS, rows, (2, 4, 5))
    gaps = tuple(f"{week.name}: {'; '.join(map(adoption_shown.gap, week.gaps))}" for week in found.weeks if week.gaps)
    alerts = table(
        "Alerts", ("Alert", "Weeks", "What"), [(each.name, each.period, each.message) for each in found.alerts]
    )
    raised = "" if found.alerts else f"Here: {adoption_shown.no_alert(found)}."
    evidence = [(each.spec, size(each.bytes), str(each.files)) for each in found.footprints]
    text = (
        "A run is one run of the sequencer, or a stage that was run alone. Replayed and empty ones are not counted. "
        "The week marked * is under way."
    )
    sections = (
        Section("weeks", "By week", text, adoption_charts(found), (by_week,)),
        Section("gaps", "What missed its target", "" if gaps else "Every week reached its targets.", lines=gaps),
        Section("alerts", "Alerts", f"Two complete weeks in a row raise one. {raised}", tables=(alerts,)),
        Section(
            "evidence", "Evidence", charts=(footprint_chart(found.footprints, settings.evidence),),
            tables=(table("Evidence by SPEC", ("SPEC", "Size", "Files"), evidence, (1, 2)),),
        ),
    )  # fmt: skip
    weeks = f"{found.weeks[0].name} to {found.weeks[-1].name}, from {found.where}"
    return render(Page("Adoption", weeks, moment(now) or "", facts, sections, tuple(links)))


def _adoption_facts(found: Adoption) -> tuple[Fact, ...]:
    """The last week that is over, in figures. Green is what is known to have reached its target."""
    week = next((week for week in reversed(found.weeks) if week.complete), found.weeks[-1])
    last, targets = week.total, found.targets
    tones = {each.what: "bad" if each.missed else "warn" for each in week.gaps}

    def fact(label: str, what: str, value: str, note: str) -> Fact:
        return Fact(label, value, note, tones.get(what, "good"))

    per_run = least(last.usd_per_run, last.usd_per_run_is_floor)
    watched = "" if found.watched > 1 else "no two complete weeks"
    return (
        fact("Runs", "runs", str(last.runs), f"{week.name}, target {targets.runs}"),
        fact("Agreement", "agreement", share(last.agreement), f"target {targets.agreement:.2f}"),
        fact("Cost of a run", "cost per run", per_run, f"cap {dollars(targets.usd)}"),
        Fact("Latency p95", duration(last.p95_ms), "of one agent's call"),
        Fact("Alerts", str(len(found.alerts)), watched, "bad" if found.alerts else "warn" if watched else "good"),
    )


def status_page(found: Status, settings: Settings, now: datetime, links: Links = ()) -> str:
    """The state of every SPEC: all in a table, then each by itself."""
    stages = [stage for state in found.specs for stage in state.stages]
    stale, over = sum(state.stale is True for state in found.specs), sum(s.weight == "over" for s in found.specs)
    conflicts = sum(stage.verdict == "conflict" for stage in stages)
    agreed, dated = any(stage.sessions for stage in stages), any(state.latest for state in found.specs)
    facts = (
        Fact("SPECs", str(len(found.specs))),
        Fact("Stages that hold", f"{sum(stage.holds for stage in stages)} of {len(stages)}"),
        Fact("Conflicts", str(conflicts), "stages with one that nobody settled", _bad(conflicts, agreed)),
        Fact("Stale", str(stale), f"without evidence for {found.stale_hours:g} h", _bad(stale, dated, "warn")),
        Fact("Over the limit", str(over), "of evidence", _bad(over, any(state.footprint for state in found.specs))),
    )
    overview = table("All SPECs", status_shown.COLUMNS, [status_shown.overview_row(state) for state in found.specs])
    sections = (
        Section("all", "All SPECs", charts=status_charts(found, settings.evidence), tables=(overview,)),
        *(_spec_section(state) for state in found.specs),
    )
    return render(Page("Status", f"from {found.where}", moment(now) or "", facts, sections, tuple(links)))


def _bad(number: int, known: bool, bad: str = "bad") -> str:
    """The tone of a number that should be 0: it is good where there was something to count."""
    return bad if number else "good" if known else ""


def _spec_section(state: SpecState) -> Section:
    agents = [
        (stage.stage, agent.agent, agent.model or "unknown", agent.outcome, agent.reason or "")
        for stage in state.stages
        for agent in stage.agents
    ]
    stages = table(f"Stages of {state.spec}", status_shown.STAGE_COLUMNS, list(status_shown.stage_rows(state)), (3, 4))
    called = table(f"Agents of {state.spec}", ("Stage", "Agent", "Model", "Outcome", "Why"), agents)
    lines = tuple(f"{label.strip()}: {value}" for label, value in status_shown.facts_of(state, ""))
    waived = tuple(f"waiver: {each.rule} {each.path} until {each.expires}: {each.reason}" for each in state.waivers)
    return Section(state.spec, state.spec, f"Next: {state.next_step}", lines=(*lines, *waived), tables=(stages, called))


def audit_page(found: Audit, least: float, links: Links = ()) -> str:
    """The audit packet."""
    held, open_ = (
        sum(item.state == "holds" for item in found.items),
        sum(row.settled is None for row in found.conflicts),
    )
    sealed = sum(bool(row.head) for row in found.ledgers)
    facts = (
        Fact("Verified by machine", f"{held} of {len(found.items)}", "", "good" if found.holds else "bad"),
        Fact("Costs", "agree" if found.costs.agrees else "do not agree", "", "good" if found.costs.agrees else "bad"),
        Fact("Open conflicts", str(open_), "", "bad" if open_ else "good"),
        Fact(
            "Sealed runs",
            f"{sealed} of {len(found.ledgers)}",
            "",
            "good" if sealed and sealed == len(found.ledgers) else "warn",
        ),
    )
    signatures = [(each.role, each.confirms, "", "", "") for each in found.signatures]
    checked = table("Verified by machine", ("State", "What", "Why"), [shown.item_row(item) for item in found.items])
    stages = table("Verdict of each stage", shown.VERDICTS, shown.verdict_rows(found.state.stages), (3, 4))
    costs, agreement = audit_charts(found, least)
    sections = (
        Section("sign-off", "Sign-off", tables=(checked, table("To be signed", shown.SIGNATURES, signatures))),
        Section("verdicts", "Verdicts", charts=(agreement,), tables=(stages,)),
        Section("costs", "Cost reconciliation", charts=(costs,), tables=(_costs(found.costs),)),
        _only("conflicts", "Conflicts", shown.CONFLICTS, shown.conflict_rows(found.conflicts)),
        _only("variance", "Variance", shown.VARIANCES, shown.variance_rows(found.variances), (2,)),
        _only("ledger", "Ledger", shown.LEDGERS, shown.ledger_rows(found), (2,)),
    )
    about = f"{found.sealed.files} evidence files, sha256 {found.sealed.sha256}"
    return render(Page(f"Audit of {found.spec}", about, moment(found.generated) or "", facts, sections, tuple(links)))


def _costs(found: Reconciliation) -> Table:
    return table("Costs to the cent", shown.COSTS, shown.cost_rows(found), (2, 3, 4))


def _only(
    id_: str, title: str, header: Sequence[str], rows: Iterable[Sequence[str]], numeric: Sequence[int] = ()
) -> Section:
    """A section of one table."""
    return Section(id_, title, tables=(table(title, header, rows, numeric),))


def qa_page(found: Qa, links: Links = ()) -> str:
    """The telemetry QA sweep."""
    fields = found.population.fields
    partial = [field for field in fields if field.said < field.records]
    quiet = found.runs and not found.fired
    ok, examined = found.schemas.verdict == "pass", f"{found.schemas.checked} examined, {found.schemas.found} faults"
    facts = (
        Fact("Schemas", found.schemas.verdict, examined, "good" if ok else "bad"),
        Fact(
            "Fields always populated",
            f"{len(fields) - len(partial)} of {len(fields)}",
            "",
            "warn" if partial or not fields else "good",
        ),
        Fact("Costs", "agree" if found.costs.agrees else "do not agree", "", "good" if found.costs.agrees else "bad"),
        Fact("Alerts", str(len(found.fired)), f"over {qa_shown.played(found)}", "good" if quiet else "warn"),
    )
    verdict = f"{qa_shown.verdict(found)}."
    said = table("Fields", qa_shown.FIELDS, [qa_shown.field_row(field) for field in fields], range(2, 7))
    silent = table("What says nothing", ("Record", "Field", "How"), qa_shown.missing_rows(found))
    populated, fired = qa_charts(found)
    rules = table("Rules", qa_shown.RULE_COLUMNS, qa_shown.rule_rows(found), (3,))
    alerts = table("Alerts", qa_shown.FIRED, qa_shown.fired_rows(found))
    sections = (
        Section("result", "Result", verdict[:1].upper() + verdict[1:]),
        _only("schemas", "Faults against the schemas", qa_shown.FAULTS, qa_shown.fault_rows(found)),
        Section("fields", "Fields", charts=(populated,), tables=(said, silent)),
        Section("costs", "Costs", tables=(_costs(found.costs),)),
        Section("playback", "Alert playback", charts=(fired,), tables=(rules, alerts)),
        _only("routing", "Alert routing", qa_shown.SENT, qa_shown.sent_rows(found)),
    )
    about = f"{found.sealed.files} evidence files, sha256 {found.sealed.sha256}"
    return render(
        Page(f"Telemetry QA of {found.spec}", about, moment(found.generated) or "", facts, sections, tuple(links))
    )


def index_page(pages: Sequence[Link], where: str, now: datetime) -> str:
    """What binds the pages into a site."""
    sections = (Section("reports", "Reports", links=tuple(pages)),)
    return render(Page("Reports", f"from {where}", moment(now) or "", (), sections))
