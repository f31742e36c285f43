"""The index and commits as snapshots: listed by git, read through `cat-file`."""

import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property, partial
from operator import itemgetter
from typing import NamedTuple

from guardrails.core.paths import is_plain, within
from guardrails.core.result import Source
from guardrails.git.catfile import blobs, chunks, each_record, sizes
from guardrails.git.repo import Repo, names_blob, to_bytes, to_text
from guardrails.snapshot.base import (
    READ_LIMIT,
    Blob,
    Entry,
    EntryKind,
    Growing,
    Listed,
    Snapshot,
    Weight,
    not_cheap_to_say,
    too_large,
)
from guardrails.snapshot.files import DiskFiles

# What git lists of an index or a tree: a record for each path, sorted by path, taken apart only where it is asked for.
#
# Fifty thousand records are split off in a few milliseconds; fifty thousand paths, ids and modes would take many.


AFTER_SLASH = b"0"
"""What follows `/` in the order of bytes: the end of everything below a folder."""
SUBMODULE = b"160000"
_MODES: dict[bytes, EntryKind] = {b"100644": "file", b"100755": "file", b"120000": "symlink", SUBMODULE: "submodule"}

Whole = Callable[[str], bool]
"""Whether all that lies below a folder is weighed together."""


class ListingPart(NamedTuple):
    """The records from `start` to before `end`, which lie below `folder`."""

    folder: str
    start: int
    end: int


class Listing(NamedTuple):
    """`records` are `<mode> … <id> …<TAB><path>`, sorted by path; id and path begin at the same place in each."""

    records: list[bytes]
    id_at: slice = slice(7, 47)
    path_at: slice = slice(50, None)
    submodules: bool = False
    """whether one of the records may be a submodule"""

    def path(self, index: int) -> bytes:
        return self.records[index][self.path_at]

    def text(self, index: int) -> str:
        return to_text(self.path(index))

    def entry(self, index: int) -> Entry:
        record = self.records[index]
        object_id = record[self.id_at].decode("ascii")
        return Entry(to_text(record[self.path_at]), _MODES.get(record[:6], "special"), object_id)

    def ids(self, part: ListingPart) -> Iterator[bytes]:
        return map(itemgetter(self.id_at), self.records[part.start : part.end])

    def span(self, prefix: str) -> tuple[int, int]:
        """From where to where the records lie that are below a folder; all of them for no folder."""
        if not prefix:
            return 0, len(self.records)
        path = to_bytes(prefix)
        first = self._bisect(path + b"/", 0, len(self.records))
        return first, self._bisect(path + AFTER_SLASH, first, len(self.records))

    def find(self, path: str) -> int | None:
        """Where the record of a path stands."""
        wanted = to_bytes(path)
        index = self._bisect(wanted, 0, len(self.records))
        return index if index < len(self.records) and self.path(index) == wanted else None

    def _bisect(self, path: bytes, start: int, end: int) -> int:
        return bisect_left(self.records, path, start, end, key=itemgetter(self.path_at))

    def below(self, prefix: str) -> Iterator[int]:
        """Where the records at or below a path stand."""
        itself = self.find(prefix) if prefix else None
        if itself is not None:
            yield itself
        yield from range(*self.span(prefix))

    def folders(self, prefix: str) -> list[str]:
        """The names of the folders directly below one."""
        return sorted(to_text(name) for name, _, _ in self._children(prefix, *self.span(prefix)) if name is not None)

    def parts(self, prefix: str, whole: Whole) -> Iterator[ListingPart]:
        """Everything at or below a path: folders that are weighed whole, and what lies between them."""
        itself = self.find(prefix)
        if itself is not None:
            yield ListingPart(prefix.rpartition("/")[0], itself, itself + 1)
        waiting = [ListingPart(prefix, *self.span(prefix))]
        while waiting:  # a stack, not recursion: a hostile tree may be deeper than Python's
            part = waiting.pop()
            if whole(part.folder):
                yield from [part] if part.start < part.end else []
                continue
            for name, start, end in self._children(*part):
                if name is None:
                    yield ListingPart(part.folder, start, end)
                else:
                    folder = f"{part.folder}/{to_text(name)}" if part.folder else to_text(name)
                    waiting.append(ListingPart(folder, start, end))

    def _children(self, prefix: str, index: int, end: int) -> Iterator[tuple[bytes | None, int, int]]:
        """(name, from, to) of each folder directly below one, and of each run of files between them (no name)."""
        begin = len(to_bytes(prefix)) + 1 if prefix else 0
        files = index
        while index < end:
            path = self.path(index)
            slash = path.find(b"/", begin)
            if slash < 0:
                index += 1
                continue
            if files < index:
                yield None, files, index
            after = self._bisect(path[:slash] + AFTER_SLASH, index, end)
            yield path[begin:slash], index, after
            index = files = after
        if files < index:
            yield None, files, index


