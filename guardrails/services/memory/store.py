"""The memories of one repository: kept once each, found by words and tags."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, NamedTuple

from guardrails.core.timestamps import stamped
from guardrails.errors import Undecidable
from guardrails.secrets.redact import Redactor
from guardrails.services.memory.entries import (
    IMPORTANCE,
    Memory,
    MemorySource,
    NewMemory,
    digest,
    mark,
    without_secrets,
)
from guardrails.services.memory.query import Query, expression

# The SQLite file: opened, brought to the current form, and every way it can fail turned into an answer.


PATIENCE = 10.0
"""Seconds to wait for other processes."""
APPLICATION = 0x53504B4D
"""Written into the file, so that no other program's database is taken for a memory."""

Migration = tuple[str, ...]
MIGRATIONS: tuple[Migration, ...] = (
    (
        # Text comes last: what is sorted by is read without the pages of a long text.
        """CREATE TABLE memory (
            id INTEGER PRIMARY KEY,
            digest BLOB NOT NULL UNIQUE,
            importance INTEGER NOT NULL CHECK (typeof(importance) = 'integer' AND importance BETWEEN 1 AND 10),
            created TEXT NOT NULL,
            source_path TEXT,
            source_sha256 TEXT,
            forwarded TEXT,
            tags TEXT NOT NULL,
            marks TEXT NOT NULL,
            text TEXT NOT NULL
        )""",
        "CREATE INDEX memory_by_importance ON memory (importance, created)",
        """CREATE VIRTUAL TABLE memory_index USING fts5 (
            text, marks, content = 'memory', content_rowid = 'id', tokenize = 'unicode61 remove_diacritics 2'
        )""",
    ),
)
"""The statements that lead from each version of the form to the next; the first from an empty file."""


@contextmanager
def writing(path: str, patience: float = PATIENCE) -> Iterator[sqlite3.Connection]:
    """The database, made when there is none, in one transaction that holds or has never been."""
    with _explained(path):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with _connected(path, "rwc", patience) as connection:
            if _version(connection, path) < len(MIGRATIONS):
                _wal(connection, patience)
                _migrate(connection, path)
            with connection:
                connection.execute("BEGIN IMMEDIATE")
                yield connection


@contextmanager
def reading(path: str, patience: float = PATIENCE) -> Iterator[sqlite3.Connection]:
    """The database, to be read only. Raises Undecidable when there is none: nothing was looked through."""
    with _explained(path):
        try:
            os.stat(path)
        except FileNotFoundError:
            raise _missing(path) from None
        with _connected(path, "rw", patience) as connection:
            version = _version(connection, path)
            if version == 0:
                raise _missing(path)
            if version < len(MIGRATIONS):
                _migrate(connection, path)
            connection.execute("PRAGMA query_only = ON")
            yield connection


@contextmanager
def _connected(path: str, mode: str, patience: float) -> Iterator[sqlite3.Connection]:
    address = f"{Path(path).as_uri()}?mode={mode}"
    connection = sqlite3.connect(address, uri=True, timeout=patience, isolation_level=None)
    try:
        # What a database brings along in its own tables is not called from here.
        connection.execute("PRAGMA trusted_schema = OFF")
        yield connection
    finally:
        connection.close()


def _version(connection: sqlite3.Connection, path: str) -> int:
    """The version of the form the file is in; 0 when it is empty."""
    application = _pragma(connection, "application_id")
    version = _pragma(connection, "user_version")
    if application != APPLICATION and (application or version or _tables(connection)):
        if _pragma(connection, "application_id") == APPLICATION:  # made by another process between the two looks
            return _version(connection, path)
        raise Undecidable(f"{path} is the database of another program", "name another file with memory.path")
    if version > len(MIGRATIONS):
        raise Undecidable(
            f"{path} was written by a newer speckit (form {version}, this one knows {len(MIGRATIONS)})",
            "upgrade speckit-guardrails",
        )
    return version


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    row: tuple[int] = connection.execute(f"PRAGMA {name}").fetchone()
    return row[0]


def _tables(connection: sqlite3.Connection) -> int:
    row: tuple[int] = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    return row[0]


