"""An internal error: a report file for the makers, one line for the user."""

from __future__ import annotations

import errno
import os
import platform
import sys
import tempfile
import traceback
from datetime import datetime, timezone

from guardrails import __version__
from guardrails.core.result import Problem
from guardrails.core.timestamps import compact
from guardrails.errors import GuardrailError
from guardrails.git.repo import open_repo

_REFUSALS = {
    errno.ENOSPC: "make room on this disk, then try again",
    getattr(errno, "EDQUOT", errno.ENOSPC): "make room within your quota, then try again",
    errno.EROFS: "it is mounted read-only: work where it can be written",
    errno.ENOTDIR: "something else lies where a directory belongs: move it away",
    errno.EACCES: "make it readable and writable, then try again",
    errno.EPERM: "make it readable and writable, then try again",
}


def refusal(error: Exception) -> Problem | None:
    """What to do when the system would not let us read or write: that is no fault of the program. None otherwise."""
    if not isinstance(error, OSError) or error.errno not in _REFUSALS:
        return None
    where = f"{os.fsdecode(error.filename)}: " if isinstance(error.filename, str | bytes) else ""
    return Problem(f"{where}{error.strerror}", _REFUSALS[error.errno])


def report(error: Exception) -> Problem:
    """Write what happened to a file under the git directory, and say where.

    The file holds places in the code and versions; no message, argument, variable or file content is put into it.
    """
    text = "\n".join(
        [
            f"speckit {__version__}, Python {platform.python_version()}, {platform.platform()}",
            f"command: {' '.join(sys.argv[1:2])}",
            "",
            *(f"{row.filename}:{row.lineno} in {row.name}" for row in traceback.extract_tb(error.__traceback__)),
            type(error).__name__,
        ]
    )
    said = f"internal error ({type(error).__name__}); nothing was judged"
    return Problem(said, f"please report it, with {_write(text)}")


def _write(text: str) -> str:
    name = f"crash-{compact(datetime.now(timezone.utc))}-{os.getpid()}.txt"
    for place in (_git_place(), tempfile.gettempdir()):
        if place is None:
            continue
        try:
            os.makedirs(place, exist_ok=True)
            path = os.path.join(place, name)
            with open(path, "w", encoding="utf-8") as stream:
                stream.write(text)
        except OSError:
            continue
        return path
    return "this text:\n" + text


def _git_place() -> str | None:
    try:
        return os.path.join(open_repo().git_dir(), "speckit")
    except GuardrailError:
        return None
