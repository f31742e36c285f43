"""A benchmark: what the runs of several profiles measured, brought together by stage and in all. Pure.

The first profile is what the others are held against. A figure that is not known of a run is left out of that run's
set and counted as unknown; a sum or mean over stages of which one is not known is not known.
"""

from __future__ import annotations

import random
import statistics
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any, Literal, NamedTuple

from guardrails.consensus.model import RecordKind
from guardrails.core.cost import UNKNOWN, Cost, described, dollars
from guardrails.reports.figures import Unit, added, count, mean, median, percentile, written
from guardrails.reports.formats.plain_json import moment, plain
from guardrails.reports.view import (
    HTML,
    MARKDOWN,
    TEXT,
    Chart,
    Fact,
    Lines,
    Paragraph,
    Section,
    Series,
    Table,
    View,
    chart,
    table,
)

# Statistics: medians, quartiles and the confidence interval of their difference. Pure.
#
# The difference of two medians is given with a 95 % interval by the percentile bootstrap (Efron 1979): both sets are
# drawn from again and again with replacement, and the interval holds the middle 95 % of the differences that are seen.
# The draws are fixed by a seed, so the same measurements always give the same interval.


MINIMUM = 5
"""Known measurements of each side below which nothing is said: medians of fewer jump too far for the interval to hold
what it promises."""
RESAMPLES = 2000
SEED = 20260131
SHARE = 0.95

DifferenceFinding = Literal["lower", "higher", "none", "too-few", "unknown"]
"""What the second set is to the first. `none`: the interval contains 0."""


class Spread(NamedTuple):
    """One set. `low` and `high` are its quartiles; they are None for fewer than two known values, as `median` is for
    none: what is not known is never 0."""

    runs: int
    known: int
    median: float | None
    low: float | None
    high: float | None


class Difference(NamedTuple):
    """The second median less the first, and the interval it lies in. None where it cannot be computed."""

    value: float | None
    low: float | None
    high: float | None
    finding: DifferenceFinding


def spread(values: Sequence[float | None]) -> Spread:
    """The middle half of a set of measurements (quartiles of the inclusive method), and what is in the middle of it."""
    known = [value for value in values if value is not None]
    low = high = None
    if len(known) > 1:
        low, _, high = statistics.quantiles(known, n=4, method="inclusive")
    return Spread(len(values), len(known), median(known), low, high)


def difference(first: Sequence[float | None], second: Sequence[float | None]) -> Difference:
    """What the second set is to the first, and whether there are enough of both to tell."""
    ours = [value for value in first if value is not None]
    theirs = [value for value in second if value is not None]
    middle, other = median(ours), median(theirs)
    if middle is None or other is None:
        return Difference(None, None, None, "unknown")
    low, high = interval(ours, theirs)
    return Difference(other - middle, low, high, _finding(min(len(ours), len(theirs)), low, high))


def _finding(known: int, low: float, high: float) -> DifferenceFinding:
    if known < MINIMUM:
        return "too-few"
    if low <= 0 <= high:
        return "none"
    return "higher" if low > 0 else "lower"


def interval(
    first: Sequence[float], second: Sequence[float], resamples: int = RESAMPLES, seed: int = SEED
) -> tuple[float, float]:
    """The interval that holds the middle 95 % of bootstrapped differences of medians. Neither set may be empty."""
    draw = random.Random(seed)  # noqa: S311  nobody must be unable to guess it: the same data give the same interval
    seen = []
    for _ in range(resamples):
        ours = draw.choices(first, k=len(first))
        theirs = draw.choices(second, k=len(second))
        seen.append(statistics.median(theirs) - statistics.median(ours))
    low, high = percentile(seen, (1 - SHARE) / 2), percentile(seen, (1 + SHARE) / 2)
    assert low is not None
    assert high is not None
    return low, high


ALL = "all"
"""In place of a stage: a whole run, its stages together."""


class Sample(NamedTuple):
    """One stage of one run under one profile. `run` counts from 1 within the profile."""

    profile: str
    run: int
    stage: str
    verdict: RecordKind
    latency_ms: float | None
    """time that was spent waiting for agents: of each wave of calls its slowest, retries included"""
    tokens: float | None
    usd: float | None
    usd_source: Literal["measured", "estimated", "unknown"]
    agreement: float | None
    participation: float | None
    acceptance: float | None
    """the share of the stage's acceptance criteria that hold; None when none was judged"""
    calls: int
    failed: int
    replayed: int
    """calls that a recording answered"""


