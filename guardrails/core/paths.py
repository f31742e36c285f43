"""Paths as git writes them: relative to the root, `/` between parts, text."""

import os
from collections.abc import Iterator

NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
"""Flags of `os.open` for a path that anybody may have made: not through a link, not waiting on a pipe, and the bytes
as they are; each where the platform has it."""
READ_FLAGS = os.O_RDONLY | NO_FOLLOW


def within(path: str, prefix: str) -> bool:
    """Whether `path` is `prefix` or lies below it."""
    return not prefix or path == prefix or path.startswith(prefix + "/")


def is_plain(path: str) -> bool:
    """Whether a path is relative, normal and stays inside: no `..`, no `.`, no empty part, no NUL."""
    if not path or "\0" in path or path.startswith("/"):
        return False
    return not any(part in ("", ".", "..") for part in path.split("/"))


def parents(path: str) -> Iterator[str]:
    """Every directory above `path`, nearest first."""
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path
