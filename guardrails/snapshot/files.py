"""Files on disk: looked at without following a link or waiting on a pipe, and hashed whatever their size."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from guardrails.core.paths import READ_FLAGS, is_plain, parents
from guardrails.git.repo import Repo, to_bytes, to_text
from guardrails.snapshot.base import (
    READ_LIMIT,
    Blob,
    Entry,
    EntryKind,
    Growing,
    Snapshot,
    Weight,
    not_cheap_to_say,
    too_large,
)

if TYPE_CHECKING:
    from guardrails.snapshot.conversion import Conversion


def _kind_of(item: os.DirEntry[bytes]) -> EntryKind | Literal["directory"]:
    if item.is_symlink():
        return "symlink"
    if item.is_dir(follow_symlinks=False):
        return "directory"
    return "file" if item.is_file(follow_symlinks=False) else "special"


def lstat_kind(path: bytes) -> EntryKind | Literal["directory"] | None:
    try:
        mode = os.lstat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None
    if stat.S_ISDIR(mode):
        return "directory"
    if stat.S_ISLNK(mode):
        return "symlink"
    return "file" if stat.S_ISREG(mode) else "special"


def names_in(directory: bytes) -> dict[str, EntryKind | Literal["directory"]]:
    with os.scandir(directory) as items:
        return {to_text(item.name): _kind_of(item) for item in items}


def walk(directory: bytes, prefix: bytes) -> Iterator[tuple[bytes, EntryKind]]:
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


def weigh_folder(directory: bytes, path: str, below: bool) -> Iterator[Weight]:
    """The sizes of what lies in a directory, and with `below` in those under it; `.git` is left out.

    Directories are opened and their files looked at by name in them: the kernel then has no long paths to walk.
    """
    stack = [(directory, path)]
    while stack:
        place, folder = stack.pop()
        sizes: list[int] = []
        names: list[str | bytes] = []
        with _scan(place) as items:
            for item in items:
                if not item.is_dir(follow_symlinks=False):
                    sizes.append(item.stat(follow_symlinks=False).st_size)
                    names.append(item.name)
                elif below and item.name not in (".git", b".git"):
                    name = os.fsencode(item.name)
                    stack.append((place + b"/" + name, f"{folder}/{to_text(name)}"))
        yield Weight(folder, sizes, partial(_decoded, names))


def _decoded(names: list[str | bytes], index: int) -> str:
    return os.fsdecode(names[index])


@contextmanager
def _scan(directory: bytes) -> Iterator[Iterator[os.DirEntry[Any]]]:
    """The entries of a directory that is no link."""
    if os.scandir not in os.supports_fd:
        with os.scandir(directory) as items:
            yield items
        return
    handle = os.open(directory, READ_FLAGS | os.O_DIRECTORY)
    try:
        with os.scandir(handle) as items:
            yield items
    finally:
        os.close(handle)


_SMALL = 16 * 1024


def read_file(path: bytes, entry: Entry, limit: int) -> Blob:
    if entry.kind != "file":
        return Blob(entry, 0, None, f"a {entry.kind}, not a regular file")
    try:
        handle = os.open(path, READ_FLAGS)
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
        return Blob(entry, facts.st_size, None, too_large(facts.st_size, limit))
    parts, missing = [start], facts.st_size - len(start)
    while missing > 0 and (part := os.read(handle, missing)):
        parts.append(part)
        missing -= len(part)
    data = b"".join(parts)
    return Blob(entry, len(data), data)


CASE_BLIND = os.name == "nt" or sys.platform == "darwin"
"""Whether a file system here may find `Plan.md` as `plan.md`; then names are looked up in their directory's list."""


_CONVERSIONS = (b"filter", b"ident", b"working-tree-encoding")
"""Attributes that may convert other things than line ends."""


