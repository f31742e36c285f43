"""The files on disk, as a snapshot."""

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from typing import Literal

from guardrails.git import Repo, to_bytes, to_text
from guardrails.snapshot import (
    READ_LIMIT,
    Blob,
    Entry,
    Growing,
    Kind,
    Snapshot,
    Source,
    Weight,
    is_plain,
    not_cheap_to_say,
    parents,
)
from guardrails.snapshot.files import lstat_kind, names_in, read_file, walk, weigh_folder

CASE_BLIND = os.name == "nt" or sys.platform == "darwin"
"""Whether a file system here may find `Plan.md` as `plan.md`; then names are looked up in their directory's list."""


class Worktree:
    """The files on disk, tracked or not. Nothing is read through a symbolic link, and only regular files are opened."""

    source = Source("worktree")

    def __init__(self, repo: Repo) -> None:
        self.repo: Repo | None = repo

    @cached_property
    def base(self) -> Snapshot | None:
        from guardrails.snapshot.trees import Commit  # most checks of the working tree compare it with nothing

        assert self.repo is not None
        revision = self.repo.head()
        return Commit(self.repo, revision) if revision else None

    @cached_property
    def _prefix(self) -> bytes:
        assert self.repo is not None
        return os.fsencode(self.repo.root) + b"/"

    def absolute(self, path: str) -> bytes:
        """Where a path lies on disk."""
        return self._prefix + to_bytes(path)

    def entries(self, prefix: str = "") -> list[Entry]:
        if prefix and not self.is_folder(prefix):
            found = self.entry(prefix)
            return [found] if found else []
        return [Entry(to_text(path), kind) for path, kind in walk(self.absolute(prefix), to_bytes(prefix))]

    def parts(self, prefix: str, whole: Callable[[str], bool]) -> list[tuple[str, bool]]:  # noqa: ARG002
        """(path, whether to go below it): directories two levels down whole, the rest one by one."""
        if not self.is_folder(prefix):
            return [(prefix, False)] if self.entry(prefix) else []
        parts: list[tuple[str, bool]] = []
        level = [prefix]
        for _ in range(2):
            parts += [(folder, False) for folder in level]
            level = [f"{folder}/{name}" for folder in level for name in self.folders(folder)]
        return parts + [(folder, True) for folder in level]

    def weigh(self, parts: list[tuple[str, bool]]) -> Iterator[Weight]:
        for path, below in parts:
            if self.is_folder(path):
                yield from weigh_folder(self.absolute(path), path, below)
            else:
                folder, _, name = path.rpartition("/")
                yield Weight(folder, [os.lstat(self.absolute(path)).st_size], [name].__getitem__)

    def growing(self, prefixes: list[str]) -> Growing:  # noqa: ARG002
        return not_cheap_to_say

    @cached_property
    def _seen(self) -> "dict[str, Kind | Literal['directory'] | None]":
        return {"": "directory"}

    def _kind(self, path: str) -> "Kind | Literal['directory'] | None":
        """What lies at `path`: case exact on every file system, and no link crossed on the way."""
        if path in self._seen:
            return self._seen[path]
        if not is_plain(path):
            return None
        known = next(parent for parent in (*parents(path), "") if parent in self._seen)
        while known != path:  # down from the deepest directory that was looked at before
            here, known = known, path[: path.find("/", len(known) + 1) if "/" in path[len(known) + 1 :] else None]
            self._seen[known] = self._look(known) if self._seen[here] == "directory" else None
        return self._seen[path]

    def _look(self, path: str) -> "Kind | Literal['directory'] | None":
        if not CASE_BLIND:
            return lstat_kind(self.absolute(path))
        parent, _, name = path.rpartition("/")
        if parent not in self._names:
            self._names[parent] = names_in(self.absolute(parent))
        return self._names[parent].get(name)

    @cached_property
    def _names(self) -> "dict[str, dict[str, Kind | Literal['directory']]]":
        return {}

    def is_folder(self, path: str) -> bool:
        """Whether `path` is a directory, and no link is crossed on the way."""
        return self._kind(path) == "directory"

    def open(self, entry: Entry, limit: int) -> Blob:
        """One file, if it is a regular one in real directories."""
        if not self.is_folder(entry.path.rpartition("/")[0]):
            return Blob(entry, 0, None, "not in a real directory")
        return read_file(self._prefix + to_bytes(entry.path), entry, limit)

    def folders(self, prefix: str) -> list[str]:
        if not self.is_folder(prefix):
            return []
        return sorted(name for name, kind in names_in(self.absolute(prefix)).items() if kind == "directory")

    def entry(self, path: str) -> Entry | None:
        kind = self._kind(path)
        return None if kind is None or kind == "directory" else Entry(path, kind)

    def exists(self, path: str) -> bool:
        return bool(path) and self._kind(path) is not None

    def read(self, path: str) -> bytes | None:
        found = self.entry(path)
        return next(self.read_many([found])).data if found else None

    def read_many(self, entries: Iterable[Entry], limit: int = READ_LIMIT) -> Iterator[Blob]:
        for entry in entries:
            yield self.open(entry, limit)

    def describe(self) -> str:
        return "the working tree"


def working_tree(repo: Repo) -> Worktree:
    """The working tree, with what a sparse checkout leaves out of it: that is neither missing nor unexamined."""
    tree, place = Worktree(repo), os.path.join(repo.root, ".git")
    if repo.environment.get("GIT_DIR") or not os.path.isdir(place):
        place = repo.git_dir()
    if not os.path.exists(os.path.join(place, "info", "sparse-checkout")):
        return tree
    from guardrails.snapshot.sparse import completed

    return completed(tree)
