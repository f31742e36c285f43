"""Bringing an archived run back: verified whole first, never over another file, never outside its SPEC's evidence."""

from __future__ import annotations

import os
from hashlib import sha256
from typing import IO, NamedTuple

from guardrails import archives
from guardrails.archives import FOLDER, MANIFEST, Archive, Member
from guardrails.checks.ledger_runs import place, shelf
from guardrails.errors import GuardrailError
from guardrails.evidence import packing
from guardrails.evidence.archiving import PACKED
from guardrails.evidence.packing import DamagedError, Progress
from guardrails.evidence.store import Store
from guardrails.layout import Layout
from guardrails.snapshot.worktree import Worktree

_REACHES_OUT = "an archive is restored only where the evidence of its SPEC lies"


class Source(NamedTuple):
    """An archive to restore: its row in a manifest, the SPEC, and where the file lies on disk."""

    spec: str
    row: Archive
    file: str


class Restored(NamedTuple):
    """What a restore did, or would do: files that come back, and files that are there already."""

    written: tuple[Member, ...]
    present: tuple[Member, ...]


def find(worktree: Worktree, layout: Layout, wanted: str, spec: str | None) -> Source:
    """The archive `wanted` names: a run that a manifest of this repository lists, or an archive file.

    Raises GuardrailError when there is none, or several.
    """
    if wanted.endswith(archives.ENDING):
        return _by_file(wanted)
    assert worktree.repo is not None
    found = []
    for path, manifest in sorted(shelf(worktree, layout, spec).manifests.items()):
        if isinstance(manifest, str):
            raise GuardrailError(f"{path}: cannot be read: {manifest}", "restore the manifest from git")
        folder = os.path.join(worktree.repo.root, *path.split("/")[:-1])
        rows = [row for row in manifest.archives if row.run == wanted]
        found += [Source(manifest.spec, row, os.path.join(folder, row.run + archives.ENDING)) for row in rows]
    if not found:
        raise GuardrailError(f"no manifest lists an archive of {wanted!r}", f"look into {layout.evidence}/{FOLDER}")
    if len(found) > 1:
        specs = ", ".join(source.spec for source in found)
        raise GuardrailError(f"{wanted} is archived for {specs}", "say which with --spec")
    return found[0]


def _by_file(name: str) -> Source:
    beside = os.path.join(os.path.dirname(os.path.abspath(name)), MANIFEST)
    try:
        with open(beside, "rb") as stream:
            manifest = archives.read(stream.read(packing.MANIFEST_LIMIT))
    except OSError as error:
        raise GuardrailError(
            f"{beside}: {error.strerror}", "an archive is restored by the manifest beside it"
        ) from error
    if isinstance(manifest, str):
        raise GuardrailError(f"{beside}: cannot be read: {manifest}", "restore the manifest from git")
    run = os.path.basename(name).removesuffix(archives.ENDING)
    row = manifest.named(run)
    if row is None:
        raise GuardrailError(f"{beside}: does not list {run}", "only an archive that a manifest lists is restored")
    return Source(manifest.spec, row, os.path.abspath(name))


def restore(root: str, layout: Layout, source: Source, progress: Progress, dry_run: bool = False) -> Restored:
    """Bring the files of an archive back. The caller holds the SPEC's lock.

    Raises GuardrailError, before anything is written, when a different file lies where one belongs, and DamagedError
    when the archive or its manifest is not what it should be.
    """
    members = source.row.members
    _require_inside(layout, source)
    folder, name = os.path.split(source.file)
    try:
        with packing.open_plain(folder, name) as stream:
            if packing.digest_of(stream) != source.row.sha256:
                raise DamagedError(f"{source.file}: is not the archive its manifest lists", "restore both from git")
            present = tuple(member for member in members if _is_there(root, member))
            stream.seek(0)
            packing.verify(stream, members, progress)
            missing = tuple(member for member in members if member not in present)
            _require_room(root, missing)
            if not dry_run:
                stream.seek(0)
                _unpack(Store(root), stream, members, set(missing))
    except OSError as error:
        raise GuardrailError(
            f"{error.filename or source.file}: {error.strerror}", "see to that, and run it again"
        ) from error
    return Restored(missing, present)


def _require_inside(layout: Layout, source: Source) -> None:
    spec = layout.require_id(source.spec)
    for member in source.row.members:
        where = place(layout, member.path)
        if where is None or where.spec != spec or where.kind not in PACKED:
            raise DamagedError(f"{member.path!r} lies outside the evidence of {spec}", _REACHES_OUT)


def _is_there(root: str, member: Member) -> bool:
    """Whether the file is there already. Raises GuardrailError when another one is."""
    try:
        with packing.open_plain(root, member.path) as stream:
            same = packing.digest_of(stream) == member.sha256
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


def _unpack(store: Store, stream: IO[bytes], members: tuple[Member, ...], missing: set[Member]) -> None:
    for found, member in zip(packing.read(stream, members), members, strict=True):
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
