"""Adoption: runs a week by routing profile, what came of them, how long agents took and what they cost."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any, NamedTuple

from guardrails.checks.footprint import NO_SPEC
from guardrails.config.layout import STAGES
from guardrails.config.settings import EvidenceSettings
from guardrails.consensus.model import KINDS
from guardrails.core.cost import Cost, at_least, described, dollars, priced_calls
from guardrails.reports.figures import duration, mean, percentile, share, size, spent, total_of
from guardrails.reports.formats.plain_json import moment, plain
from guardrails.reports.model import Facts
from guardrails.reports.runs import Execution, executions
from guardrails.reports.status import footprint_chart
from guardrails.reports.view import (
    CSV,
    HTML,
    READ,
    TEXT,
    Block,
    Chart,
    Fact,
    Fields,
    Lines,
    Paragraph,
    Section,
    Series,
    Target,
    View,
    chart,
    table,
)

# Some runs in figures, each with how much of what it is about was examined: a figure of nothing meets no target.


NO_PROFILE = "none named"


class Outcomes(NamedTuple):
    """How many consensus sessions had each recomputed verdict."""

    ok: int = 0
    undecided: int = 0
    degraded: int = 0
    hold: int = 0
    conflict: int = 0

    @property
    def all(self) -> int:
        return sum(self)


class Figures(NamedTuple):
    """Some runs in figures.

    `runs` are those that examined something; beside them stand `replayed` ones, whose answers came from recordings,
    and `empty` ones, which ended before anything was examined. Nothing of either is in any other figure.
    """

    runs: int
    replayed: int
    empty: int
    failed: int
    degraded: int
    outcomes: Outcomes
    agreement: float | None
    """the mean of the sessions that were decided"""
    agreed: int
    """sessions in which all of the roster took part and an agreement is known"""
    p50_ms: float | None
    """of single calls that brought an answer, in milliseconds; ballots are left out"""
    p95_ms: float | None
    calls: int
    ballots: int
    """those of the calls that asked for votes"""
    timed: int
    """calls that brought an answer and whose latency is known"""
    cost: Cost
    called: int
    """runs in which agents were called: all that can cost anything"""
    usd_per_run: float | None
    """the mean of the runs in which agents were called"""
    usd_per_run_is_floor: bool
    """whether a call of theirs has no price: then the mean is the least that it was"""


class StageMean(NamedTuple):
    """What a stage costs in a run; None where unknown. `floor`: some of its calls have no price."""

    stage: str
    usd: float | None
    floor: bool


class ProfileCost(NamedTuple):
    """What a run of a profile costs by stage, as a mean over `runs` runs in which agents were called."""

    profile: str
    runs: int
    stages: tuple[StageMean, ...]


def figures(runs: Sequence[Execution]) -> Figures:
    """Some runs in figures."""
    real = [each for each in runs if not each.replayed]
    examined = [each for each in real if each.examined]
    sessions = [session for each in examined for session in each.sessions]
    calls = [call for session in sessions for call in session.calls]
    answers = [call for call in calls if not call.ballot]  # ballots take little, and would hide what answers take
    latencies = [call.latency_ms for call in answers if call.status != "error" and call.latency_ms is not None]
    called = [each for each in examined if each.called]
    cost = total_of([each.cost for each in called])
    kinds = [session.then.kind for session in sessions]
    return Figures(
        runs=len(examined),
        replayed=len(runs) - len(real),
        empty=len(real) - len(examined),
        failed=sum(each.failed for each in examined),
        degraded=sum(any(session.then.kind == "degraded" for session in each.sessions) for each in examined),
        outcomes=Outcomes(**{kind: kinds.count(kind) for kind in KINDS}),
        agreement=mean(session.then.agreement for session in sessions if session.then.kind != "undecided"),
        agreed=sum(session.agreement is not None for session in sessions),
        p50_ms=percentile(latencies, 0.50),
        p95_ms=percentile(latencies, 0.95),
        calls=len(calls),
        ballots=len(calls) - len(answers),
        timed=len(latencies),
        cost=cost,
        called=len(called),
        usd_per_run=None if cost.usd is None else cost.usd / len(called),
        usd_per_run_is_floor=cost.partial,
    )


def by_profile(runs: Sequence[Execution]) -> Iterator[ProfileCost]:
    """What a run costs by stage, for each profile under which agents were called."""
    paid = [each for each in runs if not each.replayed and each.called and each.sessions]
    for name in sorted({each.profile or NO_PROFILE for each in paid}):
        mine = [each for each in paid if (each.profile or NO_PROFILE) == name]
        yield ProfileCost(name, len(mine), tuple(_of_stage(mine, stage) for stage in STAGES))


def _of_stage(runs: Sequence[Execution], stage: str) -> StageMean:
    found = total_of([spent(each.calls) for run in runs for each in run.sessions if each.stage == stage])
    return StageMean(stage, None if found.usd is None else found.usd / len(runs), found.partial)


# What a week should reach, what it missed, and what raises an alert. What was not examined has reached nothing.


class Targets(NamedTuple):
    """What a week should reach, and what it must not fall short of two weeks in a row. `usd` is for one run."""

    runs: int = 5
    agreement: float = 0.90
    usd: float = 3.00
    alert_runs: int = 3
    alert_agreement: float = 0.85
    alert_usd: float = 3.50


class Gap(NamedTuple):
    """A target that a week has not been seen to reach. `missed`: it is known to have missed it; else too little was
    examined to tell, and `why` says what is lacking. `value` is None where nothing is known at all."""

    what: str
    value: float | None
    target: float
    missed: bool
    why: str = ""


class Alert(NamedTuple):
    """Something that somebody should be told. `period` is what it is about: two weeks, or a session."""

    name: str
    period: str
    message: str
    value: float | None
    threshold: float | None
    spec: str | None = None


class Ended(NamedTuple):
    """A week that is over, and its figures."""

    name: str
    total: Figures


def gaps(whole: Figures, targets: Targets) -> Iterator[Gap]:
    """What a week did not reach, or of which nobody can say that it did."""
    if whole.runs < targets.runs:
        yield Gap("runs", whole.runs, targets.runs, missed=True)
    agreement, sessions = whole.agreement, whole.outcomes.all
    if agreement is not None and agreement < targets.agreement:
        yield Gap("agreement", agreement, targets.agreement, missed=True)
    elif agreement is None or whole.agreed < sessions:
        why = f"known of all agents in {whole.agreed} of {sessions} sessions" if sessions else "no session"
        yield Gap("agreement", agreement, targets.agreement, missed=False, why=why)
    usd = whole.usd_per_run
    if usd is not None and usd > targets.usd:
        yield Gap("cost per run", usd, targets.usd, missed=True, why="at least" if whole.usd_per_run_is_floor else "")
    elif usd is None or whole.usd_per_run_is_floor:
        why = priced_calls(whole.cost) if whole.called else "no agent was called"
        yield Gap("cost per run", usd, targets.usd, missed=False, why=why)


def alerts(weeks: Sequence[Ended], targets: Targets) -> Iterator[Alert]:
    """What went wrong two weeks in a row. Unknown is not low; a lower bound that is too high is too high."""
    for before, week in pairwise(weeks):
        period, pair = f"{before.name}/{week.name}", (before.total, week.total)
        if all(each.runs < targets.alert_runs for each in pair):
            runs, most = week.total.runs, targets.alert_runs
            said = f"{pair[0].runs} and {runs} runs, fewer than {most} a week"
            yield Alert("adoption-low-runs", period, said, runs, most)
        low = _both(each.agreement for each in pair)
        if low and max(low) < targets.alert_agreement:
            said = f"agreement {low[0]:.2f} and {low[1]:.2f}, below {targets.alert_agreement:.2f}"
            yield Alert("adoption-low-agreement", period, said, low[1], targets.alert_agreement)
        dear = _both(each.usd_per_run for each in pair)
        if dear and min(dear) > targets.alert_usd:
            said = f"{dollars(dear[0])} and {dollars(dear[1])} a run, above {dollars(targets.alert_usd)}"
            yield Alert("adoption-high-cost", period, said, dear[1], targets.alert_usd)


def _both(values: Iterable[float | None]) -> list[float]:
    """Two values, or nothing if one of them is unknown."""
    known = [value for value in values if value is not None]
    return known if len(known) == 2 else []


class AdoptionWeek(NamedTuple):
    """One ISO week of one profile."""

    profile: str
    figures: Figures


class Week(NamedTuple):
    """One ISO week. `complete` is False for one that has not ended."""

    name: str
    monday: date
    complete: bool
    rows: tuple[AdoptionWeek, ...]
    total: Figures
    gaps: tuple[Gap, ...]


class EvidenceWeight(NamedTuple):
    spec: str
    bytes: int
    files: int


class Adoption(NamedTuple):
    where: str
    targets: Targets
    weeks: tuple[Week, ...]
    profiles: tuple[ProfileCost, ...]
    alerts: tuple[Alert, ...]
    watched: int
    """complete weeks since the first run: alerts are about two of them"""
    footprints: tuple[EvidenceWeight, ...]
    before: int
    """runs older than the first week"""
    after: int
    """runs later than the last week"""
    undated: int


def adoption_report(facts: Facts, now: datetime, weeks: int, targets: Targets = Targets()) -> Adoption:  # noqa: B008
    """The last `weeks` ISO weeks up to `now`, the one under way included."""
    last = monday_of(now.date())
    first = last - timedelta(weeks=weeks - 1)
    found = executions(facts)
    dated = [(each, monday_of(each.started.date())) for each in found if each.started]
    begun = min((week for _, week in dated), default=last)  # before it, nobody could have run anything
    made = []
    for number in range(weeks):
        monday = first + timedelta(weeks=number)
        runs = [each for each, week in dated if week == monday]
        made.append(_week(monday, monday < last, runs, targets))
    watched = [Ended(each.name, each.total) for each in made if each.complete and each.monday >= begun]
    return Adoption(
        where=facts.where,
        targets=targets,
        weeks=tuple(made),
        profiles=tuple(by_profile([each for each, week in dated if first <= week <= last])),
        alerts=tuple(alerts(watched, targets)),
        watched=len(watched),
        footprints=weighed(facts),
        before=sum(week < first for _, week in dated),
        after=sum(week > last for _, week in dated),
        undated=len(found) - len(dated),
    )


def weighed(facts: Facts) -> tuple[EvidenceWeight, ...]:
    """The evidence of each SPEC, the heaviest first."""
    rows = [EvidenceWeight(spec, each.total, each.files) for spec, each in facts.footprints.items() if spec != NO_SPEC]
    return tuple(sorted(rows, key=lambda row: (-row.bytes, row.spec)))


def monday_of(day: date) -> date:
    """The Monday of a day's ISO week."""
    return day - timedelta(days=day.weekday())


