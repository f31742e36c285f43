"""How many bytes of evidence each SPEC keeps: all kinds together, unknown folders too.

Evidence that names no SPEC is measured as well, so that nothing escapes by its place. A Git LFS pointer counts
as the pointer it is; a symbolic link as the link.
"""

from collections.abc import Iterator
from typing import NamedTuple

from guardrails.finding import Checked, Finding, Observation
from guardrails.layout import Layout
from guardrails.rules.footprint import MEASURED, OVER_LIMIT, OVER_WARNING
from guardrails.settings import MEGABYTE, Evidence
from guardrails.snapshot import Snapshot, within
from guardrails.subject import Subject

NO_SPEC = "(no SPEC)"
LARGEST = 3
POINTER_SIZES = range(110, 200)
"""Bytes of a Git LFS pointer without extensions."""
_POINTER = b"version https://git-lfs.github.com/spec/v1\n"


class Footprint(NamedTuple):
    """The evidence of one SPEC. `largest` are (bytes, path), largest first; `pointers` counts LFS pointers."""

    total: int
    files: int
    largest: tuple[tuple[int, str], ...]
    pointers: int


def check(subject: Subject) -> Iterator[Observation]:
    """One finding for each SPEC with evidence: over the limit, near it, or merely measured."""
    measured = measure(subject.snapshot, subject.settings.layout, subject.scope.spec)
    if not measured:
        return
    base = subject.snapshot.base
    before = totals(base, subject.settings.layout, subject.scope.spec) if base else None
    for spec, footprint in sorted(measured.items()):
        yield Checked(f"{subject.settings.layout.evidence}: {spec}")
        growth = None if before is None else footprint.total - before.get(spec, 0)
        yield _judge(spec, footprint, growth, subject)


def _judge(spec: str, footprint: Footprint, growth: int | None, subject: Subject) -> Finding:
    evidence = subject.settings.evidence
    rule = MEASURED
    if footprint.total > evidence.limit_bytes:
        rule = OVER_LIMIT
    elif footprint.total > evidence.warn_bytes:
        rule = OVER_WARNING
    files = "1 file" if footprint.files == 1 else f"{footprint.files} files"
    message = f"{spec} holds {_mb(footprint.total)} in {files}" + _limits(rule.code, evidence)
    if growth is not None:
        message += f", {_signed(growth)} since {_base_name(subject.snapshot)}"
    if footprint.pointers:
        message += f", {footprint.pointers} of them Git LFS pointers counted as pointers"
    message += "; largest: " + ", ".join(f"{path} ({_mb(size)})" for size, path in footprint.largest)
    hint = None if rule is MEASURED else "archive older runs or delete what is not evidence"
    named = None if spec == NO_SPEC else spec
    return rule.at(subject.settings.layout.evidence, message, hint=hint, spec=named)


def _limits(code: str, evidence: Evidence) -> str:
    if code == OVER_LIMIT.code:
        return f", more than the limit of {_mb(evidence.limit_bytes)}"
    if code == OVER_WARNING.code:
        return f", more than {_mb(evidence.warn_bytes)} (the limit is {_mb(evidence.limit_bytes)})"
    return f" of {_mb(evidence.limit_bytes)}"


def _base_name(snapshot: Snapshot) -> str:
    if snapshot.source.kind in ("index", "worktree"):
        return "HEAD"
    return snapshot.base.describe() if snapshot.base else "nothing"


def _mb(size: int) -> str:
    return f"{size / MEGABYTE:.2f} MB" if size >= MEGABYTE / 100 else f"{size} bytes"


def _signed(size: int) -> str:
    return ("+" if size >= 0 else "-") + _mb(abs(size))


def measure(snapshot: Snapshot, layout: Layout, only: str | None = None) -> dict[str, Footprint]:
    """The footprint of each SPEC that has evidence, by id (or `(no SPEC)`)."""
    grouped = _grouped(snapshot, layout, only)
    pointers = _pointers(snapshot, layout, grouped)
    made = {}
    for spec, files in grouped.items():
        largest = tuple(sorted(((size, path) for path, size in files), key=lambda row: (-row[0], row[1]))[:LARGEST])
        total = sum(size for _, size in files)
        made[spec] = Footprint(total, len(files), largest, sum(path in pointers for path, _ in files))
    return made


def totals(snapshot: Snapshot, layout: Layout, only: str | None = None) -> dict[str, int]:
    """Bytes of evidence by SPEC id."""
    return {spec: sum(size for _, size in files) for spec, files in _grouped(snapshot, layout, only).items()}


def _grouped(snapshot: Snapshot, layout: Layout, only: str | None) -> dict[str, list[tuple[str, int]]]:
    grouped: dict[str, list[tuple[str, int]]] = {}
    owner_of_folder: dict[str, str | None] = {}
    for path, size in _evidence(snapshot, layout):
        folder, _, name = path.rpartition("/")
        if folder not in owner_of_folder:
            owner_of_folder[folder] = _owner(layout, folder)
        spec = owner_of_folder[folder] or _named(layout, name) or NO_SPEC
        if only is None or spec == only:
            grouped.setdefault(spec, []).append((path, size))
    return grouped


def _evidence(snapshot: Snapshot, layout: Layout) -> Iterator[tuple[str, int]]:
    """(path, bytes) of every evidence file: below the evidence root, and in the SPECs' own `evidence` folders."""
    yield from snapshot.sizes(layout.evidence)
    for folder in spec_folders(snapshot, layout):
        own = f"{layout.docs}/{folder}/evidence"
        if own != layout.evidence:
            yield from snapshot.sizes(own)


def spec_folders(snapshot: Snapshot, layout: Layout) -> list[str]:
    """The names of the directories directly below `docs` that belong to a SPEC."""
    return [name for name in snapshot.folders(layout.docs) if layout.id_of(name)]


def _owner(layout: Layout, folder: str) -> str | None:
    """The SPEC in the folders of a path, the outermost below the evidence root first."""
    inside = folder[len(layout.evidence) + 1 :] if folder.startswith(layout.evidence + "/") else ""
    below = inside or folder[len(layout.docs) + 1 :]
    if folder == layout.evidence:
        return None
    return next((spec for part in below.split("/") if (spec := layout.id_of(part))), None)


def _named(layout: Layout, name: str) -> str | None:
    """The SPEC that a file name begins with, as in `SPEC-KIT-900_cost_summary.json`."""
    return layout.id_of(name.partition("_")[0].partition(".")[0])


def _pointers(snapshot: Snapshot, layout: Layout, grouped: dict[str, list[tuple[str, int]]]) -> set[str]:
    """The paths of the files that are Git LFS pointers, told by size and then by their first line."""
    small = {path for files in grouped.values() for path, size in files if size in POINTER_SIZES}
    if not small:
        return set()
    places = (layout.docs,) if within(layout.evidence, layout.docs) else (layout.docs, layout.evidence)
    entries = [entry for place in places for entry in snapshot.entries(place) if entry.path in small]
    files = [entry for entry in entries if entry.kind == "file"]
    return {blob.entry.path for blob in snapshot.read_many(files) if (blob.data or b"").startswith(_POINTER)}
