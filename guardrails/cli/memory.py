"""`speckit memory`: keep what was found out, and find it again."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from guardrails.cli.context import global_options
from guardrails.cli.judge import relative
from guardrails.cli.memory_here import IMPORTANCE, Here, here_of, require_library, required, timeout_option, warn
from guardrails.cli.memory_search import search
from guardrails.errors import GuardrailError
from guardrails.memory.entries import LONGEST, Source, entry
from guardrails.memory.tags import require
from guardrails.printable import printable
from guardrails.snapshot.worktree import Worktree

if TYPE_CHECKING:
    from guardrails.memory.store import Kept


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
    here = here_of(ctx, options)
    named = [require(tag, here.settings.layout) for tag in tags]
    item = entry(_given(text), named, importance, source=_source(here, evidence))
    store = here.store()
    store.sieve.refuse("the text", item.text)
    store.sieve.refuse("a tag", " ".join(item.tags))
    store.sieve.refuse("the name of the file", evidence or "")

    from guardrails.memory.keeping import remember

    done = remember(store, [item], here.server(timeout))
    if not here.globals_.quiet:
        click.echo(_said(done.kept[0]) + (", forwarded" if done.forwarded else ""))
    if done.warnings:
        require_library()
        warn(*done.warnings)
    return 0


def _said(kept: Kept) -> str:
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


def _source(here: Here, name: str | None) -> Source | None:
    if name is None:
        return None
    from hashlib import sha256

    path = relative(here.repo.root, name)
    data = Worktree(here.repo).read(path)
    if data is None:
        raise GuardrailError(f"{name} cannot be read", "name a regular file of this repository with --evidence")
    return Source(path, sha256(data).hexdigest())


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
    here = here_of(ctx, options)
    server = required(here.server(timeout))
    require_library()

    from guardrails.memory.keeping import catch_up

    count = catch_up(here.store(), server)
    if not here.globals_.quiet:
        click.echo(f"{count} forwarded" if count else "nothing to forward")
    return 0
