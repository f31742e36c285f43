"""The charts of each report, out of the same values as its tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from guardrails.config.layout import STAGES
from guardrails.config.settings import Evidence
from guardrails.reports.adoption import Adoption, Figures, ProfileCost, Weighed
from guardrails.reports.audit import Audit
from guardrails.reports.figures import MEGABYTE, UNKNOWN, added, dollars, duration, mean, share
from guardrails.reports.formats.svg import Chart, Kind, Series, Target, told
from guardrails.reports.qa import RULES, Qa
from guardrails.reports.status import Status

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
