"""The records of one agent's call: its output, its metrics, its line of telemetry. Pure."""

from __future__ import annotations

from typing import Any, NamedTuple

from guardrails.agents.calls import Finished
from guardrails.consensus.statements import conflicts_in, identity, stated
from guardrails.evidence.names import Session
from guardrails.pipeline.moments import stamped
from guardrails.pipeline.rounds import Kit, Made, Source
from guardrails.run_settings import Agent

PROVIDERS = {"claude-json": "anthropic", "codex-jsonl": "openai", "gemini-json": "gcp.gemini"}
"""Who serves a model, by the tool that is spoken to; names are those of OpenTelemetry's GenAI conventions."""


class Sent(NamedTuple):
    """What an agent was asked, and from what."""

    version: str
    sha256: str
    inputs: tuple[Source, ...]
    kit: Kit | None


def output_document(session: Session, agent: Agent, sent: Sent, finished: Finished, made: Made) -> dict[str, Any]:
    """The record of an answer (schema agent_output)."""
    value = finished.answer.value if made.error is None else None
    document: dict[str, Any] = {
        "schemaVersion": 1,
        "specId": session.spec,
        "stage": session.stage,
        "agent": made.agent,
        "model": made.answered_by or made.model,
        "model_release": agent.model_release,
        "reasoning_mode": agent.reasoning,
        "prompt_version": sent.version,
        "prompt_sha256": sent.sha256,
        "inputs": [_input(source) for source in sent.inputs],
        "session": session.stamp,
        "attempt": made.attempt,
        "timestamp": stamped(made.finished),
        "status": "ok" if made.error is None else "error",
        "error": made.error,
        "exit_code": made.exit_code,
        "replayed": made.replayed,
        "usage": _usage(made),
        "latency_ms": made.latency_ms,
        "consensus": _statements(value),
        "output": value,
    }
    if sent.kit is not None:
        document["context_kit"] = sent.kit._asdict()
    return document


def _input(source: Source) -> dict[str, Any]:
    return {"path": source.path, "sha256": source.sha256, "bytes": source.size, "cut_bytes": source.cut}


def _usage(made: Made) -> dict[str, Any]:
    return {
        "input_tokens": made.input_tokens,
        "output_tokens": made.output_tokens,
        "total_tokens": total_tokens(made),
        "cached_input_tokens": made.cached_input_tokens,
        "reasoning_tokens": made.reasoning_tokens,
        "cost_usd": made.usd,
        "source": made.tokens_source,
    }


def total_tokens(made: Made) -> int | None:
    """Tokens read and written; not known when one of them is not."""
    if made.input_tokens is None or made.output_tokens is None:
        return None
    return made.input_tokens + made.output_tokens


def _statements(value: dict[str, Any] | None) -> dict[str, Any]:
    """What an answer states, where every reader looks for it."""
    agreements: dict[str, str] = {}
    for _, text in stated(value, "agreements") if value is not None else ():
        agreements.setdefault(identity(text), text)
    conflicts = conflicts_in(value) if value is not None else ()
    return {"agreements": list(agreements.values()), "conflicts": [each._asdict() for each in conflicts]}


def metrics_document(session: Session, made: Made) -> dict[str, Any]:
    """What a call used (schema agent_metrics)."""
    return {
        "schemaVersion": 1,
        "specId": session.spec,
        "stage": session.stage,
        "session": session.stamp,
        "timestamp": stamped(made.finished),
        "agent": made.agent,
        "attempt": made.attempt,
        "model_id": made.answered_by or made.model,
        "output_path": made.output.path,
        "latency_ms": made.latency_ms,
        "prompt_tokens": made.input_tokens,
        "completion_tokens": made.output_tokens,
        "reasoning_tokens": made.reasoning_tokens,
        "total_tokens": total_tokens(made),
        "cached_tokens": made.cached_input_tokens,
        "cache_hit": None if made.cached_input_tokens is None else made.cached_input_tokens > 0,
        "cost_usd": made.usd,
        "cost_source": made.source,
        "source": made.tokens_source,
        "replayed": made.replayed,
        "status": "ok" if made.error is None else "error",
        "error": made.error,
    }


def event(session: Session, run: str | None, made: Made) -> dict[str, Any]:
    """A call as a line of telemetry, with the names of OpenTelemetry's GenAI conventions beside our own."""
    line: dict[str, Any] = {
        "schemaVersion": "2.0",
        "event": "agent",
        "specId": session.spec,
        "stage": session.stage,
        "session": session.stamp,
        "timestamp": stamped(made.finished),
        "agent": made.agent,
        "attempt": made.attempt,
        "status": "ok" if made.error is None else "error",
        "error": made.error,
        "prompt_version": made.prompt_version,
        "prompt_sha256": made.prompt_sha256,
        "latency_ms": made.latency_ms,
        "cost_usd": made.usd,
        "cost_source": made.source,
        "source": made.tokens_source,
        "replayed": made.replayed,
        "path": made.output.path,
        "sha256": made.output.sha256,
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.provider.name": made.provider,
        "gen_ai.agent.name": made.agent,
        "gen_ai.conversation.id": session.stamp,
        "gen_ai.request.model": made.model,
        "gen_ai.response.model": made.answered_by,
        "gen_ai.usage.input_tokens": made.input_tokens,
        "gen_ai.usage.output_tokens": made.output_tokens,
        "gen_ai.usage.cache_read.input_tokens": made.cached_input_tokens,
    }
    if run is not None:
        line["run"] = run
    if made.error is not None:
        line["error.type"] = "missing_tool" if made.missing_tool else "agent_error"
    return line
