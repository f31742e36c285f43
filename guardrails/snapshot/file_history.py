"""How a file came to be what it is in a snapshot: which history there is to compare it with, and the plain ones.

A commit is compared with its parents, a range or push commit by commit, the index and the working tree with HEAD.
Walking commits costs a library (`guardrails.snapshot.commits`), which is loaded where the file did change.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from guardrails.git.repo import Repo, asked_for, to_text
from guardrails.snapshot.base import Entry, Snapshot
from guardrails.snapshot.history import NOW, History, HistoryStep
from guardrails.snapshot.index import Commit, Index
from guardrails.snapshot.worktree import Worktree

if TYPE_CHECKING:
    from guardrails.snapshot.commits import Walk


_RAW = ("--raw", "-z", "-r", "--no-abbrev", "--ignore-submodules=all")


def history_of(snapshot: Snapshot, path: str) -> History | None:
    """The history of `path` up to a snapshot; None where there is nothing to compare it with.

    Raises Undecidable where a shallow or partial clone lacks what would have to be looked at.
    """
    if isinstance(snapshot, (Index, Worktree)):
        return Pending(snapshot, path)
    if isinstance(snapshot, Commit):
        return _of_commits(snapshot, path)
    return Plain(snapshot, path) if snapshot.base is not None else None


def replaces(snapshot: Snapshot, path: str) -> History | None:
    """What a push by force does to a file: one step from what the remote has to what it will have.

    The commits that the remote lacks do not tell it, for what is replaced is no part of their history. None for any
    other push, and where the file stays as it is.
    """
    base = snapshot.base
    if snapshot.source.kind != "push" or not isinstance(snapshot, Commit) or not isinstance(base, Commit):
        return None
    if _entry(base, path) == _entry(snapshot, path):
        return None
    forward = snapshot.repo.succeeds("merge-base", "--is-ancestor", base.revision, snapshot.revision)
    return None if forward else Plain(snapshot, path)


def _of_commits(snapshot: Commit, path: str) -> History | None:
    base, kind = snapshot.base, snapshot.source.kind
    start = (base.revision,) if isinstance(base, Commit) else ()
    # The base of a push may be on another remote than the one that is pushed to.
    excludes = tuple(dict.fromkeys((*(start if kind != "push" else ()), *snapshot.excludes)))
    is_range = base is not None or bool(excludes) or kind in ("range", "push")
    if isinstance(base, Commit) and _entry(base, path) == _entry(snapshot, path):
        made = snapshot.repo.run("rev-list", "--max-count=1", "--stdin", stdin=asked_for(snapshot.revision, excludes))
        if not made:
            return None
        asked = ("--full-history", "--max-count=1", "--stdin", "--", path)
        if not snapshot.repo.run("rev-list", *asked, stdin=asked_for(snapshot.revision, excludes)):
            return Plain(snapshot, path)  # no commit touches it, and neither does the whole: spares the walk
    if not is_range and _is_boundary(snapshot):
        return None
    from guardrails.snapshot.commits import Commits

    return Commits(snapshot, path, excludes, one=not is_range)


def _entry(snapshot: Snapshot, path: str) -> Entry | None:
    return next((entry for entry in snapshot.entries(path) if entry.path == path), None)


def _is_boundary(snapshot: Commit) -> bool:
    """Whether a shallow clone has nothing that the commit could be compared with."""
    if snapshot.repo.run("rev-parse", "--is-shallow-repository").strip() != b"true":
        return False
    from guardrails.snapshot.commits import Walk

    return snapshot.revision in Walk(snapshot.repo).boundary


class Plain:
    """One step from the base of a snapshot to itself, without a history of anything else."""

    def __init__(self, snapshot: Snapshot, path: str) -> None:
        assert snapshot.base is not None
        self._texts = {"now": snapshot.read(path), "base": snapshot.base.read(path)}
        before = None if self._texts["base"] is None else "base"
        same = self._texts["now"] == self._texts["base"]
        now = before if same else None if self._texts["now"] is None else "now"
        self.steps = (HistoryStep(NOW, ("base",), now),)
        self.before = {"base": before}

    def texts(self, blobs: Iterable[str]) -> Iterator[tuple[str, bytes | None]]:
        yield from ((blob, self._texts[blob]) for blob in blobs)

    def bases(self, parents: Sequence[str]) -> list[str | None]:  # noqa: ARG002
        return []

    def last_change(self, path: str) -> str | None:  # noqa: ARG002
        return NOW

    def changed_after(self, step: str, paths: Sequence[str]) -> bool:  # noqa: ARG002
        return False


class Pending:
    """One step from HEAD, and the heads that are being merged, to the index or the working tree."""

    def __init__(self, snapshot: Index | Worktree, path: str) -> None:
        repo: Repo | None = snapshot.repo
        assert repo is not None
        self._snapshot, self._repo, self._path = snapshot, repo, path
        self._parents = self._heads()
        self._texts: dict[str, bytes | None] = {}
        self.before = {head: self._of(head) for head in self._parents}
        self.steps = (HistoryStep(NOW, self._parents, self._now()),)

    def _heads(self) -> tuple[str, ...]:
        base = self._snapshot.base
        first = base.revision if isinstance(base, Commit) else self._repo.head()
        if first is None:
            return ()
        return tuple(dict.fromkeys((first, *self._repo.merge_heads())))

    def _of(self, head: str) -> str | None:
        commit = Commit(self._repo, head)
        name = self._path if _entry(commit, self._path) else self._older_name(head) or self._path
        entry = _entry(commit, name)
        if entry is None or entry.id is None or entry.kind != "file":
            return None
        self._texts[entry.id] = commit.read(name)
        return entry.id

    def _older_name(self, head: str) -> str | None:
        if self._snapshot.entry(self._path) is None:
            return None
        from guardrails.snapshot.commits import LEAST_ALIKE, renamed

        raw = self._repo.run("diff-index", *self._cached, *_RAW, f"--find-renames={LEAST_ALIKE}", "-l1000", head, "--")
        return renamed(to_text(raw), self._path)

    @property
    def _cached(self) -> tuple[str, ...]:
        return ("--cached",) if isinstance(self._snapshot, Index) else ()

    def _now(self) -> str | None:
        entry = self._snapshot.entry(self._path)
        if entry is None or entry.kind != "file":
            return None
        if entry.id in self._texts:
            return entry.id
        data = self._snapshot.read(self._path)
        same = next((blob for blob, text in self._texts.items() if text == data and data is not None), None)
        self._texts.setdefault(same or "now", data)
        return same or "now"

    def texts(self, blobs: Iterable[str]) -> Iterator[tuple[str, bytes | None]]:
        yield from ((blob, self._texts[blob]) for blob in blobs)

    def bases(self, parents: Sequence[str]) -> list[str | None]:
        found = [self._of(base) for base in self._walk.common(parents)]
        return list(found)

    @cached_property
    def _walk(self) -> "Walk":
        from guardrails.snapshot.commits import Walk

        return Walk(self._repo)

    def last_change(self, path: str) -> str | None:
        if not self._parents or self._differs((path,)):
            return NOW
        return self._walk.last(self._parents[0], (path,)) or NOW  # what no commit has is not committed yet

    def changed_after(self, step: str, paths: Sequence[str]) -> bool:
        if step == NOW:
            return False
        return self._differs(paths) or self._walk.last_outside(self._parents[0], paths, step)

    def _differs(self, paths: Sequence[str]) -> bool:
        """Whether any of some paths is not what it is in HEAD. Content counts, not what the index thinks of it."""
        asked = ("--no-ext-diff", "--no-textconv", "--no-renames", "--ignore-submodules=all", "--name-only", "-z")
        return bool(self._repo.run("diff", *self._cached, *asked, self._parents[0], "--", *paths))
