"""Changes that `git status` does not show because git was told not to look: assume-unchanged and skip-worktree.

Whether there are such marks costs one `git ls-files` beside `git status`. Only what is marked is looked at: a file that
a sparse checkout leaves out is not there, and that is no change; one that is there is compared with the index.
"""

import os
import re
import stat
from collections.abc import Iterator
from typing import NamedTuple

from guardrails.errors import GuardrailError
from guardrails.git.repo import Repo, open_repo, to_bytes, to_text
from guardrails.snapshot.base import READ_LIMIT, Entry, Kind
from guardrails.snapshot.index import names_blob, proven
from guardrails.snapshot.worktree import Worktree

LISTING = ("ls-files", "-v", "-z")
"""What lists every path of the index with a letter before it."""

_MARKED = rb"\0([a-zS]) ([^\0]+)"
_MODES: dict[str, Kind] = {"120000": "symlink", "160000": "submodule"}


class Overlooked(NamedTuple):
    """A path that differs from the index, and the mark that hides it."""

    path: str
    change: str
    mark: str
    submodule: bool = False


class _Marked(NamedTuple):
    path: str
    mark: str
    mode: str
    id: str

    @property
    def entry(self) -> Entry:
        return Entry(self.path, _MODES.get(self.mode, "file"), self.id)


def overlooked(repo: Repo, listing: bytes, submodules: bool = True) -> Iterator[Overlooked]:
    """The changes behind the marks in `listing`, the output of LISTING. Raises Undecidable when git cannot say."""
    marks = {path: letter for letter, path in re.findall(_MARKED, b"\0" + listing)}
    if not marks:
        return
    tree, doubtful = Worktree(repo), []
    for found in _marked(repo, marks):
        kind = _kind(tree, found)
        if kind is None:
            if found.mark == "assume-unchanged":
                yield Overlooked(found.path, "deleted", found.mark)
        elif found.mode == "160000":
            if submodules and _moved(repo, found):
                yield Overlooked(found.path, "at another commit than recorded", found.mark, submodule=True)
        elif kind != found.entry.kind:
            yield Overlooked(found.path, "changed in kind", found.mark)
        elif not _same(tree, found):
            doubtful.append(found)
        elif _mode_changed(repo, found):
            yield Overlooked(found.path, "changed in mode", found.mark)
    yield from _filtered(repo, doubtful)


def _marked(repo: Repo, marks: dict[bytes, bytes]) -> Iterator[_Marked]:
    for record in repo.run("ls-files", "--stage", "-z").split(b"\0"):
        said, _, path = record.partition(b"\t")
        if path in marks:
            mode, object_id, _ = to_text(said).split(" ")
            mark = "skip-worktree" if marks[path] in b"sS" else "assume-unchanged"
            yield _Marked(to_text(path), mark, mode, object_id)


def _kind(tree: Worktree, found: _Marked) -> str | None:
    """What lies there; a submodule's place is a directory."""
    if found.mode == "160000":
        return "directory" if tree.is_folder(found.path) else None
    if tree.is_folder(found.path):
        return "directory"
    entry = tree.entry(found.path)
    return entry.kind if entry else None


def _same(tree: Worktree, found: _Marked) -> bool:
    """Whether the bytes on disk are the blob of the index, filters apart."""
    if found.mode == "120000":
        return names_blob(found.id, os.readlink(_place(tree.repo, found)))
    return proven(tree, found.entry, READ_LIMIT) is not None


def _filtered(repo: Repo, doubtful: list[_Marked]) -> Iterator[Overlooked]:
    """Those whose bytes are not the blob of the index even as git would take them in: line ends, filters."""
    files = [found for found in doubtful if found.mode != "120000"]
    yield from (Overlooked(found.path, "modified", found.mark) for found in doubtful if found.mode == "120000")
    if not files:
        return
    asked = b"\n".join([*(_quoted(found.path) for found in files), b""])
    ids = repo.run("hash-object", "--stdin-paths", stdin=asked).decode("ascii", "replace").split()
    for found, object_id in zip(files, ids, strict=True):
        if object_id != found.id:
            yield Overlooked(found.path, "modified", found.mark)


def _quoted(path: str) -> bytes:
    """A path as git reads it from a line: in quotes, with escapes, so that it may hold anything."""
    return b'"' + b"".join(b"\\%03o" % byte for byte in to_bytes(path)) + b'"'


def _mode_changed(repo: Repo, found: _Marked) -> bool:
    mode = os.lstat(_place(repo, found)).st_mode
    if not stat.S_ISREG(mode) or bool(mode & stat.S_IXUSR) == (found.mode == "100755"):
        return False
    return repo.run("config", "--type=bool", "--default=true", "--get", "core.fileMode").strip() == b"true"


def _moved(repo: Repo, found: _Marked) -> bool:
    """Whether a submodule is at another commit. One that was not fetched is at none."""
    place = os.path.join(repo.root, found.path)
    try:
        inside = open_repo(place, repo.environment)
    except GuardrailError:
        return False
    return os.path.realpath(inside.root) == os.path.realpath(place) and inside.head() != found.id


def _place(repo: Repo | None, found: _Marked) -> bytes:
    assert repo is not None
    return os.path.join(os.fsencode(repo.root), to_bytes(found.path))
