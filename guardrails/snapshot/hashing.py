"""What files of a snapshot hash to, whatever their size: large ones go by in pieces and are never held."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from hashlib import sha256
from typing import NamedTuple

from guardrails.git import Repo
from guardrails.snapshot import READ_LIMIT, Entry, Snapshot
from guardrails.snapshot.files import FLAGS
from guardrails.snapshot.worktree import Worktree

_CHUNK = 256 * 1024


class Hashed(NamedTuple):
    """A file's digest and size in bytes. `sha256` is None when it could not be read: `problem` says why."""

    path: str
    sha256: str | None
    size: int
    problem: str | None = None


def hash_many(snapshot: Snapshot, entries: Iterable[Entry]) -> Iterator[Hashed]:
    """The digest of each entry, in order."""
    files = list(entries)
    if isinstance(snapshot, Worktree):
        left = _in_git(snapshot, [entry for entry in files if entry.id is not None])  # by a sparse checkout
        yield from (_on_disk(snapshot, entry) if entry.id is None else next(left) for entry in files)
    else:
        yield from _in_git(snapshot, files)


def _in_git(snapshot: Snapshot, files: list[Entry]) -> Iterator[Hashed]:
    for blob in snapshot.read_many(files):
        entry = blob.entry
        if blob.data is not None:
            yield Hashed(entry.path, sha256(blob.data).hexdigest(), blob.size)
        elif blob.size > READ_LIMIT and entry.id is not None and snapshot.repo is not None:
            yield Hashed(entry.path, _blob(snapshot.repo, entry.id), blob.size)
        else:
            yield Hashed(entry.path, None, blob.size, blob.problem)


def _on_disk(snapshot: Worktree, entry: Entry) -> Hashed:
    if entry.kind != "file" or not snapshot.is_folder(entry.path.rpartition("/")[0]):
        return Hashed(entry.path, None, 0, "not a regular file in a real directory")
    hashed, size = sha256(), 0
    try:
        handle = os.open(snapshot.absolute(entry.path), FLAGS)
        try:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                return Hashed(entry.path, None, 0, "not a regular file")
            while part := os.read(handle, _CHUNK):
                hashed.update(part)
                size += len(part)
        finally:
            os.close(handle)
    except OSError as error:
        return Hashed(entry.path, None, 0, error.strerror or "cannot be read")
    return Hashed(entry.path, hashed.hexdigest(), size)


def _blob(repo: Repo, object_id: str) -> str:
    """The digest of a blob that is too large to be held."""
    hashed = sha256()
    with repo.start("cat-file", "blob", object_id) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        process.stdin.close()
        while part := process.stdout.read(_CHUNK):
            hashed.update(part)
    return hashed.hexdigest()
