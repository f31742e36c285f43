"""Histories for tests of the sequencer: a world that answers each step from a list of what happens next."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta, timezone

from guardrails.config import STAGES, RecoverySettings
from guardrails.evidence import WrittenFile
from guardrails.runs import (
    AgentCall,
    AgentsAsked,
    AnswerSource,
    Closed,
    Done,
    Halt,
    HistoryRecord,
    MissingAgent,
    Opened,
    RecoveryTaken,
    Retry,
    Round,
    Run,
    RunBegan,
    RunRequest,
    StageClosed,
    StageOpened,
    StageSettled,
    StageStarted,
    TreeState,
    VerdictName,
    next_step,
)
from guardrails.runs.halt import halt

ROSTER = ("gemini", "claude", "gpt_pro")
BEGUN = datetime(2026, 1, 31, 9, 30, tzinfo=timezone.utc)
TREE = TreeState(None)
DOCUMENT = "docs/SPEC-KIT-DEMO/spec.md"
LONGEST = 500
"""Steps after which a run counts as endless."""

Judge = Callable[[str, int], StageSettled]
"""The verdict on a stage, by its name and how often it has been judged before."""


def request(*stages: str, recovery: RecoverySettings | None = None, allow_degraded: bool = False) -> RunRequest:
    chosen = stages or STAGES
    return RunRequest(
        spec="SPEC-KIT-DEMO",
        run="20260131T093000Z-4f2a9c10",
        stages=chosen,
        rosters=(ROSTER,) * len(chosen),
        config_sha256="0" * 64,
        recovery=recovery or RecoverySettings(),
        allow_degraded=allow_degraded,
    )


def settled(
    stage: str, verdict: VerdictName = "ok", *lacking: str, severe: bool = False, gone: bool = False
) -> StageSettled:
    lacks = tuple(MissingAgent(agent, "no answer", gone) for agent in lacking)
    return StageSettled(stage, BEGUN, verdict, severe, lacks, reasons=(f"it is {verdict}",))


def always_ok(stage: str, times: int) -> StageSettled:
    return settled(stage)


def _made(agent: str, now: datetime) -> AgentCall:
    written = WrittenFile(f"docs/evidence/{agent}.json", "b" * 64, 3)
    return AgentCall(agent, 1, None, "v1", "c" * 64, now, now, 12, written, usd=0.5, source="measured")


class Play:
    """Takes the steps that the sequencer wants, one by one, and remembers them.

    `opens` and `closes` name stages whose guardrail halts, `asks` and `votes` those whose agents cannot be asked for
    answers and for ballots.
    """

    def __init__(
        self,
        asked: RunRequest,
        judge: Judge = always_ok,
        history: Sequence[HistoryRecord] = (),
        opens: dict[str, Halt] | None = None,
        closes: dict[str, Halt] | None = None,
        asks: dict[str, Halt] | None = None,
        votes: dict[str, Halt] | None = None,
    ) -> None:
        self.request, self.judge = asked, judge
        self.opens, self.closes, self.asks, self.votes = opens or {}, closes or {}, asks or {}, votes or {}
        self.history: list[HistoryRecord] = list(history)
        self.steps: list[Run | Retry] = []

    def run(self) -> Halt | Done:
        """To the end. Fails where there is none."""
        for _ in range(LONGEST):
            step = next_step(self.history, self.request)
            if isinstance(step, Halt | Done):
                return step
            self.steps.append(step)
            self.history.append(self._taken(step))
        raise AssertionError("it never ends")

    def resumed(self, judge: Judge = always_ok, **changed: dict[str, Halt]) -> Play:
        """A further attempt, in which other things may happen and nothing degraded is let pass."""
        asked = self.request._replace(attempt=self.request.attempt + 1, allow_degraded=False)
        return Play(asked, judge, self.history, **changed)

    def _now(self) -> datetime:
        return BEGUN + timedelta(seconds=len(self.history))

    def _taken(self, step: Run | Retry) -> HistoryRecord:
        stage, now = step.stage, self._now()
        if isinstance(step, Retry):
            return RecoveryTaken(
                stage, now, step.action, step.agents, step.attempt, step.reason, step.wait, step.profile
            )
        if step.action == "begin":
            return RunBegan(now, TREE, self.request.attempt)
        if step.action == "start":
            return StageStarted(stage, now, "4f2a9c10")
        if step.action == "open":
            return StageOpened(stage, now, Opened(stage, TREE, self.opens.get(stage)))
        if step.action == "ask":
            asked = tuple(_made(agent, now) for agent in step.agents)
            return AgentsAsked(
                stage, now, Round(1, asked, (AnswerSource(DOCUMENT, "a" * 64, 3),)), halt=self.asks.get(stage)
            )
        if step.action == "vote":
            cast = tuple(_made(f"{agent}_ballot", now)._replace(agent=agent, ballot=True) for agent in step.agents)
            return AgentsAsked(stage, now, Round(2, cast, ()), halt=self.votes.get(stage), ballots=True)
        if step.action == "settle":
            before = sum(1 for record in self.history if isinstance(record, StageSettled) and record.stage == stage)
            return self.judge(stage, before)._replace(at=now)
        assert step.action == "close"
        stopped = self.closes.get(stage)
        status = "failed" if stopped or step.verdict != "ok" else "passed"
        return StageClosed(stage, now, Closed(stage, status, stopped.exit_code if stopped else 0, stopped))

    def told(self, action: str) -> list[RecoveryTaken]:
        """The steps of recovery of one kind, in order."""
        return [record for record in self.history if isinstance(record, RecoveryTaken) and record.action == action]

    def asked(self) -> list[tuple[str, tuple[str, ...]]]:
        """Who was asked for an answer, stage by stage."""
        return self._agents_of("ask")

    def voted(self) -> list[tuple[str, tuple[str, ...]]]:
        """Who was asked for a ballot, stage by stage."""
        return self._agents_of("vote")

    def _agents_of(self, action: str) -> list[tuple[str, tuple[str, ...]]]:
        return [(step.stage, step.agents) for step in self.steps if isinstance(step, Run) and step.action == action]


def no(stage: str, reason: str = "guardrail") -> Halt:
    return halt(stage, reason, f"{stage} does not hold")  # type: ignore[arg-type]
