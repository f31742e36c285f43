"""What a snapshot adds to its base: which blobs are new, and the older blobs each is compared with.

Read from git's raw diffs, which name blobs and never print content: no file name, encoding, line ending or NUL byte
can be taken for something else, and no filter, textconv or external diff program runs. A file that was moved is
compared with what it was. In a merge a file counts when it differs from all parents, and is compared with each.
"""

from collections.abc import Iterator
from typing import Literal, NamedTuple

from guardrails.errors import Undecidable
from guardrails.git import Repo, asked_for, is_null_id, to_bytes, to_text

Kind = Literal["file", "symlink", "submodule", "special", "deleted", "unmerged", "message", "tag", "object"]

_KINDS: dict[str, Kind] = {"000000": "deleted", "120000": "symlink", "160000": "submodule"}
_RAW = ("--raw", "-z", "-r", "--no-abbrev", "--find-renames", "-l1000", "--ignore-submodules=none")
_COMMITS_AT_ONCE = 2000
"""Commits whose changes are held at once: memory stays flat however long the history is."""


class Change(NamedTuple):
    """One path that differs from its base, in the index or in one commit.

    `id` is the blob now; a line that is in any of the blobs `bases` was not added. `named` says whether the path
    itself is new. A "message" is the commit object `id` itself, a "tag" the tag object, an "object" a blob that a
    pushed ref names: they have no path.
    """

    path: str
    kind: Kind
    id: str
    bases: tuple[str, ...] = ()
    named: bool = True
    commit: str | None = None


def of_index(repo: Repo, base: str) -> Iterator[Change]:
    """What the index changes over the commit `base`; nothing when they are the same."""
    return parse(repo.run("diff-index", "--cached", *_RAW, base, "--"))


def of_range(repo: Repo, tip: str, excludes: tuple[str, ...]) -> Iterator[Change]:
    """What every commit changes that `tip` reaches and none of `excludes` does, with each commit's message.

    Something added by one commit and removed by a later one is there: it is sent all the same.
    """
    commits = repo.run("rev-list", "--stdin", stdin=asked_for(tip, excludes)).decode("ascii").split()
    for start in range(0, len(commits), _COMMITS_AT_ONCE):
        batch = commits[start : start + _COMMITS_AT_ONCE]
        for commit in batch:
            yield Change("", "message", commit, commit=commit)
        asked = "\n".join([*batch, ""])
        yield from parse(repo.run("diff-tree", "--stdin", "-c", "--root", *_RAW, stdin=to_bytes(asked)))


def parse(output: bytes) -> Iterator[Change]:
    """The changes in raw diff output with `-z`: of `diff-index`, or of `diff-tree --stdin` with its commit ids.

    Raises Undecidable when the output is not of that form.
    """
    fields = iter(output.split(b"\0"))
    commit: str | None = None
    for field in fields:
        if field.startswith(b":"):
            yield _change(field, fields, commit)
        elif field:
            commit = _object_id(field)


def _change(header: bytes, fields: Iterator[bytes], commit: str | None) -> Change:
    parents = len(header) - len(header.lstrip(b":"))
    words = to_text(header[parents:]).split(" ")
    path = next(fields, b"")
    if parents == 1 and words[-1][:1] in ("R", "C"):
        path = next(fields, b"")  # the first was the older name
    if len(words) != 2 * parents + 3 or not path:
        raise _malformed()
    modes, ids, status = words[: parents + 1], words[parents + 1 : -1], words[-1]
    kind = "unmerged" if "U" in status else _KINDS.get(modes[-1], "file")
    bases = tuple(dict.fromkeys(base for base in ids[:-1] if not is_null_id(base)))
    named = kind != "deleted" and (not bases or "R" in status or "C" in status)
    return Change(to_text(path), kind, ids[-1], bases, named, commit)


def _object_id(field: bytes) -> str:
    text = to_text(field).strip("\n")
    if len(text) not in (40, 64) or text.strip("0123456789abcdef"):
        raise _malformed()
    return text


def _malformed() -> Undecidable:
    return Undecidable("git printed a raw diff of unknown form", "report it with the output of 'git --version'")
