"""The runs of a snapshot: each with its ledger and summary, and what else lies below the evidence root."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime, timezone
from typing import Any, NamedTuple

from guardrails.checks.ledger.archive_manifest import FOLDER, MANIFEST, Manifest, read_manifest
from guardrails.checks.ledger.entries import Chain, LedgerEntry, read_chain
from guardrails.config.layout import Layout
from guardrails.core.strict_json import JsonFlaw, parse_json
from guardrails.core.timestamps import EARLIEST, parse_stamp, parse_time
from guardrails.layouts.evidence_names import session_name
from guardrails.snapshot.base import Blob, Snapshot
from guardrails.snapshot.base import Entry as File

LEDGER, SUMMARY, SIGNATURE = ".ledger.jsonl", ".json", ".ledger.sig"
UNDER_WAY = "running"
_RUN = re.compile(r"[0-9]{8}T[0-9]{6}Z-[0-9a-z]{4,32}")
_NEVER = datetime.max.replace(tzinfo=timezone.utc)
_ENDINGS = (LEDGER, SIGNATURE, SUMMARY)


class RunSummaryFile(NamedTuple):
    """The summary of a run. `document` is None when it cannot be read, and `problem` says why."""

    path: str
    data: bytes
    document: dict[str, Any] | None
    problem: str | None = None

    @property
    def under_way(self) -> bool:
        return self.document is not None and self.document.get("outcome") == UNDER_WAY

    @property
    def sessions(self) -> set[str]:
        """The sessions of the stages it lists, as their files' names begin."""
        stages = (self.document or {}).get("stages")
        rows = [row for row in stages if isinstance(row, dict)] if isinstance(stages, list) else []
        return {f"spec-{row.get('stage')}_{row['session']}" for row in rows if isinstance(row.get("session"), str)}


class RunEvidence(NamedTuple):
    """One run by its name. A part is None when there is no such file."""

    spec: str
    name: str
    folder: str
    summary: RunSummaryFile | None
    chain: Chain | None
    signed: bool

    @property
    def ledger(self) -> str:
        return f"{self.folder}/{self.name}{LEDGER}"

    @property
    def summary_path(self) -> str:
        return f"{self.folder}/{self.name}{SUMMARY}"

    @property
    def signature_path(self) -> str:
        return f"{self.folder}/{self.name}{SIGNATURE}"

    @property
    def own(self) -> tuple[str, str, str]:
        """The files that are about the run itself."""
        return (self.summary_path, self.ledger, self.signature_path)

    @property
    def started(self) -> datetime:
        stamp = parse_stamp(self.name)
        return stamp.when if stamp else EARLIEST

    @property
    def ended(self) -> datetime | None:
        """When it says it ended, which its seal holds together with the rest."""
        said = (self.summary.document or {}).get("finished_at") if self.summary else None
        return parse_time(said)

    @property
    def entries(self) -> dict[str, LedgerEntry]:
        """The entry that holds for each file the run wrote, its own summary left out."""
        latest = self.chain.latest if self.chain else {}
        return {path: entry for path, entry in latest.items() if path != self.summary_path}

    @property
    def sessions(self) -> set[str]:
        """The sessions it wrote files of, as their names begin."""
        named = {name for path in self.entries if (name := session_name(path))}
        return named | (self.summary.sessions if self.summary else set())


class EvidenceInventory(NamedTuple):
    """All evidence of a snapshot: files by path, runs in order of their start, manifests by path."""

    files: dict[str, File]
    runs: tuple[RunEvidence, ...]
    manifests: dict[str, Manifest | str]

    def of(self, spec: str) -> tuple[RunEvidence, ...]:
        return tuple(run for run in self.runs if run.spec == spec)


class EvidenceLocation(NamedTuple):
    """Where a file lies below the evidence root: the kind's own folder, and the SPEC."""

    kind: str
    spec: str


def evidence_location(layout: Layout, path: str) -> EvidenceLocation | None:
    """The kind and SPEC of a path; None for what lies outside `evidence.root` or in no SPEC's folder."""
    if not path.startswith(layout.evidence + "/"):
        return None
    parts = path[len(layout.evidence) + 1 :].split("/")
    spec = layout.id_of(parts[1]) if len(parts) > 2 else None
    return EvidenceLocation(parts[0], spec) if spec else None


