"""A benchmark as text, JSON and Markdown."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from guardrails.printable import printable
from guardrails.reports.bench import ALL, METRICS, Comparison, Outcome, Row, Sample, Unit
from guardrails.reports.bench_figures import MINIMUM, RESAMPLES, SEED, Difference, Finding, Spread
from guardrails.reports.documents import plain
from guardrails.reports.layouts import markdown, markdown_table, text_table
from guardrails.reports.numbers import UNKNOWN, count, dollars, duration, money, share
from guardrails.reports.values import Money

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
    paid: Money
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
    yield f"Paid for the whole benchmark: {money(about.paid)}{cap}."
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
