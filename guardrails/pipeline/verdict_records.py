"""The records of a stage's consensus: synthesis and verdict. Pure: from values to documents."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from guardrails.consensus.values import AgentOutput, Kind, Question, Settled, Verdict
from guardrails.evidence.names import Session
from guardrails.evidence.store import Written
from guardrails.pipeline.moments import stamped
from guardrails.pipeline.rounds import Made, Source


class Statements:
    """What the outputs of a session say, each statement once, with who said it."""

    def __init__(self, outputs: Iterable[tuple[AgentOutput, dict[str, str]]]) -> None:
        self.agreements: dict[str, tuple[str, list[str]]] = {}
        self.conflicts: dict[str, tuple[str, list[str]]] = {}
        for output, agreements in outputs:
            for found, text in agreements.items():
                self.agreements.setdefault(found, (text, []))[1].append(output.agent)
            for conflict in output.conflicts:
                self.conflicts.setdefault(conflict.id, (conflict.text, []))[1].append(output.agent)


def synthesis_document(
    session: Session,
    verdict: Verdict,
    statements: Statements,
    question: Question,
    filed: Sequence[Made],
    status: Kind,
    at: datetime,
) -> dict[str, Any]:
    """The outputs of a stage brought together (schema synthesis). It states every conflict, also a settled one."""
    missing = {each.output.agent: each.reasons[0].text for each in verdict.unusable if each.of_roster}
    missing |= dict.fromkeys(verdict.missing, "did not answer")
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
        "agreements": [{"text": text, "agents": agents} for text, agents in statements.agreements.values()],
        "conflicts": [
            {"id": found, "text": text, "agents": agents} for found, (text, agents) in statements.conflicts.items()
        ],
        "status": status,
    }


def verdict_document(
    session: Session,
    verdict: Verdict,
    statements: Statements,
    question: Question,
    filed: Sequence[Made],
    inputs: Sequence[Source],
    synthesis: Written,
    config_sha256: str,
    at: datetime,
) -> dict[str, Any]:
    """The verdict and the bytes it is about (schema verdict)."""
    unusable = [(each.output.agent, each.reasons[0].text) for each in verdict.unusable if each.of_roster]
    unusable += [(agent, "did not answer") for agent in verdict.missing]
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
        "unusable": [{"agent": agent, "reason": reason} for agent, reason in dict(sorted(unusable)).items()],
        "conflicts": [
            *({"id": each.id, "text": each.text, "resolved_by": None, **_who(each.id, statements)}
              for each in verdict.conflicts),
            *(_resolved(each, statements) for each in verdict.resolved),
        ],
        "inputs": [{"path": each.path, "sha256": each.sha256} for each in inputs],
        "prompts": [
            {"agent": each.agent, "version": each.prompt_version, "sha256": each.prompt_sha256} for each in filed
        ],
        "config_sha256": config_sha256,
        "synthesis": {"path": synthesis.path, "sha256": synthesis.sha256},
    }  # fmt: skip


def _resolved(settled: Settled, statements: Statements) -> dict[str, Any]:
    conflict = settled.conflict
    resolved = {"id": conflict.id, "text": conflict.text, "resolved_by": settled.resolution.path}
    return {**resolved, **_who(conflict.id, statements)}


def _who(found: str, statements: Statements) -> dict[str, Any]:
    return {"agents": statements.conflicts[found][1]} if found in statements.conflicts else {}
