"""`evidence verify`: the evidence of each run is what the run wrote.

Ledgers hold together and are sealed, files are those that are listed, no file was added under a run's name, sealed
ledgers of the base were not rewritten, archives are intact. All of it is integrity: whoever can write everything can
compute everything anew, and only signatures say who did.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from guardrails.checks.ledger import files, seal
from guardrails.checks.ledger.archive_manifest import ENDING, FOLDER, MANIFEST, Archive, Manifest
from guardrails.checks.ledger.entries import digest
from guardrails.checks.ledger.files import Digest, digests
from guardrails.checks.ledger.rules import (
    ARCHIVE_DAMAGED,
    ARCHIVE_UNFINISHED,
    EVIDENCE_MISSING,
    LEDGER_REWRITTEN,
    LEFT_OUT,
    RUN_REMOVED,
    SIGNATURE_BAD,
    VERDICT_STALE,
)
from guardrails.checks.ledger.runs import EvidenceInventory, RunEvidence, evidence_inventory, evidence_location
from guardrails.checks.presence import COMPARED
from guardrails.config.layout import Layout
from guardrails.core.finding import Checked, Finding, Observation
from guardrails.core.strict_json import JsonFlaw, parse_json
from guardrails.core.timestamps import parse_stamp
from guardrails.layouts.evidence_names import evidence_name
from guardrails.snapshot.base import Snapshot
from guardrails.snapshot.context import CheckContext
from guardrails.snapshot.index import Commit
from guardrails.snapshot.sparse import Sparse, completed
from guardrails.snapshot.worktree import Worktree

# Archives: each is the one that its manifest describes.


def judge_archives(
    snapshot: Snapshot, layout: Layout, inventory: EvidenceInventory, run: str | None = None
) -> Iterator[Observation]:
    """Every archive a manifest lists, or that of one run; and archives no manifest lists."""
    rows: dict[str, Archive] = {}
    for path, manifest in sorted(inventory.manifests.items()):
        if isinstance(manifest, str):
            yield _at(layout, path, f"cannot be read: {manifest}")
            continue
        if run is None:
            yield Checked(path)
        yield from _belongs(layout, path, manifest)
        yield from _unfinished(inventory, path, manifest)
        rows.update({row.path: row for row in manifest.archives if run in (None, row.run)})
    found = digests(snapshot, rows)
    for path, row in sorted(rows.items()):
        yield Checked(path)
        if message := _fault(row, found.get(path)):
            yield _at(layout, path, message)
    if run is None:
        yield from _stray(layout, inventory, set(rows))


def _at(layout: Layout, path: str, message: str) -> Finding:
    where = evidence_location(layout, path)
    return ARCHIVE_DAMAGED.at(path, message, hint=ARCHIVE_DAMAGED.fix, spec=where.spec if where else None)


def _belongs(layout: Layout, path: str, manifest: Manifest) -> Iterator[Finding]:
    """A manifest speaks of the archives beside it and of the SPEC whose folder it lies in, each archive once."""
    where, folder = evidence_location(layout, path), path.rpartition("/")[0]
    if where is None or where.spec != layout.id_of(manifest.spec):
        yield _at(layout, path, f"names the SPEC {manifest.spec}, and lies in another's folder")
    seen: set[str] = set()
    for row in manifest.archives:
        if row.path != f"{folder}/{row.run}{ENDING}":
            yield _at(layout, path, f"the archive of {row.run} is not the file of that name beside the manifest")
        if row.run in seen:
            yield _at(layout, path, f"{row.run} is listed twice")
        seen.add(row.run)


def _unfinished(inventory: EvidenceInventory, path: str, manifest: Manifest) -> Iterator[Finding]:
    for row in manifest.archives:
        here = sum(member.path in inventory.files for member in row.members)
        if row.removed_at is None and here:
            message = f"{here} files of {row.run} are packed and still here"
            yield ARCHIVE_UNFINISHED.at(path, message, hint=ARCHIVE_UNFINISHED.fix, spec=manifest.spec)


def unfinished(inventory: EvidenceInventory, run: RunEvidence) -> bool:
    """Whether a run is being packed: then parts of it may be gone already."""
    manifests = [manifest for manifest in inventory.manifests.values() if not isinstance(manifest, str)]
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


def _stray(layout: Layout, inventory: EvidenceInventory, listed: set[str]) -> Iterator[Finding]:
    for path in sorted(inventory.files):
        where = evidence_location(layout, path)
        if where and where.kind == FOLDER and path.endswith(ENDING) and path not in listed:
            beside = f"{path.rpartition('/')[0]}/{MANIFEST}"
            if isinstance(inventory.manifests.get(beside), str):
                continue  # it was said already that the manifest cannot be read
            yield _at(layout, path, "no manifest lists it")._replace(severity="warning")


# Runs that the base has too: a sealed ledger may grow or be archived as a whole, and is never rewritten.


def judge_base(context: CheckContext, now: EvidenceInventory) -> Iterator[Finding]:
    """Runs of the base whose sealed ledger was rewritten or is gone."""
    snapshot, scope = context.snapshot, context.scope
    base = _base(snapshot) if snapshot.source.kind in COMPARED else None
    if base is None:
        return
    before = evidence_inventory(base, context.settings_of_base.layout, scope.spec)
    packed = {
        member.path: row
        for manifest in now.manifests.values()
        if not isinstance(manifest, str)
        for row in manifest.archives
        for member in row.members
    }
    for run in before.runs:
        if scope.run in (None, run.name) and _is_sealed(run):
            yield from _compare(run, base, snapshot, packed.get(run.ledger))
            yield from _stripped(run, base, snapshot)


def _base(snapshot: Snapshot) -> Snapshot | None:
    """What it is compared with. A range is compared with where it left its base: what the base got since then, this
    side never had. A push replaces what the remote has, so that it is compared with that."""
    base = snapshot.base
    if snapshot.source.kind != "range" or not isinstance(base, Commit) or not isinstance(snapshot, Commit):
        return base
    fork = snapshot.repo.run("merge-base", base.revision, snapshot.revision, ok=(0, 1)).decode("ascii").strip()
    return Commit(snapshot.repo, fork) if fork and fork != base.revision else base


def _is_sealed(run: RunEvidence) -> bool:
    """Whether the base had it sealed. What was under way may have gone on in any way since."""
    document = run.summary.document if run.summary else None
    seal = document.get("seal") if document else None
    return run.chain is not None and isinstance(seal, dict) and seal.get("head") == run.chain.head


def _compare(run: RunEvidence, base: Snapshot, snapshot: Snapshot, row: Archive | None) -> Iterator[Finding]:
    was, now = base.entry(run.ledger), snapshot.entry(run.ledger)
    if was is None or (now is not None and now.id is not None and now.id == was.id):
        return
    old = base.read(run.ledger) or b""
    new = snapshot.read(run.ledger)
    if new is not None:
        if not new.startswith(old):
            message = f"does not begin with its bytes in {base.describe()}"
            yield LEDGER_REWRITTEN.at(run.ledger, message, hint=LEDGER_REWRITTEN.fix, spec=run.spec)
    elif row is None:
        message = f"is in {base.describe()}, and in no archive"
        yield RUN_REMOVED.at(run.ledger, message, hint=RUN_REMOVED.fix, spec=run.spec)
    elif all((member.path, member.sha256) != (run.ledger, digest(old)) for member in row.members):
        message = f"the archive holds another ledger than {base.describe()}"
        yield LEDGER_REWRITTEN.at(run.ledger, message, hint=LEDGER_REWRITTEN.fix, spec=run.spec)


def _stripped(run: RunEvidence, base: Snapshot, snapshot: Snapshot) -> Iterator[Finding]:
    """A signature of the same ledger that is gone: with it goes who sealed it."""
    if run.signed and not snapshot.exists(run.signature_path) and snapshot.read(run.ledger) == base.read(run.ledger):
        message = f"it was signed in {base.describe()}, and is not any more"
        yield SIGNATURE_BAD.at(run.signature_path, message, hint=SIGNATURE_BAD.fix, spec=run.spec)


# Verdicts whose documents have changed since.


GREEN = "ok"


class _Latest(NamedTuple):
    when: datetime
    path: str


def judge_stale(
    snapshot: Snapshot, layout: Layout, inventory: EvidenceInventory, chosen: list[RunEvidence]
) -> Iterator[Finding]:
    """The latest verdict of each stage that says ok, where a document it was made from has changed since.

    Verdicts of sessions that were followed by another are history: nothing rests on them any more.
    """
    listed = {path: run for run in chosen for path in run.entries}
    for (spec, stage), newest in sorted(_newest(layout, inventory).items()):
        verdicts = [path for path in newest if path in listed and path in inventory.files]
        for path in sorted(verdicts):
            yield from _judge_stale(snapshot, path, spec, stage)


def _newest(layout: Layout, inventory: EvidenceInventory) -> dict[tuple[str, str], list[str]]:
    """By SPEC and stage, the verdicts of the session nothing of that stage is later than."""
    latest: dict[tuple[str, str], datetime] = {}
    dated: dict[tuple[str, str], list[_Latest]] = {}
    for path in inventory.files:
        name = evidence_name(layout, path)
        stamp = parse_stamp(name.stamp) if name else None
        if name is None or name.spec is None or name.stage is None or stamp is None:
            continue
        if name.kind not in ("agent_output", "synthesis", "verdict"):
            continue
        key = (name.spec, name.stage)
        latest[key] = max(latest.get(key, stamp.when), stamp.when)
        if name.kind == "verdict":
            dated.setdefault(key, []).append(_Latest(stamp.when, path))
    return {key: [row.path for row in rows if row.when == latest[key]] for key, rows in dated.items()}


def _judge_stale(snapshot: Snapshot, path: str, spec: str, stage: str) -> Iterator[Finding]:
    inputs = _inputs(snapshot.read(path))
    found = digests(snapshot, inputs)
    for document, sha256 in sorted(inputs.items()):
        now = found.get(document)
        if now is None or now.sha256 != sha256:
            message = f"{document} {'is gone' if now is None else 'changed'} since this verdict"
            yield VERDICT_STALE.at(path, message, hint=VERDICT_STALE.fix, spec=spec, stage=stage)


def _inputs(data: bytes | None) -> dict[str, str]:
    """The documents of a verdict that says ok, with their digests; none for what cannot be read or says otherwise."""
    try:
        value = parse_json(data or b"")
    except JsonFlaw:
        return {}
    if not isinstance(value, dict) or value.get("verdict") != GREEN or not isinstance(value.get("inputs"), list):
        return {}
    rows = [row for row in value["inputs"] if isinstance(row, dict)]
    pairs = [(row.get("path"), row.get("sha256")) for row in rows]
    return {path: sha256 for path, sha256 in pairs if isinstance(path, str) and isinstance(sha256, str)}


def check(context: CheckContext) -> Iterator[Observation]:
    """Every finding about the runs and archives of the snapshot, or of the SPEC or run that was named."""
    if isinstance(context.snapshot, Worktree):  # also where single files were left out, without a sparse checkout
        context = context._replace(snapshot=completed(context.snapshot))
    found = evidence_inventory(context.snapshot, context.settings.layout, context.scope.spec)
    yield from _left_out(context, found)
    yield from judge(context, found)
    if not _chosen(context, found):
        yield from _named_in_vain(context, found)


def _left_out(context: CheckContext, found: EvidenceInventory) -> Iterator[Finding]:
    """That some of what is judged is not where it would be looked for."""
    snapshot = context.snapshot
    count = sum(path in snapshot.left for path in found.files) if isinstance(snapshot, Sparse) else 0
    if count:
        message = f"{count} {'file is' if count == 1 else 'files are'} not checked out (sparse); read from the index"
        yield LEFT_OUT.at(context.settings.layout.evidence, message, hint=LEFT_OUT.fix, spec=context.scope.spec)


def _chosen(context: CheckContext, found: EvidenceInventory) -> list[RunEvidence]:
    return [run for run in found.runs if context.scope.run in (None, run.name)]


def judge(context: CheckContext, found: EvidenceInventory) -> Iterator[Observation]:
    """The findings about what there is."""
    layout, scope, chosen = context.settings.layout, context.scope, _chosen(context, found)
    required = context.settings.evidence.signature == "required"
    for run in chosen:
        yield Checked(run.ledger if run.chain is not None else run.summary_path)
        if (run.chain is None or run.summary is None) and unfinished(found, run):
            continue
        yield from seal.judge(run, required)
    yield from files.judge(context.snapshot, layout, found, chosen)
    yield from judge_stale(context.snapshot, layout, found, chosen)
    yield from judge_archives(context.snapshot, layout, found, scope.run)
    yield from judge_base(context, found)


def _named_in_vain(context: CheckContext, found: EvidenceInventory) -> Iterator[Finding]:
    """What an argument names must be there: a run in the tree or in an archive, a SPEC with either."""
    scope, root = context.scope, context.settings.layout.evidence
    rows = [row for manifest in found.manifests.values() if not isinstance(manifest, str) for row in manifest.archives]
    where = context.snapshot.describe()
    if scope.run is not None and not any(row.run == scope.run for row in rows):
        message = f"there is no run {scope.run} in {where}"
        yield EVIDENCE_MISSING.at(
            f"{root}/runs", message, hint="check the name, or run 'speckit runs'", spec=scope.spec
        )
    elif scope.run is None and scope.spec is not None and not found.manifests:
        message = f"{scope.spec} has no run and no archive in {where}"
        yield EVIDENCE_MISSING.at(f"{root}/runs", message, hint="check the spelling", spec=scope.spec)
