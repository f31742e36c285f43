"""Consensus files read to values, in every dialect. What they claim is kept apart from what is true."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any, NamedTuple

from guardrails.config.layout import Layout, stage_of
from guardrails.consensus.ballots import GivenVotes, given_votes, parse_votes
from guardrails.consensus.model import (
    KINDS,
    AgentOutput,
    Agreement,
    Attribution,
    Ballot,
    FileProblem,
    Input,
    OutcomeRecord,
    Prompt,
    RecordKind,
    Resolution,
    Role,
    Statement,
    VerdictClaim,
    agent_of,
    short,
)
from guardrails.consensus.positions import position_in
from guardrails.consensus.statements import agreements_in, conflicts_in, folded
from guardrails.core.limits import AGREEMENT_LENGTH, AGREEMENTS
from guardrails.core.strict_json import JsonFlaw, locate, parse_json, walk
from guardrails.core.timestamps import parse_time
from guardrails.layouts.evidence_names import EvidenceName

# From one parsed JSON document to what it says: whom it names, when, from what. All dialects, nothing believed.


SPEC_KEYS = ("specId", "spec_id")
SESSION_KEYS = ("session", "sessionId", "session_id")
TIME_KEYS = ("timestamp", "created_at", "createdAt", "exported_at", "generatedAt", "generated_at")
_SHOWN = 60
_SHA256 = re.compile("[0-9a-f]{64}")


Satisfies = Callable[[str, Any], bool]
"""Whether a document satisfies the schema of that name."""


class RecordContext(NamedTuple):
    """What it takes to understand a name: the grammar of SPEC ids, and the agents that are waited for."""

    layout: Layout
    roster: tuple[str, ...]


class JsonDocument(NamedTuple):
    """A JSON object and its bytes, or why there is none (then `value` is empty)."""

    value: dict[str, Any]
    data: bytes
    problem: FileProblem | None = None


def load(data: bytes | None, unreadable: str | None) -> JsonDocument:
    """Read strictly: what readers could understand differently is not understood at all."""
    if data is None:
        return JsonDocument({}, b"", FileProblem("unreadable", f"cannot be read: {unreadable}"))
    try:
        value = parse_json(data)
    except JsonFlaw as flaw:
        return JsonDocument(
            {}, data, FileProblem("unreadable", f"cannot be read: {flaw.message}", flaw.line, flaw.column)
        )
    if not isinstance(value, dict):
        return JsonDocument({}, data, FileProblem("unreadable", "cannot be read: not a JSON object", 1, 1))
    return JsonDocument(value, data)


def placeholder_in(text: str) -> str | None:
    """The first `${...}` in a text, shortened for a message."""
    start = text.find("${")
    end = text.find("}", start) if start >= 0 else -1
    return text[start : end + 1][:_SHOWN] if end >= 0 else None


def placeholders(document: JsonDocument) -> tuple[FileProblem, ...]:
    """A problem when anything in the document was never filled in. One names it; there may be more."""
    if b"${" not in document.data and b"\\u00" not in document.data:
        return ()
    for key, item in walk(document.value):
        mark = _mark(item) or (_mark(key[-1]) if key else None)
        if mark:
            line, column = locate(document.data, [key]).get(key, (1, 1))
            return (FileProblem("placeholder", f"holds the unresolved placeholder {mark}", line, column),)
    return ()


def _mark(item: Any) -> str | None:
    return placeholder_in(item) if isinstance(item, str) else None


def named(value: dict[str, Any], context: RecordContext) -> Attribution:
    """Whom a document names at its top, and where its inner `output` names somebody recognisably else, that too."""
    inner = value.get("output")
    inner = inner if isinstance(inner, dict) else {}
    id_of = context.layout.id_of
    specs = {id_of(text) or text for text in _strings(value, SPEC_KEYS)}
    specs |= {spec for text in _strings(inner, SPEC_KEYS) if (spec := id_of(text))}
    stages = {stage_of(text) or text for text in _strings(value, ("stage",))}
    stages |= {stage for text in _strings(inner, ("stage",)) if (stage := stage_of(text))}
    agents = {agent_of(text) for text in _strings(value, ("agent",))}
    agents |= {agent for text in _strings(inner, ("agent",)) if (agent := agent_of(text)) in context.roster}
    sessions = frozenset(_strings(value, SESSION_KEYS))
    return Attribution(frozenset(specs), frozenset(stages), frozenset(agents), sessions)


def _strings(value: dict[str, Any], keys: Iterable[str]) -> list[str]:
    """The values of those keys that are given. What is not text becomes the text that shows it, which fits nowhere."""
    given = [value[key] for key in keys if value.get(key) is not None]
    return [item if isinstance(item, str) else repr(item)[:_SHOWN] for item in given]


def first_text(value: dict[str, Any], keys: Iterable[str]) -> str | None:
    return next((item for key in keys if isinstance(item := value.get(key), str) and item.strip()), None)


def recorded(value: dict[str, Any]) -> datetime | None:
    """When a document says it was made."""
    return next((when for key in TIME_KEYS if (when := parse_time(value.get(key)))), None)


def digest(value: Any) -> str | None:
    """A SHA-256 in the one form that is compared, or None when it is none."""
    text = value.strip().lower().removeprefix("sha256:") if isinstance(value, str) and len(value) < 100 else ""
    return text if _SHA256.fullmatch(text) else None


def inputs(value: dict[str, Any], key: str = "inputs") -> tuple[Input, ...]:
    """The recorded inputs in order of path. A list that is wrong anywhere records nothing."""
    given = value.get(key)
    if not isinstance(given, list):
        return ()
    rows = []
    for item in given:
        path = item.get("path") if isinstance(item, dict) else None
        sha256 = digest(item.get("sha256")) if isinstance(item, dict) else None
        if not isinstance(path, str) or sha256 is None:
            return ()
        rows.append(Input(path, sha256))
    return tuple(sorted(set(rows)))


def prompt(value: dict[str, Any]) -> Prompt:
    """The prompt's version and digest."""
    version = first_text(value, ("promptVersion", "prompt_version"))
    sha256 = digest(first_text(value, ("promptSha256", "prompt_sha256")))
    return Prompt(version, sha256)


