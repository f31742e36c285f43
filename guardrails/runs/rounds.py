"""What came of asking the agents of a stage: one `Round` for each time they were asked. Values only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from guardrails.core.cost import CostSource
from guardrails.evidence.store import WrittenFile


class AnswerSource(NamedTuple):
    """A file the prompts were filled from: the digest of all its bytes, how many they are, and how many were cut."""

    path: str
    sha256: str
    size: int
    cut: int = 0


class AgentCall(NamedTuple):
    """One call of one agent. What is not known is None, never 0. `error` None: it answered in the form asked for."""

    agent: str
    attempt: int
    error: str | None
    prompt_version: str
    prompt_sha256: str
    started: datetime
    finished: datetime
    latency_ms: int
    output: WrittenFile
    """its answer, as it was filed"""
    exit_code: int | None = None
    missing_tool: bool = False
    replayed: bool = False
    model: str | None = None
    """the model that was asked for"""
    answered_by: str | None = None
    """the model that the tool says has answered"""
    provider: str | None = None
    """who serves the model, as OpenTelemetry names them"""
    input_tokens: int | None = None
    output_tokens: int | None = None
    reasoning_tokens: int | None = None
    cached_input_tokens: int | None = None
    """those of the tokens read that the tool says came from the provider's cache"""
    usd: float | None = None
    source: CostSource = "unknown"
    """how `usd` came to be known"""
    tokens_source: CostSource = "unknown"
    """how the tokens did"""
    arbiter: bool = False
    """whether it was asked to settle conflicts: then it gave no answer of the stage"""
    ballot: bool = False
    """whether it was asked for its votes: then `output` is its ballot"""
    carried: bool = False
    """whether nobody was called: an earlier session of the stage has its answer to the same prompt"""


class KitUsed(NamedTuple):
    """The context kit the prompts were given."""

    version: str
    sha256: str


class Round(NamedTuple):
    """One time that agents were asked. `number` counts from 1 within a session."""

    number: int
    made: tuple[AgentCall, ...]
    inputs: tuple[AnswerSource, ...]
    kit: KitUsed | None = None
    profile: str | None = None
    warnings: tuple[str, ...] = ()


def attempt_of(agent: str, earlier: Iterable[Round]) -> int:
    """Which call of an agent comes next, from 1. `earlier` are the rounds of all sessions of its stage."""
    return 1 + sum(made.agent == agent and not made.carried for each in earlier for made in each.made)


def latest(rounds: Sequence[Round]) -> dict[str, AgentCall]:
    """The last call that each agent was asked by for its answer."""
    return {made.agent: made for each in rounds for made in each.made if not made.arbiter and not made.ballot}


def ballots_cast(agent: str, earlier: Iterable[Round]) -> int:
    """How many ballots an agent has cast in its session; one that was spoiled is none."""
    return sum(made.agent == agent and made.ballot and made.error is None for each in earlier for made in each.made)


def latest_ballots(rounds: Sequence[Round]) -> dict[str, AgentCall]:
    """The last call that each agent was asked by for its votes."""
    return {made.agent: made for each in rounds for made in each.made if made.ballot}
