"""The SQLite file: opened, brought to the current form, and every way it can fail turned into an answer."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from guardrails.errors import Undecidable

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
