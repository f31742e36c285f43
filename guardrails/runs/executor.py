"""Takes the steps of a run: calls what does each, and keeps the run's ledger and summary.

A step may be taken twice, when the process was killed before its result was remembered. So all that is written here is
made from the history: the ledger has what is on record, the summary follows from it, and both are dated by it.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import datetime, timedelta, timezone
from hashlib import sha256
from typing import NamedTuple, Protocol

from guardrails.agents.run_context import RunContext
from guardrails.agents.types import CallProgress
from guardrails.config.layout import STAGES
from guardrails.core.timestamps import parse_stamp
from guardrails.errors import GuardrailError, Undecidable
from guardrails.evidence.ledger import LedgerWriter, signature_path, write_summary
from guardrails.evidence.names import StageSession, run_path
from guardrails.evidence.signature import signer
from guardrails.evidence.store import EvidenceStore, WrittenFile
from guardrails.layouts.evidence_names import evidence_name
from guardrails.runs.ballot_round import CollectBallots, vote
from guardrails.runs.check_result import CheckResult
from guardrails.runs.checkpoint import Checkpoint
from guardrails.runs.consult import Consultation, arbitrate, ask
from guardrails.runs.costs import write_costs
from guardrails.runs.halt import Halt, Reason, halt
from guardrails.runs.history import (
    AgentsAsked,
    HistoryRecord,
    RecoveryTaken,
    RunBegan,
    RunRequest,
    StageClosed,
    StageOpened,
    StageSettled,
    StageStarted,
    StepFailed,
    all_written,
    of_kind,
    of_session,
    of_stage,
    written_by,
)
from guardrails.runs.planner import Done, Run
from guardrails.runs.recovery import Retry
from guardrails.runs.rounds import Round
from guardrails.runs.stage import close_stage, open_stage
from guardrails.runs.stage_checks import verdict_of
from guardrails.runs.summary import Circumstances, rounds_of, summary_document
from guardrails.runs.synthesis import settle
from guardrails.runs.tree import tree_state
from guardrails.secrets.redact import redactor_of
from guardrails.snapshot.worktree import Worktree

# Cleaning up: files an earlier process of the run left that its journal does not record.
#
# A step that was killed is taken again and writes its files again. Until then they would look like somebody's dirt;
# and the temporary file of a write that was cut off would stay for ever. A resolution is nobody's leftover: an
# operator wrote it while the run was halted, and the run takes it over.


_PART = re.compile(r".+\.[0-9]+(?:-[0-9a-f]+)?\.part")
_FOLDERS = ("commands", "consensus", "runs")


def sweep(run_context: RunContext, session: StageSession | None, recorded: Collection[str]) -> None:
    """Remove temporary files of killed writers, and what a session has written that is not `recorded`.

    The caller holds the lock of the SPEC, so nobody is writing any of it now.
    """
    for path in _paths(run_context):
        if _PART.fullmatch(path) or _is_unrecorded(run_context, path, session, recorded):
            os.unlink(os.path.join(run_context.repo.root, path))


def _paths(run_context: RunContext) -> Iterator[str]:
    """The regular files in the SPEC's folders of evidence; nothing is looked for through a link."""
    snapshot, root = Worktree(run_context.repo), run_context.settings.layout.evidence
    for folder in _FOLDERS:
        for entry in snapshot.entries(f"{root}/{folder}/{run_context.spec}"):
            if entry.kind == "file":
                yield entry.path
    for entry in snapshot.entries(f"{root}/costs"):
        if entry.kind == "file" and entry.path.startswith(f"{root}/costs/{run_context.spec}_cost_summary.json."):
            yield entry.path


def _is_unrecorded(run_context: RunContext, path: str, session: StageSession | None, recorded: Collection[str]) -> bool:
    if session is None or path in recorded:
        return False
    if not path.rpartition("/")[2].startswith((session.name + ".", session.name + "_")):
        return False
    name = evidence_name(run_context.settings.layout, path)
    return name is None or name.kind != "resolution"