class Metric(NamedTuple):
    """One thing that is compared. `together` makes one figure of a run out of those of its stages."""

    key: str
    label: str
    unit: Unit
    of: Callable[[Sample], float | None]
    together: Literal["sum", "mean"]


METRICS = (
    Metric("latency", "latency", "ms", lambda each: each.latency_ms, "sum"),
    Metric("tokens", "tokens", "tokens", lambda each: each.tokens, "sum"),
    Metric("cost", "cost", "usd", lambda each: each.usd, "sum"),
    Metric("agreement", "agreement", "share", lambda each: each.agreement, "mean"),
    Metric("participation", "participation", "share", lambda each: each.participation, "mean"),
    Metric("acceptance", "acceptance", "share", lambda each: each.acceptance, "mean"),
)


class MetricRow(NamedTuple):
    """One metric of one stage: a spread for each profile, a difference for each but the first."""

    stage: str
    metric: str
    unit: Unit
    spreads: tuple[Spread, ...]
    differences: tuple[Difference, ...]


class BenchOutcome(NamedTuple):
    """How the runs of one stage under one profile ended, and how much was asked for it."""

    stage: str
    profile: str
    ok: int
    degraded: int
    hold: int
    conflict: int
    undecided: int
    calls: int
    failed: int
    replayed: int


class Comparison(NamedTuple):
    """All that was found. `runs` are those each profile has finished, which may be fewer than were asked for."""

    profiles: tuple[str, ...]
    stages: tuple[str, ...]
    runs: tuple[int, ...]
    rows: tuple[MetricRow, ...]
    outcomes: tuple[BenchOutcome, ...]

    @property
    def replayed(self) -> bool:
        return any(each.replayed for each in self.outcomes)


def compare(samples: Sequence[Sample], profiles: Sequence[str], stages: Sequence[str]) -> Comparison:
    """The samples of the named profiles and stages, compared. A metric that nothing is known of is left out."""
    counted = tuple(_finished(samples, profile, stages) for profile in profiles)
    rows = tuple(_rows(samples, profiles, stages))
    known = {row.metric for row in rows if any(each.known for each in row.spreads)}
    return Comparison(
        tuple(profiles),
        tuple(stages),
        counted,
        tuple(row for row in rows if row.metric in known or row.metric != "acceptance"),
        tuple(_outcome(samples, stage, profile) for stage in stages for profile in profiles),
    )


def _finished(samples: Sequence[Sample], profile: str, stages: Sequence[str]) -> int:
    done = {(each.run, each.stage) for each in samples if each.profile == profile}
    return sum(all((run, stage) in done for stage in stages) for run in {run for run, _ in done})


def _rows(samples: Sequence[Sample], profiles: Sequence[str], stages: Sequence[str]) -> Iterator[MetricRow]:
    for stage in (*stages, ALL):
        for metric in METRICS:
            sets = [_values(samples, profile, stage, stages, metric) for profile in profiles]
            yield MetricRow(
                stage,
                metric.key,
                metric.unit,
                tuple(map(spread, sets)),
                tuple(difference(sets[0], other) for other in sets[1:]),
            )


def _values(
    samples: Sequence[Sample], profile: str, stage: str, stages: Sequence[str], metric: Metric
) -> list[float | None]:
    """The figure of each run, in order of the runs. A whole run counts once all of its stages are there."""
    ours = sorted((each for each in samples if each.profile == profile), key=lambda each: each.run)
    if stage != ALL:
        return [metric.of(each) for each in ours if each.stage == stage]
    made = []
    for run in dict.fromkeys(each.run for each in ours):
        parts = {each.stage: metric.of(each) for each in ours if each.run == run}
        if parts.keys() >= set(stages):
            made.append(_together([parts[name] for name in stages], metric))
    return made


def _together(parts: Sequence[float | None], metric: Metric) -> float | None:
    known = [part for part in parts if part is not None]
    if len(known) < len(parts):
        return None
    return added(known) if metric.together == "sum" else mean(known)


def _outcome(samples: Sequence[Sample], stage: str, profile: str) -> BenchOutcome:
    ours = [each for each in samples if (each.stage, each.profile) == (stage, profile)]

    def ended(verdict: RecordKind) -> int:
        return sum(each.verdict == verdict for each in ours)

    return BenchOutcome(
        stage,
        profile,
        ended("ok"),
        ended("degraded"),
        ended("hold"),
        ended("conflict"),
        ended("undecided"),
        sum(each.calls for each in ours),
        sum(each.failed for each in ours),
        sum(each.replayed for each in ours),
    )


# A benchmark laid out, and as JSON: which of the profiles is the better buy.