def week_name(monday: date) -> str:
    """An ISO week as ISO 8601 writes it: `2026-W05`."""
    year, week, _ = monday.isocalendar()
    return f"{year}-W{week:02}"


def _week(monday: date, complete: bool, runs: Sequence[Execution], targets: Targets) -> Week:
    profiles = sorted({each.profile or NO_PROFILE for each in runs})
    rows = [
        AdoptionWeek(name, figures([each for each in runs if (each.profile or NO_PROFILE) == name]))
        for name in profiles
    ]
    whole = figures(runs)
    return Week(week_name(monday), monday, complete, tuple(rows), whole, tuple(gaps(whole, targets)))


# Adoption laid out, and as JSON.


SCHEMA = "speckit.adoption/1"
_COLUMNS = (
    "Week", "Profile", "Runs", "Not counted", "Failed", "Degraded", "ok/undec/degr/hold/confl", "Agreement", "p50",
    "p95", "Cost", "Cost per run",
)  # fmt: skip
_CSV_COLUMNS = (
    "week", "profile", "runs", "replayed_runs", "empty_runs", "failed_runs", "degraded_runs", "sessions_ok",
    "sessions_undecided", "sessions_degraded", "sessions_hold", "sessions_conflict", "sessions_agreed", "agreement",
    "calls", "calls_ballots", "calls_timed", "latency_p50_ms", "latency_p95_ms", "cost_usd", "cost_is_lower_bound",
    "calls_priced", "runs_called", "cost_per_run_usd", "cost_per_run_is_lower_bound", "tokens",
)  # fmt: skip
ALL = "all"