def resolutions(run_context: RunContext, sessions: Sequence[StageSession]) -> tuple[WrittenFile, ...]:
    """The resolutions that were recorded for some sessions of the run, with their attestations."""
    nonces = {(session.stage, session.nonce) for session in sessions}
    own = {session.stamp for session in sessions}
    snapshot, layout = Worktree(run_context.repo), run_context.settings.layout
    found = []
    for entry in snapshot.entries(f"{layout.evidence}/consensus/{run_context.spec}"):
        name = evidence_name(layout, entry.path)
        stamp = parse_stamp(name.stamp) if name is not None and name.kind in ("resolution", "attestation") else None
        if name is None or stamp is None or (name.stage, stamp.session) not in nonces:
            continue
        if name.kind == "attestation" and name.stamp in own:
            continue  # that of the session itself
        data = snapshot.read(entry.path)
        if data is not None:
            found.append(WrittenFile(entry.path, sha256(data).hexdigest(), len(data)))
    return tuple(found)


# Taking steps: one method for each step the planner may ask for.


class CrashMessage(NamedTuple):
    """What is told of an error that nobody expected."""

    message: str
    hint: str | None
    reason: Reason = "internal"


class Watcher(Protocol):
    """Is told how a run goes, from whatever thread it goes in."""

    def step(self, step: Run | Retry) -> None: ...

    def call(self, progress: CallProgress) -> None: ...

    def record(self, record: HistoryRecord) -> None: ...


