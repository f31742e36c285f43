"""What each agent of a stage is asked, and in what order: the package's prompts, and a repository's own over them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from guardrails.consensus.prompt_file import ANYBODY, Entry, StageEntries, packaged, read_prompts
from guardrails.consensus.templates import Template as Template
from guardrails.consensus.templates import Variables as Variables
from guardrails.consensus.templates import needs as needs
from guardrails.consensus.templates import render as render
from guardrails.consensus.values import agent_of
from guardrails.errors import GuardrailError


class StagePrompts(NamedTuple):
    """The prompts of one stage, in the order of its roster. `version` is that of the stage in the file that counts;
    each template has its own, which differs where an agent is asked by the package's prompt."""

    stage: str
    version: str
    templates: tuple[Template, ...]


def stage_prompts(data: bytes | None, name: str, stage: str, roster: Sequence[str]) -> StagePrompts:
    """The prompts of a stage for the agents of a roster. `data` are the bytes of the repository's own file, `name` its
    path; None: it has none.

    An agent is asked by its own entry in that file, else by the entry `*` there, else by the package's. Raises
    GuardrailError for a file that is not of the form, whichever stage is wrong: that is known before anybody is paid.
    """
    default = packaged()
    own = None if data is None else read_prompts(data, name)
    theirs = own.stages.get(stage) if own else None
    layers = [(default.name, default.stages[stage])]
    if own and theirs:
        layers.insert(0, (own.name, theirs))
    named: dict[str, str] = {}
    for agent in roster:
        named.setdefault(agent_of(agent), agent)
    agents = tuple(named.values())
    templates = tuple(_template(layers, agent, agents[:index]) for index, agent in enumerate(agents))
    return StagePrompts(stage, layers[0][1].version, templates)


def _template(layers: Sequence[tuple[str, StageEntries]], agent: str, before: tuple[str, ...]) -> Template:
    source, entries = next((each for each in layers if _speaks_to(each[1], agent)), layers[-1])
    role = _first(layers, agent, "role")
    return Template(agent, entries.version, _first(layers, agent, "prompt"), role, source, before)


def _speaks_to(stage: StageEntries, agent: str) -> bool:
    return agent_of(agent) in stage.entries or ANYBODY in stage.entries


def _first(layers: Sequence[tuple[str, StageEntries]], agent: str, field: str) -> str:
    """The role or the prompt: the agent's own goes before anybody's, and the repository's before the package's."""
    for _, stage in layers:
        for name in (agent_of(agent), ANYBODY):
            said: str | None = getattr(stage.entries.get(name, Entry(None, None)), field)
            if said is not None:
                return said
    raise ValueError(field)  # the package has both for anybody


def waves(prompts: StagePrompts) -> tuple[tuple[str, ...], ...]:
    """The agents in the order they are asked: those of one wave at the same time, each after all it needs.

    Raises GuardrailError when a prompt asks for the answer of an agent that is not in the roster, or when agents wait
    for each other.
    """
    waiting = {template.agent: _edges(template, prompts) for template in prompts.templates}
    order: list[tuple[str, ...]] = []
    done: set[str] = set()
    while waiting:
        ready = tuple(agent for agent, edges in waiting.items() if edges <= done)
        if not ready:
            raise _circle(prompts, waiting)
        order.append(ready)
        done |= set(ready)
        for agent in ready:
            del waiting[agent]
    return tuple(order)


def _edges(template: Template, prompts: StagePrompts) -> set[str]:
    by_name = {agent_of(each.agent): each.agent for each in prompts.templates}
    for name in needs(template):
        if name not in by_name:
            raise GuardrailError(
                f"{template.source}: {prompts.stage}, {template.agent}: asks for the answer of '{name}', "
                "who is not in the roster",
                f"add it to stages.{prompts.stage}.agents, or change the prompt",
            )
    return {by_name[name] for name in needs(template)}


def _circle(prompts: StagePrompts, waiting: Mapping[str, set[str]]) -> GuardrailError:
    names = ", ".join(waiting)
    source = next(each.source for each in prompts.templates if each.agent in waiting)
    return GuardrailError(
        f"{source}: {prompts.stage}: agents wait for each other's answers, or for their own ({names})",
        "take one ${PREVIOUS_OUTPUTS…} out of their prompts",
    )
