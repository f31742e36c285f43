"""What the commands of `speckit memory` share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import click

from guardrails.cli.context import Globals, merged
from guardrails.cli.judge import load_settings
from guardrails.errors import GuardrailError
from guardrails.git import Repo, open_repo
from guardrails.memory.entries import LEAST, MOST
from guardrails.printable import printable
from guardrails.settings import Settings
from guardrails.snapshot.worktree import Worktree

if TYPE_CHECKING:
    from guardrails.memory.server import Server
    from guardrails.memory.store import Store

IMPORTANCE = click.IntRange(LEAST, MOST)
timeout_option = click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True, max=3600),
    metavar="SECONDS",
    help="How long the MCP server may take for each answer (default: 10, and 30 to start).",
)


class Here(NamedTuple):
    """The repository a command is about, and what it was told besides."""

    repo: Repo
    settings: Settings
    globals_: Globals

    def store(self) -> Store:
        from guardrails.memory.keeping import open_store

        return open_store(self.repo, self.settings)

    def server(self, timeout: float | None) -> Server | None:
        from guardrails.memory.keeping import server_of

        found = server_of(self.repo, self.settings)
        return found._replace(start=timeout, answer=timeout) if found and timeout else found


def here_of(ctx: click.Context, options: dict[str, Any]) -> Here:
    globals_ = merged(ctx, **options)
    repo = open_repo(globals_.repo)
    return Here(repo, load_settings(Worktree(repo), repo, globals_), globals_)


def required(server: Server | None) -> Server:
    if server is None:
        raise GuardrailError("no MCP memory server is configured", "set memory.mcp in .speckit.yaml to its command")
    return server


def require_library() -> None:
    from guardrails.memory.server import require_library as check

    check()


def warn(*warnings: str) -> None:
    for warning in warnings:
        click.echo(f"warning: {printable(warning)}", err=True)
