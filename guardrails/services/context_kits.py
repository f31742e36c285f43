"""Write the context kit of a SPEC: all of it or none that counts, and never over somebody's own work."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

from guardrails.checks.context_kit.build import FOLDER, README, ContextKit, archive_name, build_kit, is_ours, stamp_of
from guardrails.checks.context_kit.sources import sources_of
from guardrails.config.settings import Settings
from guardrails.errors import GuardrailError
from guardrails.evidence.store import EvidenceStore, WrittenFile
from guardrails.git.repo import Repo
from guardrails.services.spec_files import directory_of
from guardrails.snapshot.base import Snapshot


class KitChange(NamedTuple):
    """What happens to one file of a kit."""

    path: str
    action: Literal["write", "replace", "keep"]
    data: bytes


class PlannedKit(NamedTuple):
    """A kit, the version it takes the place of, and what that changes."""

    kit: ContextKit
    before: str | None
    changes: tuple[KitChange, ...]

    @property
    def current(self) -> bool:
        return all(change.action == "keep" for change in self.changes)


def plan(snapshot: Snapshot, settings: Settings, spec: str) -> PlannedKit:
    """What making the kit of a SPEC would do. Raises GuardrailError where it must not or cannot be made."""
    directory = directory_of(snapshot, settings, spec)
    sources = sources_of(snapshot, directory.path)
    if not (sources.plans or sources.prds):
        message = f"{spec} has neither a plan.md nor product requirements: there is nothing to tell"
        raise GuardrailError(message, f"write {directory.path}/plan.md or {directory.path}/PRD.md")
    kit = build_kit(sources, spec)
    folder = f"{directory.path}/{FOLDER}"
    # The archive first: a README names it, and one that is cut off between the two is mended by the next call.
    archive = _change(snapshot, f"{folder}/{archive_name(spec)}", kit.archive)
    readme = _change(snapshot, f"{folder}/{README}", kit.readme)
    before = snapshot.read(readme.path)
    stamp = stamp_of(before) if before else None
    return PlannedKit(kit, stamp.version if stamp else None, (archive, readme))


def carry_out(repo: Repo, planned: PlannedKit) -> Iterator[WrittenFile]:
    """Write what changes. The caller holds the lock of the SPEC."""
    store = EvidenceStore(repo.root)
    for change in planned.changes:
        if change.action != "keep":
            yield store.write(change.path, change.data, replace=change.action == "replace")


def _change(snapshot: Snapshot, path: str, data: bytes) -> KitChange:
    entry = snapshot.entry(path)
    if entry is None:
        if snapshot.exists(path):
            raise GuardrailError(f"{path}: a directory is in the way", "move it away")
        return KitChange(path, "write", data)
    there = snapshot.read(path) if entry.kind == "file" else None
    if there == data:
        return KitChange(path, "keep", data)
    if there is None or not _own(path, there):
        what = "a file that speckit did not make, or that was edited" if entry.kind == "file" else f"a {entry.kind}"
        raise GuardrailError(f"{path}: {what}", "it is not overwritten; keep what you need of it and move it away")
    return KitChange(path, "replace", data)


def _own(path: str, data: bytes) -> bool:
    if path.endswith(".zip"):
        return is_ours(data)
    stamp = stamp_of(data)
    return stamp is not None and stamp.whole