# Words that were written for a verdict. The predecessor's scripts wrote `ready` where its gate wanted `ok`.
_WORDS: dict[str, RecordKind] = {
    **dict.fromkeys(
        ("ok", "ready", "pass", "passed", "success", "approved", "complete", "completed", "unlocked"), "ok"
    ),
    **dict.fromkeys(("degraded", "partial"), "degraded"),
    **dict.fromkeys(("conflict", "conflicts"), "conflict"),
    "undecided": "undecided",
    **dict.fromkeys(("hold", "held", "reject", "rejected"), "hold"),
}
_CLAIM_KEYS = ("verdict", "status", "kind")
_MISSING_KEYS = ("missing", "unusable", "missing_agents", "missingAgents", "degraded_agents")


def read_record(
    path: str,
    role: Role,
    name: EvidenceName,
    data: bytes | None,
    context: RecordContext,
    satisfies: Satisfies,
    unreadable: str | None = None,
) -> OutcomeRecord:
    """The value of one synthesis or verdict file. Never fails: what is wrong with it is in `problems`."""
    document = load(data, unreadable)
    value = document.value
    outcomes = sorted(_claims(value), key=_gravity)
    claims = [claim for claim in outcomes if _WORDS.get(claim.said.lower()) == claim.kind]
    return OutcomeRecord(
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
        method=first_text(value, ("method",)),
        problems=(document.problem,) if document.problem else tuple(_problems(document, role, satisfies)),
    )


def _problems(document: JsonDocument, role: Role, satisfies: Satisfies) -> Iterator[FileProblem]:
    yield from placeholders(document)
    if not satisfies(role, document.value):
        yield FileProblem("incomplete", f"does not satisfy the {role} schema")


def _gravity(claim: VerdictClaim) -> int:
    return KINDS.index(claim.kind)


def _claims(value: dict[str, Any]) -> Iterator[VerdictClaim]:
    """What it says of the outcome. A word that is no verdict (`blocked`) claims nothing, and admits doubt."""
    consensus = value.get("consensus")
    for part in (value, consensus if isinstance(consensus, dict) else {}):
        for key in _CLAIM_KEYS:
            said = part.get(key)
            if isinstance(said, str):
                yield VerdictClaim(_WORDS.get(said.strip().lower(), "undecided"), short(said))
    sure = value.get("consensus_ok")
    if isinstance(sure, bool):
        yield VerdictClaim("ok", "ok") if sure else VerdictClaim("undecided", "not ok")


