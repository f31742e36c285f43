"""One way to read a repository: the worktree, the index, a commit, or memory, each as a `Snapshot`.

A snapshot holds the bytes that are judged. In a hook that is the index git will commit from (it follows
GIT_INDEX_FILE), at a push the pushed commit. Symbolic links are entries, never followed.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from typing import Any, Literal, NamedTuple, Protocol

from guardrails.core.paths import parents
from guardrails.core.result import Source
from guardrails.git.repo import Repo

READ_LIMIT = 32 * 1024 * 1024
"""Bytes a check will hold of one file. What is larger is reported, not read."""

EntryKind = Literal["file", "symlink", "submodule", "special"]


class Entry(NamedTuple):
    """One path of a snapshot. `id` is the blob id where git knows one, `size` bytes where it is known for free."""

    path: str
    kind: EntryKind
    id: str | None = None
    size: int | None = None


class Weight(NamedTuple):
    """Files in a folder, or anywhere below it: the size of each in bytes, and `name(index)`, its path from there."""

    folder: str
    sizes: list[int]
    name: Callable[[int], str]


Growing = Callable[[], list[tuple[str, int]] | None]
"""(path, bytes it grew by) of every path that changed; None where that is not cheap to say."""


def not_cheap_to_say() -> None:
    """The growth of a snapshot that would have to read both sides whole."""


class Blob(NamedTuple):
    """A file's content. `data` is None when it could not be held or read: `problem` says why."""

    entry: Entry
    size: int
    data: bytes | None
    problem: str | None = None


class Snapshot(Protocol):
    """What checks read. `base` is the state it is compared with (HEAD for the index, the base of a range)."""

    @property
    def source(self) -> Source: ...
    @property
    def base(self) -> "Snapshot | None": ...
    @property
    def repo(self) -> Repo | None: ...
    def entries(self, prefix: str = "") -> list[Entry]:
        """Every path at or below `prefix` (a directory or a file, no trailing slash), in no promised order."""

    def parts(self, prefix: str, whole: Callable[[str], bool]) -> list[Any]:
        """What lies at or below `prefix`, cut into portions that can be weighed apart from each other.

        All below a folder that is `whole` may be weighed as one; what lies elsewhere is weighed folder by folder.
        """

    def weigh(self, parts: list[Any]) -> Iterator[Weight]:
        """The sizes of everything in some portions, folder by folder; a link counts as the link, not its target."""

    def growing(self, prefixes: list[str]) -> "Growing":
        """Begins to find out what changed at or below some paths since the base; the call waits for the answer."""

    def folders(self, prefix: str) -> list[str]:
        """The names of the directories directly below `prefix`, sorted; links are not directories."""

    def entry(self, path: str) -> Entry | None:
        """The entry of one file, exact case, or None when there is none. Nothing outside the root is looked at."""

    def exists(self, path: str) -> bool:
        """Whether a file or directory has this exact name, case included, without crossing a symbolic link."""

    def read(self, path: str) -> bytes | None:
        """The content of one regular file of at most READ_LIMIT bytes, else None."""

    def read_many(self, entries: Iterable[Entry], limit: int = READ_LIMIT) -> Iterator[Blob]:
        """The content of many files in one batch, in order."""

    def describe(self) -> str:
        """What this is, for people: "the index", "commit 1a2b3c4"."""


def too_large(size: int, limit: int) -> str:
    """Why a file was not held."""
    return f"{size} bytes, more than the {limit} that are read"


# What every snapshot can answer once it can list its entries.


class Listed:
    """Lookups over `entries`, which each kind of snapshot brings itself."""

    base: Snapshot | None = None
    repo: Repo | None = None

    def entries(self, prefix: str = "") -> list[Entry]:
        raise NotImplementedError

    @cached_property
    def _by_path(self) -> dict[str, Entry]:
        return {entry.path: entry for entry in self.entries()}

    @cached_property
    def _directories(self) -> frozenset[str]:
        return frozenset(parent for path in self._by_path for parent in parents(path))

    def folders(self, prefix: str) -> list[str]:
        start = len(prefix) + 1
        return sorted({row.path[start:].partition("/")[0] for row in self.entries(prefix) if "/" in row.path[start:]})

    def entry(self, path: str) -> Entry | None:
        return self._by_path.get(path)

    def exists(self, path: str) -> bool:
        return path in self._by_path or path in self._directories
