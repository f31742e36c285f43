"""Whether the usable outputs were made from the same things, and whether those things are still what they were."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from guardrails.consensus.usable import Run
from guardrails.consensus.values import AgentOutput, Current, Record, short


def is_bound(output: AgentOutput) -> bool:
    """Whether an output says from which bytes and which prompt it was made."""
    return bool(output.inputs and output.prompt.sha256 and output.prompt.version)


def unbound(usable: Sequence[AgentOutput], run: Run, current: Current) -> Iterator[str]:
    """Reasons why nobody can say what the outputs are about."""
    silent = sorted({each.agent for each in usable if not is_bound(each)})
    if silent:
        yield f"made from unrecorded inputs ({', '.join(silent)})"
        return
    yield from _differences(usable, run)
    if not current.required:
        yield "the SPEC has no spec.md or PRD.md that an answer could have been made from"
    for path in current.required:
        agents = sorted({each.agent for each in usable if not any(item.path == path for item in each.inputs)})
        if agents:
            yield f"made without {path} ({', '.join(agents)})"


def _differences(usable: Sequence[AgentOutput], run: Run) -> Iterator[str]:
    """Where the run has no record to compare with, its outputs have to agree with each other."""
    pinned = {agent for agent, prompt in run.prompts if prompt.version}
    versions = {each.prompt.version for each in usable if each.agent not in pinned}
    if run.prompt_version is None and len(versions) > 1:
        yield "the outputs were made with different prompt versions"
    if not run.inputs and len({each.inputs for each in usable}) > 1:
        yield "the outputs were made from different inputs"


def changed_since(usable: Sequence[AgentOutput], records: Sequence[Record], run: Run) -> Iterator[str]:
    """Files of the session that are not the ones its own records are about."""
    listed = {agent for agent, _ in run.outputs}
    changed = sorted(
        {each.agent for each in usable if each.agent in listed and (each.agent, each.sha256) not in run.outputs}
    )
    if changed:
        yield f"changed since the synthesis was made ({', '.join(changed)})"
    added = sorted({each.agent for each in usable if listed and each.agent not in listed})
    if added:
        yield f"not among the outputs the synthesis was made of ({', '.join(added)})"
    if run.syntheses and {record.sha256 for record in records if record.role == "synthesis"} != run.syntheses:
        yield "the synthesis changed since its verdict was computed"


def stale(usable: Sequence[AgentOutput], current: Current) -> tuple[str, ...]:
    """What changed since the outputs were made, each said once."""
    return tuple(dict.fromkeys((*_changed_inputs(usable, current), *_changed_prompts(usable, current))))


def _changed_inputs(usable: Sequence[AgentOutput], current: Current) -> Iterator[str]:
    for item in sorted({item for output in usable for item in output.inputs}):
        now = current.documents.get(item.path)
        if now != item.sha256:
            yield f"stale: {short(item.path)} {'is gone' if now is None else 'changed since'}"


def _changed_prompts(usable: Sequence[AgentOutput], current: Current) -> Iterator[str]:
    for output in usable:
        now = current.prompts.get(output.agent)
        if now and output.prompt.sha256 and now != output.prompt.sha256:
            yield f"stale: the prompt of {output.agent} changed since"
