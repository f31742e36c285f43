"""What a run would do, without doing any of it: every prompt that can be known beforehand, and what it would cost."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from guardrails.agents.run_context import RunContext
from guardrails.consensus.context import GivenKit
from guardrails.core.cost import Cost, micros, total
from guardrails.evidence.costs import Estimate, estimate
from guardrails.runs.consult import PreparedConsultation, prepare, prompt_of


class PlannedCall(NamedTuple):
    """One call that would be made. From the second wave on its prompt lacks the answers it would be given."""

    stage: str
    agent: str
    file: str
    """the prompt, below the folder"""
    wave: int
    bytes: int
    estimate: Estimate
    told: bool
    """whether the prompt says which context kit it embeds; True where there is none"""


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
    calls = tuple(call for stage in stages for call in _rendered(run_context, stage, prepared[stage], folder))
    cut = [f"{each.path}: {each.kept} of {each.size} bytes" for one in prepared.values() for each in one.context.cut]
    kit = next((one.context.kit for one in prepared.values()), None)
    return Rehearsed(folder, calls, tuple(dict.fromkeys(cut)), kit)


def _rendered(
    run_context: RunContext, stage: str, prepared: PreparedConsultation, folder: str
) -> Iterator[PlannedCall]:
    for wave, names in enumerate(prepared.waves, 1):
        for name in names:
            agent = run_context.plan.agent(name)
            prompt = prompt_of(run_context, prepared, stage, agent, {})
            file = f"{stage}_{name}.prompt.md"
            data = prompt.encode("utf-8", "backslashreplace")
            with open(os.path.join(folder, file), "wb") as stream:
                stream.write(data)
            kit = prepared.context.kit
            told = kit is None or kit.version in prompt
            yield PlannedCall(
                stage, name, file, wave, len(data), estimate(agent, prompt, run_context.plan.budget), told
            )


def over_budget(cap: float | None, expected: Cost) -> bool:
    """Whether what is expected is more than what may be spent."""
    return cap is not None and expected.micros is not None and expected.micros > micros(cap)
