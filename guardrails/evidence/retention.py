"""Which runs of a SPEC stay and which are packed, each with the reason. Pure: it reads a snapshot and decides.

A packed run must be missed by nobody. So what stays is not only the last runs by recorded time: a run or session stays
too when it holds the latest session of a stage, on which verdicts rest, or when the tracker or a record that stays
names one of its files.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import NamedTuple

from guardrails.checks.footprint import NO_SPEC, measure
from guardrails.checks.ledger.archive_manifest import Manifest
from guardrails.checks.ledger.files import RESOLUTION
from guardrails.checks.ledger.runs import EvidenceInventory, RunEvidence, evidence_inventory, evidence_location
from guardrails.checks.presence import ATTESTATION
from guardrails.config.layout import Layout
from guardrails.config.settings import Settings
from guardrails.core.timestamps import EARLIEST, compact, parse_stamp, parse_time
from guardrails.errors import GuardrailError
from guardrails.layouts.evidence_names import evidence_name
from guardrails.layouts.own import mentioned, survey
from guardrails.layouts.tracker import DONE
from guardrails.snapshot.base import Snapshot

# What is kept or packed as one: a run with all its sessions, or a session that belongs to no run. Pure.


KINDS = ("commands", "consensus")
"""Folders whose files belong to sessions. Everything else belongs to the SPEC, or is about a run."""


class FileSession(NamedTuple):
    """One session of one stage, told by the names of its files. `session` is empty for older names without one."""

    stage: str
    when: datetime
    session: str

    @property
    def name(self) -> str:
        tail = f"-{self.session}" if self.session else ""
        return f"spec-{self.stage}_{compact(self.when)}{tail}"


class RetentionUnit(NamedTuple):
    """`name` is the run's, or the session's. `paths` are the files that belong to it alone, in the order in which
    they may go: a run's ledger and summary last. `kinds` are the (folder, stage) it has sessions of."""

    name: str
    run: RunEvidence | None
    started: datetime
    paths: tuple[str, ...]
    kinds: frozenset[tuple[str, str]]

    @property
    def under_way(self) -> bool:
        return self.run is not None and self.run.summary is not None and self.run.summary.under_way


def sitting(layout: Layout, path: str) -> FileSession | None:
    """The session a file was written in, by its name in any of the styles; None for a file that names none.

    A log has no name of its own kind, but begins as the records of its session do.
    """
    start, dot, _ = path.rpartition(".")
    name = evidence_name(layout, start + ".json") if dot else None
    stamp = parse_stamp(name.stamp) if name else None
    return FileSession(name.stage, stamp.when, stamp.session or "") if name and name.stage and stamp else None


def units(layout: Layout, inventory: EvidenceInventory, spec: str) -> list[RetentionUnit]:
    """Every run and session of a SPEC, oldest first by recorded time. Files without a session are in none."""
    runs = inventory.of(spec)
    sessions = _sessions(layout, inventory, spec)
    owner = _owners(layout, runs)
    grouped: dict[str, dict[FileSession, list[str]]] = {run.name: {} for run in runs}
    alone: dict[str, dict[FileSession, list[str]]] = {}
    for path, sat in sessions.items():
        run = owner.get(sat) or owner.get(_any_time(sat) if path.endswith((RESOLUTION, ATTESTATION)) else sat)
        home = grouped[run] if run else alone.setdefault(_home(sat, sessions.values(), path).name, {})
        home.setdefault(sat, []).append(path)
    found = [_of_run(layout, run, grouped[run.name], inventory) for run in runs]
    found += [_alone(layout, name, sat) for name, sat in alone.items()]
    return sorted(found, key=lambda unit: (unit.started, unit.name))


def _sessions(layout: Layout, inventory: EvidenceInventory, spec: str) -> dict[str, FileSession]:
    found = {}
    for path in sorted(inventory.files):
        where = evidence_location(layout, path)
        if where and where.spec == spec and where.kind in KINDS and (sat := sitting(layout, path)):
            found[path] = sat
    return found


def _any_time(sat: FileSession) -> FileSession:
    """A resolution is named for the session it settles, and for its own time."""
    return sat._replace(when=EARLIEST)


def _home(sat: FileSession, others: Iterable[FileSession], path: str) -> FileSession:
    """The session a file belongs to: for a resolution and its attestation the first with the same name."""
    if not path.endswith((RESOLUTION, ATTESTATION)) or not sat.session:
        return sat
    before = [each for each in others if _any_time(each) == _any_time(sat) and each.when <= sat.when]
    return min(before, default=sat)


