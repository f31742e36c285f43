"""The working tree of a sparse checkout: what git left out of it on purpose is in the index, and is read from there.

A path marked skip-worktree that is not on disk was not lost, and nothing was proven by its absence. One that is on disk
counts as it lies there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property

from guardrails.core.paths import parents, within
from guardrails.git.catfile import sizes
from guardrails.git.repo import Repo, to_text
from guardrails.snapshot.base import READ_LIMIT, Blob, Entry, Weight
from guardrails.snapshot.index import Index
from guardrails.snapshot.worktree import Worktree

_LEFT = rb"(?s)[Ss] (.+)"


class Sparse(Worktree):
    """A working tree, completed by what the index has of the paths in `left`; their entries carry blob ids."""

    def __init__(self, repo: Repo, left: dict[str, Entry]) -> None:
        super().__init__(repo)
        self.left = left

    @cached_property
    def _folders(self) -> frozenset[str]:
        return frozenset(folder for path in self.left for folder in parents(path))

    def entries(self, prefix: str = "") -> list[Entry]:
        left = {path: entry for path, entry in self.left.items() if within(path, prefix)}
        return list({**left, **{entry.path: entry for entry in super().entries(prefix)}}.values())

    def parts(self, prefix: str, whole: Callable[[str], bool]) -> list[tuple[str, bool]]:
        left = [(path, False) for path in sorted(self.left) if within(path, prefix)]
        return list(dict.fromkeys([*super().parts(prefix, whole), *left]))

    def weigh(self, parts: list[tuple[str, bool]]) -> Iterator[Weight]:
        for part in parts:
            folder, _, name = part[0].rpartition("/")
            if part[0] in self.left:
                yield Weight(folder, [self._sizes[part[0]]], [name].__getitem__)
            elif self.is_folder(part[0]) or super().entry(part[0]):
                yield from super().weigh([part])

    @cached_property
    def _sizes(self) -> dict[str, int]:
        assert self.repo is not None
        known = sizes(self.repo, [(entry.id or "").encode("ascii") for entry in self.left.values()])
        return dict(zip(self.left, known, strict=True))

    def folders(self, prefix: str) -> list[str]:
        start = f"{prefix}/" if prefix else ""
        more = {path[len(start) :] for path in self._folders if path.startswith(start)}
        return sorted({*super().folders(prefix), *(name for name in more if "/" not in name)})

    def entry(self, path: str) -> Entry | None:
        return super().entry(path) or self.left.get(path)

    def exists(self, path: str) -> bool:
        return super().exists(path) or path in self.left or path in self._folders

    def read_many(self, entries: Iterable[Entry], limit: int = READ_LIMIT) -> Iterator[Blob]:
        assert self.repo is not None
        wanted = list(entries)
        index = Index(self.repo).read_many([entry for entry in wanted if entry.id is not None], limit)
        here = self.open_many([entry for entry in wanted if entry.id is None], limit)
        for entry in wanted:
            yield next(here if entry.id is None else index)


def completed(tree: Worktree) -> Worktree:
    """A working tree with what a sparse checkout leaves out."""
    left = left_out(tree)
    return Sparse(tree.repo, left) if left and tree.repo is not None else tree


def left_out(tree: Worktree) -> dict[str, Entry]:
    """The entries of the index that git was told to leave out of the working tree, and that are not in it."""
    assert tree.repo is not None
    listed = tree.repo.run("ls-files", "-v", "-z").split(b"\0")
    marked = {to_text(found[1]) for line in listed if (found := re.fullmatch(_LEFT, line))}
    absent = {path for path in marked if not tree.exists(path)}
    entries = Index(tree.repo).entries() if absent else []
    return {entry.path: entry for entry in entries if entry.path in absent and entry.kind != "submodule"}
