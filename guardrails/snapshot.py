"""One way to read a repository: the worktree, the index, a commit, or memory, each as a `Snapshot`.

A snapshot holds the bytes that are judged. In a hook that is the index git will commit from (it follows
GIT_INDEX_FILE), at a push the pushed commit. Symbolic links are entries, never followed.
"""

import os
import re
import stat
import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Literal, NamedTuple, Protocol

from guardrails.git import Repo, to_bytes, to_text

READ_LIMIT = 32 * 1024 * 1024
"""Bytes a check will hold of one file. What is larger is reported, not read."""

CASE_BLIND = os.name == "nt" or sys.platform == "darwin"
"""Whether a file system here may find `Plan.md` as `plan.md`; then names are looked up in their directory's list."""

Kind = Literal["file", "symlink", "submodule", "special"]
SourceKind = Literal["worktree", "index", "commit", "range", "push", "memory"]
# Patterns are compiled where they are first used: a hook that needs one pays for one.
_INDEX_ROW = rb"(\d+) ([0-9a-f]+) \d\t([^\0]+)\0"
_UNMERGED = rb"(?:\A|\0)\d+ [0-9a-f]+ [123]\t"
_TREE_ROW = rb"(\d+) [a-z]+ ([0-9a-f]+)\t([^\0]+)\0"
_MODES: dict[bytes, Kind] = {b"100644": "file", b"100755": "file", b"120000": "symlink", b"160000": "submodule"}


class Source(NamedTuple):
    """What was judged, for the result document. `rev` is the revision or range as a user would write it."""

    kind: SourceKind
    rev: str | None = None


class Entry(NamedTuple):
    """One path of a snapshot. `id` is the blob id where git knows one, `size` bytes where it is known for free."""

    path: str
    kind: Kind
    id: str | None = None
    size: int | None = None


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

    def sizes(self, prefix: str = "") -> list[tuple[str, int]]:
        """(path, size in bytes) of every path at or below `prefix`; a link counts as the link, not its target."""

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


def within(path: str, prefix: str) -> bool:
    """Whether `path` is `prefix` or lies below it."""
    return not prefix or path == prefix or path.startswith(prefix + "/")


def is_plain(path: str) -> bool:
    """Whether a path is relative, normal and stays inside: no `..`, no `.`, no empty part, no NUL."""
    if not path or "\0" in path or path.startswith("/"):
        return False
    return not any(part in ("", ".", "..") for part in path.split("/"))


def parents(path: str) -> Iterator[str]:
    """Every directory above `path`, nearest first."""
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path


class _Listed:
    """What every snapshot can answer once it can list its entries."""

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


Row = tuple[bytes, bytes, bytes]
"""Mode, object id and path, as git prints them."""


class _GitListed(_Listed):
    """Index and commit: listed by git, read through `cat-file`."""

    repo: Repo

    def __init__(self, repo: Repo) -> None:
        self.repo = repo
        self._listings: dict[str, list[Row]] = {}

    def _list(self, prefix: str) -> list[Row]:
        """One row for each entry at or below `prefix`."""
        raise NotImplementedError

    def _listing(self, prefix: str) -> list[Row]:
        known = self._listings.get(prefix)
        if known is None:
            wider = next((rows for place, rows in self._listings.items() if within(prefix, place)), None)
            known = self._list(prefix) if wider is None else _below(wider, to_bytes(prefix))
            self._listings[prefix] = known
        return known

    def entries(self, prefix: str = "") -> list[Entry]:
        kinds = _MODES.get
        return [
            Entry(to_text(path), kinds(mode, "special"), object_id.decode("ascii"))
            for mode, object_id, path in self._listing(prefix)
        ]

    def sizes(self, prefix: str = "") -> list[tuple[str, int]]:
        rows = [row for row in self._listing(prefix) if row[0] != b"160000"]
        counts = self.repo.sizes([row[1] for row in rows])
        return [(to_text(row[2]), size) for row, size in zip(rows, counts, strict=True)]

    def read(self, path: str) -> bytes | None:
        found = [entry for entry in self.entries(path) if entry.path == path and entry.kind == "file"]
        return next(self.read_many(found[:1])).data if found else None

    def read_many(self, entries: Iterable[Entry], limit: int = READ_LIMIT) -> Iterator[Blob]:
        wanted = list(entries)
        if not wanted:
            return
        ids = [entry.id for entry in wanted if entry.id is not None]
        for entry, (size, data) in zip(wanted, self.repo.blobs(ids, limit), strict=True):
            yield Blob(entry, size, data, None if data is not None else _too_large(size, limit))