def _owners(layout: Layout, runs: Iterable[RunEvidence]) -> dict[FileSession, str]:
    """The run of each session: what its ledger lists, and what its summary says."""
    owner = {}
    for run in runs:
        for name in run.sessions:
            if sat := sitting(layout, f"{layout.evidence}/commands/{run.spec}/{name}.json"):
                owner[sat] = owner[_any_time(sat)] = run.name
    return owner


def _of_run(
    layout: Layout, run: RunEvidence, sessions: dict[FileSession, list[str]], inventory: EvidenceInventory
) -> RetentionUnit:
    own = [path for path in (run.signature_path, run.ledger, run.summary_path) if path in inventory.files]
    recorded = parse_time((run.summary.document or {}).get("started_at")) if run.summary else None
    paths = (*sorted(path for group in sessions.values() for path in group), *own)
    return RetentionUnit(run.name, run, recorded or run.started, paths, frozenset(_kinds(layout, sessions)))


def _alone(layout: Layout, name: str, sessions: dict[FileSession, list[str]]) -> RetentionUnit:
    paths = tuple(sorted(path for group in sessions.values() for path in group))
    return RetentionUnit(name, None, min(sat.when for sat in sessions), paths, frozenset(_kinds(layout, sessions)))


def _kinds(layout: Layout, sessions: dict[FileSession, list[str]]) -> Iterator[tuple[str, str]]:
    for sat, paths in sessions.items():
        for path in paths:
            where = evidence_location(layout, path)
            if where and not path.endswith((RESOLUTION, ATTESTATION)):
                yield where.kind, sat.stage


_END = re.compile(rb"[.,;:)\]]+$")
_ODD = re.compile(r"[\x00-\x1f\\]")


# The plan: which units stay and which are packed.


class KeptUnit(NamedTuple):
    unit: RetentionUnit
    reason: str


class RetentionPlan(NamedTuple):
    """`packed` and `kept` are oldest first. `active` says why the whole SPEC is left alone, None when it is not."""

    spec: str
    keep: int
    packed: tuple[RetentionUnit, ...]
    kept: tuple[KeptUnit, ...]
    active: str | None
    inventory: EvidenceInventory


def plan(snapshot: Snapshot, settings: Settings, spec: str, keep: int, active_too: bool) -> RetentionPlan:
    """What an archive of the SPEC would do."""
    found = evidence_inventory(snapshot, settings.layout, spec)
    every = units(settings.layout, found, spec)
    reasons = _by_rank(every, keep)
    active = None if active_too else _active(snapshot, settings, spec)
    for unit in every:
        if reason := _unpackable(unit):
            reasons.setdefault(unit.name, reason)
    reasons |= _named(snapshot, settings.layout, found, every, reasons)
    kept = tuple(KeptUnit(unit, reasons[unit.name]) for unit in every if unit.name in reasons)
    packed = tuple(unit for unit in every if unit.name not in reasons)
    return RetentionPlan(spec, keep, packed, kept, active, found)


def _by_rank(every: list[RetentionUnit], keep: int) -> dict[str, str]:
    """Of runs the last `keep`; of each stage the last `keep` sessions outside runs, and the latest one in any case."""
    reasons: dict[str, str] = {}
    runs = [unit for unit in every if unit.run is not None and not unit.under_way]
    for unit in runs[-keep:] if keep else []:
        reasons[unit.name] = f"one of the last {keep} runs" if keep > 1 else "the last run"
    for kind in sorted({kind for unit in every for kind in unit.kinds}):
        sessions = [unit for unit in every if kind in unit.kinds]
        latest = sessions[-1]
        reasons.setdefault(latest.name, f"has the latest {kind[0]} of stage {kind[1]}")
        for unit in sessions[-keep:] if keep else []:
            if unit.run is None:
                reasons.setdefault(unit.name, f"one of the last {keep} sessions of stage {kind[1]}")
    return reasons


def _unpackable(unit: RetentionUnit) -> str | None:
    if unit.under_way:
        return "under way"
    for path in unit.paths:
        if _ODD.search(path) or not path.isprintable():
            return "has a file whose name no archive can hold"
    return None


def _named(
    snapshot: Snapshot, layout: Layout, found: EvidenceInventory, every: list[RetentionUnit], kept: Mapping[str, str]
) -> dict[str, str]:
    """The further units that stay because something that stays names a file of theirs, until nothing more is named."""
    reasons: dict[str, str] = {}
    owner = {path: unit.name for unit in every for path in unit.paths}
    pattern = re.compile(
        rb"%s/(?:%s)/[^\s\"'\\|`<>(]+" % (re.escape(layout.evidence.encode()), "|".join(KINDS).encode())
    )
    waiting = {path for path in found.files if path not in owner and _is_read(layout, path)} | {layout.tracker}
    waiting |= {path for path, name in owner.items() if name in kept and _is_read(layout, path)}
    while waiting:
        named = set(_mentions(snapshot, sorted(waiting), pattern))
        waiting = set()
        for unit in every:
            first = next((path for path in unit.paths if named & {path, *_above(layout, path)}), None)
            if first and unit.name not in kept and unit.name not in reasons:
                reasons[unit.name] = f"{first.rpartition('/')[2]} is named by what stays"
                waiting |= {path for path in unit.paths if _is_read(layout, path)}
    return reasons


