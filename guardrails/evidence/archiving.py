"""Packing old runs away: pack, read back, write down, and only then remove.

Killed anywhere, nothing is lost and doing it again finishes it: until its archive is whole, verified, in place and in
the manifest, nothing of a run is touched; from then on every file is removed only if it is the one that was packed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime, timezone
from typing import NamedTuple

from guardrails import archives
from guardrails.archives import ENDING, FOLDER, MANIFEST, Archive, Manifest, Member
from guardrails.checks import ledger_judging
from guardrails.checks.footprint import measure
from guardrails.checks.ledger_runs import place as of
from guardrails.checks.ledger_runs import shelf
from guardrails.errors import GuardrailError
from guardrails.evidence import packing
from guardrails.evidence.packing import Progress
from guardrails.evidence.retention import Plan
from guardrails.evidence.store import PARTIAL, Store
from guardrails.evidence.units import Unit
from guardrails.finding import Finding
from guardrails.git import Repo
from guardrails.settings import Settings
from guardrails.snapshot.worktree import Worktree
from guardrails.subject import Scope, Subject

PACKED = ("commands", "consensus", "runs")
"""Folders below the evidence root out of which files are packed, and back into which they are restored."""


class RefusedError(GuardrailError):
    """The evidence does not hold, so none of it is moved (exit 1)."""

    exit_code = 1


class Place(NamedTuple):
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


class Done(NamedTuple):
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
    subject = Subject(Worktree(repo), settings, now, Scope(spec=spec, run=run))
    for seen in ledger_judging.judge(subject, shelf(subject.snapshot, settings.layout, spec)):
        if isinstance(seen, Finding) and seen.severity == "error" and seen.rule.outcome == "fail":
            text = f"{seen.path}: {seen.rule.code} {seen.message}"
            raise RefusedError(f"{text}; nothing was done", f"'speckit evidence verify {spec}' says all of it")


def finish(place: Place, progress: Progress) -> list[Done]:
    """Do what an earlier archive was kept from doing: remove the originals of what is packed, and its leavings."""
    Store(place.repo.root).sweep(place.now().timestamp())
    for name in _names(place):
        if name.endswith(PARTIAL):  # the lock is ours, so nobody is writing it
            os.unlink(os.path.join(place.repo.root, *place.folder.split("/"), name))
    manifest = read_manifest(place)
    return [_finish(place, row, progress) for row in manifest.archives if row.removed_at is None]


def _finish(place: Place, row: Archive, progress: Progress) -> Done:
    """Somebody wrote down that this archive was verified. That may be long ago, so it is verified again."""
    try:
        with packing.open_plain(place.repo.root, row.path) as stream:
            packing.verify(stream, row.members, progress)
    except OSError as error:
        raise RefusedError(f"{row.path}: {error.strerror}; nothing was removed", "restore it from git") from error
    return _remove(place, row)


def _names(place: Place) -> list[str]:
    with suppress(FileNotFoundError, NotADirectoryError):
        return sorted(os.listdir(os.path.join(place.repo.root, *place.folder.split("/"))))
    return []


def read_manifest(place: Place) -> Manifest:
    """The manifest of the SPEC, an empty one when there is none. Raises RefusedError when it cannot be read."""
    path = f"{place.folder}/{MANIFEST}"
    data = Store(place.repo.root).read(path) if _names(place) else None
    if data is None:
        return Manifest(place.spec, ())
    manifest = archives.read(data)
    if isinstance(manifest, str):
        raise RefusedError(f"{path}: cannot be read: {manifest}", "restore the manifest from git")
    if manifest.spec != place.spec or not all(_is_ours(place, row) for row in manifest.archives):
        raise RefusedError(f"{path}: is not the manifest of this folder", "restore the manifest from git")
    return manifest


def _is_ours(place: Place, row: Archive) -> bool:
    """Whether a row is of this folder, and its members lie where evidence of this SPEC lies: whoever could name other
    files here could have them removed."""
    layout = place.settings.layout
    wheres = [of(layout, member.path) for member in row.members]
    inside = all(where and where.spec == place.spec and where.kind in PACKED for where in wheres)
    return inside and row.path == place.archive(row.run)


def archive(place: Place, plan: Plan, progress: Progress) -> Iterator[Done]:
    """Pack the runs of a plan, oldest first, each to its end before the next. The caller holds the SPEC's lock."""
    for unit in plan.packed:
        row = _packed(place, unit, progress)
        _write(place, row)
        yield _remove(place, row)


