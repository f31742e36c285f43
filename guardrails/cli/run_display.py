"""Shows how a run goes: a live table on a terminal, plain lines elsewhere, nothing with -q. All on standard error."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from guardrails.cli.context import Globals
from guardrails.printable import printable

if TYPE_CHECKING:
    from rich.table import Table

    from guardrails.cli.run_board import AgentRow, Board, StageRow

_STYLES = {"passed": "green", "failed": "red", "halted": "red", "skipped": "yellow", "waiting": "dim"}


class Display:
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
        money = row.money
        cells = (row.name, row.state, _agents(row), _elapsed(row), count(money.tokens, money.calls), dollars(row))
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


def dollars(row: StageRow) -> str:
    """Money for people: a lower bound and an estimate are said to be what they are."""
    return money_text(row.money.usd, row.money.source, row.money.calls, row.money.priced_calls)


def money_text(usd: float | None, source: str, calls: int, priced: int) -> str:
    if not calls:
        return "-"
    if usd is None:
        return "unknown"
    mark = ">=" if priced < calls else ("~" if source == "estimated" else "")
    return f"{mark}${usd:.4f}" if 0 < usd < 0.01 else f"{mark}${usd:.2f}"