SCHEMA = "speckit.bench/1"
_LABELS = {metric.key: metric.label for metric in METRICS}
_SAYS: dict[DifferenceFinding, str] = {
    "lower": "lower",
    "higher": "higher",
    "none": "none to see",
    "too-few": "too few to tell",
    "unknown": UNKNOWN,
}


class StageProof(NamedTuple):
    """What was asked in one stage. `prompts` are (agent, version, digest) of what was the same under every profile that
    has the agent; `alone` names agents (as `profile: agent`) that only one profile asks."""

    stage: str
    context_sha256: str
    prompts: tuple[tuple[str, str, str], ...]
    alone: tuple[str, ...]


class About(NamedTuple):
    """What was benchmarked. `asked` is how many runs each profile is to have; `notes` is what a reader must know."""

    spec: str
    name: str
    source: str
    commit: str
    asked: int
    proofs: tuple[StageProof, ...]
    cap_usd: float | None
    paid: Cost
    notes: tuple[str, ...] = ()


def view(about: About, found: Comparison, now: datetime) -> View:
    """A table for each profile that is held against the first, what came of the runs, and what all of it rests on."""
    tables = tuple(_comparisons(found))
    remarks = tuple(_remarks(about, found))
    header = ("Stage", "Profile", "ok", "degraded", "hold", "conflict", "undecided", "Calls", "Failed", "Replayed")
    ended = table("How the runs ended", header, [tuple(map(str, each)) for each in found.outcomes], range(2, 10))
    sections = (
        _about(about),
        Section("medians", "Medians by stage", _charts(found), HTML),
        Section("comparison", "Comparison", tables, HTML),
        *(Section("", each.caption, (each,), (*TEXT, *MARKDOWN), each.caption) for each in tables),
        Section("ended", ended.caption, (ended,), text_title=ended.caption),
        Section("grounds", "Grounds", (Lines(remarks),)),
    )
    what = f"{', '.join(found.profiles)}; {about.source}"
    return View(f"Benchmark of {about.spec}", what, moment(now) or "", _facts(about, found), sections)


def _about(about: About) -> Section:
    return Section(
        "",
        "",
        (Paragraph(f"{about.spec}: {about.source}", TEXT), Paragraph(about.source, MARKDOWN)),
        (*TEXT, *MARKDOWN),
    )


def _facts(about: About, found: Comparison) -> tuple[Fact, ...]:
    seen = sum(each.finding in ("lower", "higher") for row in found.rows for each in row.differences)
    compared = sum(len(row.differences) for row in found.rows)
    runs, asked = min(found.runs), bool(about.proofs)
    enough = "good" if runs >= max(MINIMUM, about.asked) else "warn"
    return (
        Fact("Runs of each", str(runs), f"{about.asked} asked for", enough),
        Fact("Differences seen", str(seen), f"in {compared} comparisons"),
        Fact("Asked the same", "proved" if asked else "not proved", "", "good" if asked else "bad"),
        Fact("Paid", described(about.paid)),
    )


def _charts(found: Comparison) -> tuple[Chart, ...]:
    """The medians of each metric of which any is known."""
    return tuple(made for metric in METRICS if (made := _chart(found, metric)).known)


def _chart(found: Comparison, metric: Metric) -> Chart:
    rows = [row for row in found.rows if row.metric == metric.key]
    labels = [_stage(row.stage) for row in rows]
    series = [Series(name, tuple(row.spreads[at].median for row in rows)) for at, name in enumerate(found.profiles)]
    title = metric.label[:1].upper() + metric.label[1:]
    return chart(f"chart-{metric.key}", title, "bar", labels, series, metric.unit)


def _stage(stage: str) -> str:
    return "all stages" if stage == ALL else stage


def _comparisons(found: Comparison) -> Iterator[Table]:
    """A table for each profile that is held against the first."""
    first = found.profiles[0]
    for other, name in enumerate(found.profiles[1:], 1):
        title = f"{name} against {first} ({found.runs[other]} and {found.runs[0]} runs)"
        header = ("Stage", "Measure", first, name, "Difference", "95 % interval", "Finding")
        yield table(title, header, [_cells(row, other) for row in found.rows])


