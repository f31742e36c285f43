"""What is the same under every profile of a benchmark, by digest: the documents agents are given, and their prompts.

A prompt may name the model that it is sent to, and holds what others have answered. Both differ between profiles, and
are left out of what is compared: every other byte of the prompts must be the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import NamedTuple

from guardrails.agents.calls import prompt_sha256
from guardrails.agents.run_context import RunContext
from guardrails.consensus.prompts import Variables, render
from guardrails.core.text import utf8
from guardrails.errors import GuardrailError, Undecidable
from guardrails.reports.bench import StageProof
from guardrails.runs.consult import PreparedConsultation, prepare


class AgentInput(NamedTuple):
    """What one agent of one profile is asked in a stage, apart from its model and others' answers."""

    profile: str
    agent: str
    version: str
    sha256: str


def text_sha256(text: str) -> str:
    """The digest of documents as prompts hold them."""
    return sha256(utf8(text).encode("utf-8")).hexdigest()


def prove(run_contexts: Sequence[RunContext], stages: Sequence[str]) -> tuple[StageProof, ...]:
    """What is the same in each stage under all profiles, which differ in their profile alone.

    Raises GuardrailError when it is not the same: then there is nothing to compare.
    """
    return tuple(_stage(run_contexts, stage) for stage in stages)


def _stage(run_contexts: Sequence[RunContext], stage: str) -> StageProof:
    prepared = [(run_context, prepare(run_context, stage)) for run_context in run_contexts]
    contexts = {text_sha256(each.context.text) for _, each in prepared}
    if len(contexts) > 1:
        raise GuardrailError(
            f"{stage}: the profiles are not given the same context", "a benchmark compares answers to one question"
        )
    asked = [each for run_context, ready in prepared for each in _asked(run_context, ready, stage)]
    same = tuple(dict.fromkeys((each.agent, each.version, each.sha256) for each in asked))
    by_agent = {each.agent: [other for other in asked if other.agent == each.agent] for each in asked}
    for agent, rows in by_agent.items():
        if len({row.sha256 for row in rows}) > 1:
            names = ", ".join(f"{row.profile} ({row.version})" for row in rows)
            raise GuardrailError(
                f"{stage}: {agent} is not asked the same by {names}",
                "prompts that hold ${PREVIOUS_OUTPUTS} depend on the roster: give the profiles the same one",
            )
    alone = tuple(f"{rows[0].profile}: {agent}" for agent, rows in by_agent.items() if len(rows) == 1)
    common = tuple(each for each in same if len(by_agent[each[0]]) > 1)
    return StageProof(stage, contexts.pop(), common, alone)


def _asked(run_context: RunContext, prepared: PreparedConsultation, stage: str) -> Iterator[AgentInput]:
    variables = Variables(run_context.spec, stage, prepared.context.text)
    for agent, template in prepared.templates.items():
        yield AgentInput(
            run_context.plan.profile or "", agent, template.version, prompt_sha256(render(template, variables, {}))
        )


def require_same(run_context: RunContext, stage: str, proof: StageProof) -> PreparedConsultation:
    """What a stage is about to ask, after it was held against what all profiles ask. Raises Undecidable when documents
    or prompts of the run's tree are others by now."""
    prepared = prepare(run_context, stage)
    known = {agent: digest for agent, _, digest in proof.prompts}
    changed = [
        each for each in _asked(run_context, prepared, stage) if known.get(each.agent, each.sha256) != each.sha256
    ]
    if text_sha256(prepared.context.text) != proof.context_sha256 or changed:
        raise Undecidable(
            f"{stage}: the documents in {run_context.repo.root} are not what every profile is to be asked about",
            "an agent wrote there: forbid it to, and begin a new benchmark",
        )
    return prepared
