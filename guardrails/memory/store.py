"""The memories of one repository: kept once each, found by words and tags."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from datetime import datetime, timezone
from typing import Any, NamedTuple

from guardrails.memory.database import PATIENCE, reading, writing
from guardrails.memory.entries import Entry, Memory, Source, digest
from guardrails.memory.query import Query, expression
from guardrails.memory.sieve import Sieve
from guardrails.memory.tags import IMPORTANCE, mark

_COLUMNS = "id, text, tags, importance, created, source_path, source_sha256"
_INSERT = """
    INSERT INTO memory (digest, importance, created, source_path, source_sha256, tags, marks, text)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (digest) DO NOTHING"""
_INDEX = "INSERT INTO memory_index (rowid, text, marks) VALUES (?, ?, ?)"
# Marks weigh nothing: every hit has those that were asked for.
_FOUND = """
    SELECT memory.id FROM memory_index JOIN memory ON memory.id = memory_index.rowid
    WHERE memory_index MATCH ? AND memory.importance >= ?
    ORDER BY memory.importance DESC, bm25(memory_index, 1.0, 0.0), memory.created DESC, memory.id DESC LIMIT ?"""
_ALL = "SELECT id FROM memory WHERE importance >= ? ORDER BY importance DESC, created DESC, id DESC LIMIT ?"
_PENDING = f"SELECT {_COLUMNS} FROM memory WHERE forwarded IS NULL ORDER BY id LIMIT ?"  # noqa: S608  only constants


class Kept(NamedTuple):
    """What became of an entry: `new` is False when it was known already, `forwarded` True when a server has it."""

    memory: Memory
    new: bool
    forwarded: bool = False


class Store(NamedTuple):
    """One database. Each call opens it anew: nothing is shared between threads, and nothing held between calls.

    Every method raises Undecidable when the database cannot be used.
    """

    path: str
    sieve: Sieve
    patience: float = PATIENCE

    def add(self, entries: Iterable[Entry]) -> tuple[Kept, ...]:
        """Keep entries, all of them or none, without the secrets in them. One that is known is left as it is."""
        clean = [self.sieve.clean(item) for item in entries]
        with writing(self.path, self.patience) as connection:
            return tuple(_add(connection, item) for item in clean)

    def search(self, query: Query, limit: int = 20, least: int = 1) -> tuple[Memory, ...]:
        """What matches, the most important first, then what matches best, then the newest."""
        with reading(self.path, self.patience) as connection:
            if query.nothing:
                return ()
            if query.everything:
                found = connection.execute(_ALL, (least, limit))
            else:
                found = connection.execute(_FOUND, (expression(query), least, limit))
            return tuple(_memory(connection, number) for (number,) in found.fetchall())

    def pending(self, limit: int) -> tuple[Memory, ...]:
        """What was never forwarded, the oldest first."""
        with reading(self.path, self.patience) as connection:
            return tuple(map(_read, connection.execute(_PENDING, (limit,)).fetchall()))

    def forwarded(self, memory: Memory) -> None:
        """Note that a memory was forwarded."""
        with writing(self.path, self.patience) as connection:
            connection.execute("UPDATE memory SET forwarded = ? WHERE id = ?", (_stamp(None), memory.id))


def _add(connection: sqlite3.Connection, item: Entry) -> Kept:
    marks = " ".join(map(mark, (*item.tags, f"{IMPORTANCE}:{item.importance}")))
    source = item.source or (None, None)
    row = (digest(item), item.importance, _stamp(item.created), *source, " ".join(item.tags), marks, item.text)
    done = connection.execute(_INSERT, row)
    if done.rowcount == 1:
        assert done.lastrowid is not None
        connection.execute(_INDEX, (done.lastrowid, item.text, marks))
        return Kept(_memory(connection, done.lastrowid), new=True)
    known = connection.execute("SELECT id, forwarded IS NOT NULL FROM memory WHERE digest = ?", row[:1]).fetchone()
    return Kept(_memory(connection, known[0]), new=False, forwarded=bool(known[1]))


def _memory(connection: sqlite3.Connection, number: int) -> Memory:
    rows = connection.execute(f"SELECT {_COLUMNS} FROM memory WHERE id = ?", (number,))  # noqa: S608  only constants
    row = rows.fetchone()
    if row is None:
        raise sqlite3.DatabaseError("the index names a memory that is gone")
    return _read(row)


def _read(row: tuple[Any, ...]) -> Memory:
    number, text, tags, importance, created, path, sha256 = row
    if not all(isinstance(item, str) for item in (text, tags, created)) or not isinstance(importance, int):
        raise sqlite3.DatabaseError(f"memory {number} is not what was written")
    source = Source(path, sha256) if isinstance(path, str) and isinstance(sha256, str) else None
    return Memory(number, text, tuple(tags.split()), importance, created, source)


def _stamp(moment: datetime | None) -> str:
    when = (moment or datetime.now(timezone.utc)).astimezone(timezone.utc)
    return when.replace(microsecond=0, tzinfo=None).isoformat() + "Z"
