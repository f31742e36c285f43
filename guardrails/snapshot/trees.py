"""The index and commits: listed by git, read through `cat-file`."""

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from functools import cached_property

from guardrails.git import Repo, to_bytes, to_text
from guardrails.snapshot import READ_LIMIT, Blob, Entry, Kind, Snapshot, Source, Weight, too_large, within
from guardrails.snapshot.listed import Listed
from guardrails.snapshot.proven import from_worktree
from guardrails.snapshot.worktree import Worktree

# Patterns are compiled where they are first used: a hook that needs one pays for one.
_INDEX_ROW = rb"(\d+) ([0-9a-f]+) \d\t([^\0]+)\0"
_MERGED = b" 0\t"
"""What stands before the path of an entry that is not in conflict."""
_TREE_ROW = rb"(\d+) [a-z]+ ([0-9a-f]+)\t([^\0]+)\0"
# The id of an empty file, by its length: SHA-1 and SHA-256.
_EMPTY = {
    40: b"e69de29bb2d1d6434b8b29ae775ad8c2e48c5391",
    64: b"473a0f4c3be8a93681a267e3b1e9a7dcda1185436fe141f7749120a303721813",
}
_DEBUG_ROW = rb"([^\0]+)\0  ctime: .*\n  mtime: .*\n  dev: .*\n  uid: .*\n  size: .*flags: ([0-9a-f]+)\n"
_INTENT_TO_ADD = 1 << 29
MOST_PATHS = 500
_CHANGE = rb":(\d+) (\d+) ([0-9a-f]+) ([0-9a-f]+) [A-Z]\d*\0([^\0]+)\0"
_DIFF = ("--raw", "-z", "--no-renames", "--full-index", "--ignore-submodules=all")
_SUBMODULE = b"160000"
AFTER_SLASH = b"0"
"""What follows `/` in the order of bytes: the end of everything below a folder."""
_MODES: dict[bytes, Kind] = {b"100644": "file", b"100755": "file", b"120000": "symlink", b"160000": "submodule"}

Row = tuple[bytes, bytes, bytes]
"""Mode, object id and path, as git prints them."""


class Tree(Listed):
    """Index and commit: listed by git, read through `cat-file`."""

    repo: Repo

    def __init__(self, repo: Repo) -> None:
        self.repo = repo
        self._listings: dict[str, list[Row]] = {}

    def _list(self, prefix: str) -> list[Row]:
        """One row for each entry at or below `prefix`."""
        raise NotImplementedError

    def _listing(self, prefix: str) -> list[Row]:
        wider = self._wider(prefix)
        if wider is not None:
            return _below(wider, to_bytes(prefix))
        self._listings[prefix] = self._list(prefix)
        return self._listings[prefix]

    def _wider(self, prefix: str) -> list[Row] | None:
        """What was listed already and has all that lies below `prefix`."""
        return next((rows for place, rows in self._listings.items() if within(prefix, place)), None)

    def entry(self, path: str) -> Entry | None:
        rows = self._wider(path)
        if rows is None:
            return super().entry(path)
        return next((_entry(row) for row in _below(rows, to_bytes(path)) if row[2] == to_bytes(path)), None)

    def entries(self, prefix: str = "") -> list[Entry]:
        return [_entry(row) for row in self._listing(prefix)]

    def folders(self, prefix: str) -> list[str]:
        rows, start, at = self._listing(prefix), len(to_bytes(prefix)) + 1, 0
        names = []
        while at < len(rows):  # from one name to the next: rows are sorted by path, and a folder may hold thousands
            path = rows[at][2]
            end = path.find(b"/", start)
            if end < 0:
                at += 1
                continue
            names.append(to_text(path[start:end]))
            at = bisect_left(rows, path[:end] + AFTER_SLASH, at, key=_path)
        return sorted(names)

    def parts(self, prefix: str) -> list[list[Row]]:
        rows = [row for row in self._listing(prefix) if row[0] != _SUBMODULE]
        return [rows] if rows else []  # one portion: git already works beside us, on the other core

    def weigh(self, parts: list[list[Row]]) -> Iterator[Weight]:
        rows = [row for part in parts for row in part]
        with self.repo.sizing([row[1] for row in rows]) as sizes:
            runs = _runs(rows)  # while git looks the sizes up
        start = 0
        for folder, names in runs:
            yield Weight(folder, list(zip(sizes[start : start + len(names)], names, strict=True)))
            start += len(names)

    def _changes(self, prefix: str) -> bytes | None:
        """`git diff-* --raw -z` between the base and this, or None without a base."""
        raise NotImplementedError

    def growth(self, prefix: str) -> list[tuple[str, int]] | None:
        out = self._changes(prefix)
        if out is None:
            return None
        rows = re.findall(_CHANGE, out)
        named = [pair for was, now, old, new, _ in rows for pair in ((was, old), (now, new))]
        ids = sorted({name for mode, name in named if _is_blob(mode)})
        size = dict(zip(ids, self.repo.sizes(ids), strict=True))
        return [(to_text(path), size.get(new, 0) - size.get(old, 0)) for _, _, old, new, path in rows]

    def read(self, path: str) -> bytes | None:
        found = [entry for entry in self.entries(path) if entry.path == path and entry.kind == "file"]
        return next(self.read_many(found[:1])).data if found else None

    def read_many(self, entries: Iterable[Entry], limit: int = READ_LIMIT) -> Iterator[Blob]:
        wanted = list(entries)
        if not wanted:
            return
        ids = [entry.id for entry in wanted if entry.id is not None]
        for entry, (size, data) in zip(wanted, self.repo.blobs(ids, limit), strict=True):
            yield Blob(entry, size, data, None if data is not None else too_large(size, limit))


