"""What evidence says, as frozen values: the one shape every report reads. What is not known is None, never 0."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal, NamedTuple

from guardrails.checks.footprint import Footprint
from guardrails.consensus.model import ConsensusVerdict
from guardrails.core.cost import Cost, CostSource
from guardrails.layouts.cost_summary import CostSummary

RunOutcome = Literal["passed", "failed", "skipped", "unknown"]


class CallRecord(NamedTuple):
    """One call of an agent, as one record tells it. `latency_ms` in milliseconds, `usd` in US dollars."""

    agent: str
    status: Literal["ok", "error", "unknown"] = "unknown"
    model: str | None = None
    latency_ms: int | None = None
    tokens: int | None = None
    usd: float | None = None
    source: CostSource = "unknown"
    error: str | None = None
    attempt: int | None = None
    replayed: bool = False
    path: str = ""
    ballot: bool = False
    """whether the agent was asked for its votes and not for an answer"""

    @property
    def cost(self) -> Cost:
        return Cost.of_call(self.usd, self.tokens, self.source)


class ExaminedPart(NamedTuple):
    """One thing a stage's guardrail examined: its name in the record, and what came of it in the record's word."""

    name: str
    outcome: RunOutcome
    said: str


class StageRecord(NamedTuple):
    """The telemetry of one stage run. `outcome` follows from its parts: what it says of itself cannot improve it."""

    path: str
    spec: str
    stage: str
    when: datetime | None
    session: str | None
    run: str | None
    outcome: RunOutcome
    parts: tuple[ExaminedPart, ...] = ()
    duration_ms: int | None = None
    stamp: str | None = None
    """the stamp of its name"""
    problem: str | None = None
    """why the record could not be read; then nothing else of its content is known"""


class RecoveryStep(NamedTuple):
    """One step taken because agents did not answer or disagreed."""

    action: str
    reason: str
    agents: tuple[str, ...]


class SessionReport(NamedTuple):
    """One consensus session of a stage.

    `then` is the verdict that its files give by themselves; `now` also asks whether the documents are still those it
    is about, and is only worked out for the latest session of a stage. Both are recomputed, neither is read.
    `metrics` and `events` are the calls as two kinds of records tell them.
    """

    spec: str
    stage: str
    when: datetime | None
    stamp: str | None
    run: str | None
    then: ConsensusVerdict
    now: ConsensusVerdict | None
    metrics: tuple[CallRecord, ...]
    events: tuple[CallRecord, ...]
    recoveries: tuple[RecoveryStep, ...]
    paths: tuple[str, ...]

    @property
    def calls(self) -> tuple[CallRecord, ...]:
        """Every call once: the event lines list each attempt; of agents they leave out, the metrics say."""
        told = {call.agent for call in self.events}
        return (*self.events, *(call for call in self.metrics if call.agent not in told))

    @property
    def agreement(self) -> float | None:
        """The agreement of the whole roster: alone everybody agrees, and what nothing proves does not count."""
        verdict = self.then
        whole = verdict.kind != "undecided" and verdict.participation == 1
        return verdict.agreement if whole else None


class RunStage(NamedTuple):
    stage: str
    session: str | None
    status: str
    cost: Cost


class RunRecord(NamedTuple):
    """A run of the sequencer, as its summary tells it. `seal` is the digest that closes its ledger."""

    path: str
    spec: str
    name: str
    profile: str | None
    started: datetime | None
    finished: datetime | None
    outcome: str
    exit_code: int | None
    halt: str | None
    stages: tuple[RunStage, ...]
    cost: Cost
    ledger: str | None = None
    entries: int | None = None
    seal: str | None = None
    replayed: bool = False
    problem: str | None = None


class TrackerRow(NamedTuple):
    """A row of the tracker that speaks of a SPEC, as a reader sees its cells."""

    task: str
    title: str
    status: str
    done: bool
    owners: str
    branch: str
    validated: str
    line: int


class Packet(NamedTuple):
    """A SPEC's own directory: its path, and which of the expected documents are in it."""

    path: str
    documents: tuple[tuple[str, bool], ...]


class Facts(NamedTuple):
    """All that a snapshot's evidence says. Everything is sorted, oldest first."""

    where: str
    """what was read, for people"""
    specs: tuple[str, ...]
    records: tuple[StageRecord, ...] = ()
    sessions: tuple[SessionReport, ...] = ()
    costs: tuple[CostSummary, ...] = ()
    runs: tuple[RunRecord, ...] = ()
    footprints: Mapping[str, Footprint] = {}
    rows: Mapping[str, tuple[TrackerRow, ...]] = {}
    packets: Mapping[str, tuple[Packet, ...]] = {}
