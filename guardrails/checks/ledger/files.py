"""Whether the files of runs are those their ledgers list, and whether there are others under their names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from datetime import datetime
from functools import cached_property
from typing import NamedTuple

from guardrails.checks.ledger.entries import LedgerEntry
from guardrails.checks.ledger.rules import (
    EVIDENCE_CLAIMED_TWICE,
    EVIDENCE_EDITED,
    EVIDENCE_MISSING,
    EVIDENCE_UNLISTED,
    SHARED_REWRITTEN,
)
from guardrails.checks.ledger.runs import EvidenceInventory, RunEvidence, evidence_location
from guardrails.config.layout import Layout
from guardrails.core.finding import Checked, Finding, Observation, Rule
from guardrails.core.limits import FILE_FINDINGS, LEDGER_FAULTS
from guardrails.core.paths import is_plain
from guardrails.core.timestamps import parse_stamp
from guardrails.layouts.evidence_names import session_name
from guardrails.snapshot.base import Snapshot
from guardrails.snapshot.files import hash_many

RESOLUTION = "_resolution.json"
"""How the name of a resolution record ends: the one kind that may join a session after its run."""
_KINDS = ("commands", "consensus")
PackedFiles = AbstractSet[tuple[str, str]]
"""(path, SHA-256) of files that lie in archives"""


class LedgerClaim(NamedTuple):
    """What the entry of a run's ledger says about a file."""

    run: RunEvidence
    entry: LedgerEntry


class Digest(NamedTuple):
    """What a file hashes to, or why nobody can say."""

    sha256: str | None
    size: int
    problem: str | None = None


def claims(runs: Iterable[RunEvidence]) -> Iterator[LedgerClaim]:
    """What has to hold. A file that runs share is the one the latest of them wrote."""
    shared: dict[tuple[str, str], LedgerClaim] = {}
    for run in runs:
        for path, entry in run.entries.items():
            if session_name(path):
                yield LedgerClaim(run, entry)
            else:
                shared[run.spec, path] = LedgerClaim(run, entry)
    yield from shared.values()


def judge(
    digests: Digests, layout: Layout, inventory: EvidenceInventory, chosen: list[RunEvidence], packed: PackedFiles
) -> Iterator[Observation]:
    """The files of the chosen runs, each read once. `packed` are those that lie in archives."""
    names = {run.ledger for run in chosen}
    wanted = [claim for claim in claims(inventory.runs) if claim.run.ledger in names]
    found = digests.of({claim.entry.path for claim in wanted})
    outside = OutsideSessions(layout, inventory)
    faults: Counter[tuple[str, Rule]] = Counter()
    for claim in wanted:
        yield Checked(claim.entry.path)
        if finding := _fault(claim, found.get(claim.entry.path), packed, outside):
            faults[claim.run.ledger, finding.rule] += 1
            if faults[claim.run.ledger, finding.rule] <= FILE_FINDINGS:
                yield finding
    yield from _more(faults, chosen)
    yield from _claimed_twice(inventory, chosen)
    yield from _unlisted(layout, inventory, chosen)


def _more(faults: Counter[tuple[str, Rule]], chosen: list[RunEvidence]) -> Iterator[Finding]:
    """How many files of a run are not listed one by one."""
    specs = {run.ledger: run.spec for run in chosen}
    for (ledger, rule), count in faults.items():
        if count > FILE_FINDINGS:
            message = f"{count - FILE_FINDINGS} more files of this ledger with findings of this rule are not listed"
            yield rule.at(ledger, message, hint=rule.fix, spec=specs[ledger])


