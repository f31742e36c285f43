"""How a run goes, kept up to date while it goes: what the table and the lines of progress are made from."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from guardrails.agents.calls import Progress
from guardrails.costs.spending import Money
from guardrails.pipeline.history import Asked, Guarded, Record, Recovered, Settled, Shut, Started
from guardrails.pipeline.recovery import Retry
from guardrails.pipeline.run_summary import money_of
from guardrails.pipeline.sequencer import Run

Tell = Callable[[str], None]
"""Takes one line of progress."""

_DOING = {"start": "begun", "open": "guardrail", "ask": "asking", "settle": "judging", "close": "closing"}


class AgentRow(NamedTuple):
    """One agent of a stage. `since` and `took` are in seconds of the monotonic clock."""

    name: str
    state: str
    since: float
    took: float | None = None
    tokens: int | None = None


class StageRow:
    """One stage as far as it has come."""

    def __init__(self, name: str) -> None:
        self.name, self.state = name, "waiting"
        self.agents: dict[str, AgentRow] = {}
        self.since: float | None = None
        self.took: float | None = None
        self.records: list[Record] = []

    @property
    def money(self) -> Money:
        return money_of(record.round for record in self.records if isinstance(record, Asked) and record.round)


class Board:
    """Watches a run (see `performing.Watcher`) and tells each thing that happens as a line."""

    def __init__(self, stages: Sequence[str], tell: Tell, history: Sequence[Record] = ()) -> None:
        self.rows = {stage: StageRow(stage) for stage in stages}
        self._tell = tell
        for record in history:
            self._enter(record)

    def step(self, step: Run | Retry) -> None:
        row = self.rows[step.stage]
        if isinstance(step, Retry) or step.action == "begin":
            return
        row.state = _DOING[step.action]
        row.since = row.since or time.monotonic()
        if step.action == "ask":
            again = f" again ({step.recovered.action})" if step.recovered is not None else ""
            self._tell(f"{step.stage}: asking {', '.join(step.agents)}{again}")
            for agent in step.agents:
                row.agents[agent] = AgentRow(agent, "waiting", time.monotonic())

    def call(self, progress: Progress) -> None:
        row = next((each for each in self.rows.values() if each.state == "asking"), None)
        if row is None:
            return
        known = row.agents.get(progress.agent) or AgentRow(progress.agent, "waiting", time.monotonic())
        finished = progress.finished
        if finished is None:
            row.agents[progress.agent] = known._replace(state="running", since=time.monotonic())
            return
        took = finished.latency_ms / 1000
        used = finished.answer.usage
        tokens = None if None in (used.input_tokens, used.output_tokens) else used.input_tokens + used.output_tokens  # type: ignore[operator]
        row.agents[progress.agent] = known._replace(
            state="failed" if finished.problem else "answered", took=took, tokens=tokens
        )
        said = f"failed after {took:.1f} s: {finished.problem}" if finished.problem else f"answered in {took:.1f} s"
        self._tell(f"{row.name}: {progress.agent} {said}{' (recorded)' if finished.replayed else ''}")

    def record(self, record: Record) -> None:
        self._enter(record)
        line = _line(record)
        if line:
            self._tell(line)

    def _enter(self, record: Record) -> None:
        stage = getattr(record, "stage", None)
        if stage not in self.rows:
            return
        row = self.rows[stage]
        row.records.append(record)
        if isinstance(record, Shut):
            row.state = record.closed.status
            row.took = None if row.since is None else time.monotonic() - row.since


def _line(record: Record) -> str | None:
    """What is said of a step that was taken."""
    if isinstance(record, Started):
        return f"{record.stage}: begun"
    if isinstance(record, Guarded):
        return f"{record.stage}: guardrail open" if record.opened.halt is None else None
    if isinstance(record, Recovered) and record.action != "escalate":
        wait = f" after {record.wait:g} s" if record.wait else ""
        profile = f" under profile {record.profile}" if record.profile else ""
        return f"{record.stage}: {record.action}{profile}{wait}: {record.reason}"
    if isinstance(record, Settled):
        return f"{record.stage}: {record.verdict}" + (f": {'; '.join(record.reasons)}" if record.reasons else "")
    if isinstance(record, Shut):
        return f"{record.stage}: {record.closed.status}"
    return None
