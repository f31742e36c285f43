"""The tree as a run found it.

A run writes evidence into the tree it judges. So the tree is judged against its state at the start, and what the run
itself has recorded since, path and digest, does not count as dirty.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from typing import NamedTuple

from guardrails.agents.run_context import RunContext
from guardrails.checks.clean_tree import BY_KIND, HINTS, excluded, unfinished
from guardrails.checks.ledger.entries import SUMMARY, Chain, digest, read_chain, unsealed
from guardrails.config.layout import Layout
from guardrails.core.paths import READ_FLAGS, parents
from guardrails.core.strict_json import JsonFlaw, parse_json
from guardrails.errors import GuardrailError, Undecidable
from guardrails.evidence.ledger import signature_path
from guardrails.evidence.lock import holder
from guardrails.evidence.store import WrittenFile
from guardrails.git import catfile
from guardrails.git.repo import Repo, open_repo, to_bytes, to_text
from guardrails.layouts.evidence_names import evidence_name
from guardrails.snapshot.base import Snapshot
from guardrails.snapshot.stash import hidden_changes
from guardrails.snapshot.status import DirtyFile, worktree_status
from guardrails.snapshot.worktree import Worktree

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
    rows: tuple[DirtyFile, ...]


def look(run_context: RunContext) -> Seen:
    """What one `git status` says. Raises Undecidable when git cannot say, or a hook manager has hidden
    changes."""
    hidden = hidden_changes(run_context.repo)
    if hidden is not None:
        message = f"{hidden.manager} has put unstaged changes aside: whether the tree is clean cannot be known here"
        raise Undecidable(message, "run it outside of hooks")
    settings = run_context.settings.clean_tree
    seen = worktree_status(run_context.repo, settings.ignore_submodules, True, "--branch")
    return Seen(_head(seen.said), tuple(row for row in seen.rows if not excluded(row, settings)))


def _head(out: bytes) -> str | None:
    for record in out.split(b"\0"):
        if record.startswith(b"# branch.oid "):
            said = to_text(record.removeprefix(b"# branch.oid "))
            return None if said == "(initial)" else said
    raise Undecidable("git status does not say where HEAD is", "report the output of 'git status --porcelain=v2'")


def digested(repo: Repo, rows: Iterable[DirtyFile]) -> Iterator[DirtyPath]:
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
    handle = os.open(place, READ_FLAGS)
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


# What other runs have left in the working tree, or are writing there now: it is evidence of theirs, and no dirt.
#
# A run vouches for a file by an entry of its ledger, and only for evidence of its own SPEC: a ledger that names
# anything else changes nothing. The digest must be that of the entry, so a file that was edited since is dirt. While
# another SPEC is being run, what lies there of it may be ahead of its ledger; its own run will judge it.


_LEDGER = ".ledger.jsonl"


class OtherRuns(NamedTuple):
    """`recorded`: path → digests that some run has on record. `at_work`: SPECs that somebody else is running now."""

    recorded: Mapping[str, frozenset[str]]
    at_work: frozenset[str]
    layout: Layout

    def is_under_way(self, path: str) -> bool:
        """Whether a path is evidence that another run may be writing at this moment."""
        return spec_of(self.layout, path) in self.at_work


def spec_of(layout: Layout, path: str) -> str | None:
    """The SPEC whose evidence a path is, by where a run files it; None for everything else."""
    if not path.startswith(layout.evidence + "/"):
        return None
    kind, _, rest = path.removeprefix(layout.evidence + "/").partition("/")
    folder, _, name = rest.partition("/")
    if kind in ("commands", "consensus", "runs"):
        return folder if name and layout.id_of(folder) == folder else None
    named = evidence_name(layout, path) if kind == "costs" else None
    return named.spec if named is not None else None


def other_runs(run_context: RunContext, paths: Iterable[str]) -> OtherRuns:
    """What is known of these paths, which were dirty a moment ago.

    Who is at work is asked before ledgers are read: whoever has ended by then has recorded all that was there.
    """
    layout = run_context.settings.layout
    specs = {spec for path in paths if (spec := spec_of(layout, path)) is not None}
    at_work = frozenset(
        spec for spec in specs if spec != run_context.spec and holder(run_context.repo, spec) is not None
    )
    recorded: dict[str, set[str]] = {}
    tree = Worktree(run_context.repo)
    for spec in sorted(specs):
        for path, sha in _of_spec(tree, layout, spec):
            recorded.setdefault(path, set()).add(sha)
    return OtherRuns({path: frozenset(digests) for path, digests in recorded.items()}, at_work, layout)


def _of_spec(tree: Snapshot, layout: Layout, spec: str) -> Iterator[tuple[str, str]]:
    folder = f"{layout.evidence}/runs/{spec}"
    for entry in tree.entries(folder):
        if entry.kind == "file" and entry.path.endswith(_LEDGER) and entry.path.count("/") == folder.count("/") + 1:
            yield from _of_ledger(tree, layout, spec, entry.path)


def _of_ledger(tree: Snapshot, layout: Layout, spec: str, path: str) -> Iterator[tuple[str, str]]:
    """All that one ledger vouches for. One that does not hold together vouches for nothing."""
    data = tree.read(path) or b""
    chain = read_chain(data)
    if chain.faults or chain.torn or not chain.entries:
        return
    yield path, sha256(data).hexdigest()
    yield from _of_summary(tree, chain, path)
    for entry in chain.latest.values():
        if entry.kind != SUMMARY and spec_of(layout, entry.path) == spec:
            yield entry.path, entry.sha256


def _of_summary(tree: Snapshot, chain: Chain, ledger: str) -> Iterator[tuple[str, str]]:
    """The summary, whose entry is about the bytes it has without its seal; and the signature that the seal names."""
    path = ledger.removesuffix(_LEDGER) + ".json"
    data, entry = tree.read(path), chain.latest.get(path)
    try:
        document = parse_json(data) if data is not None else None
    except JsonFlaw:
        return
    if entry is None or data is None or not isinstance(document, dict) or digest(unsealed(document)) != entry.sha256:
        return
    yield path, sha256(data).hexdigest()
    seal = document.get("seal")
    signature = seal.get("signature") if isinstance(seal, dict) else None
    signed = tree.read(signature) if signature == signature_path(ledger) else None
    if signed is not None:
        yield signature_path(ledger), sha256(signed).hexdigest()


# What has changed in the tree since a run began, apart from what the run itself recorded.
#
# Judged is the tree against its state at the start: what `git status` says now, every commit since, and whether the
# run's own files still are what the run wrote. That the operator commits those, or what was dirty before, is no change.


_SINCE = "begin a new run, which is judged against the tree as it is now"
_READ_AT_MOST = 64 * 1024 * 1024


class Own(NamedTuple):
    """What the run has written. `recorded`: path → digest of the files that it has on record, which must still be
    there; `allowed`: path → every digest that does not count as dirty."""

    recorded: Mapping[str, str]
    allowed: Mapping[str, frozenset[str]]


class TreeChange(NamedTuple):
    """Something the run did not do. `path` is `.` for the repository as a whole."""

    path: str
    message: str
    hint: str | None = None


class TreeComparison(NamedTuple):
    """`dirty`: changes that were there before the run; `changes`: those since."""

    dirty: tuple[TreeChange, ...]
    changes: tuple[TreeChange, ...]


def own_files(written: Iterable[WrittenFile], half_done: Iterable[WrittenFile] = ()) -> Own:
    """What the run has recorded (of one path the last entry counts), and what a step had written that was killed
    before it was recorded: that is written again."""
    recorded = {file.path: file.sha256 for file in written}
    allowed = {path: {digest} for path, digest in recorded.items()}
    for file in half_done:
        allowed.setdefault(file.path, set()).add(file.sha256)
    return Own(recorded, {path: frozenset(digests) for path, digests in allowed.items()})


def tree_state(run_context: RunContext) -> TreeState:
    """The tree as it is now, without what other runs have recorded in it. Raises Undecidable when git cannot say, or a
    hook manager has hidden changes."""
    seen = look(run_context)
    return TreeState(seen.head, tuple(digested(run_context.repo, _unrecorded(run_context, seen.rows))))


def judge_tree(run_context: RunContext, start: TreeState, own: Own) -> TreeComparison:
    """What is dirty from before, and what has changed since. Raises Undecidable when git cannot say."""
    now = look(run_context)
    changes = (
        *(TreeChange(found.path, found.message, found.hint) for found in unfinished(run_context.repo)),
        *_of_status(run_context, start, now.rows, own),
        *_of_own(run_context.repo, own),
        *_of_commits(run_context, start, now.head, own),
    )
    return TreeComparison(tuple(_dirty(row.kind, row.path, row.kind) for row in start.dirty), changes)


def _dirty(kind: str, path: str, detail: str) -> TreeChange:
    return TreeChange(path.rstrip("/"), f"{BY_KIND[kind].code} {detail}", HINTS[kind])


def _of_status(run_context: RunContext, start: TreeState, rows: Sequence[DirtyFile], own: Own) -> Iterator[TreeChange]:
    """Dirt that is neither this run's own nor another's, nor what was there before."""
    before = {row.path: row for row in start.dirty}
    mine = _rows_of(run_context.repo, rows, own.allowed)
    foreign = _unrecorded(run_context, [row for row in rows if row.path not in mine])
    known = [row for row in foreign if row.path in before]
    same = {row.path for row in digested(run_context.repo, known) if _is_same(row, before[row.path])}
    for row in foreign:
        if row.path not in same:
            again = ", and it was something else at the start" if row.path in before else ""
            yield _dirty(row.kind, row.path, row.detail + again)


def _is_same(now: DirtyPath, before: DirtyPath) -> bool:
    return (now.staged, now.sha256) == (before.staged, before.sha256)


def _unrecorded(run_context: RunContext, rows: Sequence[DirtyFile]) -> list[DirtyFile]:
    """The rows that no other run has on record, or is about to have."""
    if not rows:
        return []
    others = other_runs(run_context, [row.path for row in rows])
    known = _rows_of(run_context.repo, rows, others.recorded)
    return [row for row in rows if row.path not in known and not others.is_under_way(row.path)]


def _rows_of(repo: Repo, rows: Iterable[DirtyFile], allowed: Mapping[str, frozenset[str]]) -> set[str]:
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
    found = zip(wanted, catfile.blobs(repo, wanted, _READ_AT_MOST), strict=True)
    return {blob: sha256(data).hexdigest() for blob, (_, data) in found if data is not None}


def _of_own(repo: Repo, own: Own) -> Iterator[TreeChange]:
    """Files of the run that are not what the run wrote."""
    for path in own.recorded:
        found = digest_on_disk(repo, path)
        if found not in own.allowed[path]:
            said = "is gone" if found is None else "is not what the run wrote"
            yield TreeChange(path, f"evidence of this run {said}", "restore it, or begin a new run")


def _of_commits(run_context: RunContext, start: TreeState, head: str | None, own: Own) -> Iterator[TreeChange]:
    """What the commits since the start have changed."""
    repo = run_context.repo
    if head == start.head:
        return
    if head is None:
        yield TreeChange(".", "HEAD has no commit any more", _SINCE)
        return
    dirty = {row.path: row.sha256 for row in start.dirty}
    changed = [
        (path, blob)
        for path, blob in _committed(repo, start.head or _empty_tree(repo), head)
        if not excluded(DirtyFile("staged", path, ""), run_context.settings.clean_tree)
    ]
    others = other_runs(run_context, [path for path, _ in changed if path not in own.allowed])
    read = {*own.allowed, *dirty, *others.recorded}
    digests = _blob_digests(repo, [blob for path, blob in changed if blob and path in read])
    for path, blob in changed:
        digest = digests.get(blob) if blob else None
        recorded = (*own.allowed.get(path, ()), *others.recorded.get(path, ()), dirty.get(path))
        known = digest is not None and digest in recorded
        removed = blob is None and path in dirty and dirty[path] is None
        if not known and not removed:
            yield TreeChange(path, f"committed since the run began (HEAD is {head[:12]})", _SINCE)


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
