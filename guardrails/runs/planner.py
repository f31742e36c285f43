"""What a run does next. Pure: a request and a history in, exactly one step out; nothing is read or asked.

A stage goes: start, open its guardrail, ask its agents, have them vote on what they said, settle the verdict, close the
guardrail. Whatever keeps its verdict from being ok is answered by recovery as long as there is any, and then by a halt;
its guardrail is closed even then, for that writes the record of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, TypeVar

from guardrails.runs.halt import Halt, halt
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
    of_kind,
    of_stage,
)
from guardrails.runs.recovery import Retry, agents_without_answer, next_recovery, passes, refusal

Action = Literal["begin", "start", "open", "ask", "vote", "settle", "close"]


class Run(NamedTuple):
    """Take the next step of a stage; `begin` is of the whole run. `agents` are whom to ask, and `recovered` why again;
    `verdict` is what to close with, None when no agent was asked."""

    action: Action
    stage: str
    agents: tuple[str, ...] = ()
    recovered: RecoveryTaken | None = None
    verdict: str | None = None


class Done(NamedTuple):
    """Every stage that was asked for has passed."""


PlannerStep = Run | Retry | Halt | Done


def next_step(history: Sequence[HistoryRecord], request: RunRequest) -> PlannerStep:
    """The one thing to do after all that was done."""
    if history and isinstance(last := history[-1], StepFailed) and last.attempt == request.attempt:
        return last.halt
    if all(begun.attempt != request.attempt for begun in of_kind(history, RunBegan)):
        return Run("begin", request.stages[0])
    for name in request.stages:
        step = _step_of(_Stage(name, history, request))
        if step is not None:
            return step
    return Done()


class _Stage:
    """One stage as far as it has come. What was opened and settled counts if this attempt did it; the answers of
    earlier attempts are kept, for they were paid for."""

    def __init__(self, name: str, history: Sequence[HistoryRecord], request: RunRequest) -> None:
        self.name, self.request, self.history = name, request, history
        self.records = of_stage(history, name)
        begun = max(index for index, record in enumerate(history) if isinstance(record, RunBegan))
        self.fresh = of_stage(history[begun:], name)

    def started(self) -> bool:
        return any(isinstance(record, StageStarted) for record in self.records)

    def asked(self) -> AgentsAsked | None:
        """The last time its agents were asked for answers. Where an earlier attempt could not ask, they were not."""
        found = self._asked(ballots=False)
        return found[1] if found else None

    def voted(self) -> AgentsAsked | None:
        """The last time its agents were asked for their ballots on the answers there are now."""
        asked, found = self._asked(ballots=False), self._asked(ballots=True)
        return found[1] if found and (asked is None or found[0] > asked[0]) else None

    def _asked(self, *, ballots: bool) -> tuple[int, AgentsAsked] | None:
        """Those of this attempt count however they ended, those of earlier ones only when the agents were asked."""
        earlier = len(self.records) - len(self.fresh)
        for index in reversed(range(len(self.records))):
            record = self.records[index]
            if not isinstance(record, AgentsAsked) or record.ballots != ballots:
                continue
            if record.halt is None or index >= earlier:
                return index, record
        return None

    def waiting(self) -> RecoveryTaken | None:
        """A step of recovery whose agents have not been asked yet."""
        for record in reversed(self.fresh):
            if isinstance(record, AgentsAsked):
                return None
            if isinstance(record, RecoveryTaken) and record.agents and record.action != "escalate":
                return record
        return None

    def judged(self) -> StageSettled | None:
        """The verdict on all answers there are; None when some are still to be judged, or a step that asks nobody
        is still to be told in the telemetry."""
        for record in reversed(self.fresh):
            if isinstance(record, AgentsAsked) or (isinstance(record, RecoveryTaken) and record.action == "escalate"):
                return None
            if isinstance(record, StageSettled):
                return record
        return None

    def passed(self) -> bool:
        """Whether it was closed, in this attempt or an earlier one, and nothing stood against it."""
        ends = [index for index, record in enumerate(self.records) if isinstance(record, StageClosed)]
        return bool(ends) and ending(self.records[: ends[-1] + 1], self.request) is None


R = TypeVar("R", bound=HistoryRecord)


def _last(records: Sequence[HistoryRecord], kind: type[R]) -> R | None:
    return next((record for record in reversed(records) if isinstance(record, kind)), None)


def _step_of(stage: _Stage) -> PlannerStep | None:
    """What a stage needs next; None when it has passed."""
    if stage.passed():
        return None
    if _last(stage.fresh, StageClosed) is not None:
        return ending(stage.fresh, stage.request)
    if stage.name == "unlock" and (locked := _locked(stage)) is not None:
        return locked
    if not stage.started():
        return Run("start", stage.name)
    opened = _last(stage.fresh, StageOpened)
    if opened is None:
        return Run("open", stage.name)
    if opened.opened.halt is not None:
        return Run("close", stage.name)
    return _consensus(stage)


def _consensus(stage: _Stage) -> PlannerStep:
    if (waiting := stage.waiting()) is not None:
        without_answer = agents_without_answer(_last(stage.fresh, StageSettled), waiting, stage.request)
        return Run("ask" if without_answer else "vote", stage.name, without_answer or waiting.agents, waiting)
    asked, judged = stage.asked(), stage.judged()
    if asked is None:
        return Run("ask", stage.name, stage.request.roster(stage.name))
    if asked.halt is not None:
        return Run("close", stage.name)
    if stage.request.method == "ballot":
        voted = stage.voted()
        if voted is None:
            return Run("vote", stage.name, stage.request.roster(stage.name))
        if voted.halt is not None:
            return Run("close", stage.name)
    if judged is None:
        return Run("settle", stage.name)
    step = next_recovery(judged, stage.fresh, stage.request)
    return step or Run("close", stage.name, verdict=judged.verdict)


def ending(records: Sequence[HistoryRecord], request: RunRequest) -> Halt | None:
    """Why a stage that was closed did not pass; None when it did. `records` are its own, up to its end."""
    opened, asked, settled, shut = (
        _last(records, kind) for kind in (StageOpened, AgentsAsked, StageSettled, StageClosed)
    )
    if isinstance(opened, StageOpened) and opened.opened.halt is not None:
        return opened.opened.halt
    if isinstance(asked, AgentsAsked) and asked.halt is not None:
        return asked.halt
    closed = shut.closed.halt if isinstance(shut, StageClosed) else None
    if not isinstance(settled, StageSettled):
        stage = records[-1].stage if records and not isinstance(records[-1], RunBegan) else request.stages[0]
        return closed or halt(stage, "undecided", f"{stage}: no verdict was computed")
    return closed if passes(settled, request) else refusal(settled, request)


def _locked(stage: _Stage) -> Halt | None:
    """Unlock needs every verdict before it to be ok: one that was let pass is not."""
    for name in stage.request.stages[: stage.request.stages.index("unlock")]:
        settled = _last(of_stage(stage.history, name), StageSettled)
        if settled is None or settled.verdict != "ok":
            said = "there is none" if settled is None else settled.verdict
            return halt(
                "unlock",
                "degraded",
                f"unlock: the verdict of {name} is not ok ({said})",
                "--allow-degraded lets a stage pass, never the SPEC: without it, "
                f"speckit auto {stage.request.spec} --resume asks those again who have not answered",
            )
    return None
