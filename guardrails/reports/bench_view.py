"""A benchmark as text, JSON and Markdown."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from guardrails.core.cost import UNKNOWN, Cost, described, dollars
from guardrails.core.text import printable
from guardrails.reports.bench import (
    ALL,
    METRICS,
    MINIMUM,
    RESAMPLES,
    SEED,
    Comparison,
    Difference,
    Finding,
    Outcome,
    Row,
    Sample,
    Spread,
    Unit,
)
from guardrails.reports.figures import added, count, duration, share
from guardrails.reports.formats.plain_json import plain
from guardrails.reports.formats.tables import markdown, markdown_table, text_table

SCHEMA = "speckit.bench/1"
LABELS = {metric.key: metric.label for metric in METRICS}
_SAYS: dict[Finding, str] = {
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


def as_text(about: About, found: Comparison) -> str:
    """A table for each profile that is held against the first, what came of the runs, and what all of it rests on."""
    parts = [f"{printable(about.spec)}: {printable(about.source)}\n"]
    for title, rows in tables(found):
        parts += [f"\n{printable(title)}\n", text_table([*map(printable, header(found, rows.other))], rows.cells)]
    parts += ["\nHow the runs ended\n", text_table(ENDED, map(ended, found.outcomes)), "\n"]
    parts += [f"{printable(line)}\n" for line in remarks(about, found)]
    return "".join(parts)


def as_markdown(about: About, found: Comparison) -> str:
    """The same as a page."""
    parts = [f"# Benchmark of {markdown(about.spec)}\n\n{markdown(about.source)}\n"]
    for title, rows in tables(found):
        head = [markdown(cell) for cell in header(found, rows.other)]
        parts += [f"\n## {markdown(title)}\n\n", markdown_table(head, rows.cells)]
    parts += ["\n## How the runs ended\n\n", markdown_table(ENDED, map(ended, found.outcomes)), "\n## Grounds\n\n"]
    parts += [f"- {markdown(line)}\n" for line in remarks(about, found)]
    return "".join(parts)


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
        "identical": [proved(each) for each in about.proofs],
        "budget": {"usd": about.cap_usd, "paid": plain(about.paid)},
        "notes": [*about.notes, *spoiled(found)],
        "samples": plain(tuple(samples)),
    }


def proved(proof: StageProof) -> dict[str, Any]:
    """What is the same, for programs."""
    return {
        "stage": proof.stage,
        "context_sha256": proof.context_sha256,
        "prompts": [{"agent": agent, "version": version, "sha256": digest} for agent, version, digest in proof.prompts],
        "only_in_one_profile": list(proof.alone),
    }


class Table(NamedTuple):
    """The cells of one comparison. `other` is the number of the profile that is held against the first."""

    other: int
    cells: list[list[str]]


def tables(found: Comparison) -> Iterator[tuple[str, Table]]:
    """(title, table) of each profile that is held against the first."""
    first = found.profiles[0]
    for other, name in enumerate(found.profiles[1:], 1):
        title = f"{name} against {first} ({found.runs[other]} and {found.runs[0]} runs)"
        yield title, Table(other, [_cells(row, other) for row in found.rows])


def header(found: Comparison, other: int) -> list[str]:
    """The columns of one comparison."""
    return ["Stage", "Measure", found.profiles[0], found.profiles[other], "Difference", "95 % interval", "Finding"]


def _cells(row: Row, other: int) -> list[str]:
    show = SHOWN[row.unit]
    found = row.differences[other - 1]
    stage = "all stages" if row.stage == ALL else row.stage
    ours, theirs = _middle(row.spreads[0], show), _middle(row.spreads[other], show)
    return [stage, LABELS[row.metric], ours, theirs, *_difference(found, show), _SAYS[found.finding]]


def _middle(spread: Spread, show: Callable[[float | None], str]) -> str:
    """The median, the quartiles in brackets, and how many runs it is not known of."""
    if spread.median is None:
        return UNKNOWN
    text = show(spread.median)
    if spread.low is not None:
        text += f" [{show(spread.low)} - {show(spread.high)}]"
    return text if spread.known == spread.runs else f"{text}, {spread.runs - spread.known} unknown"


def _difference(found: Difference, show: Callable[[float | None], str]) -> tuple[str, str]:
    if found.value is None:
        return UNKNOWN, UNKNOWN
    return _signed(found.value, show), f"{_signed(found.low, show)} to {_signed(found.high, show)}"


def _signed(value: float | None, show: Callable[[float | None], str]) -> str:
    if value is None:
        return UNKNOWN
    text = show(abs(value))
    if not any(digit in text for digit in "123456789"):  # so little that it is not shown
        return text
    return f"{'-' if value < 0 else '+'}{text}"


SHOWN: dict[Unit, Callable[[float | None], str]] = {
    "ms": duration,
    "tokens": count,
    "usd": dollars,
    "share": share,
}
ENDED = ("Stage", "Profile", "ok", "degraded", "conflict", "undecided", "Calls", "Failed", "Replayed")


def ended(outcome: Outcome) -> list[str]:
    """How the runs of one stage under one profile ended, as a row."""
    return [str(value) for value in outcome]


def remarks(about: About, found: Comparison) -> Iterator[str]:
    """What the tables rest on, and how far they go."""
    yield "Medians, in brackets the quartiles; differences are those of medians, with their bootstrapped interval."
    yield (
        f"'too few to tell': fewer than {MINIMUM} known runs of a profile. 'none to see': the interval contains 0, so "
        "a difference, if there is one, is smaller than these runs can show."
    )
    if min(found.runs) < about.asked:
        done = ", ".join(f"{name} {runs}" for name, runs in zip(found.profiles, found.runs, strict=True))
        yield f"Not all of the {about.asked} runs of each profile are done: {done}."
    yield from spoiled(found)
    if found.replayed:
        yield (
            "Recorded answers were served: their times and tokens are as recorded, their cost is what the prices make "
            "of them, and nothing was paid."
        )
    if not any(row.metric == "acceptance" for row in found.rows):
        yield "Acceptance is left out: no criteria of these stages' answers were judged."
    yield from proofs_of(about.proofs)
    cap = "" if about.cap_usd is None else f" of a budget of {dollars(about.cap_usd)}"
    yield f"Paid for the whole benchmark: {described(about.paid)}{cap}."
    yield from about.notes


def spoiled(found: Comparison) -> Iterator[str]:
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


def proofs_of(proofs: Sequence[StageProof]) -> Iterator[str]:
    """What every profile was asked alike, in words."""
    for proof in proofs:
        prompts = ", ".join(f"{agent} {version}" for agent, version, _ in proof.prompts) or "no agent in common"
        yield f"{proof.stage}: same context {proof.context_sha256[:12]}, same prompts apart from the model: {prompts}."
        if proof.alone:
            yield f"{proof.stage}: asked by one profile alone: {', '.join(proof.alone)}."


# What a benchmark will cost, as text, JSON and Markdown. An estimate: nobody was asked.


ESTIMATE_SCHEMA = "speckit.bench-estimate/1"
_HEAD = ("Profile", "Stage", "Calls", "Tokens", "Cost")


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
        lines += [*ours, _together(profile, ours)]
    totals = [line for line in lines if line.stage == ALL]
    return Bill(runs, tuple(lines), _sum([line.usd for line in totals]), sum(line.calls for line in totals))


def _times(line: Line, runs: int) -> Line:
    usd = None if line.usd is None else line.usd * runs
    return line._replace(calls=line.calls * runs, tokens=line.tokens * runs, usd=usd)


def _together(profile: str, lines: Sequence[Line]) -> Line:
    unpriced = tuple(dict.fromkeys(name for line in lines for name in line.unpriced))
    calls, tokens = sum(line.calls for line in lines), sum(line.tokens for line in lines)
    return Line(profile, ALL, calls, tokens, _sum([line.usd for line in lines]), unpriced)


def _sum(amounts: Sequence[float | None]) -> float | None:
    """A sum of which a part is not known is not known."""
    return None if None in amounts else added(amounts)


def estimate_text(about: About, made: Bill) -> str:
    """A line for each stage of each profile, the sum, and what it rests on."""
    table = text_table(_HEAD, map(_estimate_cells, made.lines))
    notes = "".join(f"{printable(line)}\n" for line in _remarks(about, made))
    return f"{printable(about.spec)}: {printable(about.source)}\n\n{table}\n{notes}"


def estimate_markdown(about: About, made: Bill) -> str:
    """The same as a page."""
    notes = "".join(f"- {markdown(line)}\n" for line in _remarks(about, made))
    table = markdown_table(_HEAD, map(_estimate_cells, made.lines))
    return f"# What a benchmark of {markdown(about.spec)} will cost\n\n{table}\n{notes}"


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
        "identical": [proved(each) for each in about.proofs],
        "notes": list(about.notes),
    }


def _estimate_cells(line: Line) -> list[str]:
    stage = "all stages" if line.stage == ALL else line.stage
    return [line.profile, stage, count(line.calls), count(line.tokens), dollars(line.usd)]


def _holds(about: About, made: Bill) -> bool | None:
    if about.cap_usd is None or made.total_usd is None:
        return None
    return made.total_usd <= about.cap_usd


def _remarks(about: About, made: Bill) -> Iterator[str]:
    yield f"{made.runs} runs of each profile, {made.calls} calls: {dollars(made.total_usd)} in all."
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
    yield from proofs_of(about.proofs)
    yield from about.notes
    yield "Nobody was asked, nothing was written."
