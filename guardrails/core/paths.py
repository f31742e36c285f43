"""Paths as git writes them: relative to the root, `/` between parts, text."""

from collections.abc import Iterator


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
