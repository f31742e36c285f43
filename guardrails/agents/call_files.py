"""The files in the folder of one call: who is at work there, and how it ended.

Supervisors use this, so it imports next to nothing: no json, no typing. `folder` is empty for them: they work inside.
"""

from __future__ import annotations

import os

AGENT, UNSTARTED, ENDED, RESULT = "agent", "unstarted", "ended", "result.json"
"""who the agent is; why it could not be started; how it ended, said at once; the same when all of it is on disk"""
OUT, ERR, ANSWER, PROMPT, LOCK = "out", "err", "answer", "prompt", "lock"


class Begun:
    """Who the agent is: a process, when the kernel says it was started, and on which boot.

    `moment` and `clock` are when that was, in nanoseconds of the calendar and of the clock that never jumps.
    """

    def __init__(self, pid: int, ticks: int, boot: str, moment: int, clock: int) -> None:
        self.pid, self.ticks, self.boot, self.moment, self.clock = pid, ticks, boot, moment, clock


def write_agent(folder: str, pid: int, moment: int, clock: int) -> None:
    write(os.path.join(folder, AGENT), f"{pid} {ticks_of(pid)} {boot_name()} {moment} {clock}\n")


def read_agent(folder: str = "") -> Begun | None:
    """None before the agent began, and when the record is not ours."""
    try:
        pid, ticks, boot, moment, clock = read_words(os.path.join(folder, AGENT)).split()
        return Begun(int(pid), int(ticks), boot, int(moment), int(clock))
    except (OSError, ValueError):
        return None


def write_end(
    code: int | None, sign: int | None, problem: str | None, moment: int, clock: int, folder: str = ""
) -> None:
    """Write down how the agent ended, before anything that takes time. Nobody reads it half written."""
    begun = read_agent(folder)
    if begun:
        started, finished = begun.moment, begun.moment + clock - begun.clock
    else:
        started = finished = moment
    sizes = ", ".join(f'"{name}_bytes": {size(os.path.join(folder, name))}' for name in (OUT, ERR, ANSWER))
    write(
        os.path.join(folder, ENDED),
        f'{{"exit_code": {_json(code)}, "signal": {_json(sign)}, "problem": {_json(problem)},'
        f' "started_ns": {started}, "finished_ns": {finished}, {sizes}}}\n',
    )


def _json(value: str | int | None) -> str:
    return "null" if value is None else f'"{value}"' if isinstance(value, str) else str(value)


def settle(folder: str = "") -> None:
    """Make what was written down durable, and only then call it the result."""
    ended, result = os.path.join(folder, ENDED), os.path.join(folder, RESULT)
    for name in (os.path.join(folder, OUT), os.path.join(folder, ANSWER), ended):
        _flush(name)
    os.replace(ended, result)
    _flush(folder or ".")


def _flush(name: str) -> None:
    try:
        handle = os.open(name, _READ)
    except OSError:
        return  # not there, or not a file; on Windows a folder
    try:
        os.fsync(handle)
    except OSError:
        pass  # Windows writes out only what was opened for writing
    finally:
        os.close(handle)


_READ = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
"""As `core.paths` has it: the supervisor loads nothing it can do without."""


def ticks_of(pid: int) -> int:
    """When a process was started, as the kernel counts; 0 where it does not say. With its number it names a process."""
    try:
        return int(read_words(f"/proc/{pid}/stat").rpartition(")")[2].split()[19])
    except (OSError, ValueError, IndexError):
        return 0


def name_of(pid: int) -> str:
    """The name a process is shown under, also when it has ended and was not collected; empty where none is known."""
    try:
        return read_words(f"/proc/{pid}/stat").partition("(")[2].rpartition(")")[0]
    except OSError:
        return ""


def boot_name() -> str:
    """This boot of this machine or container. Under another name, no process of before is left."""
    try:
        boot = read_words("/proc/sys/kernel/random/boot_id").strip()
        return f"{boot}/{os.stat('/proc/self/ns/pid').st_ino}/{ticks_of(1)}"
    except OSError:
        return "here"


def size(path: str) -> int:
    try:
        return os.stat(path, follow_symlinks=False).st_size
    except OSError:
        return 0


def read_words(path: str) -> str:
    """The text of a small file."""
    with open(path, encoding="utf-8", errors="replace") as stream:
        return stream.read(4096)


def write(path: str, text: str) -> None:
    """Write a small file that is there whole or not at all. Until it is flushed, a power cut can undo it.

    `core.atomic` does the same: the supervisor, which lives as long as its agent, loads nothing it can do without.
    """
    partial = f"{path}.{os.getpid()}.part"
    handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.write(handle, text.encode())
    os.close(handle)
    os.replace(partial, path)
