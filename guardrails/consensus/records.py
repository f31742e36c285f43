"""Synthesis, verdict and resolution files, read to values. What they claim is kept apart from what is true."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

from guardrails.consensus.reading import (
    Context,
    agent_of,
    digest,
    first_text,
    inputs,
    load,
    named,
    placeholders,
    prompt,
    recorded,
)
from guardrails.consensus.statements import conflict_of, stated
from guardrails.consensus.values import KINDS, Kind, Problem, Prompt, Record, Resolution
from guardrails.layout import EvidenceName

# Words that were written for a verdict. The predecessor's scripts wrote `ready` where its gate wanted `ok`.
_WORDS: dict[str, Kind] = {
    **dict.fromkeys(("ok", "ready", "pass", "passed", "success", "approved", "complete", "completed", "unlocked"), "ok"),
    **dict.fromkeys(("degraded", "partial"), "degraded"),
    **dict.fromkeys(("conflict", "conflicts"), "conflict"),
}
_CLAIM_KEYS = ("verdict", "status", "kind")
_MISSING_KEYS = ("missing", "missing_agents", "missingAgents", "degraded_agents")
_SHOWN = 40


class _Claim(NamedTuple):
    kind: Kind
    said: str


def read_record(
    path: str,
    role: Literal["synthesis", "verdict"],
    name: EvidenceName,
    data: bytes | None,
    context: Context,
    unreadable: str | None = None,
) -> Record:
    """The value of one synthesis or verdict file. Never fails: what is wrong with it is in `problems`."""
    document = load(data, unreadable)
    value = document.value
    claims = sorted(_claims(value), key=lambda claim: KINDS.index(claim.kind))
    admitted = [claim.kind for claim in claims] + (["degraded"] if _admits_degraded(value) else [])
    return Record(
        path=path,
        role=role,
        stamp=name.stamp,
        named=named(value, context),
        recorded=recorded(value),
        claim=claims[0].kind if claims else None,
        admits=max(admitted, key=KINDS.index, default=None),
        said=claims[0].said if claims else None,
        inputs=inputs(value),
        prompt_version=prompt(value).version,
        prompts=tuple(_prompts(value.get("prompts"))),
        outputs=tuple(_outputs(value.get("outputs"))),
        roster=_roster(value.get("roster")),
        conflicts=tuple({made.id: made for _, text in stated(value, "conflicts") if (made := conflict_of(text))}.values()),
        problems=(document.problem,) if document.problem else placeholders(document),
    )


def _claims(value: dict[str, Any]) -> Iterator[_Claim]:
    consensus = value.get("consensus")
    for part in (value, consensus if isinstance(consensus, dict) else {}):
        for key in _CLAIM_KEYS:
            said = part.get(key)
            if isinstance(said, str):
                yield _Claim(_WORDS.get(said.strip().lower(), "undecided"), said.strip()[:_SHOWN])
    sure = value.get("consensus_ok")
    if isinstance(sure, bool):
        yield _Claim("ok" if sure else "undecided", "ok" if sure else "not ok")


def _admits_degraded(value: dict[str, Any]) -> bool:
    agents = value.get("agents")
    lists = [value.get(key) for key in _MISSING_KEYS] + [agents.get("degraded") if isinstance(agents, dict) else None]
    return value.get("degraded") is True or any(isinstance(item, list) and item for item in lists)


def _prompts(value: Any) -> Iterator[tuple[str, Prompt]]:
    """Prompts by agent: a list of objects that name theirs."""
    for item in value if isinstance(value, list) else []:
        agent = first_text(item, ("agent",)) if isinstance(item, dict) else None
        if agent:
            version = first_text(item, ("version", "promptVersion", "prompt_version"))
            found = digest(first_text(item, ("sha256", "promptSha256", "prompt_sha256")))
            yield agent_of(agent), Prompt(version, found)


def _outputs(value: Any) -> Iterator[tuple[str, str]]:
    for item in value if isinstance(value, list) else []:
        agent = first_text(item, ("agent",)) if isinstance(item, dict) else None
        found = digest(item.get("sha256")) if isinstance(item, dict) else None
        if agent and found:
            yield agent_of(agent), found


def _roster(value: Any) -> frozenset[str]:
    if not isinstance(value, list):
        return frozenset()
    return frozenset(agent_of(item) for item in value if isinstance(item, str))


def read_resolution(
    path: str, name: EvidenceName, data: bytes | None, context: Context, unreadable: str | None = None
) -> Resolution:
    """The value of one resolution file. One that names no conflict, or gives no reason, says so in `problems`."""
    document = load(data, unreadable)
    value = document.value
    made = Resolution(
        path=path,
        stamp=name.stamp,
        named=named(value, context),
        conflict=first_text(value, ("conflict",)),
        text=first_text(value, ("text",)),
        because=first_text(value, ("because",)) or "",
        by=first_text(value, ("by",)) or "",
        when=recorded(value),
    )
    problems = (document.problem,) if document.problem else (*placeholders(document), *_lacks(made))
    return made._replace(problems=problems)


def _lacks(made: Resolution) -> Iterator[Problem]:
    if made.conflict is None and made.text is None:
        yield Problem("incomplete", "names no conflict")
    if not any(map(str.isalnum, made.because)):
        yield Problem("incomplete", "does not say why ('because')")
    if not any(map(str.isalnum, made.by)):
        yield Problem("incomplete", "does not say who settled it ('by')")
    if made.when is None:
        yield Problem("incomplete", "does not say when it was settled ('timestamp')")
