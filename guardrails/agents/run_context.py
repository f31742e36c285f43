"""What every part of a run is given: the repository, what was configured, and somebody to tell how it goes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from guardrails.config.run_settings import RunSettings
from guardrails.config.settings import Settings, StageRoster
from guardrails.git.repo import Repo

Say = Callable[[str], None]
"""Takes one line of progress, plain text."""


def quiet(line: str) -> None:
    """Says nothing."""


class RunContext(NamedTuple):
    """What one run is given. `run` names the run of the sequencer; None when a stage is run alone."""

    repo: Repo
    settings: Settings
    plan: RunSettings
    environment: Mapping[str, str]
    """the operator's variables: programs get an allow-listed part of them"""
    spec: str
    """an exact SPEC id, matched against the pattern"""
    run: str | None = None
    say: Say = quiet
    allow_dirty: bool = False
    allow_degraded: bool = False


def with_profile(run_context: RunContext, profile: str | None) -> RunContext:
    """The context with this profile in force and no other: whom it waits for is what checks wait for, too.

    Raises GuardrailError for a profile that is not configured.
    """
    plan = run_context.plan.under(profile)
    rosters = tuple(StageRoster(stage.name, stage.roster) for stage in plan.stages)
    return run_context._replace(plan=plan, settings=run_context.settings._replace(stages=rosters))