_HEAVIEST = 10
"""SPECs whose evidence is listed as text; the other forms have them all."""


def view(found: Adoption, limits: EvidenceSettings, now: datetime) -> View:
    """A row for each week and profile, the gaps to the targets, the alerts, and what evidence weighs. CSV has one row
    for each week and profile, and `all` for a week in which nothing ran."""
    span = f"{found.weeks[0].name} to {found.weeks[-1].name}, from {found.where}"
    evidence = [(each.spec, size(each.bytes), str(each.files)) for each in found.footprints]
    heaviest = tuple((spec, f"{weight} in {files} files") for spec, weight, files in evidence[:_HEAVIEST])
    elsewhere = _elsewhere(found)
    sections = (
        Section("weeks", "By week", _by_week(found), (*READ, *CSV)),
        _gaps(found),
        _alerts(found),
        Section(
            "evidence",
            "Evidence",
            (
                footprint_chart([(each.spec, each.bytes) for each in found.footprints], limits),
                Fields(heaviest, TEXT) if heaviest else Lines(("none",), TEXT),
                table("Evidence by SPEC", ("SPEC", "Size", "Files"), evidence, (1, 2), HTML),
            ),
            text_title="Evidence",
        ),
        *([Section("", "", (Paragraph(elsewhere),), TEXT)] if elsewhere else []),
    )
    return View("Adoption", span, moment(now) or "", _facts(found), sections)


