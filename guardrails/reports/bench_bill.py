"""What a benchmark will cost, as text, JSON and Markdown. An estimate: nobody was asked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from guardrails.printable import printable
from guardrails.reports.bench import ALL
from guardrails.reports.bench_shown import About, proofs_of, proved
from guardrails.reports.documents import plain
from guardrails.reports.layouts import markdown, markdown_table, text_table
from guardrails.reports.numbers import added, count, dollars

SCHEMA = "speckit.bench-estimate/1"
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


def as_text(about: About, made: Bill) -> str:
    """A line for each stage of each profile, the sum, and what it rests on."""
    table = text_table(_HEAD, map(_cells, made.lines))
    notes = "".join(f"{printable(line)}\n" for line in _remarks(about, made))
    return f"{printable(about.spec)}: {printable(about.source)}\n\n{table}\n{notes}"


def as_markdown(about: About, made: Bill) -> str:
    """The same as a page."""
    notes = "".join(f"- {markdown(line)}\n" for line in _remarks(about, made))
    table = markdown_table(_HEAD, map(_cells, made.lines))
    return f"# What a benchmark of {markdown(about.spec)} will cost\n\n{table}\n{notes}"


def as_document(about: About, made: Bill) -> dict[str, Any]:
    """The same for programs. What is not known is null."""
    return {
        "schema": SCHEMA,
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


def _cells(line: Line) -> list[str]:
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
