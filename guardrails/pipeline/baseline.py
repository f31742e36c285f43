"""The tree as a run found it.

A run writes evidence into the tree it judges. So the tree is judged against its state at the start, and what the run
itself has recorded since, path and digest, is no dirt.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from hashlib import sha256
from typing import NamedTuple

from guardrails.checks.clean_tree import excluded
from guardrails.errors import GuardrailError, Undecidable
from guardrails.git import Repo, open_repo, to_bytes, to_text
from guardrails.hidden_changes import hidden_changes
from guardrails.paths import parents
from guardrails.pipeline.world import World
from guardrails.worktree_state import Dirt, status

_CHUNK = 1 << 20


class DirtyPath(NamedTuple):
    """One path that differed from HEAD. `kind` is as `git status` has it; the digests are of what was there: the
    blob id in the index, and the SHA-256 of what lies on disk. None: there was nothing."""

    kind: str
    path: str
    staged: str | None
    sha256: str | None


class TreeState(NamedTuple):
    """The working tree at the start of a run. `head` is None before the first commit."""

    head: str | None
    dirty: tuple[DirtyPath, ...] = ()


class Seen(NamedTuple):
    """HEAD and the dirty paths at this moment, without what the configuration excludes."""

    head: str | None
    rows: tuple[Dirt, ...]


def look(world: World) -> Seen:
    """What one `git status` says. Raises Undecidable when git cannot say, or a hook manager has hidden
    changes."""
    hidden = hidden_changes(world.repo)
    if hidden is not None:
        message = f"{hidden.manager} has put unstaged changes aside: whether the tree is clean cannot be known here"
        raise Undecidable(message, "run it outside of hooks")
    settings = world.settings.clean_tree
    seen = status(world.repo, settings.ignore_submodules, True, "--branch")
    return Seen(_head(seen.said), tuple(row for row in seen.rows if not excluded(row, settings)))


def _head(out: bytes) -> str | None:
    for record in out.split(b"\0"):
        if record.startswith(b"# branch.oid "):
            said = to_text(record.removeprefix(b"# branch.oid "))
            return None if said == "(initial)" else said
    raise Undecidable("git status does not say where HEAD is", "report the output of 'git status --porcelain=v2'")


def digested(repo: Repo, rows: Iterable[Dirt]) -> Iterator[DirtyPath]:
    """Each dirty path with what it holds, in the index and on disk."""
    listed = list(rows)
    index = staged_ids(repo) if any(row.kind != "untracked" for row in listed) else {}
    for row in listed:
        yield DirtyPath(row.kind, row.path, index.get(row.path), digest_on_disk(repo, row.path))


def staged_ids(repo: Repo) -> dict[str, str]:
    """Path → mode and blob id of everything in the index; all stages of a path with conflicts."""
    found: dict[str, str] = {}
    for record in repo.run("ls-files", "--stage", "-z").split(b"\0"):
        meta, _, path = record.partition(b"\t")
        if path:
            name = to_text(path)
            found[name] = f"{found[name]} {to_text(meta)}" if name in found else to_text(meta)
    return found


def digest_on_disk(repo: Repo, path: str) -> str | None:
    """The SHA-256 of the file at `path`, which is never read through a link; None when nothing is there.

    For a link, a directory (a repository of its own) and a special file it is that of a description.
    Raises Undecidable when it cannot be read.
    """
    name = path.rstrip("/")
    root = os.fsencode(repo.root)
    place = os.path.join(root, to_bytes(name))
    try:
        if any(os.path.islink(os.path.join(root, to_bytes(parent))) for parent in parents(name)):
            return None
        mode = os.lstat(place).st_mode
        if stat.S_ISREG(mode):
            return _of_file(place)
        if stat.S_ISLNK(mode):
            return _of(b"link\0" + os.readlink(place))
        if stat.S_ISDIR(mode):
            return _of(b"repository\0" + _of_repository(repo, os.fsdecode(place)))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise Undecidable(f"{path}: {error.strerror}", "make it readable, or list it in .gitignore") from error
    return _of(b"special\0")


def _of_file(place: bytes) -> str:
    made = sha256()
    handle = os.open(place, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    with os.fdopen(handle, "rb") as stream:
        while part := stream.read(_CHUNK):
            made.update(part)
    return made.hexdigest()


def _of_repository(repo: Repo, place: str) -> bytes:
    """What a submodule, or a repository inside this one, is at: its HEAD and what is dirty in it."""
    try:
        inner = open_repo(place, repo.environment)
        if os.path.realpath(inner.root) != os.path.realpath(place):
            return b""  # an empty directory: a submodule that was not fetched
        return inner.run("status", "--porcelain=v2", "-z", "--branch", "--untracked-files=all")
    except GuardrailError as error:
        raise Undecidable(f"{place}: {error.message}", error.hint) from error


def _of(data: bytes) -> str:
    return sha256(data).hexdigest()