def _by_week(found: Adoption) -> tuple[Block, ...]:
    about = (
        "A run is one run of the sequencer, or a stage that was run alone. Replayed and empty ones are not counted. "
        "The week marked * is under way."
    )
    rows = [row for week in found.weeks for row in _week_rows(week)]
    raw = [row for week in found.weeks for row in _csv_rows(week)]
    return (
        Paragraph(about, HTML),
        *_charts(found),
        table("Weeks", _COLUMNS, rows, (2, 4, 5)),
        table("Weeks", _CSV_COLUMNS, raw, forms=CSV),
    )


def _gaps(found: Adoption) -> Section:
    targets = found.targets
    aims = f">= {targets.runs} runs a week, agreement >= {targets.agreement:.2f}, cost <= {dollars(targets.usd)} a run"
    said = [(week, "; ".join(map(_gap, week.gaps))) for week in found.weeks if week.gaps]
    in_text = tuple((week.name + ("" if week.complete else " (under way)"), text) for week, text in said)
    return Section(
        "gaps",
        "What missed its target",
        (
            Paragraph("" if said else "Every week reached its targets.", HTML),
            Fields(in_text, TEXT) if said else Lines(("every week reached them",), TEXT),
            Fields(tuple((week.name, text) for week, text in said), HTML),
        ),
        text_title=f"Targets: {aims}",
    )


def _alerts(found: Adoption) -> Section:
    raised = [(each.name, each.period, each.message) for each in found.alerts]
    here = "" if raised else f"Here: {_no_alert(found)}."
    return Section(
        "alerts",
        "Alerts",
        (
            Paragraph(f"Two complete weeks in a row raise one. {here}", HTML),
            Lines(tuple(f"{name} {weeks}: {what}" for name, weeks, what in raised) or (_no_alert(found),), TEXT),
            table("Alerts", ("Alert", "Weeks", "What"), raised, forms=HTML),
        ),
        text_title="Alerts",
    )


def _facts(found: Adoption) -> tuple[Fact, ...]:
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


