"""One archive, made the same to the byte from the same files. Holds a few buffers, never a whole file."""

from __future__ import annotations

import gzip
import os
import stat
import tarfile
from collections.abc import Sequence
from errno import EINVAL, ENOTDIR
from hashlib import sha256
from typing import IO, Any, cast

from guardrails.checks.ledger.archive_manifest import Member
from guardrails.checks.ledger.archive_reader import ByteProgress, forget
from guardrails.core.paths import READ_FLAGS, parents
from guardrails.errors import GuardrailError

MANIFEST_LIMIT = 32 * 1024 * 1024
"""Bytes of a manifest that are read."""
LEVEL = 6
_CHUNK = 256 * 1024


def open_plain(root: str, path: str) -> IO[bytes]:
    """A regular file in real folders below the root, opened without following a link. Raises OSError."""
    for folder in parents(path):
        if not stat.S_ISDIR(os.lstat(os.path.join(root, *folder.split("/"))).st_mode):
            raise OSError(ENOTDIR, os.strerror(ENOTDIR), folder)
    handle = os.open(os.path.join(root, *path.split("/")), READ_FLAGS)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(EINVAL, "not a regular file", path)
    return os.fdopen(handle, "rb")


def size_of(stream: IO[bytes]) -> int:
    """The bytes of an open file."""
    return os.fstat(stream.fileno()).st_size


def digest_of(stream: IO[bytes]) -> str:
    """The SHA-256 of a stream from its beginning to its end."""
    hashed = sha256()
    stream.seek(0)
    while part := stream.read(_CHUNK):
        hashed.update(part)
    return hashed.hexdigest()


def write(root: str, paths: Sequence[str], target: IO[bytes], progress: ByteProgress) -> tuple[Member, ...]:
    """Pack files below `root` into `target`: by name, with no owner, mode or time of theirs."""
    members = []
    packed = gzip.GzipFile(filename="", mode="wb", compresslevel=LEVEL, fileobj=cast("Any", target), mtime=0)
    with packed, tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path in sorted(paths):
            with open_plain(root, path) as stream:
                info = tarfile.TarInfo(path)
                info.size, info.mode = os.fstat(stream.fileno()).st_size, 0o644
                hashed = _Hashed(stream, progress)
                try:
                    archive.addfile(info, cast("IO[bytes]", hashed))
                except OSError as error:
                    if hashed.read_so_far >= info.size:
                        raise
                    raise GuardrailError(f"{path}: became shorter while it was packed", _AGAIN) from error
            members.append(Member(path, hashed.digest.hexdigest(), info.size))
            forget(archive)
    return tuple(members)


_AGAIN = "nothing was removed; see that nobody writes there, and run it again"


class _Hashed:
    """A file that is hashed as it is read."""

    def __init__(self, stream: IO[bytes], progress: ByteProgress) -> None:
        self._stream, self._progress = stream, progress
        self.digest, self.read_so_far = sha256(), 0

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(size)
        self.digest.update(data)
        self.read_so_far += len(data)
        self._progress(len(data))
        return data
