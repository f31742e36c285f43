"""Packing old runs away: pack, read back, write down, and only then remove.

Killed anywhere, nothing is lost and doing it again finishes it: until its archive is whole, verified, in place and in
the manifest, nothing of a run is touched; from then on every file is removed only if it is the one that was packed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime
from hashlib import sha256
from typing import IO, NamedTuple

from guardrails.checks.footprint import measure
from guardrails.checks.ledger import archive_manifest, archive_reader, check
from guardrails.checks.ledger.archive_manifest import ENDING, FOLDER, MANIFEST, Archive, Manifest, Member
from guardrails.checks.ledger.archive_reader import ByteProgress, DamagedError
from guardrails.checks.ledger.archives import PACKED
from guardrails.checks.ledger.runs import evidence_inventory, evidence_location
from guardrails.config.layout import Layout
from guardrails.config.settings import Settings
from guardrails.core.atomic import PARTIAL
from guardrails.core.finding import Finding
from guardrails.core.timestamps import stamped
from guardrails.errors import GuardrailError
from guardrails.evidence import tarball
from guardrails.evidence.retention import RetentionPlan, RetentionUnit
from guardrails.evidence.store import EvidenceStore
from guardrails.git.repo import Repo
from guardrails.snapshot.context import CheckContext, Scope
from guardrails.snapshot.worktree import Worktree


class RefusedError(GuardrailError):
    """The evidence does not hold, so none of it is moved (exit 1)."""

    exit_code = 1


class ArchiveContext(NamedTuple):
    """Where one SPEC's evidence is archived, by whom, and by which clock. `reason` goes into the manifest."""

    repo: Repo
    settings: Settings
    spec: str
    who: str
    reason: str
    now: Callable[[], datetime]

    @property
    def folder(self) -> str:
        return f"{self.settings.layout.evidence}/{FOLDER}/{self.spec}"

    def archive(self, run: str) -> str:
        return f"{self.folder}/{run}{ENDING}"


class ArchivedRun(NamedTuple):
    """A run that was packed. `bytes_before` and `bytes_after` are of the whole SPEC, measured."""

    run: str
    files: int
    unpacked: int
    packed: int
    bytes_before: int
    bytes_after: int


def who(repo: Repo) -> str:
    """The name and address git is configured with. Raises GuardrailError when it is not."""
    if not repo.succeeds("var", "GIT_COMMITTER_IDENT"):
        raise GuardrailError(
            "git does not know who you are", "git config user.name NAME; git config user.email ADDRESS"
        )
    ident = repo.run("var", "GIT_COMMITTER_IDENT").decode("utf-8", "replace")
    return ident.rpartition(">")[0] + ">"


def require_sound(repo: Repo, settings: Settings, spec: str, now: datetime, run: str | None = None) -> None:
    """Raises RefusedError when a ledger, a file or an archive of the SPEC, or of one run, is not what it should be."""
    context = CheckContext(Worktree(repo), settings, now, Scope(spec=spec, run=run))
    for seen in check.judge(context, evidence_inventory(context.snapshot, settings.layout, spec)):
        if isinstance(seen, Finding) and seen.severity == "error" and seen.rule.outcome == "fail":
            text = f"{seen.path}: {seen.rule.code} {seen.message}"
            raise RefusedError(f"{text}; nothing was done", f"'speckit evidence verify {spec}' says all of it")


def finish(archive_context: ArchiveContext, progress: ByteProgress) -> list[ArchivedRun]:
    """Do what an earlier archive was kept from doing: remove the originals of what is packed, and its leavings."""
    EvidenceStore(archive_context.repo.root).sweep(archive_context.now().timestamp())
    for name in _names(archive_context):
        if name.endswith(PARTIAL):  # the lock is ours, so nobody is writing it
            os.unlink(os.path.join(archive_context.repo.root, *archive_context.folder.split("/"), name))
    manifest = read_manifest(archive_context)
    return [_finish(archive_context, row, progress) for row in manifest.archives if row.removed_at is None]