def evidence_inventory(
    snapshot: Snapshot, layout: Layout, only: str | None = None, known: EvidenceInventory | None = None
) -> EvidenceInventory:
    """Everything below the evidence root, or what of it belongs to one SPEC.

    What `known`, the inventory of another snapshot, has read of the same blobs is taken from there.
    """
    found: dict[str, File] = {}
    to_read: list[File] = []
    for entry in snapshot.entries(layout.evidence):
        where = evidence_location(layout, entry.path)
        if only is not None and (where is None or where.spec != only):
            continue
        found[entry.path] = entry
        if where and entry.kind == "file" and _is_read(where.kind, entry.path):
            to_read.append(entry)
    read = _already_read(found, known) if known else {}
    for blob in snapshot.read_many([entry for entry in to_read if entry.path not in read]):
        read[blob.entry.path] = _parsed(blob)
    manifests = {path: value for path, value in read.items() if isinstance(value, Manifest | str)}
    runs = sorted(_runs(layout, found, read), key=lambda run: (run.started, run.ended or _NEVER, run.name))
    return EvidenceInventory(found, tuple(runs), manifests)


_Parsed = Chain | RunSummaryFile | Manifest | str


def _already_read(found: dict[str, File], known: EvidenceInventory) -> dict[str, _Parsed]:
    """What was read of files that are the same blob here as there."""
    read: dict[str, _Parsed] = dict(known.manifests)
    for run in known.runs:
        if run.chain is not None:
            read[run.ledger] = run.chain
        if run.summary is not None:
            read[run.summary_path] = run.summary
    return {path: value for path, value in read.items() if path in found and same_blob(found[path], known.files[path])}


def same_blob(one: File | None, other: File | None) -> bool:
    """Whether git has the same file in both places. False where it does not know."""
    return one is not None and other is not None and one.id is not None and (one.kind, one.id) == (other.kind, other.id)


def _parsed(blob: Blob) -> _Parsed:
    path = blob.entry.path
    if path.endswith("/" + MANIFEST):
        return _manifest(blob)
    return read_chain(blob.data or b"") if path.endswith(LEDGER) else _record(blob)


def _is_read(kind: str, path: str) -> bool:
    if kind == "runs":
        return path.endswith((LEDGER, SUMMARY)) and run_named(path) is not None
    return kind == FOLDER and path.endswith("/" + MANIFEST)


def _manifest(blob: Blob) -> Manifest | str:
    return read_manifest(blob.data) if blob.data is not None else blob.problem or "cannot be read"


def _runs(layout: Layout, found: Iterable[str], read: dict[str, _Parsed]) -> Iterator[RunEvidence]:
    names: dict[tuple[str, str], str] = {}
    for path in found:
        where = evidence_location(layout, path)
        if where and where.kind == "runs" and (run := run_named(path)):
            names[path.rpartition("/")[0], run] = where.spec
    for (folder, name), spec in names.items():
        start = f"{folder}/{name}"
        chain, summary = read.get(start + LEDGER), read.get(start + SUMMARY)
        yield RunEvidence(
            spec,
            name,
            folder,
            summary if isinstance(summary, RunSummaryFile) else None,
            chain if isinstance(chain, Chain) else None,
            start + SIGNATURE in found,
        )


def run_named(path: str) -> str | None:
    """The run whose summary, ledger or signature a path is, by its name."""
    name = path.rpartition("/")[2]
    for ending in _ENDINGS:
        if name.endswith(ending):
            run = name.removesuffix(ending)
            return run if _RUN.fullmatch(run) else None
    return None


def _record(blob: Blob) -> RunSummaryFile:
    path = blob.entry.path
    if blob.data is None:
        return RunSummaryFile(path, b"", None, blob.problem)
    try:
        value = parse_json(blob.data)
    except JsonFlaw as flaw:
        return RunSummaryFile(path, blob.data, None, flaw.message)
    if not isinstance(value, dict):
        return RunSummaryFile(path, blob.data, None, "not an object")
    return RunSummaryFile(path, blob.data, value)