# Reading the blobs of the index from the working tree, where a file's own bytes prove that it is the blob.


BATCH = 256
"""Entries looked at together: what the working tree cannot prove is then asked of git in one batch."""

FromGit = Callable[[Iterable[Entry], int], Iterator[Blob]]


def from_worktree(tree: DiskFiles, entries: list[Entry], limit: int, from_git: FromGit) -> Iterator[Blob]:
    """The blobs of `entries`, in order. A file that differs, is missing or unreadable is read through git.

    Git names a blob by the digest of `blob <size>\\0<content>` (SHA-1, or SHA-256 in repositories that use it):
    equal ids are equal bytes, whatever filters or line endings a checkout went through.
    """
    for start in range(0, len(entries), BATCH):
        batch = entries[start : start + BATCH]
        found = [proven(tree, entry, limit) for entry in batch]
        missing = [entry for entry, blob in zip(batch, found, strict=True) if blob is None]
        rest = from_git(missing, limit)
        for blob in found:
            yield blob if blob is not None else next(rest)


def proven(tree: DiskFiles, entry: Entry, limit: int) -> Blob | None:
    """The file of an entry on disk, if it is the blob that the entry names."""
    if entry.kind != "file" or entry.id is None:
        return None
    blob = tree.on_disk(entry, limit)
    if blob.data is None or names_blob(entry.id, blob.data):
        return blob if blob.data is not None else None
    data = blob.data.replace(b"\r\n", b"\n")  # most checkouts that differ do so in their line ends
    return Blob(entry, len(data), data) if len(data) < len(blob.data) and names_blob(entry.id, data) else None


_MERGED = set(b"0")
"""The stage of an entry that is not in conflict."""
# The id of an empty file, by its length: SHA-1 and SHA-256.
_EMPTY = {
    40: b"e69de29bb2d1d6434b8b29ae775ad8c2e48c5391",
    64: b"473a0f4c3be8a93681a267e3b1e9a7dcda1185436fe141f7749120a303721813",
}
# Patterns are compiled where they are first used: a hook that needs one pays for one.
_DEBUG_ROW = rb"([^\0]+)\0  ctime: .*\n  mtime: .*\n  dev: .*\n  uid: .*\n  size: .*flags: ([0-9a-f]+)\n"
_INTENT_TO_ADD = 1 << 29
MOST_PATHS = 500
MOST_ALONE = 4
"""Files that are looked up one by one before everything is listed: a listing of a large repository costs more."""
_CHANGE = rb":(\d+) (\d+) ([0-9a-f]+) ([0-9a-f]+) [A-Z]\d*\0([^\0]+)\0"
Portion = tuple[Listing, ListingPart]

_DIFF = ("--raw", "-z", "--no-renames", "--full-index", "--ignore-submodules=all")


