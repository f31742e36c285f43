"""Whether a hook manager around us has put unstaged changes aside, so that nobody can see them now.

pre-commit keeps them as `patch<seconds>-<pid>` in its cache, prek as `patches/<milliseconds>-<pid>.patch` in its own,
each named by its own process, which is then one of our ancestors. lefthook keeps a patch in the git directory while
its pre-commit jobs run. Patches of finished runs stay in the caches for ever, so one counts only while its process
lives, and only when it is not older than that process: ids are used again.
"""

import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from guardrails.git.repo import Repo

_PRE_COMMIT = r"patch(?P<time>[0-9]{1,12})-(?P<pid>[0-9]{1,10})"
_PREK = r"(?P<time>[0-9]{1,15})-(?P<pid>[0-9]{1,10})\.patch"
_LEFTHOOK = "lefthook-unstaged.patch"
_SLACK = 5.0
"""Seconds by which the clock that named a patch and the one that dates a process may disagree."""


class Hidden(NamedTuple):
    """Who has hidden changes, and where they are kept."""

    manager: str
    patch: str


class _Cache(NamedTuple):
    manager: str
    directory: str
    pattern: str
    unit: float
    """seconds in one tick of the time in a patch's name"""


def hidden_changes(repo: Repo) -> Hidden | None:
    """The changes that are hidden at this moment, or None."""
    return _lefthook(repo) or _from_caches(repo)


def _lefthook(repo: Repo) -> Hidden | None:
    own = repo.git_dir()
    for place in (own, _common_dir(own)):
        patch = os.path.join(place, "info", _LEFTHOOK)
        if os.path.exists(patch):
            return Hidden("lefthook", patch)
    return None


def _common_dir(own: str) -> str:
    """A linked worktree names the repository it belongs to in `commondir`."""
    try:
        with open(os.path.join(own, "commondir"), encoding="utf-8", errors="surrogateescape") as stream:
            return os.path.join(own, stream.read().strip())
    except OSError:
        return own


def _from_caches(repo: Repo) -> Hidden | None:
    born: dict[int, float | None] | None = None
    for cache in _caches(repo):
        for name in _names(cache.directory):
            match = re.fullmatch(cache.pattern, name)
            if not match:
                continue
            born = dict(_ancestors()) if born is None else born
            pid = int(match["pid"])
            if pid in born and int(match["time"]) * cache.unit >= (born[pid] or 0) - _SLACK:
                return Hidden(cache.manager, os.path.join(cache.directory, name))
    return None


def _names(directory: str) -> list[str]:
    try:
        return os.listdir(directory)
    except OSError:
        return []  # no such cache, so nothing was put there


def _caches(repo: Repo) -> Iterator[_Cache]:
    """Where each manager keeps its patches. Both are looked for in every place they may have chosen."""
    environment = repo.environment
    home = os.path.join(_home(environment), ".cache")
    shared = [environment.get("XDG_CACHE_HOME") or home, home]
    if environment.get("LOCALAPPDATA"):
        shared.append(environment["LOCALAPPDATA"])
    for place in _places(repo, "PRE_COMMIT_HOME", "pre-commit", shared):
        yield _Cache("pre-commit", place, _PRE_COMMIT, 1.0)
    for place in _places(repo, "PREK_HOME", "prek", shared):
        yield _Cache("prek", os.path.join(place, "patches"), _PREK, 0.001)


def _places(repo: Repo, variable: str, name: str, shared: list[str]) -> Iterable[str]:
    chosen = repo.environment.get(variable)
    places = ([chosen] if chosen else []) + [os.path.join(directory, name) for directory in shared]
    return dict.fromkeys(os.path.join(repo.root, place) for place in places)


def _home(environment: Mapping[str, str]) -> str:
    return environment.get("HOME") or environment.get("USERPROFILE") or os.path.expanduser("~")


def _ancestors() -> Iterator[tuple[int, float | None]]:
    """(process id, when it started) of every process above us; only the parent, undated, where /proc is missing."""
    pid = os.getppid()
    if not sys.platform.startswith("linux"):
        yield pid, None
        return
    boot = _boot_time()
    while pid > 0:
        parent, started = _stat(pid)
        yield pid, None if boot is None or started is None else boot + started
        pid = parent


def _stat(pid: int) -> tuple[int, float | None]:
    """(parent, seconds from boot to start) of a process; (0, None) when it cannot be known."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as stream:
            fields = stream.read().rpartition(b")")[2].split()  # the name before it may hold anything
        return int(fields[1]), int(fields[19]) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError):
        return 0, None


def _boot_time() -> float | None:
    try:
        with open("/proc/stat", "rb") as stream:
            line = next(line for line in stream if line.startswith(b"btime "))
        return float(line.split()[1])
    except (OSError, ValueError, StopIteration):
        return None
