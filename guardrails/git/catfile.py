"""Objects of git and files on disk as streams: what git lists or holds, taken apart while it is still being said."""

import os
import stat
import subprocess
import threading
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import IO

from guardrails.core.paths import READ_FLAGS
from guardrails.errors import Undecidable
from guardrails.git.process import feed, widen
from guardrails.git.repo import Repo, failure

MANY = 5_000
"""Objects from which a second process is worth its start."""
_PIECE = 1 << 18


def chunks(repo: Repo, *arguments: str) -> Iterator[bytes]:
    """What `git ARGUMENTS` prints, as it comes, each chunk ending with a NUL. Raises Undecidable when it fails."""
    yield from each_record(repo.start(*arguments), *arguments)


def each_record(process: "subprocess.Popen[bytes]", *arguments: str) -> Iterator[bytes]:
    """As `chunks`, of a git that was started before."""
    assert process.stdin is not None
    process.stdin.close()
    yield from _chunks(process, b"\0", arguments)


def sizes(repo: Repo, object_ids: list[bytes]) -> list[int]:
    """The size in bytes of each object, in order. Raises Undecidable when git cannot say."""
    middle = len(object_ids) // 2 if len(object_ids) > MANY else 0  # two processes have two cores
    asked = [_ask_sizes(repo, part) for part in (object_ids[:middle], object_ids[middle:]) if part]
    known: list[int] = []
    try:
        for process in asked:
            for chunk in _chunks(process, b"\n", ("cat-file",)):
                known.extend(map(int, chunk.split()))
    except ValueError as error:
        raise Undecidable("an object named by the tree is missing", "run 'git fsck'") from error
    if len(known) != len(object_ids):
        raise Undecidable("git did not say the size of every object", "run 'git fsck'")
    return known


def _ask_sizes(repo: Repo, object_ids: list[bytes]) -> "subprocess.Popen[bytes]":
    process = repo.start("cat-file", "--batch-check=%(objectsize)", "--buffer")
    threading.Thread(target=feed, args=(process, b"\n".join(object_ids) + b"\n"), daemon=True).start()
    return process


def _chunks(process: "subprocess.Popen[bytes]", end: bytes, arguments: tuple[str, ...]) -> Iterator[bytes]:
    """The output of a process up to the last `end` of each piece, until it ends."""
    assert process.stdout is not None
    assert process.stderr is not None
    said: list[bytes] = []
    listening = threading.Thread(target=lambda stream: said.append(stream.read()), args=(process.stderr,), daemon=True)
    listening.start()
    stream, rest = process.stdout.fileno(), b""
    try:
        while piece := os.read(stream, _PIECE):
            cut = piece.rfind(end) + 1
            if cut:
                yield rest + piece[:cut]
                rest = piece[cut:]
            else:
                rest += piece
    finally:
        process.stdout.close()
        process.wait()
        listening.join()
        process.stderr.close()
    if process.returncode:
        raise failure(arguments, process.returncode, said[0] if said else b"")


CHUNK = 1 << 20
"""Bytes that are read at once."""


class Object:
    """One object, while git sends it: its content is read at once or in chunks, and what is not read is dropped."""

    __slots__ = ("_left", "_stream", "id", "kind", "size")

    def __init__(self, object_id: str, kind: bytes, size: int, stream: IO[bytes]) -> None:
        self.id, self.kind, self.size = object_id, kind, size
        self._stream, self._left = stream, size

    def read(self) -> bytes:
        """What is left of the content."""
        content = self._stream.read(self._left)
        if len(content) < self._left:
            raise self._broken()
        self._left = 0
        return content

    def chunks(self) -> Iterator[bytes]:
        """What is left of the content, at most CHUNK bytes at once."""
        while self._left > 0:
            chunk = self._stream.read(min(self._left, CHUNK))
            if not chunk:
                raise self._broken()
            self._left -= len(chunk)
            yield chunk

    def _broken(self) -> Undecidable:
        return Undecidable(f"git stopped in the middle of object {self.id}", "run 'git fsck'")


def objects(repo: Repo, ids: Iterable[str]) -> Iterator[Object]:
    """Each object in order, one `cat-file` for all. One must be read before the next is asked for.

    Raises Undecidable when an object is missing: what cannot be read cannot be judged.
    """
    wanted = list(ids)
    if not wanted:
        return
    process = repo.start("cat-file", "--batch", "--buffer")
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    request = "\n".join([*wanted, ""]).encode("ascii")
    feeder = threading.Thread(target=feed, args=(process, request), daemon=True)
    feeder.start()
    stream = process.stdout
    widen(stream)
    try:
        for object_id in wanted:
            header = stream.readline().split()
            if len(header) != 3:
                raise Undecidable(
                    f"object {object_id} cannot be read", "run 'git fsck'; a shallow or partial clone may lack it"
                )
            found = Object(object_id, header[1], int(header[2]), stream)
            yield found
            for _ in found.chunks():
                pass
            stream.read(1)
    finally:
        process.kill()
        feeder.join()
        for pipe in (process.stdin, process.stdout, process.stderr):
            with suppress(BrokenPipeError):  # what we did not send, nobody is left to read
                pipe.close()
        process.wait()


def blobs(repo: Repo, ids: Iterable[str], limit: int) -> Iterator[tuple[int, bytes | None]]:
    """(size, content) of each object in order; None stands for content longer than `limit` bytes."""
    return ((found.size, found.read() if found.size <= limit else None) for found in objects(repo, ids))


def file_chunks(path: bytes) -> Iterator[bytes]:
    """The content of a regular file, which is opened at once and closed when all chunks were taken.

    Raises OSError when it is not a regular file or cannot be opened.
    """
    handle = os.open(path, READ_FLAGS)
    facts = os.fstat(handle)
    if not stat.S_ISREG(facts.st_mode):
        os.close(handle)
        raise OSError(0, "not a regular file")
    return _read(handle, min(CHUNK, facts.st_size + 1))


def _read(handle: int, step: int) -> Iterator[bytes]:
    try:
        while chunk := os.read(handle, step):
            yield chunk
    finally:
        os.close(handle)
