"""Synthesis, verdict and resolution files, read to values. What they claim is kept apart from what is true."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from typing import Any

from guardrails.consensus.reading import (
    Context,
    Document,
    Satisfies,
    digest,
    first_text,
    inputs,
    load,
    named,
    placeholders,
    prompt,
    recorded,
)
from guardrails.consensus.statements import conflicts_in
from guardrails.consensus.values import KINDS, Claim, Kind, Problem, Prompt, Record, Resolution, Role, agent_of, short
from guardrails.evidence_names import EvidenceName

# Words that were written for a verdict. The predecessor's scripts wrote `ready` where its gate wanted `ok`.
_WORDS: dict[str, Kind] = {
    **dict.fromkeys(
        ("ok", "ready", "pass", "passed", "success", "approved", "complete", "completed", "unlocked"), "ok"
    ),
    **dict.fromkeys(("degraded", "partial"), "degraded"),
    **dict.fromkeys(("conflict", "conflicts"), "conflict"),
    "undecided": "undecided",
}
_CLAIM_KEYS = ("verdict", "status", "kind")
_MISSING_KEYS = ("missing", "unusable", "missing_agents", "missingAgents", "degraded_agents")


def read_record(
    path: str,
    role: Role,
    name: EvidenceName,
    data: bytes | None,
    context: Context,
    satisfies: Satisfies,
    unreadable: str | None = None,
) -> Record:
    """The value of one synthesis or verdict file. Never fails: what is wrong with it is in `problems`."""
    document = load(data, unreadable)
    value = document.value
    outcomes = sorted(_claims(value), key=_gravity)
    claims = [claim for claim in outcomes if _WORDS.get(claim.said.lower()) == claim.kind]
    return Record(
        path=path,
        role=role,
        sha256=sha256(document.data).hexdigest(),
        stamp=name.stamp,
        named=named(value, context),
        recorded=recorded(value),
        claim=claims[0] if claims else None,
        admits=max((*outcomes, *_admissions(value)), key=_gravity, default=None),
        participation=_number(value.get("participation")),
        inputs=inputs(value),
        prompt_version=prompt(value).version,
        prompts=tuple(_prompts(value.get("prompts"))),
        outputs=tuple(_outputs(value.get("outputs"))),
        synthesis=_digest_in(value.get("synthesis")),
        roster=_roster(value.get("roster")),
        conflicts=conflicts_in(value),
        problems=(document.problem,) if document.problem else tuple(_problems(document, role, satisfies)),
    )


def _problems(document: Document, role: Role, satisfies: Satisfies) -> Iterator[Problem]:
    yield from placeholders(document)
    if not satisfies(role, document.value):
        yield Problem("incomplete", f"does not satisfy the {role} schema")


def _gravity(claim: Claim) -> int:
    return KINDS.index(claim.kind)


def _claims(value: dict[str, Any]) -> Iterator[Claim]:
    """What it says of the outcome. A word that is no verdict (`hold`, `blocked`) claims nothing, and admits doubt."""
    consensus = value.get("consensus")
    for part in (value, consensus if isinstance(consensus, dict) else {}):
        for key in _CLAIM_KEYS:
            said = part.get(key)
            if isinstance(said, str):
                yield Claim(_WORDS.get(said.strip().lower(), "undecided"), short(said))
    sure = value.get("consensus_ok")
    if isinstance(sure, bool):
        yield Claim("ok", "ok") if sure else Claim("undecided", "not ok")


def _admissions(value: dict[str, Any]) -> Iterator[Claim]:
    """What follows from its other fields: somebody was missing."""
    agents = value.get("agents")
    lists = [value.get(key) for key in _MISSING_KEYS] + [agents.get("degraded") if isinstance(agents, dict) else None]
    if value.get("degraded") is True or any(isinstance(item, list) and item for item in lists):
        yield Claim("degraded", "that agents were missing")


def _prompts(value: Any) -> Iterator[tuple[str, Prompt]]:
    """Prompts by agent: a list of objects that name theirs."""
    for item in value if isinstance(value, list) else []:
        agent = first_text(item, ("agent",)) if isinstance(item, dict) else None
        if agent:
            yield agent_of(agent), Prompt(first_text(item, ("version",)), _digest_in(item))


def _outputs(value: Any) -> Iterator[tuple[str, str]]:
    for item in value if isinstance(value, list) else []:
        agent = first_text(item, ("agent",)) if isinstance(item, dict) else None
        found = _digest_in(item)
        if agent and found:
            yield agent_of(agent), found


def _digest_in(value: Any) -> str | None:
    return digest(value.get("sha256")) if isinstance(value, dict) else None


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


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
