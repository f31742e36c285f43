"""The part of `speckit doctor` that plants violations."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence

from guardrails.git import Repo
from guardrails.settings import Settings
from guardrails.setup.canary import Outcome, chosen, examine, rows
from guardrails.setup.diagnosis import Row


def plant(repo: Repo, settings: Settings, rules: Sequence[str], quiet: bool) -> list[Row]:
    """What became of the canaries of some rules, or of all. Progress is shown on a terminal."""
    canaries = chosen([rule.upper() for rule in rules])
    outcomes = examine(repo, settings, canaries)
    if not quiet and sys.stderr.isatty():
        outcomes = _shown(outcomes, len(canaries))
    return list(rows(list(outcomes), not rules))


def _shown(outcomes: Iterator[Outcome], total: int) -> Iterator[Outcome]:
    from rich.console import Console
    from rich.progress import track

    yield from track(outcomes, "planting", total=total, console=Console(stderr=True), transient=True)