def as_document(about: About, found: Comparison, samples: Sequence[Sample]) -> dict[str, Any]:
    """The same for programs, with every measurement. What is not known is null."""
    return {
        "schema": SCHEMA,
        "spec": about.spec,
        "benchmark": about.name,
        "source": about.source,
        "commit": about.commit,
        "profiles": [
            {"name": name, "runs": runs, "asked": about.asked}
            for name, runs in zip(found.profiles, found.runs, strict=True)
        ],
        "stages": list(found.stages),
        "compared": [
            {
                "stage": row.stage,
                "metric": row.metric,
                "unit": row.unit,
                "profiles": [
                    {"profile": name, **plain(each)} for name, each in zip(found.profiles, row.spreads, strict=True)
                ],
                "differences": [
                    {"profile": name, "against": found.profiles[0], **plain(each)}
                    for name, each in zip(found.profiles[1:], row.differences, strict=True)
                ],
            }
            for row in found.rows
        ],
        "outcomes": plain(found.outcomes),
        "replayed": found.replayed,
        "interval": {"share": 0.95, "method": "percentile bootstrap", "resamples": RESAMPLES, "seed": SEED},
        "minimum_runs": MINIMUM,
        "identical": [_proved(each) for each in about.proofs],
        "budget": {"usd": about.cap_usd, "paid": plain(about.paid)},
        "notes": [*about.notes, *_spoiled(found)],
        "samples": plain(tuple(samples)),
    }


def _proved(proof: StageProof) -> dict[str, Any]:
    """What is the same, for programs."""
    return {
        "stage": proof.stage,
        "context_sha256": proof.context_sha256,
        "prompts": [{"agent": agent, "version": version, "sha256": digest} for agent, version, digest in proof.prompts],
        "only_in_one_profile": list(proof.alone),
    }


def _cells(row: MetricRow, other: int) -> list[str]:
    found, unit = row.differences[other - 1], row.unit
    ours, theirs = _middle(row.spreads[0], unit), _middle(row.spreads[other], unit)
    return [_stage(row.stage), _LABELS[row.metric], ours, theirs, *_difference(found, unit), _SAYS[found.finding]]


def _middle(spread: Spread, unit: Unit) -> str:
    """The median, the quartiles in brackets, and how many runs it is not known of."""
    if spread.median is None:
        return UNKNOWN
    text = written(spread.median, unit)
    if spread.low is not None:
        text += f" [{written(spread.low, unit)} - {written(spread.high, unit)}]"
    return text if spread.known == spread.runs else f"{text}, {spread.runs - spread.known} unknown"


def _difference(found: Difference, unit: Unit) -> tuple[str, str]:
    if found.value is None:
        return UNKNOWN, UNKNOWN
    return _signed(found.value, unit), f"{_signed(found.low, unit)} to {_signed(found.high, unit)}"


def _signed(value: float | None, unit: Unit) -> str:
    if value is None:
        return UNKNOWN
    text = written(abs(value), unit)
    if not any(digit in text for digit in "123456789"):  # so little that it is not shown
        return text
    return f"{'-' if value < 0 else '+'}{text}"


def _remarks(about: About, found: Comparison) -> Iterator[str]:
    """What the tables rest on, and how far they go."""
    yield "Medians, in brackets the quartiles; differences are those of medians, with their bootstrapped interval."
    yield (
        f"'too few to tell': fewer than {MINIMUM} known runs of a profile. 'none to see': the interval contains 0, so "
        "a difference, if there is one, is smaller than these runs can show."
    )
    if min(found.runs) < about.asked:
        done = ", ".join(f"{name} {runs}" for name, runs in zip(found.profiles, found.runs, strict=True))
        yield f"Not all of the {about.asked} runs of each profile are done: {done}."
    yield from _spoiled(found)
    if found.replayed:
        yield (
            "Recorded answers were served: their times and tokens are as recorded, their cost is what the prices make "
            "of them, and nothing was paid."
        )
    if not any(row.metric == "acceptance" for row in found.rows):
        yield "Acceptance is left out: no criteria of these stages' answers were judged."
    yield from _proofs(about.proofs)
    cap = "" if about.cap_usd is None else f" of a budget of {dollars(about.cap_usd)}"
    yield f"Paid for the whole benchmark: {described(about.paid)}{cap}."
    yield from about.notes


def _spoiled(found: Comparison) -> Iterator[str]:
    """Profiles whose runs did not all hold: a call that fails at once is fast and cheap, and no reason to buy."""
    for profile in found.profiles:
        ours = [each for each in found.outcomes if each.profile == profile]
        runs, held = (
            sum(each.ok + each.degraded + each.conflict + each.undecided for each in ours),
            sum(each.ok for each in ours),
        )
        calls, failed = sum(each.calls for each in ours), sum(each.failed for each in ours)
        if held < runs or failed:
            yield (
                f"{profile}: {runs - held} of {runs} stage runs did not end ok, {failed} of {calls} calls failed. What "
                "they took and cost is in its figures."
            )