class DiskFiles:
    """The files on disk, tracked or not. Nothing is read through a symbolic link, and only regular files are opened.

    Content is what git would store: a checkout may have other line ends. Sizes (`weigh`) are those on disk.
    """

    def __init__(self, repo: Repo) -> None:
        self.repo: Repo | None = repo

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
    def _seen(self) -> dict[str, EntryKind | Literal["directory"] | None]:
        return {"": "directory"}

    def _kind(self, path: str) -> EntryKind | Literal["directory"] | None:
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

    def _look(self, path: str) -> EntryKind | Literal["directory"] | None:
        if not CASE_BLIND:
            return lstat_kind(self.absolute(path))
        parent, _, name = path.rpartition("/")
        if parent not in self._names:
            self._names[parent] = names_in(self.absolute(parent))
        return self._names[parent].get(name)

    @cached_property
    def _names(self) -> dict[str, dict[str, EntryKind | Literal["directory"]]]:
        return {}

    def is_folder(self, path: str) -> bool:
        """Whether `path` is a directory, and no link is crossed on the way."""
        return self._kind(path) == "directory"

    def open(self, entry: Entry, limit: int) -> Blob:
        """One file, if it is a regular one in real directories."""
        return next(self.open_many([entry], limit))

    def open_many(self, entries: list[Entry], limit: int) -> Iterator[Blob]:
        """Each file in order, as git would store it."""
        for entry in entries:
            blob = self.on_disk(entry, limit)
            if blob.size and ((blob.data and b"\r\n" in blob.data) or self._is_suspect(entry.path)):
                self.conversion.prepare(each.path for each in entries)
                blob = self._stored(blob)
            yield blob

    def _stored(self, blob: Blob) -> Blob:
        path = blob.entry.path
        if blob.data is not None:
            data = self.conversion.stored(path, blob.data)
            return Blob(blob.entry, len(data), data)
        if blob.size > READ_LIMIT and self.conversion.driver(path) == "lfs":
            from guardrails.snapshot.conversion import pointer_to

            hashed = _on_disk(self, blob.entry)
            if hashed.sha256 is not None:
                data = pointer_to(hashed.sha256, hashed.size)
                return Blob(blob.entry, len(data), data)
        return blob

    @cached_property
    def conversion(self) -> Conversion:
        """How git converts files of this tree."""
        from guardrails.snapshot.conversion import Conversion  # few files are converted

        assert self.repo is not None
        return Conversion(self.repo)

    def _is_suspect(self, path: str) -> bool:
        """Whether attributes near a path may convert other things than its line ends."""
        return any(map(self._names_conversion, ("", *parents(path))))

    def _names_conversion(self, folder: str) -> bool:
        if folder not in self._suspects:
            places = [self.absolute(f"{folder}/.gitattributes" if folder else ".gitattributes")]
            if not folder and self.repo is not None:
                places += [os.path.join(place, b"info", b"attributes") for place in self._git_places()]
            said = b"".join(read_file(place, Entry("", "file"), READ_LIMIT).data or b"" for place in places)
            self._suspects[folder] = any(word in said for word in _CONVERSIONS)
        return self._suspects[folder]

    def _git_places(self) -> list[bytes]:
        """The git directory, and the one that a linked working tree shares with others; none outside a repository."""
        assert self.repo is not None
        if not self.repo.environment.get("GIT_DIR") and not os.path.lexists(self.absolute(".git")):
            return []
        own = os.fsencode(self.repo.git_dir())
        shared = read_file(os.path.join(own, b"commondir"), Entry("", "file"), READ_LIMIT).data
        return [own, os.path.join(own, shared.strip())] if shared else [own]

    @cached_property
    def _suspects(self) -> dict[str, bool]:
        return {}

    def on_disk(self, entry: Entry, limit: int) -> Blob:
        """One file as it lies there, if it is a regular one in real directories."""
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
        yield from self.open_many(list(entries), limit)


# What files of a snapshot hash to, whatever their size: large ones go by in pieces and are never held.


_CHUNK = 256 * 1024


class Hashed(NamedTuple):
    """A file's digest and size in bytes. `sha256` is None when it could not be read: `problem` says why."""

    path: str
    sha256: str | None
    size: int
    problem: str | None = None


def hash_many(snapshot: Snapshot, entries: Iterable[Entry]) -> Iterator[Hashed]:
    """The digest of each entry, in order: of the bytes that git stores."""
    from hashlib import sha256  # loads a library; most checks hash nothing

    for blob in snapshot.read_many(entries):
        entry = blob.entry
        if blob.data is not None:
            yield Hashed(entry.path, sha256(blob.data).hexdigest(), blob.size)
        elif blob.size > READ_LIMIT and entry.id is not None and snapshot.repo is not None:
            yield Hashed(entry.path, _blob(snapshot, entry), blob.size)
        elif blob.size > READ_LIMIT and isinstance(snapshot, DiskFiles):
            yield _on_disk(snapshot, entry)
        else:
            yield Hashed(entry.path, None, blob.size, blob.problem)


def _on_disk(snapshot: DiskFiles, entry: Entry) -> Hashed:
    """The digest of a file that is too large to be held, as it lies there."""
    from hashlib import sha256  # loads a library; most checks hash nothing

    hashed, size = sha256(), 0
    try:
        for part in chunks_of(snapshot, entry):
            hashed.update(part)
            size += len(part)
    except OSError as error:
        return Hashed(entry.path, None, 0, error.strerror or "cannot be read")
    return Hashed(entry.path, hashed.hexdigest(), size)


def _blob(snapshot: Snapshot, entry: Entry) -> str:
    """The digest of a blob that is too large to be held."""
    from hashlib import sha256  # loads a library; most checks hash nothing

    hashed = sha256()
    for chunk in chunks_of(snapshot, entry):
        hashed.update(chunk)
    return hashed.hexdigest()


def chunks_of(snapshot: Snapshot | DiskFiles, entry: Entry) -> Iterator[bytes]:
    """The content of one file in pieces, whatever its size. Raises OSError when it cannot be read."""
    if entry.id is not None and snapshot.repo is not None:
        from guardrails.git.catfile import objects

        for found in objects(snapshot.repo, [entry.id]):
            yield from found.chunks()
    elif isinstance(snapshot, DiskFiles):
        yield from _file_chunks(snapshot, entry)
    else:
        blob = next(iter(snapshot.read_many([entry], sys.maxsize)))
        yield blob.data or b""


def _file_chunks(snapshot: DiskFiles, entry: Entry) -> Iterator[bytes]:
    if entry.kind != "file" or not snapshot.is_folder(entry.path.rpartition("/")[0]):
        raise OSError(0, "not a regular file in a real directory")
    handle = os.open(snapshot.absolute(entry.path), READ_FLAGS)
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(0, "not a regular file")
        while part := os.read(handle, _CHUNK):
            yield part
    finally:
        os.close(handle)