def _finish(archive_context: ArchiveContext, row: Archive, progress: ByteProgress) -> ArchivedRun:
    """Somebody wrote down that this archive was verified. That may be long ago, so it is verified again."""
    try:
        with tarball.open_plain(archive_context.repo.root, row.path) as stream:
            archive_reader.verify(stream, tarball.size_of(stream), row.members, progress)
    except OSError as error:
        raise RefusedError(f"{row.path}: {error.strerror}; nothing was removed", "restore it from git") from error
    return _remove(archive_context, row)


def _names(archive_context: ArchiveContext) -> list[str]:
    with suppress(FileNotFoundError, NotADirectoryError):
        return sorted(os.listdir(os.path.join(archive_context.repo.root, *archive_context.folder.split("/"))))
    return []


def read_manifest(archive_context: ArchiveContext) -> Manifest:
    """The manifest of the SPEC, an empty one when there is none. Raises RefusedError when it cannot be read."""
    path = f"{archive_context.folder}/{MANIFEST}"
    data = EvidenceStore(archive_context.repo.root).read(path) if _names(archive_context) else None
    if data is None:
        return Manifest(archive_context.spec, ())
    manifest = archive_manifest.read_manifest(data)
    if isinstance(manifest, str):
        raise RefusedError(f"{path}: cannot be read: {manifest}", "restore the manifest from git")
    if manifest.spec != archive_context.spec or not all(_is_ours(archive_context, row) for row in manifest.archives):
        raise RefusedError(f"{path}: is not the manifest of this folder", "restore the manifest from git")
    return manifest


def _is_ours(archive_context: ArchiveContext, row: Archive) -> bool:
    """Whether a row is of this folder, and its members lie where evidence of this SPEC lies: whoever could name other
    files here could have them removed."""
    layout = archive_context.settings.layout
    wheres = [evidence_location(layout, member.path) for member in row.members]
    inside = all(where and where.spec == archive_context.spec and where.kind in PACKED for where in wheres)
    return inside and row.path == archive_context.archive(row.run)


def archive(archive_context: ArchiveContext, plan: RetentionPlan, progress: ByteProgress) -> Iterator[ArchivedRun]:
    """Pack the runs of a plan, oldest first, each to its end before the next. The caller holds the SPEC's lock."""
    for unit in plan.packed:
        row = _packed(archive_context, unit, progress)
        _write(archive_context, row)
        yield _remove(archive_context, row)


def _packed(archive_context: ArchiveContext, unit: RetentionUnit, progress: ByteProgress) -> Archive:
    """The verified archive of a unit: made now, or made before and brought back since."""
    before = size_of(archive_context)
    known = read_manifest(archive_context).named(unit.name)
    if known is not None and {member.path for member in known.members} != set(unit.paths):
        text = f"{unit.name} was packed before with other files than it has now"
        raise RefusedError(text, f"move {known.path} and its row in the manifest away, or keep the run in place")
    path, store = archive_context.archive(unit.name), EvidenceStore(archive_context.repo.root)
    try:
        with store.making(path, replace=True) as stream:
            members = tarball.write(archive_context.repo.root, unit.paths, stream, progress)
            stream.flush()
            archive_reader.require_sane(members, tarball.size_of(stream))
            stream.seek(0)
            archive_reader.verify(stream, tarball.size_of(stream), members, progress)
            _require_listed(unit, members)
            digest, size = tarball.digest_of(stream), tarball.size_of(stream)
            if known is not None and known.members != members:
                raise RefusedError(
                    f"{unit.name} was packed before, and its files changed since", "restore them from git"
                )
    except OSError as error:
        text = f"{error.filename or path}: {error.strerror or error}"
        raise GuardrailError(f"{text}; nothing of {unit.name} was removed", "see to that, and run it again") from error
    moment = stamped(archive_context.now())
    head = unit.run.chain.head if unit.run and unit.run.chain else None
    after = size_of(archive_context)
    who, reason = archive_context.who, archive_context.reason
    return Archive(unit.name, path, digest, size, moment, who, before, after, members, reason, head, None)


def _require_listed(unit: RetentionUnit, members: tuple[Member, ...]) -> None:
    """What was packed is what the run's ledger lists."""
    entries = unit.run.entries if unit.run else {}
    for member in members:
        entry = entries.get(member.path)
        if entry is not None and (entry.sha256, entry.size) != (member.sha256, member.size):
            raise RefusedError(f"{member.path}: changed while it was packed", "nothing was removed; run it again")


