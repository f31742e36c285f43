"""What keeps the journal of runs from being used, told so that somebody can do something about it."""

from __future__ import annotations

import sqlite3

from guardrails.errors import GuardrailError, Undecidable

_REFUSALS = {
    "database or disk is full": "make room on this disk, then try again",
    "disk i/o error": "see whether the disk is full or damaged, then try again",
    "attempt to write a readonly database": "make the git directory writable, then try again",
    "unable to open database file": "make the git directory writable, then try again",
}
"""What SQLite says when the system would not let it read or write."""


def user_error(error: BaseException, place: str) -> GuardrailError:
    """The error of a database as one that is told to the user: exit 2 where the disk would not have it, otherwise 3.

    Only SQLite is quoted: what other databases say may repeat their address, with a password in it.
    """
    cause = getattr(error, "orig", None) or error
    if not isinstance(cause, sqlite3.Error):
        return Undecidable(
            f"{place} cannot be used ({type(cause).__name__})", "check --database, or leave it out to use SQLite"
        )
    said = str(cause)
    hint = _REFUSALS.get(said.lower())
    if hint is not None:
        return GuardrailError(f"{place} cannot be used: {said}", hint)
    return Undecidable(f"{place} cannot be used: {said}", "make it writable, or move it away")