class Tree(Listed):
    """Index and commit: listed by git, read through `cat-file`."""

    repo: Repo

    def __init__(self, repo: Repo) -> None:
        self.repo = repo
        self._listings: dict[str, Listing] = {}
        self._alone = 0

    def _list(self, prefix: str) -> Listing:
        """What lies at or below `prefix`."""
        raise NotImplementedError

    def _listing(self, prefix: str) -> Listing:
        """A listing that holds all at or below `prefix`."""
        known = self._wider(prefix)
        if known is None:
            known = self._listings[prefix] = self._list(prefix)
        return known

    def _wider(self, prefix: str) -> Listing | None:
        """What was listed already and has all that lies below `prefix`."""
        return next((rows for place, rows in self._listings.items() if within(prefix, place)), None)

    def entry(self, path: str) -> Entry | None:
        rows = self._wider(path)
        if rows is None and self._alone < MOST_ALONE and is_plain(path):
            self._alone += 1
            rows = self._listing(path)
        if rows is None:
            return super().entry(path)
        index = rows.find(path)
        return None if index is None else rows.entry(index)

    def entries(self, prefix: str = "") -> list[Entry]:
        rows = self._listing(prefix)
        return [rows.entry(index) for index in rows.below(prefix)]

    def folders(self, prefix: str) -> list[str]:
        return self._listing(prefix).folders(prefix)

    def parts(self, prefix: str, whole: Whole) -> list[list[Portion]]:
        rows = self._listing(prefix)
        portions = [(rows, part) for part in rows.parts(prefix, whole)]
        return [portions] if portions else []  # as one: git already works beside us, on the other core

    def weigh(self, parts: list[list[Portion]]) -> Iterator[Weight]:
        yield from self._weigh([portion for portions in parts for portion in portions])

    def _weigh(self, parts: list[Portion]) -> Iterator[Weight]:
        ids = [object_id for rows, part in parts for object_id in rows.ids(part)]
        if any(rows.submodules for rows, _ in parts):
            parts = [part for each in parts for part in _without_submodules(each)]
            ids = [object_id for rows, part in parts for object_id in rows.ids(part)]
        known = sizes(self.repo, ids)
        start = 0
        for rows, part in parts:
            end = start + part.end - part.start
            yield Weight(part.folder, known[start:end], partial(_name, rows, part))
            start = end

    def _changes(self) -> tuple[str, ...] | None:
        """The `git diff-* --raw -z` between the base and this, or None without a base."""
        raise NotImplementedError

    def growing(self, prefixes: list[str]) -> Growing:
        asked = self._changes()
        if asked is None:
            return not_cheap_to_say
        command = (*asked, "--", *prefixes)
        process = self.repo.start(*command)
        return lambda: self._grown(b"".join(each_record(process, *command)))

    def changed(self, paths: Sequence[str]) -> bool:
        """Whether one of some files is not what it is in the base; True where that is not cheap to say."""
        asked = self._changes()
        return asked is None or bool(self.repo.run(*asked, "--", *paths))

    def _grown(self, out: bytes) -> list[tuple[str, int]]:
        rows = re.findall(_CHANGE, out)
        named = [pair for was, now, old, new, _ in rows for pair in ((was, old), (now, new))]
        ids = sorted({name for mode, name in named if _is_blob(mode)})
        size = dict(zip(ids, sizes(self.repo, ids), strict=True))
        return [(to_text(path), size.get(new, 0) - size.get(old, 0)) for _, _, old, new, path in rows]

    def read(self, path: str) -> bytes | None:
        found = [entry for entry in self.entries(path) if entry.path == path and entry.kind == "file"]
        return next(self.read_many(found[:1])).data if found else None

    def read_many(self, entries: Iterable[Entry], limit: int = READ_LIMIT) -> Iterator[Blob]:
        wanted = list(entries)
        if not wanted:
            return
        ids = [entry.id for entry in wanted if entry.id is not None]
        for entry, (size, data) in zip(wanted, blobs(self.repo, ids, limit), strict=True):
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

    def _listing(self, prefix: str) -> Listing:
        if "" not in self._listings:
            self._listings[""] = self._list("")  # git reads all of the index whatever it is asked for
        return super()._listing(prefix)

    def _list(self, prefix: str) -> Listing:  # noqa: ARG002
        found: list[bytes] = []
        size, empty, submodules = 40, False, False
        for chunk in chunks(self.repo, "ls-files", "--stage", "-z", "--full-name"):
            if not found:
                size = len(chunk.split(b" ", 2)[1])
            found += chunk[:-1].split(b"\0")
            empty = empty or _EMPTY[size] in chunk
            submodules = submodules or _holds_submodule(chunk)
        path, object_id = slice(size + 10, None), slice(7, size + 7)
        if set(map(itemgetter(size + 8), found)) - _MERGED:
            found = list({record[path]: record for record in found}.values())  # a path has up to three stages
        if empty:
            absent = self._intended([record[path] for record in found if record[object_id] == _EMPTY[size]])
            found = [record for record in found if record[path] not in absent]
        return Listing(found, object_id, path, submodules)

    def _intended(self, empty: list[bytes]) -> set[bytes]:
        """The paths that `git add -N` only announced: the index lists them as empty, and no commit will hold them."""
        if not empty:
            return set()
        out = self.repo.run("ls-files", "--debug", "-z", "--", *map(to_text, empty[:MOST_PATHS]))
        if len(empty) > MOST_PATHS:  # more than an argument list may hold: ask for all
            out = self.repo.run("ls-files", "--debug", "-z")
        return {path for path, flags in re.findall(_DEBUG_ROW, out) if int(flags, 16) & _INTENT_TO_ADD}

    def read_many(self, entries: Iterable[Entry], limit: int = READ_LIMIT) -> Iterator[Blob]:
        yield from from_worktree(DiskFiles(self.repo), list(entries), limit, super().read_many)

    def _changes(self) -> tuple[str, ...] | None:
        base = self.base
        return ("diff-index", "--cached", *_DIFF, base.revision) if isinstance(base, Commit) else None

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

    def _list(self, prefix: str) -> Listing:
        arguments = ["ls-tree", "-r", "-z", "--full-tree", self.revision]
        out = self.repo.run(*arguments, *(["--", prefix] if prefix else []))
        submodules = _holds_submodule(out)
        if submodules:  # the name of their type is longer than that of the others
            out = re.sub(rb"(\A|\0)160000 commit ", rb"\g<1>160000 blob ", out)
        records = out.split(b"\0")[:-1]
        path = records[0].index(b"\t") + 1 if records else 53
        return Listing(records, slice(12, path - 1), slice(path, None), submodules)

    def _changes(self) -> tuple[str, ...] | None:
        base = self.base
        return ("diff-tree", "-r", *_DIFF, base.revision, self.revision) if isinstance(base, Commit) else None

    def describe(self) -> str:
        return f"commit {self.revision[:12]}"