def _above(layout: Layout, path: str) -> Iterator[str]:
    """The folders of a file below its SPEC's: naming one of them names what lies in it."""
    depth = layout.evidence.count("/") + 3
    parts = path.split("/")
    return ("/".join(parts[:end]) for end in range(depth + 1, len(parts)))


def _is_read(layout: Layout, path: str) -> bool:
    """Whether a file that stays may name others. Manifests name what is packed already."""
    where = evidence_location(layout, path)
    return path.endswith((".json", ".jsonl", ".md")) and not (where and where.kind == "archive")


def _mentions(snapshot: Snapshot, paths: Iterable[str], pattern: re.Pattern[bytes]) -> Iterator[str]:
    entries = [entry for path in paths if (entry := snapshot.entry(path)) and entry.kind == "file"]
    for blob in snapshot.read_many(entries):
        if blob.data is None:
            hint = "make it readable: what it names must stay"
            raise GuardrailError(f"{blob.entry.path}: {blob.problem}", hint)
        for token in set(pattern.findall(blob.data)):
            yield _END.sub(b"", token).rstrip(b"/").decode("utf-8", "surrogateescape")


def _active(snapshot: Snapshot, settings: Settings, spec: str) -> str | None:
    """Why the SPEC counts as active. Unknown is active: what nobody calls Done stays."""
    found = survey(snapshot, settings)
    tracker = settings.layout.tracker
    if found.tracker is None or found.tracker.document is None:
        return f"{tracker} cannot be read, so nobody says that {spec} is Done"
    placed = [item for folder in found.directories if folder.spec == spec for item in found.rows[folder.path]]
    rows = placed + [item for item in found.items if spec in mentioned(settings.layout, item, {spec: []})]
    if not rows:
        return f"no row of {tracker} speaks of {spec}"
    for item in rows:
        if not item.whole or item.role != DONE:
            return f"{tracker}:{item.row.line} says {item.written or 'nothing'}"
    return None


# What each SPEC's evidence holds: bytes, runs, growth, and for how many runs there is room. All of it is measured.


class Holding(NamedTuple):
    """One SPEC. `total` are bytes as `footprint` measures them, archives included; `growth` is the mean of what the
    runs in place hold each, None when there is no finished run; `left` is how many more such runs stay under the limit.
    """

    spec: str
    total: int
    files: int
    runs: int
    sessions: int
    """sessions that belong to no run"""
    archives: int
    archive_bytes: int
    growth: int | None
    left: int | None


def holdings(snapshot: Snapshot, layout: Layout, limit: int, only: str | None = None) -> list[Holding]:
    """Every SPEC that has evidence, by id; `limit` are the bytes one may hold."""
    measured = measure(snapshot, layout, only)
    found = evidence_inventory(snapshot, layout, only)
    sizes = sizes_below(snapshot, layout)
    made = []
    for spec, footprint in sorted(measured.items()):
        if spec == NO_SPEC:
            made.append(Holding(spec, footprint.total, footprint.files, 0, 0, 0, 0, None, None))
            continue
        every = units(layout, found, spec)
        runs = [unit for unit in every if unit.run is not None and not unit.under_way]
        alone = sum(unit.run is None for unit in every)
        growth = sum(sizes.get(path, 0) for unit in runs for path in unit.paths) // len(runs) if runs else None
        left = max(0, limit - footprint.total) // growth if growth else None
        packed = [row.size for manifest in _manifests(found, spec) for row in manifest.archives]
        made.append(
            Holding(spec, footprint.total, footprint.files, len(runs), alone, len(packed), sum(packed), growth, left)
        )
    return made


def _manifests(found: EvidenceInventory, spec: str) -> list[Manifest]:
    return [each for each in found.manifests.values() if not isinstance(each, str) and each.spec == spec]


def sizes_below(snapshot: Snapshot, layout: Layout) -> dict[str, int]:
    """Bytes of every file below the evidence root."""
    weighed = snapshot.weigh(snapshot.parts(layout.evidence, lambda _folder: False))
    return {f"{row.folder}/{row.name(index)}": size for row in weighed for index, size in enumerate(row.sizes)}
