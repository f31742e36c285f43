"""Reading the blobs of the index from the working tree, where a file's own bytes prove that it is the blob."""

from collections.abc import Callable, Iterable, Iterator

from guardrails.snapshot import Blob, Entry
from guardrails.snapshot.worktree import Worktree

BATCH = 256
"""Entries looked at together: what the working tree cannot prove is then asked of git in one batch."""

FromGit = Callable[[Iterable[Entry], int], Iterator[Blob]]


def from_worktree(tree: Worktree, entries: list[Entry], limit: int, from_git: FromGit) -> Iterator[Blob]:
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


def proven(tree: Worktree, entry: Entry, limit: int) -> Blob | None:
    """The file of an entry on disk, if it is the blob that the entry names."""
    if entry.kind != "file" or entry.id is None:
        return None
    blob = tree.open(entry, limit)
    return blob if blob.data is not None and names_blob(entry.id, blob.data) else None


def names_blob(object_id: str, data: bytes) -> bool:
    """Whether `object_id` is git's name for these bytes."""
    from hashlib import sha1, sha256  # loads a library; many checks read nothing

    digest = sha1 if len(object_id) == 40 else sha256  # git's name for the bytes, not a signature
    return digest(b"blob %d\0" % len(data) + data).hexdigest() == object_id