def _packed(place: Place, unit: Unit, progress: Progress) -> Archive:
    """The verified archive of a unit: made now, or made before and brought back since."""
    before = size_of(place)
    known = read_manifest(place).named(unit.name)
    if known is not None and {member.path for member in known.members} != set(unit.paths):
        text = f"{unit.name} was packed before with other files than it has now"
        raise RefusedError(text, f"move {known.path} and its row in the manifest away, or keep the run in place")
    path, store = place.archive(unit.name), Store(place.repo.root)
    try:
        with store.making(path, replace=True) as stream:
            members = packing.write(place.repo.root, unit.paths, stream, progress)
            stream.flush()
            packing.require_sane(members, os.fstat(stream.fileno()).st_size)
            stream.seek(0)
            packing.verify(stream, members, progress)
            _require_listed(unit, members)
            digest, size = packing.digest_of(stream), os.fstat(stream.fileno()).st_size
            if known is not None and known.members != members:
                raise RefusedError(
                    f"{unit.name} was packed before, and its files changed since", "restore them from git"
                )
    except OSError as error:
        text = f"{error.filename or path}: {error.strerror or error}"
        raise GuardrailError(f"{text}; nothing of {unit.name} was removed", "see to that, and run it again") from error
    moment = _iso(place.now())
    head = unit.run.chain.head if unit.run and unit.run.chain else None
    after = size_of(place)
    return Archive(
        unit.name, path, digest, size, moment, place.who, before, after, members, place.reason, head, None
    )  # fmt: skip


def _require_listed(unit: Unit, members: tuple[Member, ...]) -> None:
    """What was packed is what the run's ledger lists."""
    entries = unit.run.entries if unit.run else {}
    for member in members:
        entry = entries.get(member.path)
        if entry is not None and (entry.sha256, entry.size) != (member.sha256, member.size):
            raise RefusedError(f"{member.path}: changed while it was packed", "nothing was removed; run it again")


def _write(place: Place, row: Archive) -> None:
    manifest = read_manifest(place).with_(row)._replace(updated_at=_iso(place.now()))
    document = archives.document(manifest)
    Store(place.repo.root).record(f"{place.folder}/{MANIFEST}", "archive_manifest", document, replace=True)


def _remove(place: Place, row: Archive) -> Done:
    """Remove the originals of a verified archive that is in place and in the manifest, and note that they are gone."""
    try:
        with packing.open_plain(place.repo.root, row.path) as stream:
            same = packing.digest_of(stream) == row.sha256
    except OSError as error:
        raise RefusedError(f"{row.path}: {error.strerror}; nothing was removed", "restore it from git") from error
    if not same:
        raise RefusedError(
            f"{row.path}: is not the archive the manifest lists; nothing was removed", "restore it from git"
        )
    for member in sorted(row.members, key=_last):
        _remove_one(place, member)
    row = row._replace(removed_at=_iso(place.now()), bytes_after=size_of(place))
    _write(place, row)
    unpacked = sum(member.size for member in row.members)
    return Done(row.run, len(row.members), unpacked, row.size, row.bytes_before, row.bytes_after)


def _last(member: Member) -> bool:
    """A run's own files go last: while they are there, everybody sees that the run is."""
    return "/runs/" in member.path


def _remove_one(place: Place, member: Member) -> None:
    """Remove one original, if it is the file that was packed. What is gone already is gone."""
    try:
        with packing.open_plain(place.repo.root, member.path) as stream:
            same = packing.digest_of(stream) == member.sha256
        if not same:
            hint = "the archive has the old bytes and the tree the new ones: keep one, and run it again"
            raise RefusedError(f"{member.path}: changed after it was packed, and stays", hint)
        os.unlink(os.path.join(place.repo.root, *member.path.split("/")))
    except FileNotFoundError:
        return
    except OSError as error:
        raise GuardrailError(f"{member.path}: {error.strerror}", "see to that, and run it again") from error


def size_of(place: Place) -> int:
    """The bytes of the SPEC's evidence as `footprint` measures them."""
    found = measure(Worktree(place.repo), place.settings.layout, place.spec)
    return found[place.spec].total if place.spec in found else 0


def _iso(moment: datetime) -> str:
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
