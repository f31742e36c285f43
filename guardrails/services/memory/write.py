"""Remember: kept here first, then forwarded. What a run and the command line share."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from guardrails.config.settings import Settings
from guardrails.core.paths import is_plain
from guardrails.core.text import unsafe
from guardrails.errors import GuardrailError, Undecidable
from guardrails.evidence.store import WrittenFile
from guardrails.git.repo import Repo
from guardrails.secrets.redact import redactor_of
from guardrails.services.memory.entries import Memory, MemorySource, NewMemory, entry, require
from guardrails.services.memory.server import MemoryServer, MemoryServerRefusal, deliver

if TYPE_CHECKING:
    from guardrails.services.memory.store import KeptMemory, MemoryStore


# Where the memory lies: inside the repository or its git directory, never reached through a link.


BESIDE = ("", "-wal", "-shm", "-journal")
"""What SQLite adds to the name of a database for the files it opens beside it."""
_GIT, _OWN = ".git", "speckit"
_ENDINGS = (".db", ".sqlite", ".sqlite3")
_EXAMPLE = "write a path in the repository, for example memory.path: .git/speckit/memory.db"


def locate(repo: Repo, configured: str) -> str:
    """The absolute path of the database that `memory.path` names.

    `.git` is git's common directory: in a linked working tree it is a file, and all working trees of a repository
    share one memory. Raises GuardrailError for a path that leads, or whose links lead, anywhere else.
    """
    parts = _checked(configured)
    try:
        return _unlinked(repo.common_dir() if parts[0] == _GIT else repo.root, parts, configured)
    except OSError as error:
        raise Undecidable(f"memory.path {configured}: {error.strerror}", "make it readable") from error


def _checked(configured: str) -> list[str]:
    """The parts of a path that stays inside, keeps out of git's own files, and can only name a database."""
    parts = configured.split("/")
    if (
        not is_plain(configured)
        or "\\" in configured
        or os.path.splitdrive(configured)[0]
        or unsafe().search(configured)
    ):
        raise GuardrailError(f"memory.path {configured!r} is not a path inside the repository", _EXAMPLE)
    if any(part.lower() == _GIT for part in parts) and parts[:2] != [_GIT, _OWN]:
        raise GuardrailError(
            f"memory.path {configured} lies among git's own files", f"below {_GIT} only {_GIT}/{_OWN}/ may hold it"
        )
    if not configured.endswith(_ENDINGS):
        raise GuardrailError(f"memory.path {configured} is not the name of a database", f"end it in {_ENDINGS[0]}")
    return parts


def _unlinked(base: str, parts: Sequence[str], configured: str) -> str:
    base = os.path.realpath(base)
    below = parts[1:] if parts[0] == _GIT else parts
    folder = os.path.join(base, *below[:-1])
    if os.path.normcase(os.path.realpath(folder)) != os.path.normcase(folder):
        raise GuardrailError(f"memory.path {configured} leads through a link", "name a directory that is one")
    if os.path.lexists(folder) and not os.path.isdir(folder):
        raise GuardrailError(f"memory.path {configured} lies below a file", "name a directory that is one")
    path = os.path.join(folder, below[-1])
    for name in (path + tail for tail in BESIDE):
        if os.path.lexists(name) and not stat.S_ISREG(os.lstat(name).st_mode):
            raise GuardrailError(f"{name} is not a regular file", "remove it, or name another memory.path")
    return path


AGAIN = "'speckit memory forward' sends what is left"
_BATCH = 500
"""Memories that are held at once."""


class WriteOutcome(NamedTuple):
    """What was kept, how many entries the server took, and what did not work beyond that."""

    kept: tuple[KeptMemory, ...]
    forwarded: int = 0
    warnings: tuple[str, ...] = ()


def open_store(repo: Repo, settings: Settings) -> MemoryStore:
    """The memory of a repository. Raises GuardrailError for a path outside, Undecidable without SQLite."""
    try:
        from guardrails.services.memory.store import MemoryStore
    except ImportError as error:
        raise Undecidable("this Python has no sqlite3", "use a Python that was built with SQLite") from error
    return MemoryStore(locate(repo, settings.memory.path), redactor_of(settings, repo.environment))


def server_of(repo: Repo, settings: Settings) -> MemoryServer | None:
    """The MCP server entries are forwarded to, if one is configured."""
    return MemoryServer(settings.memory.mcp, repo.root) if settings.memory.mcp else None


def remember(store: MemoryStore, entries: Iterable[NewMemory], server: MemoryServer | None = None) -> WriteOutcome:
    """Keep entries, then forward what was never forwarded of them. Whatever the server does is a warning at most.

    Raises Undecidable when they cannot be kept here; then nothing was.
    """
    kept = store.add(entries)
    if server is None:
        return WriteOutcome(kept)
    memories = [row.memory for row in kept if not row.forwarded]
    try:
        return WriteOutcome(kept, forward(store, server, memories))
    except GuardrailError as error:
        return WriteOutcome(kept, 0, (f"{error.message}; it is kept here, and {AGAIN}",))


IMPORTANCE = 8
"""of what a command decided"""


def note(repo: Repo, settings: Settings, text: str, tags: Sequence[str], about: WrittenFile) -> tuple[str, ...]:
    """Remember `text` about a file; returns warnings. That it cannot be kept is one: the file itself is what counts."""
    try:
        named = [require(tag, settings.layout) for tag in tags]
        item = entry(text, named, IMPORTANCE, source=MemorySource(about.path, about.sha256))
        return remember(open_store(repo, settings), [item], server_of(repo, settings)).warnings
    except GuardrailError as error:
        return (f"it is not remembered: {error.message}",)


def forward(store: MemoryStore, server: MemoryServer, memories: Sequence[Memory]) -> int:
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
        except MemoryServerRefusal as error:
            said = store.redactor.lines(str(error))
            raise Undecidable(f"the memory server {said} ({len(sent)} of {len(memories)} forwarded)", AGAIN) from error
    return len(sent)


def catch_up(store: MemoryStore, server: MemoryServer) -> int:
    """Forward everything that never was, and count it. Raises Undecidable as `forward` does."""
    count = 0
    while memories := store.pending(_BATCH):
        count += forward(store, server, memories)
    return count
