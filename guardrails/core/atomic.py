"""Writing a file so that it is either the old one or the new one, whatever happens in between."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO

PARTIAL = ".part"
"""How the name of a file ends that is not whole yet."""
_FLAGS = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
_SHOWN = 48
"""Characters of a file's name that its partial file has, too: the rest must fit."""


def write(path: str, content: bytes, mode: int | None = None, *, durable: bool = True) -> None:
    """Replace the file at `path` (a symbolic link is replaced, not followed). Raises OSError.

    `mode` None is what new files get here. What is not `durable` may be lost in a power cut, but is never half there.
    """
    with writing(path, mode, durable=durable) as stream:
        stream.write(content)


@contextmanager
def writing(
    path: str, mode: int | None = None, *, replace: bool = True, durable: bool = True, folder: str | None = None
) -> Iterator[IO[bytes]]:
    """A stream, open for reading too, whose bytes become the file when the block ends well, and nothing otherwise.

    Until then they are in `folder`, which is on the same file system, or beside the file. Raises FileExistsError when
    the file exists already and is not to be replaced, OSError for all else.
    """
    directory, name = os.path.split(path)
    partial = os.path.join(folder or directory, f"{name[:_SHOWN]}.{os.getpid()}-{os.urandom(6).hex()}{PARTIAL}")
    try:
        with open(os.open(partial, _FLAGS, 0o666), "w+b") as stream:
            yield stream
            stream.flush()
            if durable:
                os.fsync(stream.fileno())
        if mode is not None:
            os.chmod(partial, mode)
        if replace:
            os.replace(partial, path)
        elif os.name == "nt":
            os.rename(partial, path)  # refuses an existing target there
        else:
            os.link(partial, path)  # as a rename, but refuses an existing target
    finally:
        with suppress(FileNotFoundError):
            os.unlink(partial)
    if durable:
        flush_directory(directory)


def flush_directory(path: str) -> None:
    """A rename survives a power cut only once its directory is on disk. Windows has no such call."""
    if os.name == "nt":
        return
    handle = os.open(path or ".", os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
