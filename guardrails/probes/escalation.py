"""What to do when not every agent of a stage can be called, by the thresholds its verdict is judged by. Pure."""

from __future__ import annotations

from collections.abc import Collection

from guardrails.probes.asking import Asking


def advice(asking: Asking, able: Collection[str]) -> tuple[str, ...]:
    """A line for each roster that is not whole: what its verdict would be, what a run does, and what you can do."""
    stages: dict[tuple[str, ...], list[str]] = {}
    for stage in asking.plan.stages:
        if not set(stage.roster) <= set(able):
            stages.setdefault(stage.roster, []).append(stage.name)
    return tuple(_line(asking, ", ".join(names), roster, able) for roster, names in stages.items())


def _line(asking: Asking, stages: str, roster: tuple[str, ...], able: Collection[str]) -> str:
    usable = [name for name in roster if name in able]
    lost = ", ".join(name for name in roster if name not in able)
    begin = f"{stages}: {len(usable)} of {len(roster)} agents can be called (not {lost})"
    if not usable:
        return f"{begin}: nobody would answer, exit 3. Do not start; repair the agents, or name others in the roster"
    consensus, recovery = asking.settings.consensus, asking.plan.recovery
    if round(len(usable) / len(roster), 2) < consensus.degraded_below:
        return (
            f"{begin}: severely degraded, exit 5. It would not be retried: do not start; tell whoever answers for the "
            "run, and repair the agents first"
        )
    steps = [f"retries the missing {times(recovery.retries)} after {recovery.backoff:g} s"] if recovery.retries else []
    if recovery.fallback:
        steps.append(f"calls them by the profile {recovery.fallback}")
    does = f"A run {', then '.join(steps)}, then halts" if steps else "A run halts at once"
    return f"{begin}: degraded, exit 5. {does}. Repair them first, or start with --profile of one that needs fewer"


def times(count: int) -> str:
    """How often, in words."""
    return {1: "once", 2: "twice"}.get(count, f"{count} times")
