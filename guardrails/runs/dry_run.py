"""What a run would do, without doing any of it: every prompt that can be known beforehand, and what it would cost."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from guardrails.agents.run_context import RunContext
from guardrails.consensus.context import GivenKit
from guardrails.consensus.prompts import ballot_prompt, expected_statements
from guardrails.core.cost import Cost, abbreviated, micros, total
from guardrails.evidence.costs import EXPECTED_BALLOT, Estimate, estimate
from guardrails.runs.consult import PreparedConsultation, prepare, prompt_of


class PlannedCall(NamedTuple):
    """One call that would be made. From the second wave on its prompt lacks the answers it would be given; that of a
    ballot has made-up statements."""

    stage: str
    agent: str
    file: str
    """the prompt, below the folder"""
    wave: int
    bytes: int
    estimate: Estimate
    told: bool
    """whether the prompt says which context kit it embeds; True where there is none"""
    ballot: bool = False


class Rehearsed(NamedTuple):
    """`folder` holds all that was written. `cut` tells of documents that are not given whole."""

    folder: str
    calls: tuple[PlannedCall, ...]
    cut: tuple[str, ...]
    kit: GivenKit | None = None

    def cost(self, stage: str | None = None) -> Cost:
        """What the calls of a stage, or all of them, are expected to cost."""
        return total(each.estimate.cost for each in self.calls if stage in (None, each.stage))


def rehearse(run_context: RunContext, stages: Sequence[str]) -> Rehearsed:
    """Render the prompts of some stages into a new temporary folder. Raises GuardrailError for what a run would not
    begin with, either: prompts, documents or agents that cannot be used."""
    prepared = {stage: prepare(run_context, stage) for stage in stages}
    folder = tempfile.mkdtemp(prefix=f"speckit-dry-run-{run_context.spec}-")
    calls = []
    for stage in stages:
        for planned, prompt in planned_calls(run_context, stage, prepared[stage]):
            with open(os.path.join(folder, planned.file), "wb") as stream:
                stream.write(_encoded(prompt))
            calls.append(planned)
    cut = [f"{each.path}: {each.kept} of {each.size} bytes" for one in prepared.values() for each in one.context.cut]
    kit = next((one.context.kit for one in prepared.values()), None)
    return Rehearsed(folder, tuple(calls), tuple(dict.fromkeys(cut)), kit)


def planned_calls(
    run_context: RunContext, stage: str, prepared: PreparedConsultation
) -> Iterator[tuple[PlannedCall, str]]:
    """Each call of a stage, and its prompt as far as it is known: the answers by waves, then the ballots."""
    budget, kit = run_context.plan.budget, prepared.context.kit
    for wave, names in enumerate(prepared.waves, 1):
        for name in names:
            agent = run_context.plan.agent(name)
            prompt = prompt_of(run_context, prepared, stage, agent, {})
            told = kit is None or kit.version in prompt
            file, expected = f"{stage}_{name}.prompt.md", estimate(agent, prompt, budget)
            yield PlannedCall(stage, name, file, wave, len(_encoded(prompt)), expected, told), prompt
    if run_context.settings.consensus.method != "ballot":
        return
    roster = tuple(name for names in prepared.waves for name in names)
    for name in roster:
        agent = run_context.plan.agent(name)
        prompt = ballot_prompt(run_context.spec, stage, name, expected_statements(roster))
        file, expected = f"{stage}_{name}_ballot.prompt.md", estimate(agent, prompt, budget, EXPECTED_BALLOT)
        wave = len(prepared.waves) + 1
        yield PlannedCall(stage, name, file, wave, len(_encoded(prompt)), expected, told=True, ballot=True), prompt


def _encoded(prompt: str) -> bytes:
    return prompt.encode("utf-8", "backslashreplace")


def bill(calls: Sequence[PlannedCall]) -> str:
    """How many calls there would be, and what they are expected to cost."""
    expected = total(each.estimate.cost for each in calls)
    ballots = sum(each.ballot for each in calls)
    cost = abbreviated(expected._replace(source="estimated"))  # even where nothing is charged
    cost = f"cost {cost}" if expected.usd is None else cost
    parts = f" ({len(calls) - ballots} answers, {ballots} ballots)" if ballots else ""
    return f"{len(calls)} calls{parts}, about {expected.tokens or 0:,} tokens, {cost}"


def over_budget(cap: float | None, expected: Cost) -> bool:
    """Whether what is expected is more than what may be spent."""
    return cap is not None and expected.micros is not None and expected.micros > micros(cap)