class Index(_GitListed):
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

    def _list(self, prefix: str) -> list[tuple[bytes, bytes, bytes]]:
        arguments = ["ls-files", "--stage", "-z", "--full-name"]
        out = self.repo.run(*arguments, *(["--", prefix] if prefix else []))
        rows: list[Row] = re.findall(_INDEX_ROW, out)
        if not re.search(_UNMERGED, out):
            return rows
        return list({row[2]: row for row in rows}.values())  # an unmerged path has up to three stages

    def read_many(self, entries: Iterable[Entry], limit: int = READ_LIMIT) -> Iterator[Blob]:
        from guardrails.blobs import from_worktree

        yield from from_worktree(Worktree(self.repo), list(entries), limit, super().read_many)

    def describe(self) -> str:
        return "the index"


class Commit(_GitListed):
    """One commit's tree. `base` is set when the commit ends a range; `excludes` are the commits whose history the
    range leaves out (what a remote already has)."""

    def __init__(
        self,
        repo: Repo,
        revision: str,
        base: Snapshot | None = None,
        source: Source | None = None,
        excludes: tuple[str, ...] = (),
    ) -> None:
        super().__init__(repo)
        self.revision = revision
        self.base = base
        self.excludes = excludes
        self.source = source or Source("commit", revision)

    def _list(self, prefix: str) -> list[tuple[bytes, bytes, bytes]]:
        arguments = ["ls-tree", "-r", "-z", "--full-tree", self.revision]
        out = self.repo.run(*arguments, *(["--", prefix] if prefix else []))
        return re.findall(_TREE_ROW, out)

    def describe(self) -> str:
        return f"commit {self.revision[:12]}"


class Worktree(_Listed):
    """The files on disk, tracked or not. Nothing is read through a symbolic link, and only regular files are opened."""

    source = Source("worktree")

    def __init__(self, repo: Repo) -> None:
        self.repo = repo

    @cached_property
    def base(self) -> Snapshot | None:  # type: ignore[override]
        assert self.repo is not None
        revision = self.repo.head()
        return Commit(self.repo, revision) if revision else None

    @cached_property
    def _prefix(self) -> bytes:
        assert self.repo is not None
        return os.fsencode(self.repo.root) + b"/"

    def _absolute(self, path: str) -> bytes:
        return self._prefix + to_bytes(path)

    def entries(self, prefix: str = "") -> list[Entry]:
        if prefix and not self.is_folder(prefix):
            found = self.entry(prefix)
            return [found] if found else []
        return [Entry(to_text(path), kind) for path, kind in _walk(self._absolute(prefix), to_bytes(prefix))]

    def sizes(self, prefix: str = "") -> list[tuple[str, int]]:
        if prefix and not self.is_folder(prefix):
            found = self.entry(prefix)
            return [(prefix, os.lstat(self._absolute(prefix)).st_size)] if found else []
        return [(to_text(path), size) for path, size in _walk_sizes(self._absolute(prefix), to_bytes(prefix))]

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
            return _lstat_kind(self._absolute(path))
        parent, _, name = path.rpartition("/")
        return _names_in(self._absolute(parent)).get(name)

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
        return sorted(name for name, kind in _names_in(self._absolute(prefix)).items() if kind == "directory")

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


