"""Each report as a page: its figures, charts and tables, from the same values as its text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from guardrails.config.layout import STAGES
from guardrails.config.settings import Evidence, Settings
from guardrails.core.cost import UNKNOWN, at_least, described, dollars
from guardrails.reports import adoption, audit, bench_view, qa, status
from guardrails.reports.adoption import Adoption, Figures, ProfileCost, Weighed
from guardrails.reports.audit import Audit, Reconciliation
from guardrails.reports.bench import ALL, METRICS, MINIMUM, Comparison, Metric
from guardrails.reports.bench_view import About
from guardrails.reports.figures import MEGABYTE, added, duration, mean, share, size
from guardrails.reports.formats.html import Fact, Link, Page, Section, Table, render, table
from guardrails.reports.formats.plain_json import moment
from guardrails.reports.formats.svg import Chart, Kind, Series, Target, told
from guardrails.reports.qa import RULES, Qa
from guardrails.reports.status import SpecState, Status

# The charts of each report, out of the same values as its tables.


_HEAVIEST = 12
Written = Callable[[float | None], str]


def count(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:,.4g}" if value != int(value) else f"{value:,.0f}"


def percent(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:.0%}"


def megabytes(value: float | None) -> str:
    return (
        UNKNOWN if value is None else f"{value:.2f} MB" if 0 < value < 10 and value != int(value) else f"{value:.0f} MB"
    )


def alternative(
    series: Sequence[Series], labels: tuple[str, ...], written: Written, targets: Sequence[Target] = ()
) -> str:
    """What a chart shows, in words."""
    lines = [f"{target.name} {written(target.value)}" for target in targets]
    weekly = bool(labels) and all(label[4:6] == "-W" for label in labels)
    return ". ".join((*(told(each, labels, written, weekly) for each in series), *lines)) + "."


def adoption_charts(found: Adoption) -> tuple[Chart, ...]:
    """Runs, outcomes, latency, agreement and cost by week, and cost by stage and profile."""
    targets, weeks = found.targets, found.weeks
    names = tuple(week.name + ("" if week.complete else "*") for week in weeks)
    totals = [week.total for week in weeks]
    return (
        _runs(found, names),
        _outcomes(totals, names),
        _latency(totals, names),
        _made(
            "agreement", "Agreement of agents", "line", names, share,
            [Series("mean agreement", tuple(each.agreement for each in totals))],
            [Target("target", targets.agreement)], most=1.0,
        ),
        _made(
            "cost-weeks", "Cost of a run", "bar", names, dollars,
            _per_run(totals),
            [Target("cap", targets.usd)],
        ),
        _stage_costs(found),
    )  # fmt: skip


def _of(name: str, values: Sequence[float | None]) -> Series:
    return Series(name, tuple(values))


def _made(
    id_: str,
    title: str,
    kind: Kind,
    labels: tuple[str, ...],
    written: Written,
    series: Sequence[Series],
    targets: Sequence[Target] = (),
    *,
    most: float | None = None,
) -> Chart:
    alt = alternative(series, labels, written, targets)
    return Chart(id_, title, kind, labels, tuple(series), alt, written, tuple(targets), most=most)


def _runs(found: Adoption, names: tuple[str, ...]) -> Chart:
    profiles = sorted({row.profile for week in found.weeks for row in week.rows})
    series = [
        Series(
            name, tuple(next((row.figures.runs for row in week.rows if row.profile == name), 0) for week in found.weeks)
        )
        for name in profiles
    ]
    target = [Target("target", found.targets.runs)]
    return _made(
        "runs", "Runs a week by profile", "stacked", names, count, series or [Series("runs", (0,) * len(names))], target
    )


def _latency(totals: Sequence[Figures], names: tuple[str, ...]) -> Chart:
    series = [_of("p50", [each.p50_ms for each in totals]), _of("p95", [each.p95_ms for each in totals])]
    return in_grains(_made("latency", "Latency of agents, p50 and p95", "line", names, duration, series))


def in_grains(chart: Chart) -> Chart:
    """A chart of milliseconds with a scale of whole seconds or minutes, where it reaches that far."""
    most = max((value for each in chart.series for value in each.values if value is not None), default=0.0)
    return chart._replace(grain=60_000.0 if most > 120_000 else 1000.0 if most > 1000 else 1.0)


def _outcomes(totals: Sequence[Figures], names: tuple[str, ...]) -> Chart:
    series = []
    for kind in ("ok", "undecided", "degraded", "conflict"):
        pairs = [(getattr(each.outcomes, kind), each.outcomes.all) for each in totals]
        series.append(Series(kind, tuple(some / all_ if all_ else None for some, all_ in pairs)))
    alt = alternative(series, names, percent)
    return Chart(
        "outcomes", "Consensus outcomes", "stacked", names, tuple(series), alt, percent, palette="verdicts", most=1.0
    )


def _per_run(totals: Sequence[Figures]) -> list[Series]:
    """Means that are known, and apart from them those of which not every call has a price."""
    known = [None if each.usd_per_run_is_floor else each.usd_per_run for each in totals]
    floors = [each.usd_per_run if each.usd_per_run_is_floor else None for each in totals]
    series = [_of("mean of a run", known), _of("at least: not every call is priced", floors)]
    return [each for each in series if any(value is not None for value in each.values)] or series[:1]


def _stage_costs(found: Adoption) -> Chart:
    used = [name for at, name in enumerate(STAGES) if any(each.stages[at].usd is not None for each in found.profiles)]
    labels = tuple(map(_profile_label, found.profiles))
    series = [
        Series(name, tuple(row.usd for each in found.profiles for row in each.stages if row.stage == name))
        for name in used
    ]
    return _made(
        "cost-stages",
        "Cost of a run by stage and profile",
        "stacked",
        labels,
        dollars,
        series,
        [Target("cap", found.targets.usd)],
    )


def _profile_label(each: ProfileCost) -> str:
    """The profile, and whether its bar is the least that it costs: what has no price is not in it."""
    lower = any(row.floor for row in each.stages)
    return f"\u2265 {each.profile}" if lower else each.profile  # short: a long label is cut off below its bar


def footprint_chart(rows: Sequence[Weighed], limits: Evidence) -> Chart:
    """The evidence of the heaviest SPECs beside the two limits."""
    shown = rows[:_HEAVIEST]
    labels = tuple(row.spec for row in shown)
    series = [Series("evidence", tuple(row.bytes / MEGABYTE for row in shown))]
    targets = [Target("warning", limits.warn_bytes / MEGABYTE), Target("limit", limits.limit_bytes / MEGABYTE)]
    chart = _made("footprint", "Evidence by SPEC", "horizontal", labels, megabytes, series, targets)
    heaviest = f"{labels[0]} is the heaviest with {megabytes(series[0].values[0])}; " if shown else ""
    return chart._replace(
        alt=f"{heaviest}warning above {megabytes(targets[0].value)}, limit {megabytes(targets[1].value)}."
    )


def status_charts(found: Status, limits: Evidence) -> tuple[Chart, ...]:
    """How far each SPEC has come, and what its evidence weighs."""
    states = found.specs[:_HEAVIEST]
    held = [Series("stages that hold", tuple(float(sum(stage.holds for stage in state.stages)) for state in states))]
    progress = _made(
        "progress",
        "Stages that hold",
        "horizontal",
        tuple(state.spec for state in states),
        count,
        held,
        most=len(STAGES),
    )
    heavy = sorted(
        (Weighed(state.spec, state.footprint.total, state.footprint.files) for state in found.specs if state.footprint),
        key=lambda row: (-row.bytes, row.spec),
    )
    return progress, footprint_chart(heavy, limits)


def audit_charts(found: Audit, least: float) -> tuple[Chart, ...]:
    """What each stage cost by each witness, and how far agents agreed."""
    lines = found.costs.lines
    stages = tuple(stage for stage in STAGES if any(line.stage == stage for line in lines))

    def of(stage: str, witness: str) -> float | None:
        amounts = [getattr(line, witness) for line in lines if line.stage == stage]
        return added(amount.usd for amount in amounts if amount is not None)

    named = (("metrics", "metrics"), ("event lines", "events"), ("cost summary", "summary"))
    told_of = [Series(name, tuple(of(stage, witness) for stage in stages)) for name, witness in named]
    series = [each for each in told_of if any(value is not None for value in each.values)]
    run = [stage for stage in found.state.stages if stage.sessions]
    agreement = [Series("agreement", tuple(stage.sessions[0].then.agreement for stage in run))]
    return (
        _made("costs-by-stage", "Cost by stage, as each record tells it", "bar", stages, dollars, series),
        _made(
            "agreement-by-stage", "Agreement by stage", "bar", tuple(stage.stage for stage in run), share, agreement,
            [Target("least", least)], most=1.0,
        ),
    )  # fmt: skip


def qa_charts(found: Qa) -> tuple[Chart, ...]:
    """How much of each kind of record says something, and which alerts fired."""
    kinds = tuple(dict.fromkeys(field.kind for field in found.population.fields))
    shares = tuple(mean(field.share for field in found.population.fields if field.kind == kind) for kind in kinds)
    fired = tuple(float(sum(each.alert.name == rule.name for each in found.fired)) for rule in RULES)
    return (
        _made(
            "populated",
            "Fields that say something",
            "horizontal",
            kinds,
            percent,
            [Series("mean share", shares)],
            most=1.0,
        ),
        _made(
            "fired",
            "Alerts that fired",
            "horizontal",
            tuple(rule.name for rule in RULES),
            count,
            [Series("times", fired)],
        ),
    )


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

    per_run = at_least(last.usd_per_run, last.usd_per_run_is_floor)
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
        Fact("Paid", described(about.paid)),
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