def _admissions(value: dict[str, Any]) -> Iterator[VerdictClaim]:
    """What follows from its other fields: somebody was missing."""
    agents = value.get("agents")
    lists = [value.get(key) for key in _MISSING_KEYS] + [agents.get("degraded") if isinstance(agents, dict) else None]
    if value.get("degraded") is True or any(isinstance(item, list) and item for item in lists):
        yield VerdictClaim("degraded", "that agents were missing")


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
    path: str, name: EvidenceName, data: bytes | None, context: RecordContext, unreadable: str | None = None
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
        proceed=value.get("proceed") if isinstance(value.get("proceed"), bool) else None,
    )
    problems = (document.problem,) if document.problem else (*placeholders(document), *_lacks(made))
    return made._replace(problems=problems)


def _lacks(made: Resolution) -> Iterator[FileProblem]:
    if made.conflict is None and made.text is None:
        yield FileProblem("incomplete", "names no conflict")
    if not any(map(str.isalnum, made.because)):
        yield FileProblem("incomplete", "does not say why ('because')")
    if not any(map(str.isalnum, made.by)):
        yield FileProblem("incomplete", "does not say who settled it ('by')")
    if made.when is None:
        yield FileProblem("incomplete", "does not say when it was settled ('timestamp')")


# An agent's answer file, read to a value: one function for what the runner wrote and for what a repository holds.


# What says whose answer it is, from what and at what price, but is no answer.
_ABOUT = frozenset(
    (
        "$schema", "schema", "schemaVersion", "schema_version", "command", "specId", "spec_id", "spec", "stage",
        "agent", "role", "session", "sessionId", "session_id", "run", "runId", "run_id", "attempt", "model", "modelId",
        "model_id", "model_release", "modelRelease", "reasoning_mode", "reasoningMode", "prompt", "prompt_version",
        "promptVersion", "prompt_sha256", "promptSha256", "inputs", "context_kit", "timestamp", "created_at",
        "createdAt", "started_at", "finished_at", "exported_at", "generated_at", "generatedAt", "status", "error",
        "exit_code", "exitCode", "usage", "tokens", "cost", "cost_usd", "latency_ms", "duration_ms", "format",
        "replayed", "previous",
    )
)  # fmt: skip
_DONE = frozenset(("ok", "success", "succeeded", "complete", "completed", "done"))
# An answer may use `status` for anything it is about (`draft`, `ready`), but these words take the answer back.
_TAKEN_BACK = frozenset(("failed", "error", "blocked", "rejected", "conflict"))


def read_output(
    path: str,
    name: EvidenceName,
    data: bytes | None,
    context: RecordContext,
    satisfies: Satisfies,
    unreadable: str | None = None,
) -> AgentOutput:
    """The value of one answer file. Never fails: what is wrong with it is in `problems` and `error`."""
    document = load(data, unreadable)
    value = document.value
    error = _error(value)
    whose = named(value, context)
    agreements = agreements_in(value)
    ballot = _own_ballot(value)
    return AgentOutput(
        path=path,
        agent=_filed_for(agent_of(name.agent or ""), whose, context),
        sha256=sha256(document.data).hexdigest(),
        stamp=name.stamp,
        named=whose,
        recorded=recorded(value),
        prompt=prompt(value),
        inputs=inputs(value),
        agreements=agreements,
        position=position_in(value, name.stage),
        previous=inputs(value, "previous"),
        votes=ballot.votes,
        spoiled=ballot.problems,
        conflicts=conflicts_in(value),
        replayed=_replayed(value),
        error=error,
        problems=(*_output_problems(document, satisfies, failed=error is not None), *_beyond_limits(agreements)),
    )


def _replayed(value: dict[str, Any]) -> bool:
    """Whether an answer says that it came from a recording. Anything but a plain no counts as yes."""
    said = value.get("replayed")
    return said is not None and said is not False


def _filed_for(name: str, whose: Attribution, context: RecordContext) -> str:
    """The agent of a file. Older names may be short, where nobody in the roster has that name: `gpt` for `gpt_pro`."""
    if name in context.roster or len(whose.agents) != 1:
        return name
    signed = next(iter(whose.agents))
    return signed if signed in context.roster and signed.startswith(name + "_") else name


def _output_problems(document: JsonDocument, satisfies: Satisfies, *, failed: bool) -> tuple[FileProblem, ...]:
    """What is wrong with the file. Of an answer that says that it `failed`, nobody expects that it says more."""
    if document.problem:
        return (document.problem,)
    found = list(placeholders(document))
    if not satisfies("agent_output", document.value):
        found.append(FileProblem("incomplete", "does not satisfy the agent_output schema"))
    if not failed and not has_content(document.value):
        found.append(FileProblem("incomplete", "is empty: it says nothing beyond whose it is"))
    return tuple(found)


