"""Remember: kept here first, then forwarded. What a run and the command line share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from guardrails.errors import GuardrailError, Undecidable
from guardrails.git import Repo
from guardrails.memory.answers import Refused
from guardrails.memory.entries import Entry, Memory
from guardrails.memory.place import locate
from guardrails.memory.server import Server, deliver
from guardrails.memory.sieve import sieve
from guardrails.settings import Settings

if TYPE_CHECKING:
    from guardrails.memory.store import Kept, Store

AGAIN = "'speckit memory forward' sends what is left"
_BATCH = 500
"""Memories that are held at once."""


class Remembered(NamedTuple):
    """What was kept, how many entries the server took, and what did not work beyond that."""

    kept: tuple[Kept, ...]
    forwarded: int = 0
    warnings: tuple[str, ...] = ()


def open_store(repo: Repo, settings: Settings) -> Store:
    """The memory of a repository. Raises GuardrailError for a path outside, Undecidable without SQLite."""
    try:
        from guardrails.memory.store import Store
    except ImportError as error:
        raise Undecidable("this Python has no sqlite3", "use a Python that was built with SQLite") from error
    return Store(locate(repo, settings.memory.path), sieve(settings.secrets.variables, repo.environment))


def server_of(repo: Repo, settings: Settings) -> Server | None:
    """The MCP server entries are forwarded to, if one is configured."""
    return Server(settings.memory.mcp, repo.root) if settings.memory.mcp else None


def remember(store: Store, entries: Iterable[Entry], server: Server | None = None) -> Remembered:
    """Keep entries, then forward what was never forwarded of them. Whatever the server does is a warning at most.

    Raises Undecidable when they cannot be kept here; then nothing was.
    """
    kept = store.add(entries)
    if server is None:
        return Remembered(kept)
    memories = [row.memory for row in kept if not row.forwarded]
    try:
        return Remembered(kept, forward(store, server, memories))
    except GuardrailError as error:
        return Remembered(kept, 0, (f"{error.message}; it is kept here, and {AGAIN}",))


def forward(store: Store, server: Server, memories: Sequence[Memory]) -> int:
    """Send memories to the server, noting each that it took, and count them. Raises Undecidable when one fails.

    Each is sent at least once: what is killed between the server's answer and the note of it is sent again.
    """
    sent: list[int] = []

    def done(memory: Memory) -> None:
        store.forwarded(memory)
        sent.append(memory.id)

    if memories:
        try:
            deliver(server, memories, done)
        except Refused as error:
            said = store.sieve.text(str(error))
            raise Undecidable(f"the memory server {said} ({len(sent)} of {len(memories)} forwarded)", AGAIN) from error
    return len(sent)


def catch_up(store: Store, server: Server) -> int:
    """Forward everything that never was, and count it. Raises Undecidable as `forward` does."""
    count = 0
    while memories := store.pending(_BATCH):
        count += forward(store, server, memories)
    return count
