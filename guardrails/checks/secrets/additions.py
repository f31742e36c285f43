"""What is searched for secrets in each kind of snapshot, and what was found there.

The index and a range are searched for what they add. Where there is no base, or the index is the same as its base
(`--all-files`), everything is searched: a green light must have examined something. Only a commit that git itself is
making and that changes no file (`--amend -m`, `--allow-empty`) adds nothing.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import chain, islice
from typing import Literal, NamedTuple

from guardrails.errors import Undecidable
from guardrails.git.catfile import file_chunks, objects
from guardrails.git.repo import Repo, asked_for, is_null_id, to_bytes, to_text
from guardrails.secrets.scan import Hit, Scan, added, scan_all, scan_stream
from guardrails.secrets.values import Needle
from guardrails.snapshot.base import Snapshot
from guardrails.snapshot.index import Commit, Index, LooseObject
from guardrails.snapshot.worktree import Worktree

# Which blobs a snapshot adds to its base, and the older blobs that each is compared with.
#
# They come from git's raw diffs, which name blobs and print no content: hostile names, encodings and NUL bytes cannot
# be misread, and no filter, textconv or external diff program runs. A moved file is compared with its source. Of a
# merge only files count that differ from all parents, and each is compared with that of every parent.


AdditionKind = Literal["file", "symlink", "submodule", "special", "deleted", "unmerged", "message", "tag", "object"]

_KINDS: dict[str, AdditionKind] = {"000000": "deleted", "120000": "symlink", "160000": "submodule"}
_RAW = ("--raw", "-z", "-r", "--no-abbrev", "--find-renames", "-l1000", "--ignore-submodules=none")
_COMMITS_AT_ONCE = 2000
"""Commits whose changes are held at once: memory stays flat however long the history is."""


class BlobChange(NamedTuple):
    """One path that differs from its base, in the index or in one commit.

    `id` is the blob now; a line that is in any of the blobs `bases` was not added. `named` says whether the path
    itself is new. A "message" is the commit object `id` itself, a "tag" the tag object, an "object" a blob that a
    pushed ref names: they have no path.
    """

    path: str
    kind: AdditionKind
    id: str
    bases: tuple[str, ...] = ()
    named: bool = True
    commit: str | None = None


def of_index(repo: Repo, base: str) -> Iterator[BlobChange]:
    """What the index changes over the commit `base`; nothing when they are the same."""
    return parse_changes(repo.run("diff-index", "--cached", *_RAW, base, "--"))


def of_range(repo: Repo, tip: str, excludes: tuple[str, ...]) -> Iterator[BlobChange]:
    """What every commit changes that `tip` reaches and none of `excludes` does, with each commit's message.

    Something added by one commit and removed by a later one is there: it is sent all the same.
    """
    commits = repo.run("rev-list", "--stdin", stdin=asked_for(tip, excludes)).decode("ascii").split()
    for start in range(0, len(commits), _COMMITS_AT_ONCE):
        batch = commits[start : start + _COMMITS_AT_ONCE]
        for commit in batch:
            yield BlobChange("", "message", commit, commit=commit)
        asked = "\n".join([*batch, ""])
        yield from parse_changes(repo.run("diff-tree", "--stdin", "-c", "--root", *_RAW, stdin=to_bytes(asked)))


def parse_changes(output: bytes) -> Iterator[BlobChange]:
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


def _change(header: bytes, fields: Iterator[bytes], commit: str | None) -> BlobChange:
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
    return BlobChange(to_text(path), kind, ids[-1], bases, named, commit)


def _object_id(field: bytes) -> str:
    text = to_text(field).strip("\n")
    if len(text) not in (40, 64) or text.strip("0123456789abcdef"):
        raise _malformed()
    return text


def _malformed() -> Undecidable:
    return Undecidable("git printed a raw diff of unknown form", "report it with the output of 'git --version'")


_AT_ONCE = 5000
"""Changes whose findings are held at once."""
_UNSEARCHED = {
    "submodule": "a submodule: its content lies in another repository",
    "unmerged": "unmerged: no version was chosen yet",
    "special": "neither a file nor a link",
}
_SEARCHABLE = ("file", "symlink", "message", "tag", "object")

Needles = tuple[Needle, ...]


class Searched(NamedTuple):
    """One path and the secrets it adds. With an empty path it is what `where` says: the message of a commit, the text
    of a tag, an object without a path. `where` is the commit of a path in a range, too.

    `named` says whether the path is new, `cut` that there were too many secrets to hold, `skipped` why it was not
    searched. `counted` is what was examined, where that is no path."""

    path: str
    hits: list[Hit]
    cut: bool = False
    named: bool = True
    where: str = ""
    skipped: str | None = None
    counted: str = ""


def searched(snapshot: Snapshot, needles: Needles) -> Iterator[list[Searched]]:
    """Everything that is searched, some thousand paths at a time.

    Raises Undecidable when git cannot say or an object is missing.
    """
    repo = snapshot.repo
    if repo is None:
        yield list(_contents(snapshot, needles))
    elif isinstance(snapshot, Worktree):
        yield from _batched(_files(repo, snapshot, needles))
    else:
        blobs = _Blobs(repo, needles)
        changes = chain(_tags(snapshot), _changes(repo, snapshot))
        while batch := list(islice(changes, _AT_ONCE)):
            yield blobs.judge(batch)


def _batched(items: Iterator[Searched]) -> Iterator[list[Searched]]:
    while batch := list(islice(items, _AT_ONCE)):
        yield batch


def _changes(repo: Repo, snapshot: Snapshot) -> Iterator[BlobChange]:
    base = snapshot.base
    start = (base.revision,) if isinstance(base, Commit) else ()
    if isinstance(snapshot, LooseObject):
        return _loose(snapshot)
    if isinstance(snapshot, Commit):
        if snapshot.source.kind == "push":  # its base may be on another remote than the one that is pushed to
            start = ()
        if base is not None or snapshot.excludes or snapshot.source.kind in ("range", "push"):
            return of_range(repo, snapshot.revision, tuple(dict.fromkeys((*start, *snapshot.excludes))))
    elif isinstance(snapshot, Index) and start:
        changes = list(of_index(repo, start[0]))
        if changes or _committing(repo):
            return iter(changes)
    return _everything(snapshot)


def _committing(repo: Repo) -> bool:
    """Whether git runs us as a hook of the commit it is making. Under a framework that cannot be told from a run over
    all files."""
    return bool(repo.environment.get("GIT_INDEX_FILE")) and not repo.environment.get("PRE_COMMIT")


def _tags(snapshot: Snapshot) -> Iterator[BlobChange]:
    for tag in snapshot.tags if isinstance(snapshot, (Commit, LooseObject)) else ():
        yield BlobChange("", "tag", tag)


def _loose(snapshot: LooseObject) -> Iterator[BlobChange]:
    if snapshot.kind == "blob":
        yield BlobChange("", "object", snapshot.id)
    for entry in snapshot.files():
        yield BlobChange(entry.path, entry.kind, entry.id or "")


def _everything(snapshot: Snapshot) -> Iterator[BlobChange]:
    for entry in snapshot.entries():
        yield BlobChange(entry.path, entry.kind, entry.id or "")


class _Blobs:
    """What each blob holds: searched once, however many commits and paths it turns up in."""

    def __init__(self, repo: Repo, needles: Needles) -> None:
        self._repo = repo
        self._needles = needles
        self._found: dict[str, Scan] = {}
        self._clean: set[str] = set()

    def judge(self, changes: list[BlobChange]) -> list[Searched]:
        """What each change adds."""
        self._search([change.id for change in changes if change.kind in _SEARCHABLE])
        with suppress(Undecidable):  # an older version may be missing; each is asked for again below
            self._search([base for change in changes if change.id in self._found for base in change.bases])
        return [self._added(change) for change in changes]

    def _added(self, change: BlobChange) -> Searched:
        counted = "" if change.path or change.kind == "message" else "."
        result = Searched(change.path, [], False, change.named, _where(change), _UNSEARCHED.get(change.kind), counted)
        now = self._found.get(change.id)
        if now is None:
            return result
        if now.cut:  # an older version cannot be compared with a part
            return result._replace(hits=list(now.hits), cut=True)
        return result._replace(hits=added(now, map(self._older, change.bases)))

    def _older(self, object_id: str) -> Scan:
        """What an older version holds: nothing when it is not here, so that all of the newer one counts."""
        try:
            self._search([object_id])
        except Undecidable:
            return Scan(())
        return self._found.get(object_id, Scan(()))

    def _search(self, ids: Iterable[str]) -> None:
        wanted = [name for name in dict.fromkeys(ids) if name not in self._clean and name not in self._found]
        texts = (
            (found.id, _message(found.chunks()) if found.kind == b"commit" else found.chunks())
            for found in objects(self._repo, wanted)
        )
        for object_id, found in scan_all(texts, self._needles):
            if found.hits:
                self._found[object_id] = found
            else:
                self._clean.add(object_id)


def _where(change: BlobChange) -> str:
    """What a message says of where a secret is, apart from the path."""
    if change.kind in ("tag", "object"):
        return f"{'the text of tag' if change.kind == 'tag' else 'object'} {change.id[:12]} "
    said = "the message of " if change.kind == "message" else ""
    return f"{said}commit {change.commit[:12]} " if change.commit else ""


def _message(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The message of a commit object: what follows its first blank line."""
    yield b"".join(chunks).partition(b"\n\n")[2]