class StepExecutor:
    """Takes the steps of one run in one process. `crashed` puts an internal error on file and says where."""

    def __init__(
        self,
        run_context: RunContext,
        request: RunRequest,
        watcher: Watcher,
        crashed: Callable[[Exception], CrashMessage],
    ) -> None:
        self.run_context = run_context._replace(
            run=request.run, allow_dirty=request.allow_dirty, allow_degraded=request.allow_degraded
        )
        self.request, self._watcher, self._crashed = request, watcher, crashed
        self._books = RunRecords(self.run_context, request)
        self._first = True
        self.at = request.stages[0]
        """the stage it has come to"""

    def take(self, step: Run | Retry, history: Sequence[HistoryRecord]) -> HistoryRecord:
        """Take a step and return its record. What goes wrong is a record, too."""
        self.at = step.stage
        self._watcher.step(step)
        try:
            self._prepare(step, history)
            record = self._taken(step, history)
        except GuardrailError as error:
            reason: Reason = "undecided" if isinstance(error, Undecidable) else "usage"
            record = self._failed(step.stage, reason, error.message, error.hint)
        except Exception as error:  # noqa: BLE001  the journal would keep an exception for ever; a halt can be resumed
            said = self._crashed(error)
            record = self._failed(step.stage, said.reason, said.message, said.hint)
        self._watcher.record(record)
        return record

    def _failed(self, stage: str, reason: Reason, message: str, hint: str | None) -> StepFailed:
        return StepFailed(stage, _now(), halt(stage, reason, message, hint), self.request.attempt)

    def _prepare(self, step: Run | Retry, history: Sequence[HistoryRecord]) -> None:
        """Bring in order what an earlier process may have left, and enter what is on record now."""
        if self._first:
            sweep(self.run_context, self._session(step.stage, history), {file.path for file in all_written(history)})
            self._first = False
        self._books.keep(history)
        if history and isinstance(history[-1], StageClosed):
            self._forget(history[-1].stage, history)

    def _forget(self, stage: str, history: Sequence[HistoryRecord]) -> None:
        """What the guardrail of a stage noted for the case that it would be killed: its end is on record now."""
        for started in of_kind(of_stage(history, stage), StageStarted):
            Checkpoint(self.run_context.repo, started.session(self.request.spec)).forget()

    def finish(self, end: Halt | Done, history: Sequence[HistoryRecord]) -> None:
        """Write down how the run ended, and seal it."""
        self._books.keep(history, end)
        self._forget(self.at, history)

    def interrupt(self) -> None:
        """Write down that the operator has stopped it; after this nothing is written any more."""
        self._books.close()

    def _taken(self, step: Run | Retry, history: Sequence[HistoryRecord]) -> HistoryRecord:
        stage = step.stage
        if isinstance(step, Retry):
            return RecoveryTaken(**step._asdict(), at=_now())
        if step.action == "begin":
            return self._begin(history)
        if step.action == "start":
            return self._start(stage, history)
        session = self._session(stage, history)
        assert session is not None, "it was started"
        if step.action == "open":
            start = list(of_kind(history, RunBegan))[-1].tree
            opened = open_stage(self.run_context, session, start, self._own(history))
            return StageOpened(stage, _now(), opened)
        if step.action in ("ask", "vote"):
            return self._ask(step, session, history)
        if step.action == "settle":
            return self._settle(session, history)
        return self._close(step, session, history)

    def _begin(self, history: Sequence[HistoryRecord]) -> RunBegan | StepFailed:
        """What comes before the first stage must hold already. A further attempt is held against the tree as the
        operator has left it, but for what the run has written."""
        for row in self._before():
            if row.status == "failed":
                return self._failed(self.at, row.reason or "undecided", f"{row.name}: {row.message}", row.hint)
        sessions = [record.session(self.request.spec) for record in of_kind(history, StageStarted)]
        for session in sessions:
            Checkpoint(self.run_context.repo, session).forget()
        settled = resolutions(self.run_context, sessions)
        own = {file.path: file.sha256 for file in (*self._own(history), *settled)}
        tree = tree_state(self.run_context)
        tree = tree._replace(dirty=tuple(each for each in tree.dirty if own.get(each.path) != each.sha256))
        request = self.request
        return RunBegan(_now(), tree, request.attempt, request.allow_dirty, request.allow_degraded, settled)

    def _start(self, stage: str, history: Sequence[HistoryRecord]) -> StageStarted:
        """A further session is dated after all that was answered in the one before it: names and records tell whole
        seconds, and the latest session counts."""
        started = sum(1 for _ in of_kind(of_stage(history, stage), StageStarted))
        at = _now()
        if started:
            at = max(at, history[-1].at.replace(microsecond=0) + timedelta(seconds=1))
        return StageStarted(stage, at, _nonce(self.request.run, stage, started))

    def _before(self) -> Iterator[CheckResult]:
        """The verdicts of the stages before the first that was asked for, recomputed."""
        tree = Worktree(self.run_context.repo)
        for stage in STAGES[: STAGES.index(self.request.stages[0])]:
            yield verdict_of(self.run_context, tree, stage, lenient=self.request.allow_degraded)

    def _ask(self, step: Run, session: StageSession, history: Sequence[HistoryRecord]) -> AgentsAsked:
        """Where the agents could not all be asked, those who were are asked anew: by the same keys, so for nothing."""
        answered = [record for record in of_kind(history, AgentsAsked) if record.halt is None]
        own = of_stage(answered, step.stage)
        earlier = _rounds(of_session(of_stage(history, step.stage)))
        replaced = rounds_of(own)[: -len(earlier) or None]
        before = rounds_of(record for record in answered if record.stage != step.stage)
        profile = step.recovered.profile if step.recovered is not None else None
        if step.action == "vote":
            asked = CollectBallots(earlier, before, step.agents, profile, replaced)
            told = vote(self.run_context, session, asked, self._watcher.call)
        elif step.recovered is not None and step.recovered.action == "arbitrate":
            paid = (*replaced, *earlier)
            told = arbitrate(self.run_context, session, step.agents[0], paid, before, self._watcher.call)
        else:
            consultation = Consultation(step.agents, earlier, before, profile, replaced)
            told = ask(self.run_context, session, consultation, self._watcher.call)
        written = told.written
        paid = (*earlier, *([told.round] if told.round else []))
        if told.halt is not None and paid:  # nothing is settled now, but it was paid for
            written = (*written, write_costs(self.run_context, session, paid, history[-1].at)[0])
        return AgentsAsked(step.stage, _now(), told.round, written, told.halt, ballots=step.action == "vote")

    def _settle(self, session: StageSession, history: Sequence[HistoryRecord]) -> StageSettled:
        own = of_session(of_stage(history, session.stage))
        rounds = _rounds(own)
        judged = settle(self.run_context, session, rounds, tuple(of_kind(own, RecoveryTaken)), history[-1].at)
        for warning in judged.warnings:
            self.run_context.say(f"warning: {warning}")
        return StageSettled(
            stage=session.stage,
            at=_now(),
            verdict=judged.verdict,
            severe=judged.severe,
            lacking=judged.lacking,
            conflicts=judged.conflicts,
            reasons=judged.reasons,
            stale=judged.stale,
            written=judged.written,
            record=judged.verdict_file,
        )

    def _close(self, step: Run, session: StageSession, history: Sequence[HistoryRecord]) -> StageClosed:
        opened = list(of_kind(of_stage(history, step.stage), StageOpened))[-1].opened
        anew = {file.path for file in opened.written}
        own = tuple(file for file in self._own(history) if file.path not in anew)
        closed = close_stage(self.run_context, session, opened, step.verdict, own)
        return StageClosed(step.stage, _now(), closed)

    def _session(self, stage: str, history: Sequence[HistoryRecord]) -> StageSession | None:
        started = list(of_kind(of_stage(history, stage), StageStarted))
        return started[-1].session(self.request.spec) if started else None

    def _own(self, history: Sequence[HistoryRecord]) -> tuple[WrittenFile, ...]:
        """All that the run has written, each file as it was written last."""
        latest = {file.path: file for file in (*all_written(history), *self._books.files())}
        return tuple(latest.values())


