"""A file of prompts, read strictly: `spec-plan`, `spec-tasks` … → version, and role and prompt of each agent.

The form is the predecessor's. Keys of it that name no stage here (`spec-specify`, `spec-auto`) are left alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple, NoReturn

from guardrails.consensus.templates import problem_in
from guardrails.consensus.values import agent_of
from guardrails.errors import GuardrailError
from guardrails.jsontext import JsonFlaw, Key, locate, parse
from guardrails.layout import STAGES, stage_of

ANYBODY = "*"
"""The entry of a stage that holds for every agent without one of its own."""
PACKAGED = "prompts of the package"
_LONGEST_VERSION = 100
_FIELDS = ("role", "prompt")
_OTHERS = ("spec-auto", "spec-specify", "spec-clarify", "spec-analyze", "spec-checklist")


class Entry(NamedTuple):
    """What a file says to one agent; None where it leaves that to the stage's entry for anybody."""

    role: str | None
    prompt: str | None


class StageEntries(NamedTuple):
    version: str
    entries: Mapping[str, Entry]
    """by agent, in the form names are compared in"""


class PromptFile(NamedTuple):
    """`name` is its path; `stages` has those that the file speaks of."""

    name: str
    stages: Mapping[str, StageEntries]


@cache
def packaged() -> PromptFile:
    """The prompts that hold where nobody wrote others."""
    from guardrails.shipped import read

    return read_prompts(read("prompts", "prompts.json"), PACKAGED)


def read_prompts(data: bytes, name: str) -> PromptFile:
    """The prompts in `data`. Raises GuardrailError with file, line and column for anything that is not their form."""
    try:
        tree = parse(data)
    except JsonFlaw as flaw:
        raise GuardrailError(f"{name}:{flaw.line}:{flaw.column}: {flaw.message}", "write strict JSON") from None
    reader = _Reader(name, data)
    if not isinstance(tree, dict):
        reader.refuse((), "not a JSON object", 'write {"spec-plan": {…}, …}')
    common = reader.version(tree, ()) if "version" in tree else None
    stages: dict[str, StageEntries] = {}
    for key in tree:
        stage = stage_of(key)
        if stage is None:
            reader.require_foreign(key)
        elif stage in stages:
            reader.refuse((key,), f"the stage {stage} is given twice", f"keep spec-{stage}")
        else:
            stages[stage] = _stage(reader, tree[key], key, common)
    return PromptFile(name, stages)


def _stage(reader: _Reader, item: Any, key: str, common: str | None) -> StageEntries:
    if not isinstance(item, dict):
        reader.refuse(
            (key,), f"{key} is not an object", 'write {"version": "…", "agent": {"role": "…", "prompt": "…"}}'
        )
    version = reader.version(item, (key,)) if "version" in item else common
    if version is None:
        reader.refuse((key,), f"{key} has no version", 'give it a "version": outputs record it')
    entries: dict[str, Entry] = {}
    for agent in item:
        if agent == "version":
            continue
        name = agent_of(agent)
        if not name or name in entries:
            reader.refuse((key, agent), f"{key}: the agent '{agent}' is given twice or has no name", "name each once")
        entries[name] = reader.entry(item[agent], (key, agent))
    return StageEntries(version, entries)


class _Reader(NamedTuple):
    """Reads values out of one file, and refuses with the place of what is wrong."""

    name: str
    data: bytes

    def refuse(self, key: Key, message: str, hint: str) -> NoReturn:
        line, column = locate(self.data, [key]).get(key, (1, 1))
        raise GuardrailError(f"{self.name}:{line}:{column}: {message}", hint)

    def version(self, item: dict[str, Any], key: Key) -> str:
        text = self.text(item, key, "version")
        if len(text) > _LONGEST_VERSION or not text.isprintable():
            self.refuse((*key, "version"), "not a version", f"write at most {_LONGEST_VERSION} printable characters")
        return text

    def text(self, item: dict[str, Any], key: Key, field: str) -> str:
        value = item[field]
        if not isinstance(value, str) or not value.strip():
            self.refuse(
                (*key, field), f"{'.'.join(map(str, (*key, field)))} is not a text", "write a string, not empty"
            )
        return value

    def entry(self, item: Any, key: Key) -> Entry:
        place = ".".join(map(str, key))
        if not isinstance(item, dict) or not item:
            self.refuse(key, f"{place} is not an object with a prompt", 'write {"role": "…", "prompt": "…"}')
        for field in item:
            if field not in _FIELDS:
                self.refuse((*key, field), f"{place}: unknown key '{field}'", "an agent has a role and a prompt")
        made = Entry(*(self.text(item, key, field) if field in item else None for field in _FIELDS))
        for text in _templates(made):
            if problem := problem_in(text):
                self.refuse((*key, "prompt"), f"{place}: {problem[0]}", problem[1])
        return made

    def require_foreign(self, key: str) -> None:
        """Refuse the name of a stage that is only nearly one: its prompts would never be used."""
        from difflib import get_close_matches

        near = get_close_matches(key[:40].lower(), [f"spec-{stage}" for stage in STAGES], n=1, cutoff=0.85)
        if near and key not in _OTHERS:
            self.refuse((key,), f"unknown stage '{key}'", f"did you mean '{near[0]}'?")


def _templates(entry: Entry) -> Iterator[str]:
    if entry.prompt is not None:
        yield entry.prompt
