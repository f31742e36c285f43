"""One writer at a time for a SPEC: a lock file in the git directory that names who holds it.

The operating system drops the lock when its holder dies, however it dies; a file left behind locks nothing.
"""

import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from typing import IO, NamedTuple

from guardrails.core.timestamps import stamped
from guardrails.errors import GuardrailError
from guardrails.git.repo import Repo

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl


_GLANCES, _GLANCE = 5, 0.01
"""How often it is tried to take a lock, and seconds in between."""


class Holder(NamedTuple):
    """Who holds a lock, in their own words."""

    pid: int
    purpose: str
    since: str


class LockedError(GuardrailError):
    """Somebody else is at work on this SPEC."""

    def __init__(self, spec: str, holder: Holder | None) -> None:
        who = f"process {holder.pid} ({holder.purpose}, since {holder.since})" if holder else "another process"
        super().__init__(f"{spec} is locked by {who}", "wait for it to end, or end it")
        self.holder = holder


@contextmanager
def locked(repo: Repo, spec: str, purpose: str) -> Iterator[None]:
    """Hold the lock of `spec`. Raises LockedError at once when somebody else does."""
    place = os.path.join(repo.git_dir(), "speckit", "locks")
    os.makedirs(place, exist_ok=True)
    path = os.path.join(place, f"{spec}.lock")
    # The file is never removed: a lock on a removed file excludes nobody who makes a new one.
    with open(path, "a+", encoding="utf-8") as stream:
        if not _take(stream):
            raise LockedError(spec, _holder(stream))
        try:
            _sign(stream, purpose)
            yield
        finally:
            stream.truncate(0)
            _unlock(stream)


@contextmanager
def held(path: str) -> Iterator[bool]:
    """Hold a lock file for as long as the block lasts, if nobody else does. Yields whether it is held."""
    with open(path, "a+", encoding="utf-8") as stream:
        mine = _try_lock(stream)
        try:
            yield mine
        finally:
            if mine:
                _unlock(stream)


def _take(stream: IO[str]) -> bool:
    """Take the lock. Somebody who only looks at who holds it has it for an instant."""
    for _ in range(_GLANCES):
        if _try_lock(stream):
            return True
        time.sleep(_GLANCE)
    return False


def holder(repo: Repo, spec: str) -> Holder | None:
    """Who holds the lock of `spec` at this moment; None when nobody does, or does not say who."""
    path = os.path.join(repo.git_dir(), "speckit", "locks", f"{spec}.lock")
    try:
        with open(path, "r+", encoding="utf-8") as stream:
            if _try_lock(stream):  # a lock belongs to an open file: our own other one is in the way, too
                _unlock(stream)
                return None
            return _holder(stream)
    except FileNotFoundError:
        return None


def _sign(stream: IO[str], purpose: str) -> None:
    stream.seek(0)
    stream.truncate(0)
    since = stamped(datetime.now(timezone.utc))
    json.dump({"pid": os.getpid(), "purpose": purpose, "since": since}, stream)
    stream.flush()


def _holder(stream: IO[str]) -> Holder | None:
    """Who wrote the file, as far as it can be read: it may be empty for a moment."""
    stream.seek(0)
    try:
        said = json.load(stream)
        return Holder(int(said["pid"]), str(said["purpose"]), str(said["since"]))
    except (ValueError, KeyError, TypeError, OSError):
        return None


if sys.platform == "win32":
    # A byte far beyond the text is locked: Windows would keep others from reading the one that is.
    _OFFSET = 1 << 30

    def _try_lock(stream: IO[str]) -> bool:
        stream.seek(_OFFSET)
        try:
            msvcrt.locking(stream.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def _unlock(stream: IO[str]) -> None:
        stream.seek(_OFFSET)
        msvcrt.locking(stream.fileno(), msvcrt.LK_UNLCK, 1)

else:

    def _try_lock(stream: IO[str]) -> bool:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _unlock(stream: IO[str]) -> None:
        fcntl.flock(stream, fcntl.LOCK_UN)
