"""What a run does next. Pure: a request and a history in, exactly one step out; nothing is read or asked.

A stage goes: start, open its guardrail, ask its agents, have them vote on what they said, settle the verdict, close the
guardrail. Whatever keeps its verdict from being ok is answered by recovery as long as there is any, and then by a halt;
its guardrail is closed even then, for that writes the record of it. Where agents that have answered are asked again,
the session is closed, and another of the stage is started.
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
    of_session,
    of_stage,
)
from guardrails.runs.recovery import Retry, agents_without_answer, needs_session, next_recovery, passes, refusal
from guardrails.runs.rounds import latest

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
        self.session = of_session(self.records)
        """the records of its last session, whatever attempt they are of"""
        self.current = self.fresh[max(0, len(self.fresh) - len(self.session)) :]
        """those of this attempt and its last session"""

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
        earlier = len(self.session) - len(self.fresh)
        for index in reversed(range(len(self.session))):
            record = self.session[index]
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

    def begun_by(self) -> RecoveryTaken | None:
        """The step of recovery that a further session was started for."""
        first = self.session[0] if self.session else None
        return first if isinstance(first, RecoveryTaken) else None

    def answered(self) -> frozenset[str]:
        """The agents with an answer in this session."""
        rounds = [record.round for record in of_kind(self.session, AgentsAsked) if record.round is not None]
        return frozenset(agent for agent, made in latest(rounds).items() if made.error is None)

    def judged(self) -> StageSettled | None:
        """The verdict on all answers there are; None when some are still to be judged, or a step that asks nobody
        is still to be told in the telemetry."""
        for record in reversed(self.fresh):
            if isinstance(record, AgentsAsked | StageStarted):
                return None
            if isinstance(record, RecoveryTaken) and record.action == "escalate":
                return None
            if isinstance(record, StageSettled):
                return record
        return None

    def recovery(self, judged: StageSettled) -> Retry | None:
        """The next step of recovery from a verdict."""
        return next_recovery(judged, self.fresh, self.request)

    def renewal(self) -> Retry | None:
        """The next step of recovery, where it takes another session: this one is closed before."""
        judged = self.judged()
        step = self.recovery(judged) if judged is not None else None
        needed = step is not None and needs_session(judged, step, self.answered(), self.request)
        return step if needed else None

    def passed(self) -> bool:
        """Whether its last session was closed, in this attempt or an earlier one, and nothing stood against it."""
        ends = [index for index, record in enumerate(self.session) if isinstance(record, StageClosed)]
        if not ends or self.waiting() is not None or self.renewal() is not None:
            return False
        return ending(self.session[: ends[-1] + 1], self.request) is None


R = TypeVar("R", bound=HistoryRecord)


def _last(records: Sequence[HistoryRecord], kind: type[R]) -> R | None:
    return next((record for record in reversed(records) if isinstance(record, kind)), None)


def _step_of(stage: _Stage) -> PlannerStep | None:
    """What a stage needs next; None when it has passed."""
    if stage.passed():
        return None
    if _last(stage.current, StageClosed) is not None:
        if stage.waiting() is not None:
            return Run("start", stage.name)
        return stage.renewal() or ending(stage.current, stage.request)
    if stage.name == "unlock" and (locked := _locked(stage)) is not None:
        return locked
    if not stage.started():
        return Run("start", stage.name)
    opened = _last(stage.current, StageOpened)
    if opened is None:
        return Run("open", stage.name)
    if opened.opened.halt is not None:
        return Run("close", stage.name)
    return _consensus(stage)


def _consensus(stage: _Stage) -> PlannerStep:
    if (waiting := stage.waiting()) is not None:
        judged = _last(stage.fresh, StageSettled)
        without_answer = agents_without_answer(judged, waiting, stage.request)
        return Run("ask" if without_answer else "vote", stage.name, without_answer or waiting.agents, waiting)
    asked, judged = stage.asked(), stage.judged()
    if asked is None:
        began = stage.begun_by()
        agents = began.agents if began is not None else stage.request.roster(stage.name)
        return Run("ask", stage.name, agents, began and began._replace(wait=0.0))
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
    step = None if stage.renewal() is not None else stage.recovery(judged)
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
