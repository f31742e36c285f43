"""Whether each archive is the one its manifest describes, and holds what it lists."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import closing
from hashlib import sha256
from typing import NamedTuple

from guardrails.checks.ledger.archive_manifest import ENDING, FOLDER, MANIFEST, Archive, Manifest
from guardrails.checks.ledger.files import Digest, Digests
from guardrails.checks.ledger.rules import ARCHIVE_DAMAGED, ARCHIVE_UNFINISHED
from guardrails.checks.ledger.runs import EvidenceInventory, evidence_location, same_blob
from guardrails.config.layout import Layout
from guardrails.core.finding import Checked, Finding, Observation
from guardrails.core.limits import ARCHIVE_BYTES
from guardrails.snapshot.base import Entry, Snapshot
from guardrails.snapshot.files import chunks_of

PACKED = ("commands", "consensus", "runs")
"""Folders below the evidence root out of which files are packed, and back into which they are restored."""


class PackedEvidence(NamedTuple):
    """What archives hold that were verified, here or in the base. An archive that was not opened because there are too
    many counts as well, and `unopened` says so: then nothing passes."""

    files: frozenset[tuple[str, str]]
    """(path, SHA-256) of every member"""
    paths: frozenset[str]
    beginnings: Mapping[tuple[str, int], str]
    """SHA-256 of the first bytes of members, for those that were asked for"""
    unopened: int = 0


class ArchiveQuestion(NamedTuple):
    """Which archives to open, and what else to learn of them. `run` narrows to the archive of one run."""

    run: str | None = None
    verified: tuple[EvidenceInventory, ...] = ()
    """what the base has: archives that are the same there, and are listed the same, are not opened again"""
    begins: frozenset[tuple[str, int]] = frozenset()
    """(path, bytes) of members whose beginning is compared with something"""
    thorough: bool = False
    """whether every archive is opened, however much it unpacks to"""


class ArchiveJudge:
    """The archives of one snapshot."""

    def __init__(
        self, snapshot: Snapshot, layout: Layout, inventory: EvidenceInventory, digests: Digests, asked: ArchiveQuestion
    ) -> None:
        self._snapshot, self._layout, self._inventory = snapshot, layout, inventory
        self._digests, self._asked = digests, asked
        self._verified = [{_claim_of(row) for _, row in archives_of(base)} for base in asked.verified]
        self._left = ARCHIVE_BYTES

    def judge(self) -> Generator[Observation, None, PackedEvidence]:
        """Every archive a manifest lists, or that of one run; and archives no manifest lists."""
        run, unopened = self._asked.run, 0
        sound: list[Archive] = []
        beginnings: dict[tuple[str, int], str] = {}
        rows: dict[str, tuple[Archive, Manifest]] = {}
        for path, manifest in sorted(self._inventory.manifests.items()):
            if isinstance(manifest, str):
                yield self._at(path, f"cannot be read: {manifest}")
                continue
            if run is None:
                yield Checked(path)
            yield from self._belongs(path, manifest)
            yield from self._unfinished(path, manifest)
            rows.update({row.path: (row, manifest) for row in manifest.archives if run in (None, row.run)})
        found = self._digests.of(path for path, (row, _) in rows.items() if self._is_known(row))
        for path, (row, manifest) in sorted(rows.items()):
            yield Checked(path)
            message = _elsewhere(self._layout, row, manifest)
            if message is None and self._is_known(row):
                message = _fault(row, found.get(path))
            elif message is None and not self._may_open(row):
                unopened += 1
            elif message is None:
                opened = self._open(row)
                message = opened if isinstance(opened, str) else None
                beginnings.update(opened if not isinstance(opened, str) else {})
            if message is not None:
                yield self._at(path, message)
            else:
                sound.append(row)
        if run is None:
            yield from self._stray(set(rows))
        files = frozenset((member.path, member.sha256) for row in sound for member in row.members)
        return PackedEvidence(files, frozenset(path for path, _ in files), beginnings, unopened)

    def _at(self, path: str, message: str) -> Finding:
        where = evidence_location(self._layout, path)
        return ARCHIVE_DAMAGED.at(path, message, hint=ARCHIVE_DAMAGED.fix, spec=where.spec if where else None)

    def _belongs(self, path: str, manifest: Manifest) -> Iterator[Finding]:
        """A manifest speaks of the archives beside it and of the SPEC whose folder it lies in, each archive once."""
        where, folder = evidence_location(self._layout, path), path.rpartition("/")[0]
        if where is None or where.spec != self._layout.id_of(manifest.spec):
            yield self._at(path, f"names the SPEC {manifest.spec}, and lies in another's folder")
        seen: set[str] = set()
        for row in manifest.archives:
            if row.path != f"{folder}/{row.run}{ENDING}":
                yield self._at(path, f"the archive of {row.run} is not the file of that name beside the manifest")
            if row.run in seen:
                yield self._at(path, f"{row.run} is listed twice")
            seen.add(row.run)

    def _unfinished(self, path: str, manifest: Manifest) -> Iterator[Finding]:
        for row in manifest.archives:
            here = sum(member.path in self._inventory.files for member in row.members)
            if row.removed_at is None and here:
                message = f"{here} files of {row.run} are packed and still here"
                yield ARCHIVE_UNFINISHED.at(path, message, hint=ARCHIVE_UNFINISHED.fix, spec=manifest.spec)

    def _is_known(self, row: Archive) -> bool:
        """Whether the base has the same archive and lists it the same: it was opened when it was new."""
        here = self._inventory.files.get(row.path)
        return not self._asked.thorough and any(
            same_blob(here, base.files.get(row.path)) and _claim_of(row) in claims
            for base, claims in zip(self._asked.verified, self._verified, strict=True)
        )

    def _may_open(self, row: Archive) -> bool:
        """Whether there is time for what an archive says it unpacks to."""
        self._left -= sum(member.size for member in row.members)
        return self._asked.thorough or self._left >= 0

    def _open(self, row: Archive) -> Mapping[tuple[str, int], str] | str:
        """What the asked-for members begin with; or why the archive does not hold what its manifest says."""
        entry = self._snapshot.entry(row.path)
        if entry is None:
            return "the manifest lists it, and it is not here"
        if entry.kind != "file":
            return f"cannot be verified: a {entry.kind}, not a regular file"
        from guardrails.checks.ledger import archive_reader  # few archives are new, and it loads libraries

        with closing(_HashedStream(self._snapshot, entry, row.size)) as packed:
            try:
                found = archive_reader.verify(packed, row.size, row.members, begins=self._asked.begins)
                packed.drain()
            except archive_reader.DamagedError as error:
                packed.drain()
                return _fault(row, packed.digest()) or error.message
            except OSError as error:
                return f"cannot be verified: {error.strerror}"
            return _fault(row, packed.digest()) or found

    def _stray(self, listed: set[str]) -> Iterator[Finding]:
        for path in sorted(self._inventory.files):
            where = evidence_location(self._layout, path)
            if where and where.kind == FOLDER and path.endswith(ENDING) and path not in listed:
                beside = f"{path.rpartition('/')[0]}/{MANIFEST}"
                if isinstance(self._inventory.manifests.get(beside), str):
                    continue  # it was said already that the manifest cannot be read
                yield self._at(path, "no manifest lists it")._replace(severity="warning")


def _claim_of(row: Archive) -> tuple[object, ...]:
    """What a manifest says that an archive is and holds."""
    return (row.path, row.sha256, row.size, row.members)


def _elsewhere(layout: Layout, row: Archive, manifest: Manifest) -> str | None:
    """An archive holds evidence of its own SPEC and nothing else."""
    spec = layout.id_of(manifest.spec)
    for member in row.members:
        where = evidence_location(layout, member.path)
        if where is None or where.spec != spec or where.kind not in PACKED:
            return f"{member.path!r} is listed in it, and is no evidence of {manifest.spec}"
    return None


def _fault(row: Archive, found: Digest | None) -> str | None:
    if found is None:
        return "the manifest lists it, and it is not here"
    if found.sha256 is None:
        return f"cannot be verified: {found.problem}"
    if (found.sha256, found.size) != (row.sha256, row.size):
        return f"hashes to {found.sha256[:12]}..., and the manifest says {row.sha256[:12]}..."
    return None


class _HashedStream:
    """A file of a snapshot, hashed while it is read, and not read beyond the size that is due."""

    def __init__(self, snapshot: Snapshot, entry: Entry, due: int) -> None:
        self._chunks = chunks_of(snapshot, entry)
        self._rest, self._hashed, self._size, self._due = b"", sha256(), 0, due
        self._ended = False

    def read(self, size: int = -1) -> bytes:
        while not self._ended and (size < 0 or len(self._rest) < size):
            self._more()
        cut = len(self._rest) if size < 0 else size
        data, self._rest = self._rest[:cut], self._rest[cut:]
        return data

    def _more(self) -> None:
        chunk = next(self._chunks, None)
        if chunk is None or self.over:
            self._ended = True
            return
        self._hashed.update(chunk)
        self._size += len(chunk)
        self._rest += chunk

    @property
    def over(self) -> bool:
        """Whether there is more than the manifest says."""
        return self._size > self._due

    def drain(self) -> None:
        while not self._ended:
            self._rest = b""
            self._more()

    def digest(self) -> Digest:
        return Digest(self._hashed.hexdigest(), self._size)

    def close(self) -> None:
        self._chunks.close()  # type: ignore[attr-defined]


def being_packed(inventory: EvidenceInventory) -> frozenset[tuple[str, str]]:
    """(SPEC, name) of each run that is being packed: parts of it may be gone already."""
    rows = archives_of(inventory)
    return frozenset((manifest.spec, row.run) for manifest, row in rows if row.removed_at is None)


def archives_of(inventory: EvidenceInventory) -> Iterable[tuple[Manifest, Archive]]:
    """Every row of every manifest that can be read."""
    readable = (manifest for manifest in inventory.manifests.values() if isinstance(manifest, Manifest))
    return ((manifest, row) for manifest in readable for row in manifest.archives)
