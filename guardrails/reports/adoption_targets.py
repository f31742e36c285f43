"""What a week should reach, what it missed, and what raises an alert. What was not examined has reached nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from guardrails.reports.adoption_figures import Figures
from guardrails.reports.numbers import dollars, priced


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
        why = priced(whole.cost) if whole.called else "no agent was called"
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
