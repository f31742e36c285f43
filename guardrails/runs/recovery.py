"""What is done about a verdict that is not ok: the playbook, decided from what was tried already. Pure.

Stale documents are read anew and everybody is asked again, once. Few missing agents are asked again, each time after
twice the wait, then once by the fallback profile; many are not, for then something larger is wrong. Conflicts go to the
arbiter once, if there is one. What is left is a halt. All of it is counted within one attempt at the run: an operator
who resumes it has done something about it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

from guardrails.consensus.model import agent_of
from guardrails.runs.halt import Halt, halt
from guardrails.runs.history import AgentsAsked, HistoryRecord, RecoveryTaken, Remedy, RunRequest, StageSettled

_NAMED = 3
"""Conflicts that the message of a halt names."""


class Retry(NamedTuple):
    """Decide on a step of recovery: `agents` are asked after `wait` seconds, under `profile` if it names one.
    Without agents nobody is asked: the step is only told."""

    stage: str
    action: Remedy
    agents: tuple[str, ...]
    attempt: int
    reason: str
    wait: float = 0.0
    profile: str | None = None


def passes(settled: StageSettled, request: RunRequest) -> bool:
    """Whether a stage may be closed as passed on this verdict."""
    return settled.verdict == "ok" or (settled.verdict == "degraded" and request.allow_degraded)


def next_recovery(settled: StageSettled, fresh: Sequence[HistoryRecord], request: RunRequest) -> Retry | None:
    """The next step of recovery; None when there is nothing to recover, or nothing left to try.

    `fresh` are the records of the stage that belong to this attempt.
    """
    if settled.verdict == "ok" or settled.halt is not None:
        return None
    tried = [record for record in fresh if isinstance(record, RecoveryTaken)]
    actions = [record.action for record in tried]
    if settled.stale and not any(record.action == "refresh" and record.agents for record in tried):
        return Retry(settled.stage, "refresh", request.roster(settled.stage), 1, "; ".join(settled.stale))
    if _is_resumed(settled, fresh, request):
        agents = tuple(lack.agent for lack in settled.lacking)
        return Retry(settled.stage, "retry", agents, 1, f"the run was resumed; {_who(settled)}")
    if settled.verdict == "conflict":
        return _arbitration(settled, actions, request)
    if settled.verdict == "degraded":
        return _degraded(settled, actions, request)
    return None


def agents_without_answer(
    settled: StageSettled | None, step: Retry | RecoveryTaken, request: RunRequest
) -> tuple[str, ...]:
    """Those agents of a step of recovery who are asked for an answer: all but those who only lack a ballot."""
    if settled is None or step.action not in ("retry", "fallback") or request.method != "ballot":
        return step.agents
    answered = {lack.agent for lack in settled.lacking if lack.answered}
    return tuple(agent for agent in step.agents if agent not in answered)


def needs_session(
    settled: StageSettled | None, step: Retry | RecoveryTaken, answered: Collection[str], request: RunRequest
) -> bool:
    """Whether a step asks agents again that have `answered` in this session. What they said is evidence and is not
    written over, so it takes a session of its own."""
    if step.action in ("arbitrate", "escalate"):
        return False
    roster = [agent_of(name) for name in request.roster(step.stage)]
    again = {agent_of(name) for name in agents_without_answer(settled, step, request)}
    if request.method == "chain" and again:  # those after them answer anew, for they are given other answers
        first = min((roster.index(name) for name in again if name in roster), default=len(roster))
        again.update(roster[first:])
    return not again.isdisjoint(answered)


def _is_resumed(settled: StageSettled, fresh: Sequence[HistoryRecord], request: RunRequest) -> bool:
    """Whether a run was resumed whose agents are missing: its operator has done something about that, so they are asked
    at once and once, however many they are and whatever was tried before."""
    asked = any(
        isinstance(record, AgentsAsked) or (isinstance(record, RecoveryTaken) and record.agents) for record in fresh
    )
    lacking = settled.verdict in ("degraded", "undecided") and bool(settled.lacking)
    return request.attempt > 1 and lacking and not asked


def _arbitration(settled: StageSettled, actions: Sequence[Remedy], request: RunRequest) -> Retry | None:
    arbiter = request.recovery.arbiter
    if arbiter is None or "arbitrate" in actions:
        return None
    return Retry(settled.stage, "arbitrate", (arbiter,), 1, _reason(settled))


def _degraded(settled: StageSettled, actions: Sequence[Remedy], request: RunRequest) -> Retry | None:
    agents = tuple(lack.agent for lack in settled.lacking)
    if agents and not settled.severe:
        step = _asking_again(settled, agents, actions, request)
        if step is not None:
            return step
    if request.allow_degraded or "escalate" in actions:
        return None
    return Retry(settled.stage, "escalate", agents, 1, _reason(settled))


def _asking_again(
    settled: StageSettled, agents: tuple[str, ...], actions: Sequence[Remedy], request: RunRequest
) -> Retry | None:
    recovery, done = request.recovery, actions.count("retry")
    # A program that is not there will not have come by itself.
    if done < recovery.retries and not all(lack.gone for lack in settled.lacking):
        if "refresh" not in actions:
            return Retry(settled.stage, "refresh", (), 1, "the context is read anew before agents are asked again")
        return Retry(settled.stage, "retry", agents, done + 1, _reason(settled), recovery.backoff * 2**done)
    if recovery.fallback is not None and "fallback" not in actions:
        return Retry(settled.stage, "fallback", agents, 1, _reason(settled), profile=recovery.fallback)
    return None


def _reason(settled: StageSettled) -> str:
    if settled.lacking and settled.verdict == "degraded":
        return _who(settled)
    return "; ".join(settled.reasons) or f"the verdict is {settled.verdict}"


def _who(settled: StageSettled) -> str:
    """Who has not answered usably, and why."""
    return "; ".join(f"{lack.agent}: {lack.reason}" for lack in settled.lacking)


def refusal(settled: StageSettled, request: RunRequest) -> Halt:
    """Why a stage ends with a verdict that does not pass."""
    if settled.halt is not None:
        return settled.halt
    said = "; ".join(settled.reasons) or f"the verdict is {settled.verdict}"
    stage, spec = settled.stage, request.spec
    if settled.verdict == "conflict":
        hint = (
            f"speckit consensus resolve {stage} {spec} --conflict N --because TEXT; then speckit auto {spec} --resume"
        )
        named = "; ".join(settled.conflicts[:_NAMED])
        return halt(stage, "conflict", f"{stage}: {said}" + (f": {named}" if named else ""), hint)
    if settled.verdict == "hold":
        hint = f"change what they name and commit it; then speckit auto {spec} --new --from {stage} asks them again"
        return halt(stage, "hold", f"{stage}: {said}", hint)
    if settled.lacking and all(lack.gone for lack in settled.lacking):
        programs = ", ".join(lack.agent for lack in settled.lacking)
        hint = f"install them, or configure their command in .speckit.yaml; then speckit auto {spec} --resume"
        return halt(stage, "missing-tool", f"{stage}: the programs of {programs} were not found", hint)
    again = f"speckit auto {spec} --resume asks only those again who have not answered"
    said = f"{stage}: {said}" + (f": {_who(settled)}" if settled.lacking else "")
    return halt(stage, "degraded" if settled.verdict == "degraded" else "undecided", said, again)
