"""What has changed in the tree since a run began, apart from what the run itself recorded.

Judged is the tree against its state at the start: what `git status` says now, every commit since, and whether the
run's own files still are what the run wrote. That the operator commits those, or what was dirty before, is no change.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from typing import NamedTuple

from guardrails.checks.clean_tree import HINTS, RULES, excluded, unfinished
from guardrails.evidence.store import Written
from guardrails.git import Repo, to_text
from guardrails.pipeline.baseline import DirtyPath, TreeState, digest_on_disk, digested, look, staged_ids
from guardrails.pipeline.beside import beside
from guardrails.pipeline.world import World
from guardrails.worktree_state import Dirt

_SINCE = "begin a new run, which is judged against the tree as it is now"
_READ_AT_MOST = 64 * 1024 * 1024


class Own(NamedTuple):
    """What the run has written. `recorded`: path → digest of the files that it has on record, which must still be
    there; `allowed`: path → every digest that is no dirt."""

    recorded: Mapping[str, str]
    allowed: Mapping[str, frozenset[str]]


class Change(NamedTuple):
    """Something the run did not do. `path` is `.` for the repository as a whole."""

    path: str
    message: str
    hint: str | None = None


class Judged(NamedTuple):
    """`dirty`: changes that were there before the run; `changes`: those since."""

    dirty: tuple[Change, ...]
    changes: tuple[Change, ...]


def own_files(written: Iterable[Written], half_done: Iterable[Written] = ()) -> Own:
    """What the run has recorded (of one path the last entry counts), and what a step had written that was killed
    before it was recorded: that is written again."""
    recorded = {file.path: file.sha256 for file in written}
    allowed = {path: {digest} for path, digest in recorded.items()}
    for file in half_done:
        allowed.setdefault(file.path, set()).add(file.sha256)
    return Own(recorded, {path: frozenset(digests) for path, digests in allowed.items()})


def tree_state(world: World) -> TreeState:
    """The tree as it is now, without what other runs have recorded in it. Raises Undecidable when git cannot say, or a
    hook manager has hidden changes."""
    seen = look(world)
    return TreeState(seen.head, tuple(digested(world.repo, _unrecorded(world, seen.rows))))


def judge_tree(world: World, start: TreeState, own: Own) -> Judged:
    """What is dirty from before, and what has changed since. Raises Undecidable when git cannot say."""
    now = look(world)
    changes = (
        *(Change(found.path, found.message, found.hint) for found in unfinished(world.repo)),
        *_of_status(world, start, now.rows, own),
        *_of_own(world.repo, own),
        *_of_commits(world, start, now.head, own),
    )
    return Judged(tuple(_dirty(row.kind, row.path, row.kind) for row in start.dirty), changes)


def _dirty(kind: str, path: str, detail: str) -> Change:
    return Change(path.rstrip("/"), f"{RULES[kind].code} {detail}", HINTS[kind])


def _of_status(world: World, start: TreeState, rows: Sequence[Dirt], own: Own) -> Iterator[Change]:
    """Dirt that is neither this run's own nor another's, nor what was there before."""
    before = {row.path: row for row in start.dirty}
    mine = _rows_of(world.repo, rows, own.allowed)
    foreign = _unrecorded(world, [row for row in rows if row.path not in mine])
    known = [row for row in foreign if row.path in before]
    same = {row.path for row in digested(world.repo, known) if _is_same(row, before[row.path])}
    for row in foreign:
        if row.path not in same:
            again = ", and it was something else at the start" if row.path in before else ""
            yield _dirty(row.kind, row.path, row.detail + again)


def _is_same(now: DirtyPath, before: DirtyPath) -> bool:
    return (now.staged, now.sha256) == (before.staged, before.sha256)


def _unrecorded(world: World, rows: Sequence[Dirt]) -> list[Dirt]:
    """The rows that no other run has on record, or is about to have."""
    if not rows:
        return []
    others = beside(world, [row.path for row in rows])
    known = _rows_of(world.repo, rows, others.recorded)
    return [row for row in rows if row.path not in known and not others.is_under_way(row.path)]


def _rows_of(repo: Repo, rows: Iterable[Dirt], allowed: Mapping[str, frozenset[str]]) -> set[str]:
    """The dirty paths that have the bytes a run wrote, on disk and where they are staged."""
    ours = [row for row in rows if row.path in allowed and row.kind in ("untracked", "unstaged", "staged")]
    ours = [row for row in ours if digest_on_disk(repo, row.path) in allowed[row.path]]
    staged = [row.path for row in ours if row.kind == "staged"]
    index = staged_ids(repo) if staged else {}
    blobs = {path: fields[1] for path in staged if len(fields := index.get(path, "").split(" ")) == 3}
    digests = _blob_digests(repo, blobs.values())
    wrong = {path for path in staged if digests.get(blobs.get(path, "")) not in allowed[path]}
    return {row.path for row in ours} - wrong


def _blob_digests(repo: Repo, blobs: Iterable[str]) -> dict[str, str]:
    """The SHA-256 of each blob that is not too large to be evidence."""
    wanted = list(dict.fromkeys(blobs))
    found = zip(wanted, repo.blobs(wanted, _READ_AT_MOST), strict=True) if wanted else ()
    return {blob: sha256(data).hexdigest() for blob, (_, data) in found if data is not None}


def _of_own(repo: Repo, own: Own) -> Iterator[Change]:
    """Files of the run that are not what the run wrote."""
    for path in own.recorded:
        found = digest_on_disk(repo, path)
        if found not in own.allowed[path]:
            said = "is gone" if found is None else "is not what the run wrote"
            yield Change(path, f"evidence of this run {said}", "restore it, or begin a new run")


def _of_commits(world: World, start: TreeState, head: str | None, own: Own) -> Iterator[Change]:
    """What the commits since the start have changed."""
    repo = world.repo
    if head == start.head:
        return
    if head is None:
        yield Change(".", "HEAD has no commit any more", _SINCE)
        return
    dirty = {row.path: row.sha256 for row in start.dirty}
    changed = [
        (path, blob)
        for path, blob in _committed(repo, start.head or _empty_tree(repo), head)
        if not excluded(Dirt("staged", path, ""), world.settings.clean_tree)
    ]
    others = beside(world, [path for path, _ in changed if path not in own.allowed])
    read = {*own.allowed, *dirty, *others.recorded}
    digests = _blob_digests(repo, [blob for path, blob in changed if blob and path in read])
    for path, blob in changed:
        digest = digests.get(blob) if blob else None
        recorded = (*own.allowed.get(path, ()), *others.recorded.get(path, ()), dirty.get(path))
        known = digest is not None and digest in recorded
        removed = blob is None and path in dirty and dirty[path] is None
        if not known and not removed:
            yield Change(path, f"committed since the run began (HEAD is {head[:12]})", _SINCE)


def _committed(repo: Repo, base: str, head: str) -> Iterator[tuple[str, str | None]]:
    """(path, blob in `head`) of each path that differs; None for what is no file there."""
    out = repo.run("diff-tree", "-r", "-z", "--raw", "--no-renames", "--no-abbrev", base, head)
    records = iter(out.split(b"\0"))
    for meta in records:
        if not meta.startswith(b":"):
            continue
        fields = to_text(meta).split(" ")
        path = to_text(next(records, b""))
        yield path, fields[3] if fields[1].startswith("100") else None


def _empty_tree(repo: Repo) -> str:
    """Its id differs between kinds of repository."""
    return to_text(repo.run("hash-object", "-t", "tree", os.devnull)).strip()
