"""Shows how a run goes: a live table on a terminal, plain lines elsewhere, nothing with -q. All on standard error."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

import click

from guardrails.agents.types import CallProgress
from guardrails.cli.options import Globals
from guardrails.core.cost import Cost, abbreviated
from guardrails.core.text import printable
from guardrails.runs.history import (
    AgentsAsked,
    HistoryRecord,
    RecoveryTaken,
    StageClosed,
    StageOpened,
    StageSettled,
    StageStarted,
)
from guardrails.runs.planner import Run
from guardrails.runs.recovery import Retry
from guardrails.runs.summary import cost_of

if TYPE_CHECKING:
    from rich.table import Table


_STYLES = {"passed": "green", "failed": "red", "halted": "red", "skipped": "yellow", "waiting": "dim"}


class RunDisplay:
    """Lines are printed as they come, above the table where there is one."""

    def __init__(self, globals_: Globals, hide: Callable[[str], str]) -> None:
        self._quiet, self._hide = globals_.quiet, hide
        self._live = not globals_.quiet and sys.stderr is not None and globals_.colored(sys.stderr)
        self._live = self._live and sys.stderr.isatty()
        self._print: Callable[[str], None] = lambda line: click.echo(line, err=True)
        self._lock = threading.Lock()

    def tell(self, line: str) -> None:
        if not self._quiet:
            with self._lock:
                self._print(printable(self._hide(line)))

    @contextmanager
    def showing(self, board: Board) -> Iterator[None]:
        """The table, as long as the block runs."""
        if not self._live:
            yield
            return
        from rich.console import Console
        from rich.live import Live
        from rich.markup import escape

        console = Console(stderr=True, highlight=False)
        with Live(console=console, get_renderable=lambda: _table(board), refresh_per_second=4, transient=False) as live:
            earlier, self._print = self._print, lambda line: live.console.print(escape(line), style="dim")
            try:
                yield
            finally:
                self._print = earlier


def _table(board: Board) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in ("stage", "state", "agents", "elapsed", "tokens", "cost"):
        table.add_column(column, justify="right" if column in ("elapsed", "tokens", "cost") else "left")
    for row in list(board.rows.values()):
        cost = row.cost
        cells = (
            row.name,
            row.state,
            _agents(row),
            _elapsed(row),
            count(cost.tokens, cost.calls or 0),
            abbreviated(cost),
        )
        table.add_row(*cells, style=_STYLES.get(row.state, "bold"))
    return table


def _agents(row: StageRow) -> str:
    return "  ".join(_agent(agent) for agent in list(row.agents.values()))


def _agent(agent: AgentRow) -> str:
    took = time.monotonic() - agent.since if agent.state == "running" else agent.took
    marks = {"answered": "+", "failed": "!", "running": "~", "waiting": "."}
    return printable(f"{marks[agent.state]}{agent.name}" + (f" {took:.0f}s" if took is not None else ""))


def _elapsed(row: StageRow) -> str:
    if row.since is None:
        return "-"
    return f"{row.took if row.took is not None else time.monotonic() - row.since:.0f} s"


def count(tokens: int | None, calls: int) -> str:
    """Tokens for people; unknown is said to be."""
    return f"{tokens:,}" if tokens is not None and calls else ("-" if not calls else "unknown")


# How a run goes, kept up to date while it goes: what the table and the lines of progress are made from.


Tell = Callable[[str], None]
"""Takes one line of progress."""

_DOING = {
    "start": "begun",
    "open": "guardrail",
    "ask": "asking",
    "vote": "voting",
    "settle": "judging",
    "close": "closing",
}


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
        self.records: list[HistoryRecord] = []

    @property
    def cost(self) -> Cost:
        return cost_of(record.round for record in self.records if isinstance(record, AgentsAsked) and record.round)


class Board:
    """Watches a run (see `guardrails.runs.executor.Watcher`) and tells each thing that happens as a line."""

    def __init__(self, stages: Sequence[str], tell: Tell, history: Sequence[HistoryRecord] = ()) -> None:
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
        if step.action in ("ask", "vote"):
            again = f" again ({step.recovered.action})" if step.recovered is not None else ""
            what = f"asking {', '.join(step.agents)}" if step.action == "ask" else "collecting ballots"
            self._tell(f"{step.stage}: {what}{again}")
            for agent in step.agents:
                row.agents[agent] = AgentRow(agent, "waiting", time.monotonic())

    def call(self, progress: CallProgress) -> None:
        row = next((each for each in self.rows.values() if each.state in ("asking", "voting")), None)
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
        verb = "voted" if row.state == "voting" else "answered"
        said = f"failed after {took:.1f} s: {finished.problem}" if finished.problem else f"{verb} in {took:.1f} s"
        self._tell(f"{row.name}: {progress.agent} {said}{' (recorded)' if finished.replayed else ''}")

    def record(self, record: HistoryRecord) -> None:
        self._enter(record)
        line = _line(record)
        if line:
            self._tell(line)

    def _enter(self, record: HistoryRecord) -> None:
        stage = getattr(record, "stage", None)
        if stage not in self.rows:
            return
        row = self.rows[stage]
        row.records.append(record)
        if isinstance(record, StageClosed):
            row.state = record.closed.status
            row.took = None if row.since is None else time.monotonic() - row.since


def _line(record: HistoryRecord) -> str | None:
    """What is said of a step that was taken."""
    if isinstance(record, StageStarted):
        return f"{record.stage}: begun"
    if isinstance(record, StageOpened):
        return f"{record.stage}: guardrail open" if record.opened.halt is None else None
    if isinstance(record, RecoveryTaken) and record.action != "escalate":
        wait = f" after {record.wait:g} s" if record.wait else ""
        profile = f" under profile {record.profile}" if record.profile else ""
        return f"{record.stage}: {record.action}{profile}{wait}: {record.reason}"
    if isinstance(record, StageSettled):
        return f"{record.stage}: {record.verdict}" + (f": {'; '.join(record.reasons)}" if record.reasons else "")
    if isinstance(record, StageClosed):
        return f"{record.stage}: {record.closed.status}"
    return None
