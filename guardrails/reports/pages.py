"""Each report as a page: its figures, charts and tables, from the same values as its text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from guardrails.config.settings import Settings
from guardrails.reports import adoption, audit, bench_view, qa, status
from guardrails.reports.adoption import Adoption
from guardrails.reports.audit import Audit, Reconciliation
from guardrails.reports.bench import ALL, METRICS, MINIMUM, Comparison, Metric
from guardrails.reports.bench_view import About
from guardrails.reports.charts import (
    adoption_charts,
    audit_charts,
    footprint_chart,
    in_grains,
    qa_charts,
    status_charts,
)
from guardrails.reports.figures import dollars, duration, least, money, share, size
from guardrails.reports.formats.html import Fact, Link, Page, Section, Table, render, table
from guardrails.reports.formats.plain_json import moment
from guardrails.reports.formats.svg import Chart, Series, told
from guardrails.reports.qa import Qa
from guardrails.reports.status import SpecState, Status

Links = Sequence[Link]


def adoption_page(found: Adoption, settings: Settings, now: datetime, links: Links = ()) -> str:
    """Adoption: are runs made, do agents agree, what do they cost."""
    facts = _adoption_facts(found)
    rows = [row for week in found.weeks for row in adoption.week_rows(week)]
    by_week = table("Weeks", adoption.COLUMNS, rows, (2, 4, 5))
    gaps = tuple(f"{week.name}: {'; '.join(map(adoption.gap, week.gaps))}" for week in found.weeks if week.gaps)
    alerts = table(
        "Alerts", ("Alert", "Weeks", "What"), [(each.name, each.period, each.message) for each in found.alerts]
    )
    raised = "" if found.alerts else f"Here: {adoption.no_alert(found)}."
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
    overview = table("All SPECs", status.COLUMNS, [status.overview_row(state) for state in found.specs])
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
    stages = table(f"Stages of {state.spec}", status.STAGE_COLUMNS, list(status.stage_rows(state)), (3, 4))
    called = table(f"Agents of {state.spec}", ("Stage", "Agent", "Model", "Outcome", "Why"), agents)
    lines = tuple(f"{label.strip()}: {value}" for label, value in status.facts_of(state, ""))
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
    checked = table("Verified by machine", ("State", "What", "Why"), [audit.item_row(item) for item in found.items])
    stages = table("Verdict of each stage", audit.VERDICTS, audit.verdict_rows(found.state.stages), (3, 4))
    costs, agreement = audit_charts(found, least)
    sections = (
        Section("sign-off", "Sign-off", tables=(checked, table("To be signed", audit.SIGNATURE_COLUMNS, signatures))),
        Section("verdicts", "Verdicts", charts=(agreement,), tables=(stages,)),
        Section("costs", "Cost reconciliation", charts=(costs,), tables=(_costs(found.costs),)),
        _only("conflicts", "Conflicts", audit.CONFLICTS, audit.conflict_rows(found.conflicts)),
        _only("variance", "Variance", audit.VARIANCES, audit.variance_rows(found.variances), (2,)),
        _only("ledger", "Ledger", audit.LEDGERS, audit.ledger_rows(found), (2,)),
    )
    about = f"{found.sealed.files} evidence files, sha256 {found.sealed.sha256}"
    return render(Page(f"Audit of {found.spec}", about, moment(found.generated) or "", facts, sections, tuple(links)))


def _costs(found: Reconciliation) -> Table:
    return table("Costs to the cent", audit.COSTS, audit.cost_rows(found), (2, 3, 4))


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
        Fact("Alerts", str(len(found.fired)), f"over {qa.played(found)}", "good" if quiet else "warn"),
    )
    verdict = f"{qa.verdict(found)}."
    said = table("Fields", qa.FIELDS, [qa.field_row(field) for field in fields], range(2, 7))
    silent = table("What says nothing", ("Record", "Field", "How"), qa.missing_rows(found))
    populated, fired = qa_charts(found)
    rules = table("Rules", qa.RULE_COLUMNS, qa.rule_rows(found), (3,))
    alerts = table("Alerts", qa.FIRED, qa.fired_rows(found))
    sections = (
        Section("result", "Result", verdict[:1].upper() + verdict[1:]),
        _only("schemas", "Faults against the schemas", qa.FAULTS, qa.fault_rows(found)),
        Section("fields", "Fields", charts=(populated,), tables=(said, silent)),
        Section("costs", "Costs", tables=(_costs(found.costs),)),
        Section("playback", "Alert playback", charts=(fired,), tables=(rules, alerts)),
        _only("routing", "Alert routing", qa.SENT, qa.sent_rows(found)),
    )
    about = f"{found.sealed.files} evidence files, sha256 {found.sealed.sha256}"
    return render(
        Page(f"Telemetry QA of {found.spec}", about, moment(found.generated) or "", facts, sections, tuple(links))
    )


def index_page(pages: Sequence[Link], where: str, now: datetime) -> str:
    """What binds the pages into a site."""
    sections = (Section("reports", "Reports", links=tuple(pages)),)
    return render(Page("Reports", f"from {where}", moment(now) or "", (), sections))


# A benchmark as a page: which of the profiles is the better buy.


def bench_page(about: About, found: Comparison, now: datetime, links: Sequence[Link] = ()) -> str:
    """The medians as charts, the comparisons as tables, and what all of it rests on."""
    seen = sum(each.finding in ("lower", "higher") for row in found.rows for each in row.differences)
    compared = sum(len(row.differences) for row in found.rows)
    runs, asked = min(found.runs), bool(about.proofs)
    facts = (
        Fact(
            "Runs of each",
            str(runs),
            f"{about.asked} asked for",
            "good" if runs >= max(MINIMUM, about.asked) else "warn",
        ),
        Fact("Differences seen", str(seen), f"in {compared} comparisons"),
        Fact("Asked the same", "proved" if asked else "not proved", "", "good" if asked else "bad"),
        Fact("Paid", money(about.paid)),
    )
    charts = tuple(chart for metric in METRICS if (chart := _chart(found, metric)).known)
    tables = tuple(
        table(title, bench_view.header(found, rows.other), rows.cells) for title, rows in bench_view.tables(found)
    )
    ended = table("How the runs ended", bench_view.ENDED, map(bench_view.ended, found.outcomes), range(2, 9))
    sections = (
        Section("medians", "Medians by stage", charts=charts),
        Section("comparison", "Comparison", tables=tables),
        Section("ended", "How the runs ended", tables=(ended,)),
        Section("grounds", "Grounds", lines=tuple(bench_view.remarks(about, found))),
    )
    title, what = f"Benchmark of {about.spec}", f"{', '.join(found.profiles)}; {about.source}"
    return render(Page(title, what, moment(now) or "", facts, sections, tuple(links)))


def _chart(found: Comparison, metric: Metric) -> Chart:
    rows = [row for row in found.rows if row.metric == metric.key]
    labels = tuple("all stages" if row.stage == ALL else row.stage for row in rows)
    series = tuple(
        Series(name, tuple(row.spreads[at].median for row in rows)) for at, name in enumerate(found.profiles)
    )
    written = bench_view.SHOWN[metric.unit]
    alt = ". ".join(told(each, labels, written) for each in series) + "."
    most = 1.0 if metric.unit == "share" else None
    title = metric.label[:1].upper() + metric.label[1:]
    made = Chart(f"chart-{metric.key}", title, "bar", labels, series, alt, written, most=most)
    return in_grains(made) if metric.unit == "ms" else made
