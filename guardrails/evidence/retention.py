"""Which runs of a SPEC stay and which are packed, each with the reason. Pure: it reads a snapshot and decides.

A packed run must be missed by nobody. So what stays is not only the last runs by recorded time: a run or session stays
too when it holds the latest session of a stage, on which verdicts rest, or when the tracker or a record that stays
names one of its files.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from guardrails.checks.ledger_runs import Shelf, place, shelf
from guardrails.checks.tracker_rows import DONE
from guardrails.checks.tracker_survey import mentioned, survey
from guardrails.errors import GuardrailError
from guardrails.evidence.units import KINDS, Unit, units
from guardrails.layout import Layout
from guardrails.settings import Settings
from guardrails.snapshot import Snapshot

_END = re.compile(rb"[.,;:)\]]+$")
_ODD = re.compile(r"[\x00-\x1f\\]")


class Kept(NamedTuple):
    unit: Unit
    reason: str


class Plan(NamedTuple):
    """`packed` and `kept` are oldest first. `active` says why the whole SPEC is left alone, None when it is not."""

    spec: str
    keep: int
    packed: tuple[Unit, ...]
    kept: tuple[Kept, ...]
    active: str | None
    shelf: Shelf


def plan(snapshot: Snapshot, settings: Settings, spec: str, keep: int, active_too: bool) -> Plan:
    """What an archive of the SPEC would do."""
    found = shelf(snapshot, settings.layout, spec)
    every = units(settings.layout, found, spec)
    reasons = _by_rank(every, keep)
    active = None if active_too else _active(snapshot, settings, spec)
    for unit in every:
        if reason := _unpackable(unit):
            reasons.setdefault(unit.name, reason)
    _named(snapshot, settings.layout, found, every, reasons)
    kept = tuple(Kept(unit, reasons[unit.name]) for unit in every if unit.name in reasons)
    packed = tuple(unit for unit in every if unit.name not in reasons)
    return Plan(spec, keep, packed, kept, active, found)


def _by_rank(every: list[Unit], keep: int) -> dict[str, str]:
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


def _unpackable(unit: Unit) -> str | None:
    if unit.under_way:
        return "under way"
    for path in unit.paths:
        if _ODD.search(path) or not path.isprintable():
            return "has a file whose name no archive can hold"
    return None


def _named(snapshot: Snapshot, layout: Layout, found: Shelf, every: list[Unit], reasons: dict[str, str]) -> None:
    """Add the units of which something that stays names a file, until nothing more is named."""
    owner = {path: unit.name for unit in every for path in unit.paths}
    pattern = re.compile(
        rb"%s/(?:%s)/[^\s\"'\\|`<>(]+" % (re.escape(layout.evidence.encode()), "|".join(KINDS).encode())
    )
    waiting = {path for path in found.files if path not in owner and _is_read(layout, path)} | {layout.tracker}
    waiting |= {path for path, name in owner.items() if name in reasons and _is_read(layout, path)}
    while waiting:
        named = set(_mentions(snapshot, sorted(waiting), pattern))
        waiting = set()
        for unit in every:
            first = next((path for path in unit.paths if named & {path, *_above(layout, path)}), None)
            if first and unit.name not in reasons:
                reasons[unit.name] = f"{first.rpartition('/')[2]} is named by what stays"
                waiting |= {path for path in unit.paths if _is_read(layout, path)}


def _above(layout: Layout, path: str) -> Iterator[str]:
    """The folders of a file below its SPEC's: naming one of them names what lies in it."""
    depth = layout.evidence.count("/") + 3
    parts = path.split("/")
    return ("/".join(parts[:end]) for end in range(depth + 1, len(parts)))


def _is_read(layout: Layout, path: str) -> bool:
    """Whether a file that stays may name others. Manifests name what is packed already."""
    where = place(layout, path)
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
