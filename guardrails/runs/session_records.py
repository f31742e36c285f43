"""The records of one agent's call: its output, its metrics, its line of telemetry. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import orjson

from guardrails.agents.run_context import RunContext
from guardrails.agents.types import Finished
from guardrails.config.run_settings import Agent
from guardrails.consensus.ballots import BallotAnswer
from guardrails.consensus.model import (
    AgentOutput,
    Ballot,
    ConsensusQuestion,
    ConsensusVerdict,
    RecordKind,
    SettledConflict,
    Statement,
    VotedStatement,
)
from guardrails.consensus.statements import agreements_in, conflicts_in
from guardrails.core.schema import faults
from guardrails.core.timestamps import stamped
from guardrails.evidence.names import StageSession, consensus_path
from guardrails.evidence.store import EvidenceStore, WrittenFile
from guardrails.runs.history import RecoveryTaken
from guardrails.runs.rounds import AgentCall, AnswerSource, KitUsed, Round
from guardrails.secrets.redact import redactor_of

PROVIDERS = {"claude-json": "anthropic", "codex-jsonl": "openai", "gemini-json": "gcp.gemini"}
"""Who serves a model, by the tool that is spoken to; names are those of OpenTelemetry's GenAI conventions."""


class Sent(NamedTuple):
    """What an agent was asked, and from what."""

    version: str
    sha256: str
    inputs: tuple[AnswerSource, ...]
    kit: KitUsed | None


def output_document(
    session: StageSession, agent: Agent, sent: Sent, finished: Finished, made: AgentCall
) -> dict[str, Any]:
    """The record of an answer (schema agent_output)."""
    value = finished.answer.value if made.error is None else None
    document: dict[str, Any] = {
        **_call_fields(session, agent, sent, made),
        "inputs": [input_document(source) for source in sent.inputs],
        "consensus": _statements(value),
        "output": value,
    }
    if sent.kit is not None:
        document["context_kit"] = sent.kit._asdict()
    return document


def ballot_document(
    session: StageSession,
    agent: Agent,
    sent: Sent,
    made: AgentCall,
    statements: Sequence[Statement],
    cast: BallotAnswer | None,
) -> dict[str, Any]:
    """The record of a ballot (schema ballot). `cast` is None where the agent cast none, or spoiled it."""
    document: dict[str, Any] = {
        **_call_fields(session, agent, sent, made),
        "inputs": [{"path": each.path, "sha256": each.sha256} for each in sent.inputs],
        "statements": [{**each._asdict(), "agents": list(each.agents)} for each in statements],
        "ballot": [each._asdict() for each in cast.votes] if cast else [],
    }
    if cast and cast.conflicts:
        document["conflicts"] = [each._asdict() for each in cast.conflicts]
    return document


def _call_fields(session: StageSession, agent: Agent, sent: Sent, made: AgentCall) -> dict[str, Any]:
    """What the record of a call says of it, whatever it was made for."""
    return {
        "schemaVersion": 1,
        "specId": session.spec,
        "stage": session.stage,
        "agent": made.agent,
        "model": made.answered_by or made.model,
        "model_release": agent.model_release,
        "reasoning_mode": agent.reasoning,
        "prompt_version": sent.version,
        "prompt_sha256": sent.sha256,
        "session": session.stamp,
        "attempt": made.attempt,
        "timestamp": stamped(made.finished),
        "status": "ok" if made.error is None else "error",
        "error": made.error,
        "exit_code": made.exit_code,
        "replayed": made.replayed,
        "usage": _usage(made),
        "latency_ms": made.latency_ms,
    }


def purpose(made: AgentCall) -> str:
    """What a call was made for, as metrics and telemetry name it."""
    return "ballot" if made.ballot else "arbiter" if made.arbiter else "answer"


def input_document(source: AnswerSource) -> dict[str, Any]:
    """A file that a prompt was filled from, as records of answers name it."""
    return {"path": source.path, "sha256": source.sha256, "bytes": source.size, "cut_bytes": source.cut}


def _usage(made: AgentCall) -> dict[str, Any]:
    return {
        "input_tokens": made.input_tokens,
        "output_tokens": made.output_tokens,
        "total_tokens": total_tokens(made),
        "cached_input_tokens": made.cached_input_tokens,
        "reasoning_tokens": made.reasoning_tokens,
        "cost_usd": made.usd,
        "source": made.tokens_source,
    }


def total_tokens(made: AgentCall) -> int | None:
    """Tokens read and written; not known when one of them is not."""
    if made.input_tokens is None or made.output_tokens is None:
        return None
    return made.input_tokens + made.output_tokens


def _statements(value: dict[str, Any] | None) -> dict[str, Any]:
    """What an answer states, where every reader looks for it."""
    agreements = agreements_in(value) if value is not None else ()
    conflicts = conflicts_in(value) if value is not None else ()
    return {
        "agreements": [{"text": each.text, "kind": each.kind} for each in agreements],
        "conflicts": [each._asdict() for each in conflicts],
    }


