"""A new Python with an older SQLite, as distributions pair them: the journal of runs needs milliseconds."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import time

import pytest

_STAMPED = """
import sys
import sqlalchemy as sa
from guardrails.runs.workflow import register_unixepoch
register_unixepoch((3, int(sys.argv[1])))
register_unixepoch((3, int(sys.argv[1])))
with sa.create_engine("sqlite://").begin() as connection:
    connection.execute(sa.text("CREATE TABLE made (at INTEGER NOT NULL DEFAULT (unixepoch('subsec') * 1000))"))
    connection.execute(sa.text("INSERT INTO made DEFAULT VALUES"))
    print(connection.execute(sa.text("SELECT at FROM made")).scalar())
    print(connection.execute(sa.text("SELECT unixepoch('no time')")).scalar())
"""


def _run(minor: int) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", _STAMPED, str(minor)], capture_output=True, text=True, timeout=60)


def test_an_older_sqlite_is_taught_to_tell_milliseconds() -> None:
    before = time.time() * 1000
    done = _run(40)
    assert done.returncode == 0, done.stderr
    stamp, unknown = done.stdout.split()
    assert before - 1 <= float(stamp) <= time.time() * 1000
    assert unknown == "None"


@pytest.mark.skipif(sqlite3.sqlite_version_info < (3, 42), reason="this SQLite cannot tell milliseconds by itself")
def test_a_newer_sqlite_is_left_as_it_is() -> None:
    assert _run(42).returncode == 0