class RunRecords:
    """The ledger and the summary of a run. Once closed they stay as they are, whatever another thread still does."""

    def __init__(self, run_context: RunContext, request: RunRequest) -> None:
        layout = run_context.settings.layout
        self._run_context, self._request = run_context, request
        self._store = EvidenceStore(run_context.repo.root)
        self._ledger = LedgerWriter(self._store, run_path(layout, request.spec, request.run, ledger=True))
        self._summary = run_path(layout, request.spec, request.run)
        self._sign = signer(run_context.repo, run_context.settings.evidence.signature, run_context.say)
        self._around = Circumstances(run_context.plan.budget.usd, run_context.settings.hal.mode)
        self._redactor = redactor_of(run_context.settings, run_context.environment)
        self._lock = threading.Lock()
        self._history: Sequence[HistoryRecord] = ()

    def keep(self, history: Sequence[HistoryRecord], end: Halt | Done | None = None) -> None:
        """Enter what the last step wrote; at the ends of stages and of the run write the summary."""
        with self._lock:
            self._history = tuple(history)
            if not history:
                return
            self._enter(history[-1])
            if end is not None or isinstance(history[-1], RunBegan | StageClosed):
                self._write(summary_document(self._request, history, end, self._around))

    def close(self) -> None:
        """Write the summary of a run that was stopped, and keep the lock for good."""
        self._lock.acquire()
        if self._history:
            self._write(summary_document(self._request, self._history, None, self._around, stopped=True))

    def files(self) -> tuple[WrittenFile, ...]:
        """The ledger, the summary and the signature over its seal as they lie there now."""
        found = []
        for path in (self._ledger.path, self._summary, signature_path(self._ledger.path)):
            data = self._store.read(path)
            if data is not None:
                found.append(WrittenFile(path, sha256(data).hexdigest(), len(data)))
        return tuple(found)

    def _enter(self, record: HistoryRecord) -> None:
        stage = None if isinstance(record, RunBegan) else record.stage
        if written := written_by(record):
            self._ledger.append(written, stage, self._kind, record.at)

    def _kind(self, path: str) -> str | None:
        name = evidence_name(self._run_context.settings.layout, path)
        return name.kind if name is not None else None

    def _write(self, document: dict[str, object]) -> None:
        """Messages may quote what a program or a document says, and that may hold a secret."""
        write_summary(self._ledger, self._store, self._summary, self._redactor.document(document)[0], self._sign)


def _now() -> datetime:
    return datetime.now(timezone.utc)


def _rounds(records: Sequence[HistoryRecord]) -> tuple[Round, ...]:
    """Every time that all agents could be asked who were to be."""
    return rounds_of(record for record in of_kind(records, AgentsAsked) if record.halt is None)


def _nonce(run: str, stage: str, number: int) -> str:
    """What names a session of a stage of a run: the same when it is decided again, and nobody else's."""
    return sha256(f"{run}/{stage}{f'/{number}' if number else ''}".encode()).hexdigest()[:8]