def _write(archive_context: ArchiveContext, row: Archive) -> None:
    manifest = read_manifest(archive_context).with_(row)._replace(updated_at=stamped(archive_context.now()))
    document = archive_manifest.document(manifest)
    EvidenceStore(archive_context.repo.root).record(
        f"{archive_context.folder}/{MANIFEST}", "archive_manifest", document, replace=True
    )


def _remove(archive_context: ArchiveContext, row: Archive) -> ArchivedRun:
    """Remove the originals of a verified archive that is in place and in the manifest, and note that they are gone."""
    try:
        with tarball.open_plain(archive_context.repo.root, row.path) as stream:
            same = tarball.digest_of(stream) == row.sha256
    except OSError as error:
        raise RefusedError(f"{row.path}: {error.strerror}; nothing was removed", "restore it from git") from error
    if not same:
        raise RefusedError(
            f"{row.path}: is not the archive the manifest lists; nothing was removed", "restore it from git"
        )
    for member in sorted(row.members, key=_last):
        _remove_one(archive_context, member)
    row = row._replace(removed_at=stamped(archive_context.now()), bytes_after=size_of(archive_context))
    _write(archive_context, row)
    unpacked = sum(member.size for member in row.members)
    return ArchivedRun(row.run, len(row.members), unpacked, row.size, row.bytes_before, row.bytes_after)


def _last(member: Member) -> bool:
    """A run's own files go last: while they are there, everybody sees that the run is."""
    return "/runs/" in member.path


def _remove_one(archive_context: ArchiveContext, member: Member) -> None:
    """Remove one original, if it is the file that was packed. What is gone already is gone."""
    try:
        with tarball.open_plain(archive_context.repo.root, member.path) as stream:
            same = tarball.digest_of(stream) == member.sha256
        if not same:
            hint = "the archive has the old bytes and the tree the new ones: keep one, and run it again"
            raise RefusedError(f"{member.path}: changed after it was packed, and stays", hint)
        os.unlink(os.path.join(archive_context.repo.root, *member.path.split("/")))
    except FileNotFoundError:
        return
    except OSError as error:
        raise GuardrailError(f"{member.path}: {error.strerror}", "see to that, and run it again") from error


def size_of(archive_context: ArchiveContext) -> int:
    """The bytes of the SPEC's evidence as `footprint` measures them."""
    found = measure(Worktree(archive_context.repo), archive_context.settings.layout, archive_context.spec)
    return found[archive_context.spec].total if archive_context.spec in found else 0


# Bringing an archived run back: verified whole first, never over another file, never outside its SPEC's evidence.


_REACHES_OUT = "an archive is restored only where the evidence of its SPEC lies"


class ArchiveSource(NamedTuple):
    """An archive to restore: its row in a manifest, the SPEC, and where the file lies on disk."""

    spec: str
    row: Archive
    file: str


class Restored(NamedTuple):
    """What a restore did, or would do: files that come back, and files that are there already."""

    written: tuple[Member, ...]
    present: tuple[Member, ...]


def find(worktree: Worktree, layout: Layout, wanted: str, spec: str | None) -> ArchiveSource:
    """The archive `wanted` names: a run that a manifest of this repository lists, or an archive file.

    Raises GuardrailError when there is none, or several.
    """
    if wanted.endswith(archive_manifest.ENDING):
        return _by_file(wanted)
    assert worktree.repo is not None
    found = []
    for path, manifest in sorted(evidence_inventory(worktree, layout, spec).manifests.items()):
        if isinstance(manifest, str):
            raise GuardrailError(f"{path}: cannot be read: {manifest}", "restore the manifest from git")
        folder = os.path.join(worktree.repo.root, *path.split("/")[:-1])
        rows = [row for row in manifest.archives if row.run == wanted]
        found += [
            ArchiveSource(manifest.spec, row, os.path.join(folder, row.run + archive_manifest.ENDING)) for row in rows
        ]
    if not found:
        raise GuardrailError(f"no manifest lists an archive of {wanted!r}", f"look into {layout.evidence}/{FOLDER}")
    if len(found) > 1:
        specs = ", ".join(source.spec for source in found)
        raise GuardrailError(f"{wanted} is archived for {specs}", "say which with --spec")
    return found[0]


