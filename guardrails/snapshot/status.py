"""What `git status` and the git directory say of a working tree: dirty paths and unfinished operations."""

import os
from collections.abc import Iterator
from typing import Literal, NamedTuple

from guardrails.errors import Undecidable
from guardrails.git.repo import Repo, to_bytes, to_text
from guardrails.snapshot.index_flags import LISTING, Overlooked, overlooked

Kind = Literal["staged", "unstaged", "untracked", "conflicted", "submodule"]

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
_FIELDS = {b"1": 8, b"2": 9, b"u": 10}
"""The fields before the path of each kind of record."""


class Dirt(NamedTuple):
    """One dirty path, relative to the root. An untracked directory ends in `/` and stands for all below it."""

    kind: Kind
    path: str
    detail: str


class Operation(NamedTuple):
    """Something git was told to do and has not finished, with the commands that end it."""

    name: str
    finish: str
    leave: str


class Status(NamedTuple):
    """Every dirty path, and the output that named those git looks at."""

    rows: tuple[Dirt, ...]
    said: bytes


def dirt(repo: Repo, ignore_submodules: str, every_untracked: bool) -> list[Dirt]:
    """Every dirty path. `every_untracked` lists files where a directory would do.

    Raises Undecidable when git fails or says something unknown.
    """
    return list(status(repo, ignore_submodules, every_untracked).rows)


def status(repo: Repo, ignore_submodules: str, every_untracked: bool, *more: str) -> Status:
    """What `git status` says, and what it was told not to look at (`overlooked`). `more`: options of git's."""
    untracked = "--untracked-files=" + ("all" if every_untracked else "normal")
    options = ("--porcelain=v2", "-z", "--no-renames", untracked, "--ignore-submodules=" + ignore_submodules)
    asked = ("status", *options, *more)
    with repo.start(*asked) as process:  # on two cores the listing is made meanwhile
        listing = repo.run(*LISTING)
        said = repo.finish(process, *asked)
    rows = list(parse(said))
    named = {row.path for row in rows}
    hidden = overlooked(repo, listing, submodules=ignore_submodules != "all")
    return Status((*rows, *(_unseen(row) for row in hidden if row.path not in named)), said)


def _unseen(row: Overlooked) -> Dirt:
    detail = f"{row.change}, which git status does not show: it is marked {row.mark}"
    return Dirt("submodule" if row.submodule else "unstaged", row.path, "not staged: " + detail)


def parse(output: bytes) -> Iterator[Dirt]:
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
            yield Dirt("untracked", path, "untracked directory" if path.endswith("/") else "untracked")
        elif record and mark not in (b"#", b"!"):
            raise _unknown(record)


def _changed(record: bytes, mark: bytes) -> Dirt:
    fields = record.split(b" ", _FIELDS[mark])
    if len(fields) <= _FIELDS[mark] or len(fields[1]) != 2 or len(fields[2]) != 4 or not fields[-1]:
        raise _unknown(record)
    path, codes, submodule = to_text(fields[-1]), to_text(fields[1]), to_text(fields[2])
    if mark == b"u":
        return Dirt("conflicted", path, "unresolved conflict: " + _CONFLICTS.get(codes, "unknown"))
    if submodule[0] == "S":
        return Dirt("submodule", path, "submodule: " + _submodule(codes, submodule))
    staged, unstaged = (_WORDS.get(code, "changed") if code != "." else "" for code in codes)
    if not staged:
        return Dirt("unstaged", path, "not staged: " + (unstaged or "changed"))
    return Dirt("staged", path, "staged: " + staged + (f", and then {unstaged} again" if unstaged else ""))


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
