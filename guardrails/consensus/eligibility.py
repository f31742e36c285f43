"""Which outputs count: those that are this agent's answer to this question, made from what the run was made from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from guardrails.consensus.model import (
    AgentOutput,
    Attribution,
    ConsensusQuestion,
    FileProblem,
    Input,
    OutcomeRecord,
    Prompt,
    Unusable,
    short,
)
from guardrails.consensus.sessions import names_stamp
from guardrails.core.limits import FILE_PROBLEMS


class RunInputs(NamedTuple):
    """What the run's own records say it was made from; empty where they don't."""

    inputs: tuple[Input, ...] = ()
    prompt_version: str | None = None
    prompts: tuple[tuple[str, Prompt], ...] = ()
    outputs: tuple[tuple[str, str], ...] = ()
    """(agent, digest) of what the synthesis was made of"""
    syntheses: frozenset[str] = frozenset()
    """digests of the synthesis a verdict was about"""
    roster: frozenset[str] = frozenset()


class EligibleOutputs(NamedTuple):
    """`twins` are agents with more than one output where all of them are the same bytes."""

    usable: tuple[AgentOutput, ...]
    unusable: tuple[Unusable, ...]
    twins: tuple[str, ...]


def recorded_run(records: Sequence[OutcomeRecord]) -> RunInputs:
    """The run as its records give it, all of them together: what they give differently fits no output, as it should."""
    versions = sorted({record.prompt_version for record in records if record.prompt_version})
    return RunInputs(
        tuple(sorted({item for record in records for item in record.inputs})),
        " and ".join(versions) or None,
        tuple(row for record in records for row in record.prompts),
        tuple(row for record in records for row in record.outputs),
        frozenset(record.synthesis for record in records if record.synthesis),
        frozenset(agent for record in records for agent in record.roster),
    )


def faults_of_record(record: OutcomeRecord, question: ConsensusQuestion) -> tuple[FileProblem, ...]:
    """Why a record cannot stand for this question."""
    if record.problems and record.problems[0].flaw == "unreadable":
        return record.problems
    return (*record.problems, *foreign(record.named, question))


def is_about(record: OutcomeRecord, question: ConsensusQuestion) -> bool:
    """Whether a record's words are about this question at all, whatever else is wrong with it."""
    return not any(fault.flaw in ("foreign", "unreadable") for fault in faults_of_record(record, question))


def sort_outputs(outputs: Sequence[AgentOutput], question: ConsensusQuestion, run: RunInputs) -> EligibleOutputs:
    """Tell the usable outputs from the others, each of which comes with its reasons."""
    usable, unusable, twins = [], [], set()
    by_agent = _by_agent(outputs, question)
    for output in sorted(outputs, key=lambda each: each.path):
        reasons = tuple(islice(_reasons(output, question, run), FILE_PROBLEMS))
        rivals = by_agent[output.agent]
        if len({rival.sha256 for rival in rivals}) > 1:
            reasons += (FileProblem("incomplete", f"is one of {len(rivals)} different outputs of {output.agent}"),)
        elif len(rivals) > 1 and output.agent in question.roster:
            twins.add(output.agent)
        if reasons:
            unusable.append(Unusable(output, reasons, output.agent in question.roster))
        else:
            usable.append(output)
    return EligibleOutputs(tuple(usable), tuple(unusable), tuple(sorted(twins)))


def _by_agent(outputs: Sequence[AgentOutput], question: ConsensusQuestion) -> dict[str, list[AgentOutput]]:
    """The answers of each agent: filed under its name, or under none that is waited for but signed by it."""
    grouped: dict[str, list[AgentOutput]] = {}
    for output in outputs:
        signed = () if output.agent in question.roster else output.named.agents
        for agent in {output.agent, *signed}:
            grouped.setdefault(agent, []).append(output)
    return grouped


def _reasons(output: AgentOutput, question: ConsensusQuestion, run: RunInputs) -> Iterator[FileProblem]:
    if output.problems and output.problems[0].flaw == "unreadable":
        yield from output.problems
        return
    if output.error is not None:  # first: this tells most
        yield FileProblem("incomplete", f"reports an error: {output.error}")
    yield from output.problems
    yield from foreign(output.named, question)
    yield from signature(output.agent, output.named)
    yield from _prompt(output, run)
    yield from _inputs(output, run)


def foreign(named: Attribution, question: ConsensusQuestion) -> Iterator[FileProblem]:
    """Problems of a file that says it belongs to another SPEC, stage or session than the place it was filed in.

    Older records say less; then the place says it, and what is written here without them fails its schema.
    """
    for what, given, expected in (("SPEC", named.specs, question.spec), ("stage", named.stages, question.stage)):
        others = sorted(item for item in given - {expected} if "${" not in item)
        if others:
            yield FileProblem("foreign", f"names the {what} {short(', '.join(others))}, not {expected}")
    if question.stamp:
        for session in sorted(named.sessions):
            if "${" not in session and not names_stamp(session, question.stamp):
                yield FileProblem("foreign", f"names the session {short(session)}, not that of its file name")


def signature(agent: str, named: Attribution) -> Iterator[FileProblem]:
    """Problems of a file that names another agent than its file name does, or none."""
    others = sorted(item for item in named.agents - {agent} if "${" not in item)
    if others:
        yield FileProblem("foreign", f"is signed by {short(', '.join(others))}, not by {agent}")
    elif agent not in named.agents:
        yield FileProblem("incomplete", "does not name its agent")


def _prompt(output: AgentOutput, run: RunInputs) -> Iterator[FileProblem]:
    expected = [prompt for agent, prompt in run.prompts if agent == output.agent] or [Prompt(run.prompt_version)]
    for prompt in expected:
        mine = output.prompt
        if prompt.version and mine.version and prompt.version != mine.version:
            yield FileProblem(
                "foreign", f"was made with prompt {short(mine.version)}, the run with {short(prompt.version)}"
            )
        if prompt.sha256 and mine.sha256 and prompt.sha256 != mine.sha256:
            yield FileProblem("foreign", "was made with another prompt than its run recorded")


def _inputs(output: AgentOutput, run: RunInputs) -> Iterator[FileProblem]:
    if not output.inputs:
        return
    if run.inputs:
        for path in sorted({item.path for item in {*run.inputs} ^ {*output.inputs}}):
            yield FileProblem("foreign", f"was not made from the {short(path)} its run recorded")
    paths = Counter(item.path for item in output.inputs)
    for path in sorted(path for path, count in paths.items() if count > 1):
        yield FileProblem("incomplete", f"records two digests of {short(path)}")
