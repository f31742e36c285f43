"""An agent's answer file, read to a value: one function for what the runner wrote and for what a repository holds."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from guardrails.consensus.reading import (
    Context,
    Document,
    Satisfies,
    first_text,
    inputs,
    load,
    named,
    placeholders,
    prompt,
    recorded,
    walk,
)
from guardrails.consensus.statements import conflicts_in, folded, identity, stated
from guardrails.consensus.values import AgentOutput, Named, Problem, agent_of, short
from guardrails.evidence_names import EvidenceName

# What says whose answer it is, from what and at what price, but is no answer.
_ABOUT = frozenset(
    (
        "$schema", "schema", "schemaVersion", "schema_version", "command", "specId", "spec_id", "spec", "stage",
        "agent", "role", "session", "sessionId", "session_id", "run", "runId", "run_id", "attempt", "model", "modelId",
        "model_id", "model_release", "modelRelease", "reasoning_mode", "reasoningMode", "prompt", "prompt_version",
        "promptVersion", "prompt_sha256", "promptSha256", "inputs", "context_kit", "timestamp", "created_at",
        "createdAt", "started_at", "finished_at", "exported_at", "generated_at", "generatedAt", "status", "error",
        "exit_code", "exitCode", "usage", "tokens", "cost", "cost_usd", "latency_ms", "duration_ms", "format",
        "replayed",
    )
)  # fmt: skip
_DONE = frozenset(("ok", "success", "succeeded", "complete", "completed", "done"))
# An answer may use `status` for anything it is about (`draft`, `ready`), but these words take the answer back.
_TAKEN_BACK = frozenset(("failed", "error", "blocked", "rejected", "conflict"))


def read_output(
    path: str,
    name: EvidenceName,
    data: bytes | None,
    context: Context,
    satisfies: Satisfies,
    unreadable: str | None = None,
) -> AgentOutput:
    """The value of one answer file. Never fails: what is wrong with it is in `problems` and `error`."""
    document = load(data, unreadable)
    value = document.value
    error = _error(value)
    whose = named(value, context)
    return AgentOutput(
        path=path,
        agent=_filed_for(agent_of(name.agent or ""), whose, context),
        sha256=sha256(document.data).hexdigest(),
        stamp=name.stamp,
        named=whose,
        recorded=recorded(value),
        prompt=prompt(value),
        inputs=inputs(value),
        agreements=frozenset(identity(text) for _, text in stated(value, "agreements")),
        conflicts=conflicts_in(value),
        error=error,
        problems=_problems(document, satisfies, failed=error is not None),
    )


def _filed_for(name: str, whose: Named, context: Context) -> str:
    """The agent of a file. Older names may be short, where nobody in the roster has that name: `gpt` for `gpt_pro`."""
    if name in context.roster or len(whose.agents) != 1:
        return name
    signed = next(iter(whose.agents))
    return signed if signed in context.roster and signed.startswith(name + "_") else name


def _problems(document: Document, satisfies: Satisfies, *, failed: bool) -> tuple[Problem, ...]:
    """What is wrong with the file. Of an answer that says that it `failed`, nobody expects that it says more."""
    if document.problem:
        return (document.problem,)
    found = list(placeholders(document))
    if not satisfies("agent_output", document.value):
        found.append(Problem("incomplete", "does not satisfy the agent_output schema"))
    if not failed and not has_content(document.value):
        found.append(Problem("incomplete", "is empty: it says nothing beyond whose it is"))
    return tuple(found)


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