def _charts(found: Adoption) -> tuple[Chart, ...]:
    """Runs, outcomes, latency, agreement and cost by week, and cost by stage and profile."""
    targets = found.targets
    weeks = [_marked(week) for week in found.weeks]
    totals = [week.total for week in found.weeks]
    cap = [Target("cap", targets.usd)]

    def weekly(name: str, value: Callable[[Figures], float | None]) -> Series:
        return Series(name, tuple(map(value, totals)))

    latency = [weekly("p50", lambda each: each.p50_ms), weekly("p95", lambda each: each.p95_ms)]
    agreement = weekly("mean agreement", lambda each: each.agreement)
    return (
        chart(
            "runs", "Runs a week by profile", "stacked", weeks, _runs(found), "number", [Target("target", targets.runs)]
        ),
        chart("outcomes", "Consensus outcomes", "stacked", weeks, _outcomes(totals), "percent", palette="verdicts"),
        chart("latency", "Latency of agents, p50 and p95", "line", weeks, latency, "ms"),
        chart(
            "agreement",
            "Agreement of agents",
            "line",
            weeks,
            [agreement],
            "share",
            [Target("target", targets.agreement)],
        ),
        chart("cost-weeks", "Cost of a run", "bar", weeks, _per_run(totals), "usd", cap),
        chart(
            "cost-stages",
            "Cost of a run by stage and profile",
            "stacked",
            [_profile_label(each) for each in found.profiles],
            _stage_costs(found),
            "usd",
            cap,
        ),
    )


def _runs(found: Adoption) -> list[Series]:
    def of(week: Week, profile: str) -> int:
        return next((row.figures.runs for row in week.rows if row.profile == profile), 0)

    profiles = sorted({row.profile for week in found.weeks for row in week.rows})
    series = [Series(name, tuple(of(week, name) for week in found.weeks)) for name in profiles]
    return series or [Series("runs", (0,) * len(found.weeks))]


def _outcomes(totals: Sequence[Figures]) -> list[Series]:
    series = []
    for kind in ("ok", "undecided", "degraded", "hold", "conflict"):
        pairs = [(getattr(each.outcomes, kind), each.outcomes.all) for each in totals]
        series.append(Series(kind, tuple(some / all_ if all_ else None for some, all_ in pairs)))
    return series


def _per_run(totals: Sequence[Figures]) -> list[Series]:
    """Means that are known, and apart from them those of which not every call has a price."""
    known = [None if each.usd_per_run_is_floor else each.usd_per_run for each in totals]
    floors = [each.usd_per_run if each.usd_per_run_is_floor else None for each in totals]
    series = [
        Series("mean of a run", tuple(known)),
        Series("at least: not every call is priced", tuple(floors)),
    ]
    return [each for each in series if any(value is not None for value in each.values)] or series[:1]


def _stage_costs(found: Adoption) -> list[Series]:
    used = [name for at, name in enumerate(STAGES) if any(each.stages[at].usd is not None for each in found.profiles)]
    return [
        Series(name, tuple(row.usd for each in found.profiles for row in each.stages if row.stage == name))
        for name in used
    ]


def _profile_label(each: ProfileCost) -> str:
    """The profile, and whether its bar is the least that it costs: what has no price is not in it."""
    lower = any(row.floor for row in each.stages)
    return f"\u2265 {each.profile}" if lower else each.profile  # short: a long label is cut off below its bar


def _elsewhere(found: Adoption) -> str:
    """The runs that are in none of the weeks."""
    parts = (("older", found.before), ("later", found.after), ("undated", found.undated))
    said = " and ".join(f"{number} {what} runs" for what, number in parts if number)
    return f"{said} are not in these weeks" if said else ""


def _no_alert(found: Adoption) -> str:
    """Why there is none: two complete weeks raised none, or there are no two."""
    return "none" if found.watched > 1 else "none: no two complete weeks since the first run"


