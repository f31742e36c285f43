"""Writing evidence: all of a file or none of it, inside the repository, never through a link, never over another."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from typing import IO, Any, NamedTuple

from guardrails.core import atomic
from guardrails.core.paths import NO_FOLLOW, READ_FLAGS, is_plain
from guardrails.core.schema import faults
from guardrails.core.strict_json import record_bytes
from guardrails.errors import GuardrailError


class WrittenFile(NamedTuple):
    """A file that was written: its path relative to the root, the digest of its bytes, and how many they are."""

    path: str
    sha256: str
    size: int


class EvidenceStore:
    """Writes below one repository root. Each file is written to a temporary name, flushed to disk and renamed."""

    def __init__(self, root: str) -> None:
        self._root = os.path.realpath(root)

    def record(self, path: str, schema: str, document: dict[str, Any], replace: bool = False) -> WrittenFile:
        """Write a record as JSON, after it has satisfied its schema: what is refused here was never evidence."""
        for fault in faults(schema, document):
            raise ValueError(f"{schema}{fault.pointer}: {fault.message}")
        return self.write(path, record_bytes(document), replace)

    def write(self, path: str, data: bytes, replace: bool = False) -> WrittenFile:
        """Write one file. Raises GuardrailError when it exists already (unless `replace`) or lies outside."""
        with self.making(path, replace) as stream:
            stream.write(data)
        return WrittenFile(path, sha256(data).hexdigest(), len(data))

    @contextmanager
    def making(self, path: str, replace: bool = False) -> Iterator[IO[bytes]]:
        """A stream, open for reading too, whose bytes become the file when the block ends well, and nothing otherwise.

        Raises GuardrailError when the file exists already (unless `replace`) or lies outside.
        """
        target = self._target(path)
        try:
            with atomic.writing(target, replace=replace, folder=self._bench(target)) as stream:
                yield stream
        except FileExistsError as error:
            raise GuardrailError(f"{path}: exists already", "evidence is never overwritten") from error

    def _bench(self, target: str) -> str:
        """Where a file is written before it is whole: in the git directory, so that what a kill leaves there is
        neither evidence nor dirt; beside the target where that is on another file system."""
        place = _git_directory(self._root)
        beside = os.path.dirname(target)
        if place is None:
            return beside
        bench = os.path.join(place, "speckit", "partial")
        try:
            os.makedirs(bench, exist_ok=True)
            return bench if os.stat(bench).st_dev == os.stat(beside).st_dev else beside
        except OSError:
            return beside

    def sweep(self, now: float) -> None:
        """Remove what killed writers left on the bench a day ago and earlier: no write takes that long.

        `now` is in seconds since the epoch, as modification times are.
        """
        place = _git_directory(self._root)
        bench = os.path.join(place, "speckit", "partial") if place else ""
        with suppress(FileNotFoundError, NotADirectoryError), os.scandir(bench or os.devnull) as items:
            for item in items:
                if item.name.endswith(atomic.PARTIAL) and item.stat(follow_symlinks=False).st_mtime < now - 86_400:
                    with suppress(FileNotFoundError):
                        os.unlink(item.path)

    def read(self, path: str) -> bytes | None:
        """The bytes of one file; None when there is none. Links are not followed."""
        try:
            handle = os.open(self._target(path), READ_FLAGS)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise GuardrailError(f"{path}: {error.strerror}", "make it a regular file") from error
        with os.fdopen(handle, "rb") as stream:
            return stream.read()

    def discard(self, path: str) -> None:
        """Remove one file, if it is there."""
        with suppress(FileNotFoundError):
            os.unlink(self._target(path))

    def extend(self, path: str, keep: int, data: bytes) -> None:
        """Cut a file to its first `keep` bytes and add `data` at their end; on disk when this returns."""
        target = self._target(path)
        made = not os.path.lexists(target)
        try:
            handle = os.open(target, os.O_RDWR | os.O_CREAT | NO_FOLLOW, 0o666)
        except OSError as error:
            raise GuardrailError(f"{path}: {error.strerror}", "make it a regular file") from error
        with os.fdopen(handle, "r+b") as stream:
            stream.truncate(keep)
            stream.seek(keep)
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        if made:
            atomic.flush_directory(os.path.dirname(target))

    def _target(self, path: str) -> str:
        """Where `path` lies on disk, its directories made and none of them a link."""
        if not is_plain(path):
            raise GuardrailError(f"{path!r} is not a path inside the repository", "evidence stays below evidence.root")
        place = self._root
        for part in path.split("/")[:-1]:
            place = os.path.join(place, part)
            try:
                os.mkdir(place)
            except FileExistsError:
                if os.path.islink(place) or not os.path.isdir(place):
                    raise GuardrailError(f"{place}: not a directory", "evidence is not written through links") from None
        return os.path.join(place, path.rpartition("/")[2])


def _git_directory(root: str) -> str | None:
    """The git directory of a working tree: `.git`, or what that file names in a linked one."""
    place = os.path.join(root, ".git")
    if os.path.isdir(place) and not os.path.islink(place):
        return place
    try:
        with open(place, "rb") as stream:
            said = stream.read(4096)
    except OSError:
        return None
    name = os.fsdecode(said.removeprefix(b"gitdir:").strip())
    found = os.path.join(root, name)
    return found if said.startswith(b"gitdir:") and os.path.isdir(found) else None
