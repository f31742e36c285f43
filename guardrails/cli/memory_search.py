"""`speckit memory search`: find memories by words, phrases and tags."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from guardrails.cli.context import global_options
from guardrails.cli.memory_here import IMPORTANCE, Here, here_of, required, timeout_option, warn
from guardrails.errors import Undecidable
from guardrails.memory import show
from guardrails.memory.entries import LEAST
from guardrails.memory.query import Query, understand

if TYPE_CHECKING:
    from guardrails.memory.server import Server

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
    here = here_of(ctx, options)
    text = " ".join(words)
    query = understand(text, here.settings.layout)
    if query.cut:
        warn("the query is long: only its beginning was looked for")
    if remote:
        items = _asked(here, here.server(timeout), text, query, limit)
        report = show.answers_json(items, text) if style == "json" else show.answers_text(items, query, full)
        return _ending(here, len(items), limit, report)
    found = here.store().search(query, limit, least)
    report = show.as_json(found, text) if style == "json" else show.as_text(found, query, full)
    return _ending(here, len(found), limit, report)


def _asked(here: Here, server: Server | None, text: str, query: Query, limit: int) -> tuple[str, ...]:
    from guardrails.memory.answers import Refused
    from guardrails.memory.server import ask

    try:
        return ask(required(server), text, query.tags, limit)
    except Refused as error:
        said = here.store().sieve.text(str(error))
        raise Undecidable(f"the memory server {said}", "leave out --mcp to search what is kept here") from error


def _ending(here: Here, count: int, limit: int, report: str) -> int:
    click.echo(report, nl=False)
    if count in (0, limit) and not here.globals_.quiet:
        click.echo("there may be more: see --limit" if count else "nothing found", err=True)
    return 0 if count else NONE_FOUND