def metrics_document(session: StageSession, made: AgentCall) -> dict[str, Any]:
    """What a call used (schema agent_metrics)."""
    return {
        "schemaVersion": 1,
        "specId": session.spec,
        "stage": session.stage,
        "session": session.stamp,
        "timestamp": stamped(made.finished),
        "agent": made.agent,
        "call": purpose(made),
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


def event(session: StageSession, run: str | None, made: AgentCall) -> dict[str, Any]:
    """A call as a line of telemetry, with the names of OpenTelemetry's GenAI conventions beside our own."""
    line: dict[str, Any] = {
        "schemaVersion": "2.0",
        "event": "agent",
        "specId": session.spec,
        "stage": session.stage,
        "session": session.stamp,
        "timestamp": stamped(made.finished),
        "agent": made.agent,
        "call": purpose(made),
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


# The records of a stage's consensus: synthesis and verdict. Pure: from values to documents.


def _missing(verdict: ConsensusVerdict) -> Iterator[tuple[str, str]]:
    """(agent, why) of those of the roster who gave no usable answer."""
    for each in verdict.unusable:
        if each.of_roster:  # a placeholder that is quoted here would be one of this record
            yield each.output.agent, each.reasons[0].text.replace("${", "$ {")
    for agent in verdict.missing:
        yield agent, "did not answer"


def _stated(verdict: ConsensusVerdict) -> tuple[dict[str, StatedPoint], dict[str, StatedPoint]]:
    """The agreements and the conflicts of the usable answers, each once, by id."""
    agreements: dict[str, StatedPoint] = {}
    conflicts: dict[str, StatedPoint] = {}
    for output in verdict.usable:
        for agreement in output.agreements:
            agreements.setdefault(agreement.id, StatedPoint(agreement.text, [])).agents.append(output.agent)
    sources: list[AgentOutput | Ballot] = [*verdict.usable, *verdict.ballots]
    for source in sources:
        for conflict in source.conflicts:
            agents = conflicts.setdefault(conflict.id, StatedPoint(conflict.text, [])).agents
            if source.agent not in agents:
                agents.append(source.agent)
    return agreements, conflicts


class StatedPoint(NamedTuple):
    """An agreement or a conflict, and who states it."""

    text: str
    agents: list[str]


def _votes(verdict: ConsensusVerdict) -> dict[str, Any]:
    """What was put to the vote and who voted how, and whether each answer says that the stage may go on."""
    return {
        "method": verdict.method,
        "statements": [_voted(each) for each in verdict.statements],
        "positions": [
            {"agent": each.agent, "proceeds": each.position.proceeds, "reasons": list(each.position.reasons)}
            for each in verdict.positions
        ],
    }


def _voted(each: VotedStatement) -> dict[str, Any]:
    statement = each.statement
    return {
        **statement._asdict(),
        "agents": list(statement.agents),
        "votes": [vote._asdict() for vote in each.votes],
        "agreed": each.agreed,
    }


def synthesis_document(
    session: StageSession,
    verdict: ConsensusVerdict,
    question: ConsensusQuestion,
    filed: Sequence[AgentCall],
    status: RecordKind,
    at: datetime,
) -> dict[str, Any]:
    """The outputs of a stage brought together (schema synthesis). It states every conflict, also a settled one."""
    missing = dict(_missing(verdict))
    agreements, conflicts = _stated(verdict)
    for conflict in (*verdict.conflicts, *(each.conflict for each in verdict.resolved)):
        conflicts.setdefault(conflict.id, StatedPoint(conflict.text, []))
    return {
        "schemaVersion": 1,
        "specId": session.spec,
        "stage": session.stage,
        "session": session.stamp,
        "timestamp": stamped(at),
        "roster": list(question.roster),
        "outputs": [
            {"agent": each.agent, "path": each.output.path, "sha256": each.output.sha256}
            for each in filed
            if each.agent not in missing
        ],
        "missing": [{"agent": agent, "reason": reason} for agent, reason in sorted(missing.items())],
        "agreements": [each._asdict() for each in agreements.values()],
        **_votes(verdict),
        "ballots": [{"agent": each.agent, "path": each.path, "sha256": each.sha256} for each in verdict.ballots],
        "conflicts": [{"id": found, **each._asdict()} for found, each in conflicts.items()],
        "status": status,
    }


def verdict_document(
    session: StageSession,
    verdict: ConsensusVerdict,
    question: ConsensusQuestion,
    filed: Sequence[AgentCall],
    inputs: Sequence[AnswerSource],
    *,
    synthesis: WrittenFile,
    config_sha256: str,
    at: datetime,
) -> dict[str, Any]:
    """The verdict and the bytes it is about (schema verdict)."""
    unusable = _missing(verdict)
    _, stated = _stated(verdict)
    return {
        "schemaVersion": 1,
        "specId": session.spec,
        "stage": session.stage,
        "session": session.stamp,
        "timestamp": stamped(at),
        "verdict": verdict.kind,
        "severe": verdict.severe,
        "participation": verdict.participation,
        "agreement": verdict.agreement,
        "roster": list(question.roster),
        "usable": sorted({each.agent for each in verdict.usable}),
        "unusable": [{"agent": agent, "reason": reason} for agent, reason in sorted(dict(unusable).items())],
        "conflicts": [
            *({"id": each.id, "text": each.text, "resolved_by": None, **_who(each.id, stated)}
              for each in verdict.conflicts),
            *(_resolved(each, stated) for each in verdict.resolved),
        ],
        **_votes(verdict),
        "ballots": [{"path": each.path, "sha256": each.sha256} for each in verdict.ballots],
        "reasons": list(verdict.reasons),
        "remedies": list(verdict.remedies),
        "inputs": [{"path": each.path, "sha256": each.sha256} for each in inputs],
        "prompts": [
            {"agent": each.agent, "version": each.prompt_version, "sha256": each.prompt_sha256} for each in filed
        ],
        "config_sha256": config_sha256,
        "synthesis": {"path": synthesis.path, "sha256": synthesis.sha256},
    }  # fmt: skip


def _resolved(settled: SettledConflict, stated: dict[str, StatedPoint]) -> dict[str, Any]:
    conflict = settled.conflict
    resolved = {"id": conflict.id, "text": conflict.text, "resolved_by": settled.resolution.path}
    return {**resolved, **_who(conflict.id, stated)}


def _who(found: str, stated: dict[str, StatedPoint]) -> dict[str, Any]:
    return {"agents": stated[found].agents} if found in stated else {}


# The telemetry of a stage's consensus: one JSON object a line, in the order things happened.


SCHEMA = "consensus_telemetry"
_NO_REASON = "no reason was given"


def write_telemetry(run_context: RunContext, session: StageSession, documents: Iterable[dict[str, Any]]) -> WrittenFile:
    """Write the telemetry of a session whole. Raises ValueError for a line that does not satisfy its schema."""
    redactor = redactor_of(run_context.settings, run_context.environment)
    made = []
    for document in documents:
        for fault in faults(SCHEMA, document):
            raise ValueError(f"{SCHEMA}{fault.pointer}: {fault.message}")
        made.append(orjson.dumps(redactor.value(document)) + b"\n")
    path = consensus_path(run_context.settings.layout, session, "telemetry.jsonl")
    return EvidenceStore(run_context.repo.root).write(path, b"".join(made), replace=True)


def of_calls(
    session: StageSession, run: str | None, rounds: Sequence[Round], recovered: Sequence[RecoveryTaken]
) -> Iterator[dict[str, Any]]:
    """Calls and steps of recovery, by when they happened; a step stands before the calls it led to."""
    steps = [(each.at, 0, number, recovery(session, run, each)) for number, each in enumerate(recovered)]
    calls = [
        (made.finished, 1, number, event(session, run, made))
        for number, made in enumerate(made for each in rounds for made in each.made if not made.carried)
    ]
    for *_, document in sorted((*steps, *calls), key=lambda row: row[:3]):
        yield document


def recovery(session: StageSession, run: str | None, step: RecoveryTaken) -> dict[str, Any]:
    document = {
        **_head(session, run, "recovery", step.at),
        "action": step.action,
        "reason": step.reason or _NO_REASON,
        "agents": list(step.agents),
        "attempt": step.attempt,
        "wait_ms": round(step.wait * 1000),
    }
    if step.profile is not None:
        document["profile"] = step.profile
    return document


def of_outcome(
    session: StageSession,
    run: str | None,
    verdict: ConsensusVerdict,
    synthesis: WrittenFile,
    record: WrittenFile,
    at: datetime,
) -> Iterator[dict[str, Any]]:
    """What settled conflicts, the synthesis and the verdict."""
    for settled in verdict.resolved:
        yield _resolved_line(session, run, settled, at)
    yield {**_head(session, run, "synthesis", at), "path": synthesis.path, "sha256": synthesis.sha256}
    yield {
        **_head(session, run, "verdict", at),
        "verdict": verdict.kind,
        "participation": verdict.participation,
        "agreement": verdict.agreement,
        "path": record.path,
        "sha256": record.sha256,
    }


def _resolved_line(session: StageSession, run: str | None, settled: SettledConflict, at: datetime) -> dict[str, Any]:
    by = settled.resolution
    reason = f"{settled.conflict.text}: {by.because}" if by.because else settled.conflict.text
    return {**_head(session, run, "recovery", by.when or at), "action": "resolve", "reason": reason, "agents": []}


def _head(session: StageSession, run: str | None, what: str, at: datetime) -> dict[str, Any]:
    head: dict[str, Any] = {
        "schemaVersion": "2.0",
        "event": what,
        "specId": session.spec,
        "stage": session.stage,
        "session": session.stamp,
        "timestamp": stamped(at),
    }
    return head if run is None else {**head, "run": run}