class Index(Tree):
    """What the next commit will hold. `base` is HEAD, or nothing before the first commit.

    A file whose bytes in the working tree hash to the id in the index *is* that blob, and is read from there:
    several times faster than git inflates it. All others come from git.
    """

    source = Source("index")

    def __init__(self, repo: Repo, base: str | None = None) -> None:
        super().__init__(repo)
        self._base = base

    @cached_property
    def base(self) -> Snapshot | None:  # type: ignore[override]
        revision = self._base or self.repo.head()
        return Commit(self.repo, revision) if revision else None

    def _listing(self, prefix: str) -> list[Row]:
        if "" not in self._listings:
            self._listings[""] = self._list("")  # git reads all of the index whatever it is asked for
        return super()._listing(prefix)

    def _list(self, prefix: str) -> list[Row]:  # noqa: ARG002
        out = self.repo.run("ls-files", "--stage", "-z", "--full-name")
        rows: list[Row] = re.findall(_INDEX_ROW, out)
        if out.count(_MERGED) != len(rows):
            rows = list({row[2]: row for row in rows}.values())  # an unmerged path has up to three stages
        if rows and _EMPTY[len(rows[0][1])] in out:
            empty = _EMPTY[len(rows[0][1])]
            absent = self._intended([row[2] for row in rows if row[1] == empty])
            rows = [row for row in rows if row[2] not in absent]
        return rows

    def _intended(self, empty: list[bytes]) -> set[bytes]:
        """The paths that `git add -N` only announced: the index lists them as empty, and no commit will hold them."""
        out = self.repo.run("ls-files", "--debug", "-z", "--", *map(to_text, empty[:MOST_PATHS]))
        if len(empty) > MOST_PATHS:  # more than an argument list may hold: ask for all
            out = self.repo.run("ls-files", "--debug", "-z")
        return {path for path, flags in re.findall(_DEBUG_ROW, out) if int(flags, 16) & _INTENT_TO_ADD}

    def read_many(self, entries: Iterable[Entry], limit: int = READ_LIMIT) -> Iterator[Blob]:
        yield from from_worktree(Worktree(self.repo), list(entries), limit, super().read_many)

    def _changes(self, prefix: str) -> bytes | None:
        if not isinstance(self.base, Commit):
            return None
        return self.repo.run("diff-index", "--cached", *_DIFF, self.base.revision, "--", prefix)

    def describe(self) -> str:
        return "the index"


class Commit(Tree):
    """One commit's tree. `base` is set when the commit ends a range; `excludes` are the commits whose history the
    range leaves out (what a remote already has), `tags` the tag objects that were peeled to reach it."""

    def __init__(
        self,
        repo: Repo,
        revision: str,
        base: Snapshot | None = None,
        source: Source | None = None,
        excludes: tuple[str, ...] = (),
        tags: tuple[str, ...] = (),
    ) -> None:
        super().__init__(repo)
        self.revision = revision
        self.base = base
        self.excludes = excludes
        self.tags = tags
        self.source = source or Source("commit", revision)

    def _list(self, prefix: str) -> list[Row]:
        arguments = ["ls-tree", "-r", "-z", "--full-tree", self.revision]
        out = self.repo.run(*arguments, *(["--", prefix] if prefix else []))
        return re.findall(_TREE_ROW, out)

    def _changes(self, prefix: str) -> bytes | None:
        if not isinstance(self.base, Commit):
            return None
        return self.repo.run("diff-tree", "-r", *_DIFF, self.base.revision, self.revision, "--", prefix)

    def describe(self) -> str:
        return f"commit {self.revision[:12]}"


def _entry(row: Row) -> Entry:
    mode, object_id, path = row
    return Entry(to_text(path), _MODES.get(mode, "special"), object_id.decode("ascii"))


def _is_blob(mode: bytes) -> bool:
    return mode not in (b"000000", _SUBMODULE)


def _runs(rows: list[Row]) -> list[tuple[str, list[str]]]:
    """(folder, names) of the rows that stand together in a folder, in order."""
    runs: list[tuple[bytes, list[bytes]]] = []
    last: bytes | None = None
    for _, _, path in rows:
        folder, _, name = path.rpartition(b"/")
        if folder != last:
            runs.append((folder, []))
            last = folder
        runs[-1][1].append(name)
    return [(to_text(folder), to_text(b"\0".join(names)).split("\0")) for folder, names in runs]


def _path(row: Row) -> bytes:
    return row[2]


def _below(rows: list[Row], prefix: bytes) -> list[Row]:
    """The rows at or below a path. Git lists by path, so they stand together."""
    if not prefix:
        return rows
    itself = bisect_left(rows, prefix, key=_path)
    first = bisect_left(rows, prefix + b"/", itself, key=_path)
    last = bisect_left(rows, prefix + AFTER_SLASH, first, key=_path)
    exact = rows[itself : itself + 1] if itself < len(rows) and rows[itself][2] == prefix else []
    return exact + rows[first:last]
