"""What `git status` and the git directory say of a working tree: dirty paths and unfinished operations."""

import os
import re
import stat
from collections.abc import Iterator
from typing import Literal, NamedTuple

from guardrails.errors import GuardrailError, Undecidable
from guardrails.git.repo import Repo, names_blob, open_repo, to_bytes, to_text
from guardrails.snapshot.base import READ_LIMIT, Entry, EntryKind
from guardrails.snapshot.index import Index
from guardrails.snapshot.worktree import Worktree

# Changes that `git status` does not show because git was told not to look: assume-unchanged and skip-worktree.
#
# Whether there are such marks costs one `git ls-files` beside `git status`. Only what is marked is looked at: a file
# that a sparse checkout leaves out is not there, and that is no change; one that is there is compared with the index.


LISTING = ("ls-files", "-v", "--stage", "-z")
"""What lists every path of the index with a letter, its mode and its blob before it."""

_MARKED = rb"\0([a-zS]) (\d+) ([0-9a-f]+) \d\t([^\0]+)"
_SUBMODULES = rb"\0. 160000 [0-9a-f]+ \d\t([^\0]+)"
_MODES: dict[str, EntryKind] = {"120000": "symlink", "160000": "submodule"}


class FlaggedChange(NamedTuple):
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


def flagged_changes(repo: Repo, listing: bytes, submodules: bool = True) -> Iterator[FlaggedChange]:
    """The changes behind the marks in `listing`, the output of LISTING. Raises Undecidable when git cannot say."""
    rows = re.findall(_MARKED, b"\0" + listing)
    if not rows:
        return
    tree, doubtful = Worktree(repo), []
    for found in (_marked(*row) for row in rows):
        kind = _kind(tree, found)
        if kind is None:
            if found.mark == "assume-unchanged":
                yield FlaggedChange(found.path, "deleted", found.mark)
        elif found.mode == "160000":
            if submodules and _moved(repo, found):
                yield FlaggedChange(found.path, "at another commit than recorded", found.mark, submodule=True)
        elif kind != found.entry.kind:
            yield FlaggedChange(found.path, "changed in kind", found.mark)
        elif not _same(tree, found):
            doubtful.append(found)
        elif _mode_changed(repo, found):
            yield FlaggedChange(found.path, "changed in mode", found.mark)
    yield from _converted(tree, doubtful)


def _marked(letter: bytes, mode: bytes, object_id: bytes, path: bytes) -> _Marked:
    mark = "skip-worktree" if letter in b"sS" else "assume-unchanged"
    return _Marked(to_text(path), mark, mode.decode("ascii"), object_id.decode("ascii"))


def _kind(tree: Worktree, found: _Marked) -> str | None:
    """What lies there; a submodule's place is a directory."""
    if found.mode == "160000":
        return "directory" if tree.is_folder(found.path) else None
    if tree.is_folder(found.path):
        return "directory"
    entry = tree.entry(found.path)
    return entry.kind if entry else None


def _same(tree: Worktree, found: _Marked) -> bool:
    """Whether the bytes on disk are the blob of the index, conversions apart."""
    if found.mode == "120000":
        return names_blob(found.id, os.readlink(_place(tree.repo, found)))
    data = tree.on_disk(found.entry, READ_LIMIT).data
    return data is not None and names_blob(found.id, data)


def _converted(tree: Worktree, doubtful: list[_Marked]) -> Iterator[FlaggedChange]:
    """Those whose bytes are not the blob of the index even as git would store them: line ends, Git LFS."""
    files = [found for found in doubtful if found.mode != "120000"]
    yield from (FlaggedChange(found.path, "modified", found.mark) for found in doubtful if found.mode == "120000")
    same = unchanged(tree, [found.entry for found in files])
    yield from (FlaggedChange(found.path, "modified", found.mark) for found in files if found.path not in same)


def unchanged(tree: Worktree, entries: list[Entry]) -> set[str]:
    """The paths of entries whose files git would store as the blobs that the entries name."""
    blobs = tree.open_many(entries, READ_LIMIT)
    return {
        entry.path
        for entry, blob in zip(entries, blobs, strict=True)
        if entry.id is not None and blob.data is not None and names_blob(entry.id, blob.data)
    }


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


ChangeKind = Literal["staged", "unstaged", "untracked", "conflicted", "submodule"]

