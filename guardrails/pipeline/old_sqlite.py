"""SQLite before 3.42 cannot tell the time in parts of a second, and answers NULL where DBOS asks for it.

DBOS goes by the version of Python; distributions pair a new Python with an older SQLite.
"""

from __future__ import annotations

import sqlite3
import time
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Engine

_TELLS = (3, 42)


def teach(version: tuple[int, ...] = sqlite3.sqlite_version_info) -> None:
    """Let every connection to a SQLite of `version` understand `unixepoch('subsec')`, if it does not by itself."""
    if version < _TELLS and not event.contains(Engine, "connect", _teach):
        event.listen(Engine, "connect", _teach)


def _teach(connection: Any, _record: object) -> None:
    if isinstance(connection, sqlite3.Connection):
        connection.create_function("unixepoch", 1, _unixepoch)


def _unixepoch(modifier: object) -> float | None:
    """Seconds since 1970, as the function of that name gives them to newer versions; NULL for what it was not made
    for, as theirs does for what it does not understand."""
    return time.time() if modifier == "subsec" else None