def _files(repo: Repo, snapshot: Worktree, needles: Needles) -> Iterator[Searched]:
    """Every file on disk that is tracked, or could be: untracked and not ignored."""
    listed = repo.run("ls-files", "--cached", "--others", "--exclude-standard", "-z").split(b"\0")
    root = os.fsencode(repo.root)
    skipped: list[Searched] = []

    def texts() -> Iterator[tuple[str, Iterable[bytes]]]:
        for name in filter(None, dict.fromkeys(listed)):
            path = to_text(name).rstrip("/")
            opened = _opened(os.path.join(root, name), path, snapshot)
            if isinstance(opened, str):
                skipped.append(Searched(path, [], skipped=opened))
            else:
                yield path, opened

    for path, found in scan_all(texts(), needles):
        yield Searched(path, list(found.hits), found.cut)
    yield from skipped


def _opened(place: bytes, path: str, snapshot: Worktree) -> Iterable[bytes] | str:
    """The content at a path, or why it is not read."""
    entry = snapshot.entry(path)
    if entry is None:
        return _UNSEARCHED["submodule"] if snapshot.exists(path) else "tracked, but not on disk"
    try:
        if entry.kind == "symlink":
            return (os.readlink(place),)
        return file_chunks(place) if entry.kind == "file" else _UNSEARCHED["special"]
    except OSError as error:
        return error.strerror or "cannot be read"


def _contents(snapshot: Snapshot, needles: Needles) -> Iterator[Searched]:
    """The files of a snapshot without a repository, compared with those of its base."""
    base = snapshot.base
    for blob in snapshot.read_many(snapshot.entries()):
        path = blob.entry.path
        if blob.data is None:
            yield Searched(path, [], skipped=blob.problem)
            continue
        found = scan_stream([blob.data], needles)
        older = base.read(path) if base is not None else None
        hits = list(found.hits) if older is None else added(found, [scan_stream([older], needles)])
        yield Searched(path, hits, found.cut, named=older is None)