def _is_blob(mode: bytes) -> bool:
    return mode not in (b"000000", SUBMODULE)


def _name(rows: Listing, part: ListingPart, index: int) -> str:
    """The name of a file of a part, from its folder."""
    path = rows.text(part.start + index)
    return path[len(part.folder) + 1 :] if part.folder else path


def _holds_submodule(out: bytes) -> bool:
    return out.startswith(SUBMODULE) or b"\0" + SUBMODULE + b" " in out


def _without_submodules(portion: Portion) -> Iterator[Portion]:
    """What stands between the submodules of a portion: those hold no bytes of this repository."""
    rows, part = portion
    start = part.start
    for index in range(part.start, part.end):
        if rows.records[index].startswith(SUBMODULE):
            yield rows, ListingPart(part.folder, start, index)
            start = index + 1
    yield rows, ListingPart(part.folder, start, part.end)


# A pushed ref that names no commit: a tag of a file or of a directory.


class LooseObject(Tree):
    """The object `id`, a "blob" or a "tree", and the `tags` that were peeled to reach it.

    It is no state of a repository, so it has no entries to judge; `files` are what it holds.
    """

    base: Snapshot | None = None

    def __init__(self, repo: Repo, object_id: str, kind: str, source: Source, tags: tuple[str, ...] = ()) -> None:
        super().__init__(repo)
        self.id = object_id
        self.kind = kind
        self.source = source
        self.tags = tags

    def files(self) -> list[Entry]:
        """Every path of a tree."""
        return Commit(self.repo, self.id).entries() if self.kind == "tree" else []

    def _list(self, prefix: str) -> Listing:  # noqa: ARG002
        return Listing([])

    def _changes(self) -> tuple[str, ...] | None:
        return None

    def describe(self) -> str:
        return f"{self.kind} {self.id[:12]}"