def _wal(connection: sqlite3.Connection, patience: float) -> None:
    """Readers and a writer at once. While another process does the same, SQLite refuses without waiting."""
    deadline = time.monotonic() + patience
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL").fetchone()
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return


def _migrate(connection: sqlite3.Connection, path: str) -> None:
    """All steps in one transaction. Whoever waited for another process finds them done."""
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        for statements in MIGRATIONS[_version(connection, path) :]:
            _run(connection, statements)
        connection.execute(f"PRAGMA application_id = {APPLICATION}")
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")


def _run(connection: sqlite3.Connection, statements: Sequence[str]) -> None:
    for statement in statements:
        connection.execute(statement)


@contextmanager
def _explained(path: str) -> Iterator[None]:
    try:
        yield
    except (sqlite3.ProgrammingError, sqlite3.NotSupportedError):
        raise  # a mistake of ours, not of the file
    except (sqlite3.Error, UnicodeDecodeError) as error:  # the latter where SQLite's own message quotes the damage
        raise _explanation(path, str(error)) from error
    except OSError as error:
        raise Undecidable(f"{path}: {error.strerror}", "make it readable and writable") from error


def _missing(path: str) -> Undecidable:
    return Undecidable(f"there is no memory yet ({path})", "a run or 'speckit memory add' makes one")


_SAID = (
    ("no such module: fts", "this Python's SQLite has no FTS5", "use a Python whose SQLite has it, as python.org's do"),
    ("locked", "is locked by another process", "end that process, or try again"),
    ("busy", "is locked by another process", "end that process, or try again"),
    ("readonly", "cannot be written", "make it and its directory writable"),
    ("unable to open", "cannot be opened", "make it and its directory readable and writable"),
    ("is full", "cannot be written: the disk is full", "make room"),
    ("disk i/o", "cannot be read or written: the disk fails", "check the disk and who may write there"),
)


def _explanation(path: str, said: str) -> Undecidable:
    for words, what, hint in _SAID:
        if words in said.lower():
            return Undecidable(f"{path}: {what}", hint)
    return Undecidable(
        f"{path} is damaged or no database ({said})",
        "move it away with its -wal and -shm files: the next entry makes a new one; evidence is not touched by that",
    )


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


class KeptMemory(NamedTuple):
    """What became of an entry: `new` is False when it was known already, `forwarded` True when a server has it."""

    memory: Memory
    new: bool
    forwarded: bool = False


class MemoryStore(NamedTuple):
    """One database. Each call opens it anew: nothing is shared between threads, and nothing held between calls.

    Every method raises Undecidable when the database cannot be used.
    """

    path: str
    redactor: Redactor
    patience: float = PATIENCE

    def add(self, entries: Iterable[NewMemory]) -> tuple[KeptMemory, ...]:
        """Keep entries, all of them or none, without the secrets in them. One that is known is left as it is."""
        clean = [without_secrets(item, self.redactor) for item in entries]
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


def _add(connection: sqlite3.Connection, item: NewMemory) -> KeptMemory:
    marks = " ".join(map(mark, (*item.tags, f"{IMPORTANCE}:{item.importance}")))
    source = item.source or (None, None)
    row = (digest(item), item.importance, _stamp(item.created), *source, " ".join(item.tags), marks, item.text)
    done = connection.execute(_INSERT, row)
    if done.rowcount == 1:
        assert done.lastrowid is not None
        connection.execute(_INDEX, (done.lastrowid, item.text, marks))
        return KeptMemory(_memory(connection, done.lastrowid), new=True)
    known = connection.execute("SELECT id, forwarded IS NOT NULL FROM memory WHERE digest = ?", row[:1]).fetchone()
    return KeptMemory(_memory(connection, known[0]), new=False, forwarded=bool(known[1]))


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
    source = MemorySource(path, sha256) if isinstance(path, str) and isinstance(sha256, str) else None
    return Memory(number, text, tuple(tags.split()), importance, created, source)


def _stamp(moment: datetime | None) -> str:
    return stamped(moment or datetime.now(timezone.utc))