def _gap(each: Gap) -> str:
    """A target that was not seen to be reached, in words."""
    shown = share if each.what == "agreement" else dollars if "cost" in each.what else lambda value: f"{value:g}"
    target = f"(target {shown(each.target)})"
    if each.missed:
        return f"{each.what} {each.why}{' ' if each.why else ''}{shown(each.value)} {target}"
    at = "" if each.value is None else f"{'at least ' if 'cost' in each.what else ''}{shown(each.value)}, "
    return f"{each.what} unknown: {at}{each.why} {target}"


def _marked(week: Week) -> str:
    """The name of a week, and whether it is under way."""
    return week.name + ("" if week.complete else "*")


def _week_rows(week: Week) -> Iterator[tuple[str, ...]]:
    """A row for each profile of a week; `all` above them where there are several, or none."""
    name = _marked(week)
    if len(week.rows) != 1:
        yield (name, ALL, *_cells(week.total))
    for row in week.rows:
        yield (name, row.profile, *_cells(row.figures))


def _cells(figures: Figures) -> tuple[str, ...]:
    outcomes = figures.outcomes
    apart = (("replayed", figures.replayed), ("empty", figures.empty))
    return (
        str(figures.runs),
        ", ".join(f"{number} {what}" for what, number in apart if number) or "-",
        str(figures.failed),
        str(figures.degraded),
        f"{outcomes.ok}/{outcomes.undecided}/{outcomes.degraded}/{outcomes.hold}/{outcomes.conflict}",
        share(figures.agreement) + _of(figures.agreed, outcomes.all, "sessions", figures.agreement),
        duration(figures.p50_ms),
        duration(figures.p95_ms) + _of(figures.timed, figures.calls - figures.ballots, "answers", figures.p95_ms),
        described(figures.cost),
        at_least(figures.usd_per_run, figures.usd_per_run_is_floor),
    )


def _of(some: int, all_: int, what: str, value: float | None) -> str:
    """How little a figure rests on, where that is not all there is."""
    return "" if value is None or some == all_ else f", {some} of {all_} {what}"


def _csv_rows(week: Week) -> Iterator[tuple[str | float | None, ...]]:
    rows = [(row.profile, row.figures) for row in week.rows] or [(ALL, week.total)]
    for profile, figures in rows:
        outcomes, cost = figures.outcomes, figures.cost
        yield (
            *(week.name, profile, figures.runs, figures.replayed, figures.empty, figures.failed, figures.degraded),
            *(outcomes.ok, outcomes.undecided, outcomes.degraded, outcomes.hold, outcomes.conflict),
            *(
                figures.agreed,
                figures.agreement,
                figures.calls,
                figures.ballots,
                figures.timed,
                figures.p50_ms,
                figures.p95_ms,
            ),
            *(cost.usd, _bound(cost.usd, cost.partial), cost.priced, figures.called),
            *(figures.usd_per_run, _bound(figures.usd_per_run, figures.usd_per_run_is_floor), cost.total_tokens),
        )


def _bound(usd: float | None, floor: bool) -> str | None:
    return None if usd is None else "yes" if floor else "no"


def as_document(found: Adoption) -> dict[str, Any]:
    """The same facts as one JSON document."""
    return {
        "schema": SCHEMA,
        "source": found.where,
        "targets": plain(found.targets),
        "weeks": [
            {
                "week": week.name,
                "monday": week.monday.isoformat(),
                "complete": week.complete,
                "profiles": [{"profile": row.profile, **plain(row.figures)} for row in week.rows],
                "total": plain(week.total),
                "gaps": plain(week.gaps),
            }
            for week in found.weeks
        ],
        "profiles": [_profile(each) for each in found.profiles],
        "alerts": plain(found.alerts),
        "footprints": plain(found.footprints),
        "weeks_watched": found.watched,
        "older_runs": found.before,
        "later_runs": found.after,
        "undated_runs": found.undated,
    }


def _profile(each: ProfileCost) -> dict[str, Any]:
    return {**plain(each), "stages": {row.stage: {"usd": row.usd, "floor": row.floor} for row in each.stages}}