class Digests:
    """The digests of a snapshot's files: each file is read once, whoever asks, and none is held."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._known: dict[str, Digest | None] = {}

    def of(self, paths: Iterable[str]) -> dict[str, Digest]:
        """The digest of every file that is there, in one batch."""
        wanted = sorted(set(paths))
        self._known |= self._read([path for path in wanted if path not in self._known])
        return {path: found for path in wanted if (found := self._known[path]) is not None}

    def _read(self, paths: list[str]) -> dict[str, Digest | None]:
        found: dict[str, Digest | None] = dict.fromkeys(paths)
        files = []
        for path in paths:
            entry = self._snapshot.entry(path) if is_plain(path) else None
            if entry is not None and entry.kind == "file":
                files.append(entry)
            elif entry is not None:
                found[path] = Digest(None, 0, f"a {entry.kind}, not a regular file")
        for hashed in hash_many(self._snapshot, files):
            found[hashed.path] = Digest(hashed.sha256, hashed.size, hashed.problem)
        return found


def _claimed_twice(inventory: EvidenceInventory, chosen: list[RunEvidence]) -> Iterator[Finding]:
    """A file of a session that the ledgers of two runs list: only one of them can have written it."""
    first: dict[str, RunEvidence] = {}
    names = {run.ledger for run in chosen}
    for run in inventory.runs:
        twice = [(path, first[path]) for path in run.entries if path in first and session_name(path)]
        told = [(path, other) for path, other in twice if not names.isdisjoint((run.ledger, other.ledger))]
        for path, other in told[:LEDGER_FAULTS]:
            message = f"run {other.name} lists it, and so does run {run.name}"
            yield EVIDENCE_CLAIMED_TWICE.at(path, message, hint=EVIDENCE_CLAIMED_TWICE.fix, spec=run.spec)
        for path in run.entries:
            first.setdefault(path, run)


def _fault(claim: LedgerClaim, found: Digest | None, packed: PackedFiles, outside: OutsideSessions) -> Finding | None:
    entry, run = claim.entry, claim.run
    where = f"entry {entry.sequence} of run {run.name}"
    if found is None:
        if (entry.path, entry.sha256) in packed:
            return None
        message = f"{where} lists it, and it is not here"
        return EVIDENCE_MISSING.at(entry.path, message, hint=EVIDENCE_MISSING.fix, spec=run.spec, stage=entry.stage)
    if (found.sha256, found.size) == (entry.sha256, entry.size):
        return None
    if found.sha256 is None:
        said = f"cannot be verified: {found.problem}"
    else:
        said = f"hashes to {found.sha256[:12]}..., and {where} says {entry.sha256[:12]}..."
    if not session_name(entry.path) and found.sha256 is not None and outside.came_after(run):
        message = f"is not the one {where} lists, and sessions outside a run came later"
        return SHARED_REWRITTEN.at(entry.path, message, hint=SHARED_REWRITTEN.fix, spec=run.spec)
    return EVIDENCE_EDITED.at(entry.path, said, hint=EVIDENCE_EDITED.fix, spec=run.spec, stage=entry.stage)


class OutsideSessions:
    """The sessions that no run lists: a stage that is run by itself rewrites what the runs of a SPEC share."""

    def __init__(self, layout: Layout, inventory: EvidenceInventory) -> None:
        self._layout, self._inventory = layout, inventory

    def came_after(self, run: RunEvidence) -> bool:
        """Whether one of the run's SPEC is later than the run."""
        latest = self._latest.get(run.spec)
        return latest is not None and latest >= run.started  # names tell whole seconds

    @cached_property
    def _latest(self) -> dict[str, datetime]:
        """When the last one of each SPEC was started. Sound evidence never asks for it."""
        listed = {(run.spec, name) for run in self._inventory.runs for name in run.sessions}
        latest: dict[str, datetime] = {}
        for path in self._inventory.files:
            where, name = evidence_location(self._layout, path), session_name(path)
            if where and name and (where.spec, name) not in listed:
                stamp = parse_stamp(name.partition("_")[2])
                if stamp:
                    latest[where.spec] = max(latest.get(where.spec, stamp.when), stamp.when)
        return latest


def _unlisted(layout: Layout, inventory: EvidenceInventory, chosen: list[RunEvidence]) -> Iterator[Finding]:
    """Files named as if a finished run had written them. A run under way may not have listed its last ones yet."""
    listed = {path for run in inventory.runs for path in run.entries}
    sessions = {
        (run.spec, name.lower()): run
        for run in chosen
        if not (run.summary and run.summary.under_way)
        for name in run.sessions
    }
    for path in sorted(inventory.files):
        where, name = evidence_location(layout, path), session_name(path, case_blind=True)
        run = sessions.get((where.spec, name.lower())) if where and name and where.kind in _KINDS else None
        if run is not None and path not in listed and not path.endswith(RESOLUTION):
            message = f"is named for run {run.name}, and is in no ledger"
            yield EVIDENCE_UNLISTED.at(path, message, hint=EVIDENCE_UNLISTED.fix, spec=run.spec)
