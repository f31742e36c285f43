"""One archive, read as something a stranger may have made: its members in order, each held to what the manifest says.

Reading holds a few buffers, never a whole file, and never goes beyond the sizes that are due. What reading refuses,
`evidence archive` refuses to make.
"""

from __future__ import annotations

import gzip
import tarfile
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from hashlib import sha256
from typing import IO, Any, NamedTuple, Protocol, cast

from guardrails.checks.ledger.archive_manifest import Member
from guardrails.core.paths import is_plain
from guardrails.errors import GuardrailError

MOST_MEMBERS = 100_000
MOST_BYTES = 4 * 1024**3
"""Unpacked bytes of one archive."""
MOST_RATIO, RATIO_FROM = 250, 64 * 1024 * 1024
"""How many bytes one packed byte may become, in archives of more than RATIO_FROM unpacked bytes."""
_CHUNK = 256 * 1024
_HEADER = 1024 * 1024
"""Bytes of a header that are read at once: a longer one is made to fill the memory."""

ByteProgress = Callable[[int], None]
"""Is told how many bytes were worked on since it was told last."""


class PackedStream(Protocol):
    """The bytes of an archive, read forwards."""

    def read(self, size: int = -1, /) -> bytes: ...


class FoundMember(NamedTuple):
    """A member of an archive, its content to be read before the next one is asked for."""

    path: str
    size: int
    content: Iterator[bytes]


class DamagedError(GuardrailError):
    """An archive that is not what it should be, or that nobody should unpack."""


def forget(archive: tarfile.TarFile) -> None:
    """Drop the headers a tarfile keeps of everything it has seen."""
    cast("Any", archive).members.clear()


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


def verify(
    stream: PackedStream,
    size: int,
    members: Sequence[Member],
    progress: ByteProgress = lambda _size: None,
    begins: Collection[tuple[str, int]] = (),
) -> dict[tuple[str, int], str]:
    """Read an archive of `size` bytes to its end and hold it to its members. Raises DamagedError at the first
    difference. `begins` names members and numbers of bytes: returned is the SHA-256 of so much of their beginning."""
    left, beginnings = iter(members), {}
    lengths: dict[str, list[int]] = {}
    for path, due in begins:
        lengths.setdefault(path, []).append(due)
    for found in read_archive(stream, size, members):
        expected, digest, at = next(left), sha256(), 0
        asked = {due: sha256() for due in lengths.get(found.path, ())}
        for part in found.content:
            digest.update(part)
            for due, beginning in asked.items():
                beginning.update(part[: max(0, due - at)])
            at += len(part)
            progress(len(part))
        if digest.hexdigest() != expected.sha256:
            raise DamagedError(f"{found.path} in the archive is not the file that was packed", _DAMAGED)
        beginnings.update({(found.path, due): each.hexdigest() for due, each in asked.items()})
    missing = next(left, None)
    if missing is not None:
        raise DamagedError(f"{missing.path} is not in the archive", _DAMAGED)
    return beginnings


_DAMAGED = "restore the archive and its manifest from git"


_UNSOUND = (tarfile.TarError, ValueError, ArithmeticError, LookupError, RecursionError)
"""What tarfile raises over headers that no writer makes; the last when each calls for the next, a thousand times."""


def read_archive(stream: PackedStream, size: int, members: Sequence[Member]) -> Iterator[FoundMember]:
    """The members of an archive, each only if it is the expected one: a plain file of that name and size, in order.

    Raises DamagedError for everything else: links, devices, folders, names that lead elsewhere, members too many or
    twice, streams that unpack to more than is due.
    """
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
            forget(archive)
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
