"""Repositories made with real git, fast: one import of all files, then a checkout."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Mapping
from typing import NamedTuple

File = tuple[str, bytes]
"""Path below the root, content."""


class Repository(NamedTuple):
    root: str
    environment: Mapping[str, str]

    def git(self, *arguments: str, stdin: bytes | None = None) -> bytes:
        """The output of a git command that must succeed."""
        return subprocess.run(
            ["git", *arguments], cwd=self.root, env=self.environment, input=stdin, stdout=subprocess.PIPE, check=True
        ).stdout

    def stage(self, files: Iterable[File]) -> None:
        """Write files and add them to the index."""
        paths = []
        for path, data in files:
            target = os.path.join(self.root, path)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            with open(target, "wb") as stream:
                stream.write(data)
            paths.append(path)
        self.git("add", "--pathspec-from-file=-", "--pathspec-file-nul", stdin="\0".join(paths).encode())


def repository(root: str, environment: Mapping[str, str], files: Iterable[File], packed: bool = False) -> Repository:
    """A repository whose one commit holds `files`, checked out. `packed`: all objects in one pack, as after a clone."""
    os.makedirs(root)
    made = Repository(root, environment)
    made.git("init", "-q", "-b", "main")
    made.git("fast-import", "--quiet", stdin=b"".join(_stream(files)))
    if packed:
        made.git("repack", "-adq")
    made.git("reset", "-q", "--hard")
    made.git("status", "--porcelain")  # notes in the index that the files just written are what it holds
    return made


def _stream(files: Iterable[File]) -> Iterable[bytes]:
    """The commit as `git fast-import` reads it (https://git-scm.com/docs/git-fast-import)."""
    yield b"commit refs/heads/main\ncommitter Dev <dev@example.invalid> 1767225600 +0000\ndata 4\ndata\n"
    for path, data in files:
        yield b"M 100644 inline %s\ndata %d\n%s\n" % (path.encode(), len(data), data)