_WORDS = {"M": "modified", "T": "changed in kind", "A": "added", "D": "deleted", "R": "renamed", "C": "copied"}
_CONFLICTS = {
    "DD": "deleted by both",
    "AU": "added by us",
    "UD": "deleted by them",
    "UA": "added by them",
    "DU": "deleted by us",
    "AA": "added by both",
    "UU": "modified by both",
}
_SUBMODULE = ("another commit than recorded", "modified files", "untracked files")
_EDITED = "not staged: modified"
_FIELDS = {b"1": 8, b"2": 9, b"u": 10}
"""The fields before the path of each kind of record."""


# What git status says.


class DirtyFile(NamedTuple):
    """One dirty path, relative to the root. An untracked directory ends in `/` and stands for all below it."""

    kind: ChangeKind
    path: str
    detail: str


class Operation(NamedTuple):
    """Something git was told to do and has not finished, with the commands that end it."""

    name: str
    finish: str
    leave: str


class WorktreeStatus(NamedTuple):
    """Every dirty path, and the output that named those git looks at."""

    rows: tuple[DirtyFile, ...]
    said: bytes


def dirty_files(repo: Repo, ignore_submodules: str, every_untracked: bool) -> list[DirtyFile]:
    """Every dirty path. `every_untracked` lists files where a directory would do.

    Raises Undecidable when git fails or says something unknown.
    """
    return list(worktree_status(repo, ignore_submodules, every_untracked).rows)


def worktree_status(repo: Repo, ignore_submodules: str, every_untracked: bool, *more: str) -> WorktreeStatus:
    """What `git status` says, and what it was told not to look at. `more`: options of git's.

    Raises Undecidable where nothing is dirty but what a filter driver may have changed.
    """
    inside = ignore_submodules in ("none", "untracked")
    ignored = "dirty" if inside else ignore_submodules
    untracked = "--untracked-files=" + ("all" if every_untracked else "normal")
    options = ("--porcelain=v2", "-z", "--no-renames", untracked, "--ignore-submodules=" + ignored)
    asked = ("status", *options, *more)
    with repo.start(*asked) as process:  # on two cores the listing is made meanwhile
        listing = repo.run(*LISTING)
        said = repo.finish(process, *asked)
    rows = _without_filtered(repo, list(parse_status(said)))
    if inside:
        rows = _with_submodules(repo, rows, listing, untracked=ignore_submodules == "none")
    named = {row.path for row in rows}
    hidden = flagged_changes(repo, listing, submodules=ignore_submodules != "all")
    return WorktreeStatus((*rows, *(_unseen(row) for row in hidden if row.path not in named)), said)


def _without_filtered(repo: Repo, rows: list[DirtyFile]) -> list[DirtyFile]:
    """The rows without files that only look modified because git was to start no filter driver."""
    edited = {row.path for row in rows if row.detail == _EDITED}
    if not edited:
        return rows
    tree = Worktree(repo)
    tree.conversion.prepare(edited)
    drivers = {path: driver for path in edited if (driver := tree.conversion.driver(path))}
    if not drivers:
        return rows
    index = Index(repo)
    same = unchanged(tree, [entry for path in drivers if (entry := index.entry(path))])
    left = [row for row in rows if row.path not in same]
    unknown = sorted(path for path, driver in drivers.items() if driver != "lfs" and path not in same)
    if unknown and len(unknown) == len(left):
        raise Undecidable(
            f"{unknown[0]} goes through the filter driver {drivers[unknown[0]]!r}, which no check starts: "
            "whether it was modified is not known",
            "'git status' starts it and remembers what did not change: run that, and check again",
        )
    return left


def _with_submodules(repo: Repo, rows: list[DirtyFile], listing: bytes, untracked: bool) -> list[DirtyFile]:
    """The rows with what is dirty inside submodules. Git itself would start the filter drivers that they configure."""
    found = {row.path: row for row in rows}
    for path in map(to_text, re.findall(_SUBMODULES, b"\0" + listing)):
        dirty = _inside(repo, path)
        words = [_SUBMODULE[1]] if any(row.kind != "untracked" for row in dirty) else []
        words += [_SUBMODULE[2]] if untracked and any(row.kind == "untracked" for row in dirty) else []
        if words and path in found:
            found[path] = found[path]._replace(detail=", ".join((found[path].detail, *words)))
        elif words:
            found[path] = DirtyFile("submodule", path, "submodule: " + ", ".join(words))
    return list(found.values())


