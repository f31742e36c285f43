"""`evidence verify`: the evidence of each run is what the run wrote.

Ledgers hold together and are sealed, files are those that are listed, no file was added under a run's name, sealed
ledgers of the base were not rewritten, archives are intact. All of it is integrity: whoever can write everything can
compute everything anew, and only signatures say who did.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from guardrails.checks.ledger import append_only, files, seal
from guardrails.checks.ledger.archives import ArchiveJudge, ArchiveQuestion, being_packed
from guardrails.checks.ledger.files import Digests
from guardrails.checks.ledger.rules import EVIDENCE_MISSING, LEFT_OUT, VERDICT_STALE
from guardrails.checks.ledger.runs import EvidenceInventory, RunEvidence, evidence_inventory
from guardrails.checks.presence import ATTESTATION
from guardrails.config.layout import Layout
from guardrails.core.finding import Checked, Finding, Observation
from guardrails.core.limits import ARCHIVE_BYTES
from guardrails.core.strict_json import JsonFlaw, parse_json
from guardrails.core.timestamps import parse_stamp
from guardrails.errors import Undecidable
from guardrails.layouts.evidence_names import evidence_name
from guardrails.snapshot.base import Snapshot
from guardrails.snapshot.context import CheckContext
from guardrails.snapshot.sparse import Sparse, completed
from guardrails.snapshot.worktree import Worktree

# Verdicts whose documents have changed since.


GREEN = "ok"


class _Latest(NamedTuple):
    when: datetime
    path: str


def judge_stale(
    snapshot: Snapshot, digests: Digests, layout: Layout, inventory: EvidenceInventory, chosen: list[RunEvidence]
) -> Iterator[Finding]:
    """The latest verdict of each stage that says ok, where a document it was made from has changed since.

    Verdicts of sessions that were followed by another are history: nothing rests on them any more.
    """
    listed = {path: run for run in chosen for path in run.entries}
    for (spec, stage), newest in sorted(_newest(layout, inventory).items()):
        verdicts = [path for path in newest if path in listed and path in inventory.files]
        for path in sorted(verdicts):
            yield from _judge_stale(snapshot, digests, path, spec, stage)


def _newest(layout: Layout, inventory: EvidenceInventory) -> dict[tuple[str, str], list[str]]:
    """By SPEC and stage, the verdicts of the session nothing of that stage is later than."""
    latest: dict[tuple[str, str], datetime] = {}
    dated: dict[tuple[str, str], list[_Latest]] = {}
    for path in inventory.files:
        name = evidence_name(layout, path)
        stamp = parse_stamp(name.stamp) if name else None
        if name is None or name.spec is None or name.stage is None or stamp is None:
            continue
        if name.kind not in ("agent_output", "ballot", "synthesis", "verdict"):
            continue
        key = (name.spec, name.stage)
        latest[key] = max(latest.get(key, stamp.when), stamp.when)
        if name.kind == "verdict":
            dated.setdefault(key, []).append(_Latest(stamp.when, path))
    return {key: [row.path for row in rows if row.when == latest[key]] for key, rows in dated.items()}


def _judge_stale(snapshot: Snapshot, digests: Digests, path: str, spec: str, stage: str) -> Iterator[Finding]:
    inputs = _inputs(snapshot.read(path))
    found = digests.of(inputs)
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
    return _check(context, thorough=False)


def check_thoroughly(context: CheckContext) -> Iterator[Observation]:
    """As `check`, and every archive is opened, also those that the base has."""
    return _check(context, thorough=True)


def _check(context: CheckContext, *, thorough: bool) -> Iterator[Observation]:
    if isinstance(context.snapshot, Worktree):  # also where single files were left out, without a sparse checkout
        context = context._replace(snapshot=completed(context.snapshot))
    found = evidence_inventory(context.snapshot, context.settings.layout, context.scope.spec)
    yield from _left_out(context, found)
    yield from judge(context, found, thorough)
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


def judge(context: CheckContext, found: EvidenceInventory, thorough: bool = False) -> Iterator[Observation]:
    """The findings about what there is. Archives that the base has are opened again only where it is `thorough`."""
    layout, scope, chosen = context.settings.layout, context.scope, _chosen(context, found)
    required = context.settings.signatures_required
    digests, bases = Digests(context.snapshot), append_only.base_evidence(context, found)
    known = tuple(base.inventory for base in bases)
    asked = ArchiveQuestion(scope.run, known, append_only.beginnings(bases, found), thorough)
    packed = yield from ArchiveJudge(context.snapshot, layout, found, digests, asked).judge()
    partly_gone = being_packed(found)
    for run in chosen:
        yield Checked(run.ledger if run.chain is not None else run.summary_path)
        if (run.chain is None or run.summary is None) and (run.spec, run.name) in partly_gone:
            continue
        yield from seal.judge(run, required)
    yield from files.judge(digests, layout, found, chosen, packed.files)
    yield from judge_stale(context.snapshot, digests, layout, found, chosen)
    yield from append_only.judge(context, found, digests, packed, bases)
    if required or any(run.signed for run in chosen) or any(path.endswith(ATTESTATION) for path in found.files):
        from guardrails.checks.ledger import signatures  # it starts programs, and little is signed

        yield from signatures.judge(context, found, chosen, digests)
    if packed.unopened:
        raise Undecidable(
            f"{packed.unopened} new archives unpack to more than {ARCHIVE_BYTES} bytes and were not opened",
            "speckit evidence verify opens all of them",
        )


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