class Memory(_Listed):
    """Files held in memory: for tests and for judging what is not written yet."""

    source = Source("memory")

    def __init__(self, files: Mapping[str, bytes], base: Snapshot | None = None) -> None:
        self._files = dict(files)
        self.base = base

    def entries(self, prefix: str = "") -> list[Entry]:
        return [Entry(path, "file", None, len(data)) for path, data in self._files.items() if within(path, prefix)]

    def sizes(self, prefix: str = "") -> list[tuple[str, int]]:
        return [(path, len(data)) for path, data in self._files.items() if within(path, prefix)]

    def read(self, path: str) -> bytes | None:
        return self._files.get(path)

    def read_many(self, entries: Iterable[Entry], limit: int = READ_LIMIT) -> Iterator[Blob]:
        for entry in entries:
            data = self._files[entry.path]
            kept = data if len(data) <= limit else None
            yield Blob(entry, len(data), kept, None if kept is not None else _too_large(len(data), limit))

    def describe(self) -> str:
        return "memory"


def _below(rows: list[Row], prefix: bytes) -> list[Row]:
    inside = prefix + b"/"
    return [row for row in rows if row[2].startswith(inside) or row[2] == prefix]


def _too_large(size: int, limit: int) -> str:
    return f"{size} bytes, more than the {limit} that are read"


def _kind_of(item: "os.DirEntry[bytes]") -> Kind | Literal["directory"]:
    if item.is_symlink():
        return "symlink"
    if item.is_dir(follow_symlinks=False):
        return "directory"
    return "file" if item.is_file(follow_symlinks=False) else "special"


def _lstat_kind(path: bytes) -> "Kind | Literal['directory'] | None":
    try:
        mode = os.lstat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None
    if stat.S_ISDIR(mode):
        return "directory"
    if stat.S_ISLNK(mode):
        return "symlink"
    return "file" if stat.S_ISREG(mode) else "special"


def _names_in(directory: bytes) -> dict[str, Kind | Literal["directory"]]:
    with os.scandir(directory) as items:
        return {to_text(item.name): _kind_of(item) for item in items}


def _walk(directory: bytes, prefix: bytes) -> Iterator[tuple[bytes, Kind]]:
    """(path below the root, kind) of everything below `directory`, `.git` left out. A stack, not recursion:
    a hostile tree may be deeper than Python's."""
    stack = [(directory, prefix + b"/" if prefix else b"")]
    while stack:
        place, start = stack.pop()
        with os.scandir(place) as items:
            for item in items:
                if item.is_file(follow_symlinks=False):
                    yield start + item.name, "file"
                    continue
                kind = _kind_of(item)
                if kind != "directory":
                    yield start + item.name, kind
                elif item.name != b".git":
                    stack.append((item.path, start + item.name + b"/"))


def _walk_sizes(directory: bytes, prefix: bytes) -> Iterator[tuple[bytes, int]]:
    stack = [(directory, prefix + b"/" if prefix else b"")]
    while stack:
        place, start = stack.pop()
        with os.scandir(place) as items:
            for item in items:
                if not item.is_dir(follow_symlinks=False):
                    yield start + item.name, item.stat(follow_symlinks=False).st_size
                elif item.name != b".git":
                    stack.append((item.path, start + item.name + b"/"))


# Not following a link, not blocking on a FIFO, and binary: where the platform has the flag.
_FLAGS = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


_SMALL = 16 * 1024


def read_file(path: bytes, entry: Entry, limit: int) -> Blob:
    if entry.kind != "file":
        return Blob(entry, 0, None, f"a {entry.kind}, not a regular file")
    try:
        handle = os.open(path, _FLAGS)
    except OSError as error:
        return Blob(entry, 0, None, error.strerror or "cannot be opened")
    try:
        data = os.read(handle, _SMALL)
        if len(data) < _SMALL:  # most evidence is small: one read says it all
            return Blob(entry, len(data), data)
        return _read_large(handle, data, entry, limit)
    except OSError as error:
        return Blob(entry, 0, None, error.strerror or "cannot be read")
    finally:
        os.close(handle)


def _read_large(handle: int, start: bytes, entry: Entry, limit: int) -> Blob:
    facts = os.fstat(handle)
    if not stat.S_ISREG(facts.st_mode):
        return Blob(entry, 0, None, "not a regular file")
    if facts.st_size > limit:
        return Blob(entry, facts.st_size, None, _too_large(facts.st_size, limit))
    parts, missing = [start], facts.st_size - len(start)
    while missing > 0 and (part := os.read(handle, missing)):
        parts.append(part)
        missing -= len(part)
    data = b"".join(parts)
    return Blob(entry, len(data), data)
