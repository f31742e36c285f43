"""`speckit memory`: keep what was found out, and find it again."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from guardrails.cli.options import Globals, global_options, merged
from guardrails.cli.run_checks import load_settings, relative
from guardrails.config.settings import Settings
from guardrails.core.text import printable
from guardrails.errors import GuardrailError, Undecidable
from guardrails.git.repo import Repo, open_repo
from guardrails.services.memory import show
from guardrails.services.memory.entries import LEAST, LONGEST, MOST, MemorySource, entry, refuse_secrets, require
from guardrails.services.memory.query import Query, understand
from guardrails.snapshot.worktree import Worktree

if TYPE_CHECKING:
    from guardrails.services.memory.server import MemoryServer
    from guardrails.services.memory.store import KeptMemory, MemoryStore


# What the commands of `speckit memory` share.


IMPORTANCE = click.IntRange(LEAST, MOST)
timeout_option = click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True, max=3600),
    metavar="SECONDS",
    help="How long the MCP server may take for each answer (default: 10, and 30 to start).",
)


class MemoryScope(NamedTuple):
    """The repository a command is about, and what it was told besides."""

    repo: Repo
    settings: Settings
    globals_: Globals

    def store(self) -> MemoryStore:
        from guardrails.services.memory.write import open_store

        return open_store(self.repo, self.settings)

    def server(self, timeout: float | None) -> MemoryServer | None:
        from guardrails.services.memory.write import server_of

        found = server_of(self.repo, self.settings)
        return found._replace(start=timeout, answer=timeout) if found and timeout else found


def memory_scope(ctx: click.Context, options: dict[str, Any]) -> MemoryScope:
    globals_ = merged(ctx, **options)
    repo = open_repo(globals_.repo)
    return MemoryScope(repo, load_settings(Worktree(repo), repo, globals_), globals_)


def required(server: MemoryServer | None) -> MemoryServer:
    if server is None:
        raise GuardrailError("no MCP memory server is configured", "set memory.mcp in .speckit.yaml to its command")
    return server


def warn(*warnings: str) -> None:
    for warning in warnings:
        click.echo(f"warning: {printable(warning)}", err=True)


# `speckit memory search`: find memories by words, phrases and tags.


NONE_FOUND = 1


@click.command("search")
@click.argument("words", nargs=-1, metavar="[QUERY]...")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, help="At most so many (default: 20).")
@click.option("--min-importance", type=IMPORTANCE, default=LEAST, help="Only what is at least so important.")
@click.option("--full", is_flag=True, help="Show texts whole instead of an excerpt.")
@click.option("--format", "style", type=click.Choice(["text", "json"]), default="text", help="How to print them.")
@click.option("--mcp", is_flag=True, help="Ask the MCP server of memory.mcp instead of the memory kept here.")
@timeout_option
@global_options
@click.pass_context
def search(ctx: click.Context, /, words: tuple[str, ...], limit: int, style: str, **options: Any) -> int:
    """Find memories that hold every word of QUERY: the most important first, then the best match, then the newest.

    A `key:value` is a tag and must be exact (spec:SPEC-KIT-900, stage:plan, agent:gemini, type:verdict, importance:9).
    "Several words" in quotes must stand together. Other words are looked for in the text, whole, whatever their case
    and accents. No sign has a meaning of its own. Without QUERY everything is listed. Put `--` before a query that
    begins with a dash.

    Exits 0 when something was found and 1 when nothing was, as grep does; 2 for usage; 3 when the database is missing,
    unreadable, locked or damaged.

    \b
    Example:  speckit memory search "spec:SPEC-KIT-900 stage:plan"
              speckit memory search storage '"clock drift"' --min-importance 8 --format json
    """
    least, full, remote, timeout = (options.pop(name) for name in ("min_importance", "full", "mcp", "timeout"))
    scope = memory_scope(ctx, options)
    text = " ".join(words)
    query = understand(text, scope.settings.layout)
    if query.cut:
        warn("the query is long: only its beginning was looked for")
    if remote:
        items = _asked(scope, scope.server(timeout), text, query, limit)
        report = show.answers_json(items, text) if style == "json" else show.answers_text(items, query, full)
        return _ending(scope, len(items), limit, report)
    found = scope.store().search(query, limit, least)
    report = show.as_json(found, text) if style == "json" else show.as_text(found, query, full)
    return _ending(scope, len(found), limit, report)


def _asked(scope: MemoryScope, server: MemoryServer | None, text: str, query: Query, limit: int) -> tuple[str, ...]:
    from guardrails.services.memory.server import MemoryServerRefusal, ask

    try:
        return ask(required(server), text, query.tags, limit)
    except MemoryServerRefusal as error:
        said = scope.store().redactor.lines(str(error))
        raise Undecidable(f"the memory server {said}", "leave out --mcp to search what is kept here") from error


def _ending(scope: MemoryScope, count: int, limit: int, report: str) -> int:
    click.echo(report, nl=False)
    if count in (0, limit) and not scope.globals_.quiet:
        click.echo("there may be more: see --limit" if count else "nothing found", err=True)
    return 0 if count else NONE_FOUND


@click.group("memory", short_help="Keep what was found out, and find it again.")
def command() -> None:
    """What agents answered and what was decided: every run leaves memories, and so can you.

    \b
    Example:  speckit memory search "spec:SPEC-KIT-900 stage:plan"
    """


command.add_command(search)


@command.command("add")
@click.argument("text")
@click.option("--tag", "tags", multiple=True, metavar="KEY:VALUE", help="A tag; may be repeated.")
@click.option("--importance", type=IMPORTANCE, default=5, help="From 1 to 10 (default: 5).")
@click.option("--evidence", metavar="FILE", help="The file of this repository it comes from; its digest is kept.")
@timeout_option
@global_options
@click.pass_context
def add(ctx: click.Context, /, text: str, tags: tuple[str, ...], importance: int, **options: Any) -> int:
    """Remember TEXT; `-` reads it from standard input.

    What is known already, with the same tags and from the same file, is not kept twice. A text or tag that holds a
    secret is refused: the value of a configured variable in any form, or a known token. Where memory.mcp names an MCP
    server, the entry is forwarded to it once it is kept here; a server that fails is a warning.

    Exits 2 for what cannot be remembered, 3 when the database cannot be used or the MCP library is missing.

    \b
    Example:  speckit memory add "Postgres was ruled out" --tag spec:SPEC-KIT-900 --tag type:decision --importance 8
    """
    evidence, timeout = options.pop("evidence"), options.pop("timeout")
    scope = memory_scope(ctx, options)
    named = [require(tag, scope.settings.layout) for tag in tags]
    item = entry(_given(text), named, importance, source=_source(scope, evidence))
    store = scope.store()
    refuse_secrets(store.redactor, "the text", item.text)
    refuse_secrets(store.redactor, "a tag", " ".join(item.tags))
    refuse_secrets(store.redactor, "the name of the file", evidence or "")

    from guardrails.services.memory.write import remember

    done = remember(store, [item], scope.server(timeout))
    if not scope.globals_.quiet:
        click.echo(_said(done.kept[0]) + (", forwarded" if done.forwarded else ""))
    if done.warnings:
        from guardrails.services.memory.server import require_memory_mcp

        require_memory_mcp()
        warn(*done.warnings)
    return 0


def _said(kept: KeptMemory) -> str:
    memory = kept.memory
    begin = "remembered as" if kept.new else "known already as"
    return printable(f"{begin} #{memory.id} [{memory.importance}] {' '.join(memory.tags)}".rstrip())


def _given(text: str) -> str:
    """The text itself, or what stands on standard input."""
    if text != "-":
        return text
    data = sys.stdin.buffer.read(4 * LONGEST + 1)
    if len(data) > 4 * LONGEST:
        raise GuardrailError("the text on standard input is too long", f"keep it to {LONGEST} characters")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise GuardrailError("the text on standard input is not UTF-8", "convert it") from error


def _source(scope: MemoryScope, name: str | None) -> MemorySource | None:
    if name is None:
        return None
    from hashlib import sha256

    path = relative(scope.repo.root, name)
    data = Worktree(scope.repo).read(path)
    if data is None:
        raise GuardrailError(f"{name} cannot be read", "name a regular file of this repository with --evidence")
    return MemorySource(path, sha256(data).hexdigest())


@command.command("forward")
@timeout_option
@global_options
@click.pass_context
def forward(ctx: click.Context, /, timeout: float | None, **options: Any) -> int:
    """Send every memory to the MCP server of memory.mcp that was not sent yet.

    Entries are forwarded when they are made; this catches up on what a server missed. Exits 3 when it fails again.

    \b
    Example:  speckit memory forward
    """
    scope = memory_scope(ctx, options)
    server = required(scope.server(timeout))
    from guardrails.services.memory.server import require_memory_mcp

    require_memory_mcp()

    from guardrails.services.memory.write import catch_up

    count = catch_up(scope.store(), server)
    if not scope.globals_.quiet:
        click.echo(f"{count} forwarded" if count else "nothing to forward")
    return 0
