"""What a run remembers: one record for each step it took. Everything it does next follows from these.

Each is a NamedTuple of plain values, kept in the journal as JSON. `at` is when its step ended; the next step dates by
it what it writes, so that a step that is taken again after a kill writes the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, Literal, NamedTuple, TypeVar

from guardrails.config.run_settings import RecoverySettings
from guardrails.config.settings import ConsensusMethod
from guardrails.evidence.names import StageSession
from guardrails.evidence.store import WrittenFile
from guardrails.runs.halt import Halt
from guardrails.runs.rounds import Round
from guardrails.runs.serialize import pack, unpack
from guardrails.runs.stage import Closed, Opened
from guardrails.runs.tree import TreeState

VerdictName = Literal["ok", "conflict", "hold", "degraded", "undecided"]
Remedy = Literal["refresh", "retry", "fallback", "arbitrate", "escalate"]
"""Recovery steps, as the schemas of telemetry and run summary name them."""


class RunRequest(NamedTuple):
    """What was asked of a run, and what holds for all of it whatever is configured later."""

    spec: str
    run: str
    stages: tuple[str, ...]
    """from the first that was asked for to the last"""
    rosters: tuple[tuple[str, ...], ...]
    """the agents of each of `stages`"""
    config_sha256: str
    profile: str | None = None
    recovery: RecoverySettings = RecoverySettings()
    allow_dirty: bool = False
    allow_degraded: bool = False
    attempt: int = 1
    """from 1; one more each time that the run is taken up again after it had ended"""
    method: ConsensusMethod = "ballot"

    def roster(self, stage: str) -> tuple[str, ...]:
        return self.rosters[self.stages.index(stage)]


class RunBegan(NamedTuple):
    """An attempt at the run began: the first, or a further one after a halt. `tree` is what it is held against."""

    at: datetime
    tree: TreeState
    attempt: int = 1
    allow_dirty: bool = False
    allow_degraded: bool = False
    written: tuple[WrittenFile, ...] = ()
    """resolutions that were recorded while the run was halted: the run takes them over"""


class StageStarted(NamedTuple):
    """A session of a stage began, the first or a further one; with `nonce` this names it. What agents answered in the
    session before stays as it is."""

    stage: str
    at: datetime
    nonce: str

    def session(self, spec: str) -> StageSession:
        return StageSession(spec, self.stage, self.at, self.nonce)


class StageOpened(NamedTuple):
    """The stage's guardrail was opened."""

    stage: str
    at: datetime
    opened: Opened


class AgentsAsked(NamedTuple):
    """Agents were asked once: for answers, or for ballots on these. `round` is None when none of them was."""

    stage: str
    at: datetime
    round: Round | None
    written: tuple[WrittenFile, ...] = ()
    halt: Halt | None = None
    """why they could not be asked (over budget, for one)"""
    ballots: bool = False


class RecoveryTaken(NamedTuple):
    """A step of recovery was decided on. `wait` is in seconds; `profile` the one that was fallen back to."""

    stage: str
    at: datetime
    action: Remedy
    agents: tuple[str, ...]
    attempt: int
    reason: str
    wait: float = 0.0
    profile: str | None = None


class MissingAgent(NamedTuple):
    """An agent of the roster without a usable answer, or with one and without a usable ballot. `gone`: its program is
    not there at all."""

    agent: str
    reason: str
    gone: bool = False
    answered: bool = False
    """whether only its ballot is missing"""


class StageSettled(NamedTuple):
    """The answers were judged. `stale` says which documents or prompts are not what the answers were made from."""

    stage: str
    at: datetime
    verdict: VerdictName
    severe: bool = False
    lacking: tuple[MissingAgent, ...] = ()
    conflicts: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    stale: tuple[str, ...] = ()
    halt: Halt | None = None
    written: tuple[WrittenFile, ...] = ()
    record: WrittenFile | None = None
    """the verdict as it was written"""


class StageClosed(NamedTuple):
    """The stage's guardrail was closed and its telemetry written."""

    stage: str
    at: datetime
    closed: Closed


class StepFailed(NamedTuple):
    """A step could not be taken at all."""

    stage: str
    at: datetime
    halt: Halt
    attempt: int = 1


HistoryRecord = (
    RunBegan | StageStarted | StageOpened | AgentsAsked | RecoveryTaken | StageSettled | StageClosed | StepFailed
)
# The journal names a record by its kind: these words are in the journals of runs that go on.
_KINDS: dict[str, type[HistoryRecord]] = {
    "began": RunBegan,
    "started": StageStarted,
    "guarded": StageOpened,
    "asked": AgentsAsked,
    "recovered": RecoveryTaken,
    "settled": StageSettled,
    "shut": StageClosed,
    "failed": StepFailed,
}
_NAMES = {kind: name for name, kind in _KINDS.items()}
R = TypeVar("R", bound=HistoryRecord)


def to_json(record: HistoryRecord) -> dict[str, Any]:
    """A record as the journal keeps it."""
    return {"kind": _NAMES[type(record)], **pack(record)}


def from_json(document: Any) -> HistoryRecord:
    """The record that `to_json` gave. Raises ValueError for anything else."""
    kind = _KINDS.get(document.get("kind", "")) if isinstance(document, dict) else None
    if kind is None:
        raise ValueError(f"{document!r:.80} is no record of a run")
    return unpack(kind, {name: value for name, value in document.items() if name != "kind"})


def of_kind(history: Iterable[HistoryRecord], kind: type[R]) -> Iterator[R]:
    return (record for record in history if isinstance(record, kind))


def of_stage(history: Iterable[HistoryRecord], stage: str) -> tuple[HistoryRecord, ...]:
    return tuple(record for record in history if not isinstance(record, RunBegan) and record.stage == stage)


def of_session(records: Sequence[HistoryRecord]) -> tuple[HistoryRecord, ...]:
    """Those of a stage's `records` that belong to its last session, with the step of recovery that began it."""
    at = max((index for index, record in enumerate(records) if isinstance(record, StageStarted)), default=0)
    first = at - 1 if at and isinstance(records[at - 1], RecoveryTaken) else at
    return tuple(records[first:])


def written_by(record: HistoryRecord) -> tuple[WrittenFile, ...]:
    """The files a step wrote, in order."""
    match record:
        case StageOpened(opened=result) | StageClosed(closed=result):
            return result.written
        case RunBegan(written=files) | AgentsAsked(written=files) | StageSettled(written=files):
            return files
    return ()


def all_written(history: Iterable[HistoryRecord]) -> tuple[WrittenFile, ...]:
    """Every file of a run, in the order they were written; one that was replaced stands here for each time."""
    return tuple(file for record in history for file in written_by(record))
