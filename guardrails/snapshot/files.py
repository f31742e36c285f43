"""Looking at real directories and files without following a link or waiting on a pipe."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Literal

from guardrails.git import to_text
from guardrails.snapshot import Blob, Entry, Kind, Weight, too_large


def _kind_of(item: "os.DirEntry[bytes]") -> Kind | Literal["directory"]:
    if item.is_symlink():
        return "symlink"
    if item.is_dir(follow_symlinks=False):
        return "directory"
    return "file" if item.is_file(follow_symlinks=False) else "special"


def lstat_kind(path: bytes) -> "Kind | Literal['directory'] | None":
    try:
        mode = os.lstat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None
    if stat.S_ISDIR(mode):
        return "directory"
    if stat.S_ISLNK(mode):
        return "symlink"
    return "file" if stat.S_ISREG(mode) else "special"


def names_in(directory: bytes) -> dict[str, Kind | Literal["directory"]]:
    with os.scandir(directory) as items:
        return {to_text(item.name): _kind_of(item) for item in items}


def walk(directory: bytes, prefix: bytes) -> Iterator[tuple[bytes, Kind]]:
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
def _scan(directory: bytes) -> "Iterator[Iterator[os.DirEntry[Any]]]":
    """The entries of a directory that is no link."""
    if os.scandir not in os.supports_fd:
        with os.scandir(directory) as items:
            yield items
        return
    handle = os.open(directory, FLAGS | os.O_DIRECTORY)
    try:
        with os.scandir(handle) as items:
            yield items
    finally:
        os.close(handle)


# Not following a link, not blocking on a FIFO, and binary: where the platform has the flag.
FLAGS = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


_SMALL = 16 * 1024


def read_file(path: bytes, entry: Entry, limit: int) -> Blob:
    if entry.kind != "file":
        return Blob(entry, 0, None, f"a {entry.kind}, not a regular file")
    try:
        handle = os.open(path, FLAGS)
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
