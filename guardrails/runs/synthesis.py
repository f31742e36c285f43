"""Settle a stage: from the answers that were filed to the synthesis, the verdict and what is remembered of them.

Done again it writes the same bytes: everything is dated by `at`, which is remembered with the step.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any, NamedTuple

from guardrails.agents.run_context import RunContext
from guardrails.consensus.model import ConsensusVerdict, OutcomeRecord, RecordKind, Role, agent_of
from guardrails.core.strict_json import JsonFlaw, parse_json, record_bytes
from guardrails.errors import GuardrailError
from guardrails.evidence.attestation import attest
from guardrails.evidence.names import StageSession, consensus_path
from guardrails.evidence.store import EvidenceStore, WrittenFile
from guardrails.layouts.evidence_names import evidence_name
from guardrails.runs.budget import budget_warnings
from guardrails.runs.costs import write_costs
from guardrails.runs.history import MissingAgent, RecoveryTaken
from guardrails.runs.reload import SessionAnswers, load_answers, record_of, verdict_of
from guardrails.runs.rounds import AgentCall, AnswerSource, Round, latest, latest_ballots
from guardrails.runs.session_records import (
    of_calls,
    of_outcome,
    synthesis_document,
    verdict_document,
    write_telemetry,
)
from guardrails.secrets.redact import redactor_of
from guardrails.services.memory.entries import MemorySource, NewMemory
from guardrails.services.memory.records import entries_of_output, entries_of_verdict
from guardrails.services.memory.write import open_store, remember, server_of
from guardrails.snapshot.worktree import Worktree

# Keep what agents and the verdict said in the memory. A run does not fail for it: what did not work is a warning.


def remember_session(run_context: RunContext, session: StageSession, files: Sequence[WrittenFile]) -> tuple[str, ...]:
    """Remember answers and verdict of a session, each once however often it is done. Returns warnings."""
    try:
        store = open_store(run_context.repo, run_context.settings)
        entries = [entry for file in files for entry in _entries(run_context, file)]
        return remember(store, entries, server_of(run_context.repo, run_context.settings)).warnings
    except GuardrailError as error:
        return (f"{session.stage}: nothing was remembered: {error.message}",)


def _entries(run_context: RunContext, file: WrittenFile) -> Iterator[NewMemory]:
    name = evidence_name(run_context.settings.layout, file.path)
    data = Worktree(run_context.repo).read(file.path)
    try:
        document = parse_json(data) if data is not None else None
    except JsonFlaw:
        return
    if name is None or not isinstance(document, dict):
        return
    source = MemorySource(file.path, file.sha256)
    if name.kind == "agent_output":
        yield from entries_of_output(document, source, run_context.settings.layout)
    elif name.kind == "verdict":
        yield from entries_of_verdict(document, source, run_context.settings.layout)


class StageVerdict(NamedTuple):
    """The verdict on a stage, as the sequencer needs to know it. `verdict_file` is its record."""

    verdict: RecordKind
    severe: bool
    participation: float | None
    agreement: float | None
    lacking: tuple[MissingAgent, ...]
    conflicts: tuple[str, ...]
    reasons: tuple[str, ...]
    stale: tuple[str, ...]
    verdict_file: WrittenFile
    written: tuple[WrittenFile, ...]
    warnings: tuple[str, ...] = ()


def settle(
    run_context: RunContext,
    session: StageSession,
    rounds: Sequence[Round],
    recovered: Sequence[RecoveryTaken],
    at: datetime,
) -> StageVerdict:
    """Compute the verdict from what lies on disk for the session, and write synthesis, verdict and telemetry; and sign
    what the session has come to, where sessions are signed."""
    desk = _Desk(run_context, session, rounds, at)
    gathered = load_answers(run_context, session)
    synthesis, file = desk.synthesize(gathered)
    verdict, record = desk.conclude(gathered, synthesis, file)
    desk.tell(recovered, verdict, file, record)
    costs, notes = write_costs(run_context, session, rounds, at)
    used = _used(run_context, verdict)
    attested = attest(
        run_context.repo, run_context.settings, session, run_context.say, also=[file.path for file in used]
    )
    spent = budget_warnings(run_context.plan.budget, session.stage, rounds)
    warnings = (*spent, *notes, *remember_session(run_context, session, (*desk.outputs, record)))
    return StageVerdict(
        verdict=verdict.kind,
        severe=verdict.severe,
        participation=verdict.participation,
        agreement=verdict.agreement,
        lacking=_lacking(gathered, verdict, rounds),
        conflicts=tuple(f"{each.id}: {each.text}" for each in verdict.conflicts),
        reasons=verdict.reasons,
        stale=verdict.stale,
        verdict_file=record,
        written=(*desk.written, *used, costs, *attested),
        warnings=warnings,
    )


class _Desk:
    """Writes the records of one session."""

    def __init__(self, run_context: RunContext, session: StageSession, rounds: Sequence[Round], at: datetime) -> None:
        self.run_context, self.session, self.rounds, self.at = run_context, session, rounds, at
        self.store = EvidenceStore(run_context.repo.root)
        self.redactor = redactor_of(run_context.settings, run_context.environment)
        self.written: list[WrittenFile] = []
        self.filed = _in_order(run_context, session, rounds)

    @property
    def outputs(self) -> tuple[WrittenFile, ...]:
        return tuple(made.output for made in self.filed)

    def synthesize(self, gathered: SessionAnswers) -> tuple[OutcomeRecord, WrittenFile]:
        """Write the synthesis. It says what follows from the answers: ok, unless that turns out not to hold."""
        status: RecordKind = "ok"
        verdict, document, data = self._draft(gathered, status)
        if verdict.kind != status:
            _, document, data = self._draft(gathered, verdict.kind)
        written = self._record("synthesis", "synthesis", document)
        return self._read(gathered, "synthesis", data), written

    def _draft(self, gathered: SessionAnswers, status: RecordKind) -> tuple[ConsensusVerdict, dict[str, Any], bytes]:
        """A synthesis that states this outcome, and the verdict that it leads to."""
        bare = verdict_of(self.run_context, gathered, ())
        document = synthesis_document(self.session, bare, gathered.question, self.filed, status, self.at)
        document = self._clean(document)
        data = record_bytes(document)
        return verdict_of(self.run_context, gathered, (self._read(gathered, "synthesis", data),)), document, data

    def conclude(
        self, gathered: SessionAnswers, synthesis: OutcomeRecord, file: WrittenFile
    ) -> tuple[ConsensusVerdict, WrittenFile]:
        """Write the verdict, and hold it against what everybody else will compute from the same files."""
        verdict = verdict_of(self.run_context, gathered, (synthesis,))
        document = self._clean(
            verdict_document(
                self.session,
                verdict,
                gathered.question,
                self.filed,
                _inputs(self.rounds, self.filed),
                synthesis=file,
                config_sha256=self.run_context.plan.config_sha256,
                at=self.at,
            )
        )
        written = self._record("verdict", "verdict", document)
        record = self._read(gathered, "verdict", record_bytes(document))
        return verdict_of(self.run_context, gathered, (synthesis, record)), written

    def tell(
        self, recovered: Sequence[RecoveryTaken], verdict: ConsensusVerdict, synthesis: WrittenFile, record: WrittenFile
    ) -> None:
        """Write the telemetry: calls, recovery, outcome."""
        run = self.run_context.run
        told = [
            *of_calls(self.session, run, self.rounds, recovered),
            *of_outcome(self.session, run, verdict, synthesis, record, self.at),
        ]
        self.written.append(write_telemetry(self.run_context, self.session, told))

    def _read(self, gathered: SessionAnswers, role: Role, data: bytes) -> OutcomeRecord:
        return record_of(self.run_context, gathered, role, self._path(role), data)

    def _path(self, what: str) -> str:
        return consensus_path(self.run_context.settings.layout, self.session, f"{what}.json")

    def _clean(self, document: dict[str, Any]) -> dict[str, Any]:
        if self.run_context.run is not None:
            document["run"] = self.run_context.run
        cleaned: dict[str, Any] = self.redactor.value(document)
        return cleaned

    def _record(self, what: str, schema: str, document: dict[str, Any]) -> WrittenFile:
        written = self.store.record(self._path(what), schema, document, replace=True)
        self.written.append(written)
        return written


def _in_order(run_context: RunContext, session: StageSession, rounds: Sequence[Round]) -> tuple[AgentCall, ...]:
    """The latest call of each agent, in the order of the roster."""
    made = latest(rounds)
    roster = [agent_of(name) for name in run_context.plan.stage(session.stage).roster]
    return tuple(made[name] for name in dict.fromkeys(roster) if name in made)


def _inputs(rounds: Sequence[Round], filed: Sequence[AgentCall]) -> tuple[AnswerSource, ...]:
    """The documents of the rounds that the filed answers are from, each version of one once."""
    kept = {(made.agent, made.attempt) for made in filed}
    used = [each for each in rounds if any((made.agent, made.attempt) in kept for made in each.made)]
    return tuple(dict.fromkeys(source for each in used for source in each.inputs))


def _used(run_context: RunContext, verdict: ConsensusVerdict) -> tuple[WrittenFile, ...]:
    """The resolutions that settled something: a person's word, and from now on part of the run."""
    files = []
    for path in sorted({each.resolution.path for each in verdict.resolved}):
        data = Worktree(run_context.repo).read(path) or b""
        files.append(WrittenFile(path, sha256(data).hexdigest(), len(data)))
    return tuple(files)


