"""Prompt templates: which variables there are, and how they are filled in.

All variables are filled in one pass, so a value is never searched for variables: a document that holds `${CONTEXT}`
stays as it is. `$${` in a template is a literal `${`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from guardrails.consensus.fencing import fenced, shown
from guardrails.consensus.values import agent_of
from guardrails.errors import GuardrailError
from guardrails.layout import STAGES

CONTEXT = "CONTEXT"
PREVIOUS = "PREVIOUS_OUTPUTS"
NAMES = (
    "SPEC_ID", "STAGE", "AGENT", "ROLE", CONTEXT, PREVIOUS, "PROMPT_VERSION",
    "MODEL_ID", "MODEL_RELEASE", "REASONING_MODE",
)  # fmt: skip
_UNKNOWN = "unknown"
_MARK = re.compile(r"\$\$\{|\$\{(?:([^{}\n]*)\})?")


class Template(NamedTuple):
    """What one agent of a roster is asked, with the variables still in it.

    `source` names the file it is from, `before` the agents that stand before this one in the roster.
    """

    agent: str
    version: str
    text: str
    role: str
    source: str = ""
    before: tuple[str, ...] = ()


class Variables(NamedTuple):
    """What the variables of a stage stand for. None: nobody said."""

    spec: str
    stage: str
    context: str
    model: str | None = None
    release: str | None = None
    reasoning: str | None = None


def variables_in(text: str) -> Iterator[tuple[int, str | None]]:
    """(offset, name) of each variable of a template; the name of one that is never closed is None."""
    for match in _MARK.finditer(text):
        if match[0] != "$${":
            yield match.start(), match[1]


def problem_in(text: str) -> tuple[str, str] | None:
    """What is wrong with the variables of a template, and a hint; None when nothing is."""
    for _, name in variables_in(text):
        if name is None:
            return "a variable is not closed on its line", "write it as ${NAME}, and a literal one as $${"
        if name not in NAMES and not (name.startswith(PREVIOUS + ".") and name[len(PREVIOUS) + 1 :].strip()):
            return f"unknown variable ${{{name[:60]}}}", _nearest(name)
    return None


def _nearest(name: str) -> str:
    from difflib import get_close_matches

    near = get_close_matches(name.upper()[:60], (*NAMES, PREVIOUS + ".agent"), n=1)
    if near:
        return f"did you mean ${{{near[0]}}}? A literal one is written $${{"
    return f"known are {', '.join(NAMES)}; a literal one is written $${{"


def needs(template: Template) -> tuple[str, ...]:
    """The agents whose answers it is filled with, each once, in the form names are compared in.

    A stage's name (`${PREVIOUS_OUTPUTS.plan}`) asks for what that stage left and for no agent.
    """
    found: dict[str, None] = {}
    for _, name in variables_in(template.text):
        if name == PREVIOUS:
            found |= dict.fromkeys(map(agent_of, template.before))
        elif name is not None and name.startswith(PREVIOUS + "."):
            found |= {agent_of(name[len(PREVIOUS) + 1 :]): None}
    return tuple(agent for agent in found if agent not in STAGES)


def render(template: Template, variables: Variables, previous: Mapping[str, str] | None = None) -> str:
    """The prompt as it is sent. `previous` holds answers by agent, and by name what earlier stages left.

    A template that never says where its documents go gets them at its beginning: an answer is made from them. Raises
    GuardrailError for a variable that is not known.
    """
    problem = problem_in(template.text)
    if problem:
        raise GuardrailError(f"{template.source}: {variables.stage}, {template.agent}: {problem[0]}", problem[1])
    values = _values(template, variables)
    answers = {agent_of(agent): text for agent, text in (previous or {}).items()}

    def value(match: re.Match[str]) -> str:
        if match[0] == "$${":
            return "${"
        return shown(values[match[1]] if match[1] in values else _previous(match[1], template, answers))

    return _MARK.sub(value, with_context(template.text))


def with_context(text: str) -> str:
    """`text`, which has a place for the documents."""
    if any(name == CONTEXT for _, name in variables_in(text)):
        return text
    return f"${{{CONTEXT}}}\n\n{text}"


def _values(template: Template, variables: Variables) -> dict[str, str]:
    return {
        "SPEC_ID": variables.spec,
        "STAGE": variables.stage,
        "AGENT": template.agent,
        "ROLE": template.role,
        CONTEXT: variables.context,
        "PROMPT_VERSION": template.version,
        "MODEL_ID": variables.model or _UNKNOWN,
        "MODEL_RELEASE": variables.release or _UNKNOWN,
        "REASONING_MODE": variables.reasoning or _UNKNOWN,
    }


def _previous(name: str, template: Template, answers: Mapping[str, str]) -> str:
    """One answer as it is, or all that were waited for, each under its agent's name."""
    if name != PREVIOUS:
        return _answer(agent_of(name[len(PREVIOUS) + 1 :]), answers)
    parts = [
        f"Answer of {agent}:\n\n{fenced(shown(_answer(agent, answers)))}" for agent in map(agent_of, template.before)
    ]
    return "\n\n".join(parts) or "(nobody was asked before)"


def _answer(name: str, answers: Mapping[str, str]) -> str:
    if name in answers:
        return answers[name]
    if name in STAGES:
        return f"(what the stage {name} left is in the documents)"
    return f"(no usable answer of {name})"
