"""Two processes for work on many items: the check that reads thousands of files uses the second core.

A process pool of the standard library costs more to start than the work it would share out.
"""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

Item = TypeVar("Item")
Made = TypeVar("Made")

LEAST = 1000
"""Items from which a second process is worth its start."""


def in_halves(work: Callable[[list[Item]], Made], items: list[Item], least: int = LEAST) -> list[Made]:
    """`work` over all items, in order: one result, or one for each half.

    `work` must be pure and its result picklable. Should the second process fail in any way, its half is done again
    here, so that what went wrong is seen.
    """
    if len(items) < least or not _second_core():
        return [work(items)]
    global _shared
    middle = len(items) // 2
    read, write = os.pipe()
    _shared = True  # before the fork: both processes must know
    try:
        child = os.fork()
    except OSError:  # no process to be had: the limit is reached
        _shared = False
        os.close(read)
        os.close(write)
        return [work(items)]
    if child == 0:
        _serve(work, items[middle:], read, write)
    os.close(write)
    with os.fdopen(read, "rb") as stream:
        try:
            first = work(items[:middle])
            data = stream.read()
        finally:
            stream.close()  # a child that still writes is ended by that
            status = _wait(child)
            _shared = False
    if status:
        return [first, work(items[middle:])]
    from pickle import UnpicklingError, loads

    try:
        return [first, loads(data)]  # noqa: S301  written by our own process, through a pipe nobody else holds
    except (EOFError, UnpicklingError):
        return [first, work(items[middle:])]


def in_turns(work: Callable[[Item], Made], items: list[Item]) -> list[Made]:
    """`work` on each item, results in order. Two processes each take the next item when they are done with one:
    few items of unlike size are shared out better than by halves."""
    if len(items) < 2 or not _second_core():
        return [work(item) for item in items]
    turns, fill = os.pipe()
    os.write(fill, bytes(range(len(items))))
    os.close(fill)

    def take(_: list[int]) -> dict[int, Made]:
        done: dict[int, Made] = {}
        while turn := os.read(turns, 1):
            done[turn[0]] = work(items[turn[0]])
        return done

    try:
        done = {turn: made for part in in_halves(take, [0, 1], least=2) for turn, made in part.items()}
    finally:
        os.close(turns)
    # What a second process took and did not bring back is done again here.
    return [done[turn] if turn in done else work(item) for turn, item in enumerate(items)]


def _wait(child: int) -> int:
    """How the child ended; 0 where nobody can say (SIGCHLD is ignored here), and its result must speak for it."""
    try:
        return os.waitpid(child, 0)[1]
    except ChildProcessError:
        return 0


_shared = False
"""Whether this work already runs in two processes: halves of halves would only queue for the same cores."""


@contextmanager
def in_one_process() -> Iterator[None]:
    """Everything inside is done by this process alone: one that runs threads of its own must not be forked."""
    global _shared
    before, _shared = _shared, True
    try:
        yield
    finally:
        _shared = before


def _second_core() -> bool:
    """Only where forking a process without threads is known to be safe, and a core is there to run it."""
    return not _shared and sys.platform == "linux" and len(os.sched_getaffinity(0)) > 1


def _serve(work: Callable[[list[Item]], Made], items: list[Item], read: int, write: int) -> None:
    """The child: work, write, and leave without running anything of the parent's."""
    status = 1
    try:
        from pickle import HIGHEST_PROTOCOL, dump

        os.close(read)
        with os.fdopen(write, "wb") as stream:
            dump(work(items), stream, HIGHEST_PROTOCOL)
        status = 0
    finally:
        os._exit(status)
