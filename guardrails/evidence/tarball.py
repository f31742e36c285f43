"""One archive: made the same to the byte from the same files, and read as something a stranger may have made.

Writing and reading hold a few buffers, never a whole file. What reading refuses, writing refuses to make.
"""

from __future__ import annotations

import gzip
import os
import stat
import tarfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from errno import EINVAL, ENOTDIR
from hashlib import sha256
from typing import IO, Any, NamedTuple, cast

from guardrails.checks.ledger.archive_manifest import Member
from guardrails.core.paths import READ_FLAGS, is_plain, parents
from guardrails.errors import GuardrailError

MOST_MEMBERS = 100_000
MOST_BYTES = 4 * 1024**3
"""Unpacked bytes of one archive."""
MOST_RATIO, RATIO_FROM = 250, 64 * 1024 * 1024
"""How many bytes one packed byte may become, in archives of more than RATIO_FROM unpacked bytes."""
MANIFEST_LIMIT = 32 * 1024 * 1024
"""Bytes of a manifest that are read."""
LEVEL = 6
_CHUNK = 256 * 1024
_HEADER = 1024 * 1024
"""Bytes of a header that are read at once: a longer one is made to fill the memory."""

ByteProgress = Callable[[int], None]
"""Is told how many bytes were worked on since it was told last."""


class FoundMember(NamedTuple):
    """A member of an archive, its content to be read before the next one is asked for."""

    path: str
    size: int
    content: Iterator[bytes]


class DamagedError(GuardrailError):
    """An archive that is not what it should be, or that nobody should unpack."""


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
            _forget(archive)
    return tuple(members)


def _forget(archive: tarfile.TarFile) -> None:
    """Drop the headers a tarfile keeps of everything it has seen."""
    cast("Any", archive).members.clear()


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


def require_sane(members: Iterable[Member], packed: int) -> None:
    """Raises DamagedError for an archive that is made to fill a disk, or that nobody could be sure of."""
    rows = list(members)
    total = sum(row.size for row in rows)
    if len(rows) > MOST_MEMBERS or total > MOST_BYTES:
        raise DamagedError(f"{len(rows)} files of {total} bytes are more than one archive may hold", _BOMB)
    if total > RATIO_FROM and total > packed * MOST_RATIO:
        raise DamagedError(f"{packed} bytes that become {total} are no evidence", _BOMB)
    if len({row.path for row in rows}) != len(rows):
        raise DamagedError("a file is in the archive twice", _BOMB)


_BOMB = f"an archive holds at most {MOST_MEMBERS} files and {MOST_BYTES} bytes, compressed {MOST_RATIO} times at most"


def verify(stream: IO[bytes], members: Sequence[Member], progress: ByteProgress) -> None:
    """Read an archive to its end and hold it to its members. Raises DamagedError at the first difference."""
    left = iter(members)
    for found in read_archive(stream, members):
        expected = next(left)
        digest = sha256()
        for part in found.content:
            digest.update(part)
            progress(len(part))
        if digest.hexdigest() != expected.sha256:
            raise DamagedError(f"{found.path} in the archive is not the file that was packed", _DAMAGED)
    missing = next(left, None)
    if missing is not None:
        raise DamagedError(f"{missing.path} is not in the archive", _DAMAGED)


_DAMAGED = "restore the archive and its manifest from git"


_UNSOUND = (tarfile.TarError, ValueError, ArithmeticError, LookupError, RecursionError)
"""What tarfile raises over headers that no writer makes; the last when each calls for the next, a thousand times."""


def read_archive(stream: IO[bytes], members: Sequence[Member]) -> Iterator[FoundMember]:
    """The members of an archive, each only if it is the expected one: a plain file of that name and size, in order.

    Raises DamagedError for everything else: links, devices, folders, names that lead elsewhere, members too many or
    twice, streams that unpack to more than is due.
    """
    size = os.fstat(stream.fileno()).st_size
    require_sane(members, size)
    # Two blocks of header and padding for each, long names included, and the end of the archive.
    due = sum(member.size + 8 * 512 for member in members) + 64 * 512
    try:
        with gzip.GzipFile(fileobj=cast("Any", stream), mode="rb") as unpacked:
            yield from _members(_Bounded(cast("IO[bytes]", unpacked), due), members)
    except _UNSOUND as error:
        raise DamagedError(f"not a sound archive: {error}", _DAMAGED) from error


def _members(source: _Bounded, members: Sequence[Member]) -> Iterator[FoundMember]:
    expected = iter(members)
    with tarfile.open(fileobj=cast("IO[bytes]", source), mode="r:") as archive:
        while (info := archive.next()) is not None:
            _forget(archive)
            wanted = next(expected, None)
            if wanted is None:
                raise DamagedError(f"{info.name!r} is in the archive and not in the manifest", _DAMAGED)
            _require(info, wanted)
            yield FoundMember(info.name, info.size, _content(source, info))
        while rest := source.read(_CHUNK):  # to the end, so that the checksum of the whole is looked at
            if rest.strip(b"\0"):
                raise DamagedError("something follows the last file of the archive", _DAMAGED)


def _require(info: tarfile.TarInfo, wanted: Member) -> None:
    if not info.isreg() or info.issparse():
        raise DamagedError(f"{info.name!r} is not a plain file", "archives of evidence hold nothing else")
    if not is_plain(info.name) or "\\" in info.name:
        raise DamagedError(f"{info.name!r} leads elsewhere", "archives of evidence hold paths below the root")
    if (info.name, info.size) != (wanted.path, wanted.size):
        raise DamagedError(f"{info.name!r} of {info.size} bytes stands where {wanted.path!r} belongs", _DAMAGED)


def _content(source: _Bounded, info: tarfile.TarInfo) -> Iterator[bytes]:
    source.seek(info.offset_data)
    left = info.size
    while left:
        part = source.read(min(left, _CHUNK))
        if not part:
            raise DamagedError(f"{info.name!r} is cut short", _DAMAGED)
        left -= len(part)
        yield part


class _Bounded:
    """A stream that is read forwards, in small pieces, and not beyond what is due."""

    def __init__(self, stream: IO[bytes], due: int) -> None:
        self._stream, self._due, self._at, self._last = stream, due, 0, b""

    def tell(self) -> int:
        return self._at - len(self._again)

    _again = b""
    """a byte that was read already and is asked for once more: tarfile looks whether the padding is there"""

    def seek(self, place: int) -> None:
        if place == self._at - 1 and self._last:
            self._again = self._last
            return
        self._again = b""
        while self._at < place:
            if not self.read(min(place - self._at, _CHUNK)):
                raise DamagedError("the archive is cut short", _DAMAGED)
        if self._at > place:
            raise DamagedError("the archive is not read in order", _DAMAGED)

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= _HEADER:
            raise DamagedError("a header of the archive is too long", _DAMAGED)
        if self._again and size:
            data, self._again = self._again, b""
            return data + self.read(size - 1) if size > 1 else data
        try:
            data = self._stream.read(size)
        except (zlib.error, EOFError, gzip.BadGzipFile) as error:
            raise DamagedError(f"not a sound archive: {error}", _DAMAGED) from error
        self._at += len(data)
        self._last = data[-1:] or self._last
        if self._at > self._due:
            raise DamagedError("the archive unpacks to more than its manifest says", _DAMAGED)
        return data