def _lacking(gathered: SessionAnswers, verdict: ConsensusVerdict, rounds: Sequence[Round]) -> tuple[MissingAgent, ...]:
    """Who of the roster gave no usable answer or no ballot that counts, and why: of a call that failed, in words that
    records cut short."""
    answers, ballots = latest(rounds), latest_ballots(rounds)
    reasons = {each.output.agent: each.reasons[0].text for each in verdict.unusable if each.of_roster}
    reasons |= {agent: call.error for agent, call in answers.items() if call.error is not None}
    reasons |= {agent: reasons.get(agent, "did not answer") for agent in verdict.missing}
    usable = {each.agent for each in verdict.usable}
    uncounted = {each.agent: f"its ballot {each.reasons[0].text}" for each in verdict.uncounted if each.of_roster}
    uncounted |= {agent: call.error for agent, call in ballots.items() if call.error is not None}
    lacking = []
    for agent in gathered.question.roster:
        if agent not in usable:
            gone = agent in answers and answers[agent].missing_tool
            lacking.append(MissingAgent(agent, reasons.get(agent, "did not answer"), gone))
        elif agent in verdict.unvoted:
            gone = agent in ballots and ballots[agent].missing_tool
            lacking.append(MissingAgent(agent, uncounted.get(agent, "did not vote"), gone, answered=True))
    return tuple(lacking)