def _proofs(proofs: Sequence[StageProof]) -> Iterator[str]:
    """What every profile was asked alike, in words."""
    for proof in proofs:
        prompts = ", ".join(f"{agent} {version}" for agent, version, _ in proof.prompts) or "no agent in common"
        yield f"{proof.stage}: same context {proof.context_sha256[:12]}, same prompts apart from the model: {prompts}."
        if proof.alone:
            yield f"{proof.stage}: asked by one profile alone: {', '.join(proof.alone)}."


# What a benchmark will cost. An estimate: nobody was asked.


ESTIMATE_SCHEMA = "speckit.bench-estimate/1"


class Line(NamedTuple):
    """One stage of one profile, or all stages of it. `usd` None: `unpriced` has no price. Answers are taken to be of a
    usual length, and nobody to be asked twice."""

    profile: str
    stage: str
    calls: int
    tokens: int
    usd: float | None
    unpriced: tuple[str, ...] = ()


class Bill(NamedTuple):
    """All runs of each profile: its stages, then all of them together. `total_usd` is of all profiles."""

    runs: int
    lines: tuple[Line, ...]
    total_usd: float | None
    calls: int


def bill(once: Sequence[Line], profiles: Sequence[str], runs: int) -> Bill:
    """The bill of `runs` runs, from the lines of one."""
    lines: list[Line] = []
    for profile in profiles:
        ours = [_times(line, runs) for line in once if line.profile == profile]
        lines += [*ours, _all_stages(profile, ours)]
    totals = [line for line in lines if line.stage == ALL]
    return Bill(runs, tuple(lines), _sum([line.usd for line in totals]), sum(line.calls for line in totals))


def _times(line: Line, runs: int) -> Line:
    usd = None if line.usd is None else line.usd * runs
    return line._replace(calls=line.calls * runs, tokens=line.tokens * runs, usd=usd)


def _all_stages(profile: str, lines: Sequence[Line]) -> Line:
    unpriced = tuple(dict.fromkeys(name for line in lines for name in line.unpriced))
    calls, tokens = sum(line.calls for line in lines), sum(line.tokens for line in lines)
    return Line(profile, ALL, calls, tokens, _sum([line.usd for line in lines]), unpriced)


def _sum(amounts: Sequence[float | None]) -> float | None:
    """A sum of which a part is not known is not known."""
    return None if None in amounts else added(amounts)


def estimate_view(about: About, made: Bill) -> View:
    """A line for each stage of each profile, the sum, and what it rests on."""
    rows = [
        (line.profile, _stage(line.stage), count(line.calls), count(line.tokens), dollars(line.usd))
        for line in made.lines
    ]
    expected = table("Expected", ("Profile", "Stage", "Calls", "Tokens", "Cost"), rows)
    notes = Lines(tuple(_estimate_remarks(about, made)))
    lead = Paragraph(f"{about.spec}: {about.source}", TEXT)
    return View(f"What a benchmark of {about.spec} will cost", "", "", (), (Section("", "", (lead, expected, notes)),))


def estimate_document(about: About, made: Bill) -> dict[str, Any]:
    """The same for programs. What is not known is null."""
    return {
        "schema": ESTIMATE_SCHEMA,
        "spec": about.spec,
        "source": about.source,
        "commit": about.commit,
        "runs": made.runs,
        "expected": plain(made.lines),
        "calls": made.calls,
        "total_usd": made.total_usd,
        "budget": {"usd": about.cap_usd, "holds": _holds(about, made)},
        "identical": [_proved(each) for each in about.proofs],
        "notes": list(about.notes),
    }


def _holds(about: About, made: Bill) -> bool | None:
    if about.cap_usd is None or made.total_usd is None:
        return None
    return made.total_usd <= about.cap_usd


def _estimate_remarks(about: About, made: Bill) -> Iterator[str]:
    yield f"{made.runs} runs of each profile, {made.calls} calls, ballots included: {dollars(made.total_usd)} in all."
    unpriced = dict.fromkeys(name for line in made.lines for name in line.unpriced)
    if unpriced:
        yield f"No price is configured for {', '.join(unpriced)}: give it under budget.prices."
    holds = _holds(about, made)
    if about.cap_usd is None:
        yield "There is no budget: --budget USD sets one."
    elif holds is None:
        yield f"Whether the budget of {dollars(about.cap_usd)} is enough cannot be known."
    else:
        yield f"The budget of {dollars(about.cap_usd)} is {'enough' if holds else 'not enough'}."
    yield "Answers are taken to be of a usual length; agents that are asked again are not in it."
    yield from _proofs(about.proofs)
    yield from about.notes
    yield "Nobody was asked, nothing was written."
