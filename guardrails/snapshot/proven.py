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
        found = [_proven(tree, entry, limit) for entry in batch]
        missing = [entry for entry, blob in zip(batch, found, strict=True) if blob is None]
        rest = from_git(missing, limit)
        for blob in found:
            yield blob if blob is not None else next(rest)


def _proven(tree: Worktree, entry: Entry, limit: int) -> Blob | None:
    if entry.kind != "file" or entry.id is None:
        return None
    blob = tree.open(entry, limit)
    data = blob.data
    if data is None:
        return None
    from hashlib import sha1, sha256  # loads a library; many checks read nothing

    digest = sha1 if len(entry.id) == 40 else sha256  # git's name for the bytes, not a signature
    return blob if digest(b"blob %d\0" % len(data) + data).hexdigest() == entry.id else None
