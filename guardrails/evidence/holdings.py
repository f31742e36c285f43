"""What each SPEC's evidence holds: bytes, runs, growth, and for how many runs there is room. All of it is measured."""

from __future__ import annotations

from typing import NamedTuple

from guardrails.archives import Manifest
from guardrails.checks.footprint import NO_SPEC, measure
from guardrails.checks.ledger_runs import Shelf, shelf
from guardrails.evidence.units import units
from guardrails.layout import Layout
from guardrails.snapshot import Snapshot


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
    found = shelf(snapshot, layout, only)
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


def _manifests(found: Shelf, spec: str) -> list[Manifest]:
    return [each for each in found.manifests.values() if not isinstance(each, str) and each.spec == spec]


def sizes_below(snapshot: Snapshot, layout: Layout) -> dict[str, int]:
    """Bytes of every file below the evidence root."""
    weighed = snapshot.weigh(snapshot.parts(layout.evidence, lambda _folder: False))
    return {f"{row.folder}/{row.name(index)}": size for row in weighed for index, size in enumerate(row.sizes)}