def _by_file(name: str) -> ArchiveSource:
    beside = os.path.join(os.path.dirname(os.path.abspath(name)), MANIFEST)
    try:
        with open(beside, "rb") as stream:
            manifest = archive_manifest.read_manifest(stream.read(tarball.MANIFEST_LIMIT))
    except OSError as error:
        raise GuardrailError(
            f"{beside}: {error.strerror}", "an archive is restored by the manifest beside it"
        ) from error
    if isinstance(manifest, str):
        raise GuardrailError(f"{beside}: cannot be read: {manifest}", "restore the manifest from git")
    run = os.path.basename(name).removesuffix(archive_manifest.ENDING)
    row = manifest.named(run)
    if row is None:
        raise GuardrailError(f"{beside}: does not list {run}", "only an archive that a manifest lists is restored")
    return ArchiveSource(manifest.spec, row, os.path.abspath(name))


def restore(
    root: str, layout: Layout, source: ArchiveSource, progress: ByteProgress, dry_run: bool = False
) -> Restored:
    """Bring the files of an archive back. The caller holds the SPEC's lock.

    Raises GuardrailError, before anything is written, when a different file lies where one belongs, and DamagedError
    when the archive or its manifest is not what it should be.
    """
    members = source.row.members
    _require_inside(layout, source)
    folder, name = os.path.split(source.file)
    try:
        with tarball.open_plain(folder, name) as stream:
            if tarball.digest_of(stream) != source.row.sha256:
                raise DamagedError(f"{source.file}: is not the archive its manifest lists", "restore both from git")
            present = tuple(member for member in members if _is_there(root, member))
            stream.seek(0)
            archive_reader.verify(stream, tarball.size_of(stream), members, progress)
            missing = tuple(member for member in members if member not in present)
            _require_room(root, missing)
            if not dry_run:
                stream.seek(0)
                _unpack(EvidenceStore(root), stream, members, set(missing))
    except OSError as error:
        raise GuardrailError(
            f"{error.filename or source.file}: {error.strerror}", "see to that, and run it again"
        ) from error
    return Restored(missing, present)


def _require_inside(layout: Layout, source: ArchiveSource) -> None:
    spec = layout.require_id(source.spec)
    for member in source.row.members:
        where = evidence_location(layout, member.path)
        if where is None or where.spec != spec or where.kind not in PACKED:
            raise DamagedError(f"{member.path!r} lies outside the evidence of {spec}", _REACHES_OUT)


def _is_there(root: str, member: Member) -> bool:
    """Whether the file is there already. Raises GuardrailError when another one is."""
    try:
        with tarball.open_plain(root, member.path) as stream:
            same = tarball.digest_of(stream) == member.sha256
    except FileNotFoundError:
        return False
    except OSError as error:
        raise GuardrailError(f"{member.path}: {error.strerror}; nothing was restored", _IN_THE_WAY) from error
    if not same:
        raise GuardrailError(f"{member.path}: another file of this name is here; nothing was restored", _IN_THE_WAY)
    return True


_IN_THE_WAY = "move it away: a restore never overwrites"


def _require_room(root: str, missing: tuple[Member, ...]) -> None:
    import shutil

    due, free = sum(member.size for member in missing), shutil.disk_usage(root).free
    if due > free:
        raise GuardrailError(f"{due} bytes are to be restored, and {free} are free; nothing was restored", "make room")


def _unpack(store: EvidenceStore, stream: IO[bytes], members: tuple[Member, ...], missing: set[Member]) -> None:
    for found, member in zip(
        archive_reader.read_archive(stream, tarball.size_of(stream), members), members, strict=True
    ):
        if member not in missing:
            for _ in found.content:
                pass
            continue
        with store.making(member.path) as target:
            digest = sha256()
            for part in found.content:
                digest.update(part)
                target.write(part)
            if digest.hexdigest() != member.sha256:  # it was verified: somebody is changing the archive under us
                raise DamagedError(f"{member.path}: the archive changed while it was read", "restore it from git")
