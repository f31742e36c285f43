"""Start a supervisor that outlives this process: in a session of its own, under a lock that it inherits."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import NamedTuple

# By its path and without `site`: a tenth of a second less than `-m`. Appended, so that nothing beside us comes first.
_BEGIN = "import sys; sys.path.append(sys.argv.pop(1)); from guardrails.agents.supervise import main; main()"
_ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
_FOR_PYTHON = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
"""Where some Pythons find themselves. The agent does not see them unless it is allowed to."""
_BY_PYTHON = ("LC_CTYPE",)
"""What Python sets in the C locale."""


class Order(NamedTuple):
    """What a supervisor is to do. Its working directory is the folder of the call."""

    folder: str
    command: tuple[str, ...]
    place: str
    """where the agent runs"""
    stdin: str
    """the file it reads: a name in the folder, or a path"""
    seconds: float
    limit: int
    """bytes of output"""
    environment: Mapping[str, str]
    """all that the agent sees"""


def start(order: Order, lock: int, environ: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """A running supervisor that holds the lock with the descriptor `lock`, which the caller may close."""
    extra = {name: environ[name] for name in _FOR_PYTHON if name in environ}
    hidden = [name for name in (*extra, *_BY_PYTHON) if name not in order.environment]
    words: Sequence[str] = (
        *(sys.executable, "-I", "-S", "-X", "utf8", "-c", _BEGIN, _ROOT),
        *(str(lock), repr(order.seconds), str(order.limit), order.stdin, order.place, ",".join(hidden)),
        *order.command,
    )
    with open(os.path.join(order.folder, "supervisor.log"), "ab") as log:
        return subprocess.Popen(
            words,
            cwd=order.folder,
            env={**extra, **order.environment},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=(lock,),
            start_new_session=True,
        )
