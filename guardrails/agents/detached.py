"""Start supervisors that outlive this process: in sessions of their own, under locks that they inherit."""

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
"""Where some Pythons find themselves. An agent does not see them unless it is allowed to."""
_BY_PYTHON = ("LC_CTYPE",)
"""What Python sets in the C locale."""


class Order(NamedTuple):
    """What the supervisors of one call are to do."""

    folder: str
    """of the call"""
    lock: int
    """an open descriptor that locks the folder; the supervisors hold it on, and the caller may close it"""
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


def start(orders: Sequence[Order], environ: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Start the supervisors of some calls, from one process that ends when it has started them."""
    union = {name: environ[name] for name in _FOR_PYTHON if name in environ}
    for order in orders:
        union.update(order.environment)
    words: list[str] = []
    for order in orders:
        hidden = [name for name in (*union, *_BY_PYTHON) if name not in order.environment]
        numbers = str(order.lock), str(order.limit), repr(order.seconds)
        said = [order.folder, order.place, order.stdin, *numbers, ",".join(hidden), *order.command]
        words += [str(len(said)), *said]
    with open(os.path.join(orders[0].folder, "supervisor.log"), "ab") as log:
        return subprocess.Popen(
            [sys.executable, "-I", "-S", "-X", "utf8", "-c", _BEGIN, _ROOT, *words],
            env=union,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=[order.lock for order in orders],
            start_new_session=True,
        )