def _inside(repo: Repo, path: str) -> list[DirtyFile]:
    """What is dirty in a submodule; nothing where it was not fetched."""
    place = os.path.join(repo.root, path)
    if not os.path.lexists(os.path.join(place, ".git")) or not Worktree(repo).is_folder(path):
        return []
    inner = open_repo(place, repo.environment)
    return dirty_files(inner, "none", every_untracked=False) if inner.root == os.path.realpath(place) else []


def _unseen(row: FlaggedChange) -> DirtyFile:
    detail = f"{row.change}, which git status does not show: it is marked {row.mark}"
    return DirtyFile("submodule" if row.submodule else "unstaged", row.path, "not staged: " + detail)


def parse_status(output: bytes) -> Iterator[DirtyFile]:
    """The records of `git status --porcelain=v2 -z`. Raises Undecidable for a record that is not one."""
    records = iter(output.split(b"\0"))
    for record in records:
        mark, _, rest = record.partition(b" ")
        if mark in _FIELDS:
            yield _changed(record, mark)
            if mark == b"2":
                next(records, None)  # where it was renamed from
        elif mark == b"?" and rest:
            path = to_text(rest)
            yield DirtyFile("untracked", path, "untracked directory" if path.endswith("/") else "untracked")
        elif record and mark not in (b"#", b"!"):
            raise _unknown(record)


def _changed(record: bytes, mark: bytes) -> DirtyFile:
    fields = record.split(b" ", _FIELDS[mark])
    if len(fields) <= _FIELDS[mark] or len(fields[1]) != 2 or len(fields[2]) != 4 or not fields[-1]:
        raise _unknown(record)
    path, codes, submodule = to_text(fields[-1]), to_text(fields[1]), to_text(fields[2])
    if mark == b"u":
        return DirtyFile("conflicted", path, "unresolved conflict: " + _CONFLICTS.get(codes, "unknown"))
    if submodule[0] == "S":
        return DirtyFile("submodule", path, "submodule: " + _submodule(codes, submodule))
    staged, unstaged = (_WORDS.get(code, "changed") if code != "." else "" for code in codes)
    if not staged:
        return DirtyFile("unstaged", path, "not staged: " + (unstaged or "changed"))
    return DirtyFile("staged", path, "staged: " + staged + (f", and then {unstaged} again" if unstaged else ""))


def _submodule(codes: str, state: str) -> str:
    said = [word for word, flag in zip(_SUBMODULE, state[1:], strict=True) if flag != "."]
    if codes[0] != ".":
        said.insert(0, "staged at another commit" if codes[0] == "M" else _WORDS.get(codes[0], "changed"))
    return ", ".join(said) or "changed"


def _unknown(record: bytes) -> Undecidable:
    kind = ascii(to_text(record[:1]))
    return Undecidable(
        f"git status printed a record of unknown kind {kind}", "report the output of 'git status --porcelain=v2'"
    )


def operations(repo: Repo) -> Iterator[Operation]:
    """Every unfinished operation. Raises OSError when the git directory cannot be listed."""
    place = repo.git_dir()
    names = set(map(to_text, os.listdir(to_bytes(place))))
    if "reftable" in names:  # there these two are refs like any other, not files
        names |= {name for name in ("CHERRY_PICK_HEAD", "REVERT_HEAD") if repo.succeeds("rev-parse", "--verify", name)}
    if "rebase-merge" in names:
        yield _ending("rebase")
    elif "rebase-apply" in names:
        yield _ending("am" if os.path.exists(os.path.join(place, "rebase-apply", "applying")) else "rebase")
    elif "CHERRY_PICK_HEAD" in names:  # a stopped rebase leaves it behind too
        yield _ending("cherry-pick")
    elif "REVERT_HEAD" in names:
        yield _ending("revert")
    elif "sequencer" in names:
        yield Operation("series of cherry-picks or reverts", "git cherry-pick --continue", "git cherry-pick --abort")
    if "MERGE_HEAD" in names:
        yield _ending("merge")
    if "BISECT_LOG" in names:
        yield Operation("bisect", "git bisect good or bad", "git bisect reset")


def _ending(name: str) -> Operation:
    return Operation(name, f"git {name} --continue", f"git {name} --abort")
