"""Git objects as streams of chunks: many in one process, none held whole."""

import subprocess
import threading
from collections.abc import Iterable, Iterator

from guardrails.errors import Undecidable
from guardrails.git import Repo

CHUNK = 1 << 20
"""Bytes that are read at once."""


def object_chunks(repo: Repo, ids: Iterable[str]) -> Iterator[tuple[str, Iterator[bytes]]]:
    """(id, its chunks) of each object in order. The chunks of one must be taken before the next is asked for;
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
            size = _size(process.stdout.readline(), object_id)
            chunks = _chunks(process, size, object_id)
            yield object_id, chunks
            for _ in chunks:
                pass
            process.stdout.read(1)
    finally:
        process.kill()
        feeder.join()
        for pipe in (process.stdin, process.stdout, process.stderr):
            try:
                pipe.close()
            except BrokenPipeError:
                pass  # what we did not send, nobody is left to read
        process.wait()


def _feed(process: "subprocess.Popen[bytes]", ids: list[str]) -> None:
    assert process.stdin is not None
    try:
        process.stdin.write("\n".join([*ids, ""]).encode("ascii"))
        process.stdin.close()
    except (BrokenPipeError, ValueError):
        pass  # the reader stopped early and closed the process


def _size(header: bytes, object_id: str) -> int:
    fields = header.split()
    if len(fields) != 3:
        raise Undecidable(
            f"object {object_id} cannot be read", "run 'git fsck'; a shallow or partial clone may lack it"
        )
    return int(fields[2])


def _chunks(process: "subprocess.Popen[bytes]", size: int, object_id: str) -> Iterator[bytes]:
    assert process.stdout is not None
    while size > 0:
        chunk = process.stdout.read(min(size, CHUNK))
        if not chunk:
            raise Undecidable(f"git stopped in the middle of object {object_id}", "run 'git fsck'")
        size -= len(chunk)
        yield chunk