def _own_ballot(value: dict[str, Any]) -> GivenVotes:
    """The ballot that is part of an answer: at the top of its record or in what the agent wrote."""
    inner = value.get("output")
    return given_votes(value if "ballot" in value else inner)


def _beyond_limits(agreements: Sequence[Agreement]) -> Iterator[FileProblem]:
    """Why an answer cannot be voted on: the other agents are asked about each of its agreements."""
    if len(agreements) > AGREEMENTS:
        yield FileProblem("incomplete", f"states {len(agreements)} agreements, more than {AGREEMENTS}")
    longest = max((len(each.text) for each in agreements), default=0)
    if longest > AGREEMENT_LENGTH:
        yield FileProblem("incomplete", f"states an agreement of {longest} characters, more than {AGREEMENT_LENGTH}")


def has_content(value: dict[str, Any]) -> bool:
    """Whether an answer says anything: a word or a number beyond the fields that identify it."""
    answer: Any = value.get("output") if "output" in value else value
    if isinstance(answer, dict):
        answer = [item for key, item in answer.items() if key not in _ABOUT]
    return any(_says(item) for _, item in walk(answer))


def _says(item: Any) -> bool:
    if isinstance(item, str):
        return any(map(str.isalnum, item))
    return isinstance(item, (int, float)) and not isinstance(item, bool)


def _error(value: dict[str, Any]) -> str | None:
    """What failed, when the answer, or the answer inside it, says that something did."""
    given = value.get("output")
    inner: dict[str, Any] = given if isinstance(given, dict) else {}
    for part in (value, inner):
        if part.get("error"):
            return _words(part["error"])
    status = value.get("status")
    if isinstance(status, str) and status.strip().lower() not in _DONE:
        return f"status {short(status) or 'blank'}"
    code = value.get("exitCode", value.get("exit_code"))
    return _inner_status(inner) if code in (None, 0) else f"exit code {short(str(code))}"


def _inner_status(inner: dict[str, Any]) -> str | None:
    said = [item for key, item in inner.items() if folded(key) == "status" and isinstance(item, str)]
    return next((f"status {short(item)} in its output" for item in said if folded(item) in _TAKEN_BACK), None)


def _words(error: Any) -> str:
    if isinstance(error, dict):
        error = first_text(error, ("message", "type", "code")) or error
    return short(str(error))


# An agent's ballot file.


def read_ballot(
    path: str,
    name: EvidenceName,
    data: bytes | None,
    context: RecordContext,
    satisfies: Satisfies,
    unreadable: str | None = None,
) -> Ballot:
    """The value of one ballot file. Never fails: what is wrong with it is in `problems` and `error`.

    Whether it is a ballot on the answers that are here is for the verdict to say.
    """
    document = load(data, unreadable)
    value = document.value
    error = _error(value)
    statements = tuple(_statements(value.get("statements")))
    answer = parse_votes(value, statements)
    return Ballot(
        path=path,
        agent=agent_of(name.agent or ""),
        sha256=sha256(document.data).hexdigest(),
        stamp=name.stamp,
        named=named(value, context),
        recorded=recorded(value),
        prompt=prompt(value),
        inputs=inputs(value),
        statements=statements,
        votes=answer.votes,
        conflicts=answer.conflicts,
        replayed=_replayed(value),
        error=error,
        problems=_ballot_problems(document, satisfies, () if error else answer.problems),
        number=name.number,
    )


def _statements(rows: Any) -> Iterator[Statement]:
    """The statements of a record that satisfies its schema; of another, what can be read of them."""
    for row in rows if isinstance(rows, list) else []:
        if not isinstance(row, dict):
            continue
        number, text, kind, agents = (row.get(key) for key in ("id", "text", "kind", "agents"))
        if isinstance(number, str) and isinstance(text, str) and isinstance(agents, list):
            named_in = tuple(agent for agent in agents if isinstance(agent, str))
            yield Statement(number, text, "remark" if kind == "remark" else "decision", named_in)


def _ballot_problems(
    document: JsonDocument, satisfies: Satisfies, spoiled: tuple[FileProblem, ...]
) -> tuple[FileProblem, ...]:
    if document.problem:
        return (document.problem,)
    found = list(placeholders(document))
    if not satisfies("ballot", document.value):
        found.append(FileProblem("incomplete", "does not satisfy the ballot schema"))
    return (*found, *spoiled)
