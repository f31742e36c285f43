"""Whether each archive is the one its manifest describes."""

from __future__ import annotations

from collections.abc import Iterator

from guardrails.archives import ENDING, FOLDER, MANIFEST, Archive, Manifest
from guardrails.checks.ledger_files import Digest, digests
from guardrails.checks.ledger_runs import Run, Shelf, place
from guardrails.finding import Checked, Finding, Observation
from guardrails.layout import Layout
from guardrails.rules.ledger import ARCHIVE_DAMAGED, ARCHIVE_UNFINISHED
from guardrails.snapshot import Snapshot


def judge(snapshot: Snapshot, layout: Layout, shelf: Shelf, run: str | None = None) -> Iterator[Observation]:
    """Every archive a manifest lists, or that of one run; and archives no manifest lists."""
    rows: dict[str, Archive] = {}
    for path, manifest in sorted(shelf.manifests.items()):
        if isinstance(manifest, str):
            yield _at(layout, path, f"cannot be read: {manifest}")
            continue
        if run is None:
            yield Checked(path)
        yield from _belongs(layout, path, manifest)
        yield from _unfinished(shelf, path, manifest)
        rows.update({row.path: row for row in manifest.archives if run in (None, row.run)})
    found = digests(snapshot, rows)
    for path, row in sorted(rows.items()):
        yield Checked(path)
        if message := _fault(row, found.get(path)):
            yield _at(layout, path, message)
    if run is None:
        yield from _stray(layout, shelf, set(rows))


def _at(layout: Layout, path: str, message: str) -> Finding:
    where = place(layout, path)
    return ARCHIVE_DAMAGED.at(path, message, hint=ARCHIVE_DAMAGED.fix, spec=where.spec if where else None)


def _belongs(layout: Layout, path: str, manifest: Manifest) -> Iterator[Finding]:
    """A manifest speaks of the archives beside it and of the SPEC whose folder it lies in, each archive once."""
    where, folder = place(layout, path), path.rpartition("/")[0]
    if where is None or where.spec != layout.id_of(manifest.spec):
        yield _at(layout, path, f"names the SPEC {manifest.spec}, and lies in another's folder")
    seen: set[str] = set()
    for row in manifest.archives:
        if row.path != f"{folder}/{row.run}{ENDING}":
            yield _at(layout, path, f"the archive of {row.run} is not the file of that name beside the manifest")
        if row.run in seen:
            yield _at(layout, path, f"{row.run} is listed twice")
        seen.add(row.run)


def _unfinished(shelf: Shelf, path: str, manifest: Manifest) -> Iterator[Finding]:
    for row in manifest.archives:
        here = sum(member.path in shelf.files for member in row.members)
        if row.removed_at is None and here:
            message = f"{here} files of {row.run} are packed and still here"
            yield ARCHIVE_UNFINISHED.at(path, message, hint=ARCHIVE_UNFINISHED.fix, spec=manifest.spec)


def unfinished(shelf: Shelf, run: Run) -> bool:
    """Whether a run is being packed: then parts of it may be gone already."""
    manifests = [manifest for manifest in shelf.manifests.values() if not isinstance(manifest, str)]
    rows = [row for manifest in manifests if manifest.spec == run.spec for row in manifest.archives]
    return any(row.run == run.name and row.removed_at is None for row in rows)


def _fault(row: Archive, found: Digest | None) -> str | None:
    if found is None:
        return "the manifest lists it, and it is not here"
    if found.sha256 is None:
        return f"cannot be verified: {found.problem}"
    if (found.sha256, found.size) != (row.sha256, row.size):
        return f"hashes to {found.sha256[:12]}..., and the manifest says {row.sha256[:12]}..."
    return None


def _stray(layout: Layout, shelf: Shelf, listed: set[str]) -> Iterator[Finding]:
    for path in sorted(shelf.files):
        where = place(layout, path)
        if where and where.kind == FOLDER and path.endswith(ENDING) and path not in listed:
            beside = f"{path.rpartition('/')[0]}/{MANIFEST}"
            if isinstance(shelf.manifests.get(beside), str):
                continue  # it was said already that the manifest cannot be read
            yield _at(layout, path, "no manifest lists it")._replace(severity="warning")
