"""Git objects and files on disk as streams of chunks: none is held whole."""

import os
import stat
import subprocess
import threading
from collections.abc import Iterable, Iterator
from contextlib import suppress

from guardrails.errors import Undecidable
from guardrails.git import Repo

CHUNK = 1 << 20
"""Bytes that are read at once."""

# Not following a link, not blocking on a FIFO, and binary: where the platform has the flag.
_FLAGS = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


def file_chunks(path: bytes) -> Iterator[bytes]:
    """The content of a regular file, which is opened at once and closed when all chunks were taken.

    Raises OSError when it is not a regular file or cannot be opened.
    """
    handle = os.open(path, _FLAGS)
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


def object_chunks(repo: Repo, ids: Iterable[str]) -> Iterator[tuple[str, bytes, Iterator[bytes]]]:
    """(id, type, chunks) of each object in order. The chunks of one must be taken before the next is asked for;
    what is left of them is dropped.

    Raises Undecidable when an object is missing: what cannot be read cannot be judged.
    """
    wanted = list(ids)
    if not wanted:
        return
    process = repo.start("cat-file", "--batch", "--buffer")
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    feeder = threading.Thread(target=_feed, args=(process, wanted), daemon=True)
    feeder.start()
    try:
        for object_id in wanted:
            kind, size = _header(process.stdout.readline(), object_id)
            chunks = _chunks(process, size, object_id)
            yield object_id, kind, chunks
            for _ in chunks:
                pass
            process.stdout.read(1)
    finally:
        process.kill()
        feeder.join()
        for pipe in (process.stdin, process.stdout, process.stderr):
            with suppress(BrokenPipeError):  # what we did not send, nobody is left to read
                pipe.close()
        process.wait()


def _feed(process: "subprocess.Popen[bytes]", ids: list[str]) -> None:
    assert process.stdin is not None
    with suppress(BrokenPipeError, ValueError):  # the reader stopped early and closed the process
        process.stdin.write("\n".join([*ids, ""]).encode("ascii"))
        process.stdin.close()


def _header(line: bytes, object_id: str) -> tuple[bytes, int]:
    fields = line.split()
    if len(fields) != 3:
        raise Undecidable(
            f"object {object_id} cannot be read", "run 'git fsck'; a shallow or partial clone may lack it"
        )
    return fields[1], int(fields[2])


def _chunks(process: "subprocess.Popen[bytes]", size: int, object_id: str) -> Iterator[bytes]:
    assert process.stdout is not None
    while size > 0:
        chunk = process.stdout.read(min(size, CHUNK))
        if not chunk:
            raise Undecidable(f"git stopped in the middle of object {object_id}", "run 'git fsck'")
        size -= len(chunk)
        yield chunk
