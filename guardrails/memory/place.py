"""Where the memory lies: inside the repository or its git directory, never reached through a link."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence

from guardrails.errors import GuardrailError, Undecidable
from guardrails.git import Repo
from guardrails.printable import unsafe
from guardrails.snapshot import is_plain

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
