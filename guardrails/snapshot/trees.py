"""The index and commits: listed by git, read through `cat-file`."""

import re
from collections.abc import Iterable, Iterator
from functools import cached_property, partial
from operator import itemgetter

from guardrails.bulk import chunks, sizes, told
from guardrails.git import Repo, to_text
from guardrails.snapshot import (
    READ_LIMIT,
    Blob,
    Entry,
    Growing,
    Snapshot,
    Source,
    Weight,
    is_plain,
    not_cheap_to_say,
    too_large,
    within,
)
from guardrails.snapshot.listed import Listed
from guardrails.snapshot.listing import SUBMODULE, Listing, Part, Whole
from guardrails.snapshot.proven import from_worktree
from guardrails.snapshot.worktree import Worktree

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
Portion = tuple[Listing, Part]

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
        return lambda: self._grown(b"".join(told(process, *command)))

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
        yield from from_worktree(Worktree(self.repo), list(entries), limit, super().read_many)

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


def _name(rows: Listing, part: Part, index: int) -> str:
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
            yield rows, Part(part.folder, start, index)
            start = index + 1
    yield rows, Part(part.folder, start, part.end)
