"""Much that git has to say, taken apart while it is still saying it: on two cores little more than waiting."""

import os
import subprocess
import threading
from collections.abc import Iterator

from guardrails.errors import Undecidable
from guardrails.git import Repo, failure
from guardrails.pipes import feed

MANY = 5_000
"""Objects from which a second process is worth its start."""
_PIECE = 1 << 18


def chunks(repo: Repo, *arguments: str) -> Iterator[bytes]:
    """What `git ARGUMENTS` prints, as it comes, each chunk ending with a NUL. Raises Undecidable when it fails."""
    yield from told(repo.start(*arguments), *arguments)


def told(process: "subprocess.Popen[bytes]", *arguments: str) -> Iterator[bytes]:
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
