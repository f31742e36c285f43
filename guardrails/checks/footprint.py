"""How many bytes of evidence each SPEC keeps: all kinds together, unknown folders too.

Evidence that names no SPEC is measured as well, so that nothing escapes by its place. A Git LFS pointer counts
as the pointer it is; a symbolic link as the link.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from heapq import nlargest
from typing import Any, NamedTuple

from guardrails.config.layout import Layout
from guardrails.config.settings import EvidenceSettings
from guardrails.core.finding import Checked, Finding, Observation, Rule
from guardrails.core.parallel import in_halves
from guardrails.core.paths import parents, within
from guardrails.core.text import bytes_text, plural
from guardrails.snapshot.base import Snapshot, Weight
from guardrails.snapshot.context import CheckContext

# FPT: how much evidence each SPEC keeps in the repository.


OVER_LIMIT = Rule(
    "FPT001",
    "footprint-over-limit",
    "The evidence of a SPEC is larger than the limit.",
    "Every clone carries all evidence that was ever committed. Past the limit a repository becomes slow for everybody, "
    "and history cannot be made smaller afterwards without rewriting it.",
    "docs/.../evidence: SPEC-KIT-900 holds 26.0 MB (limit 25.0 MB)",
    "Archive older runs (`speckit evidence archive`), or remove what is not evidence. "
    "`evidence.limit_mb` in .speckit.yaml sets the limit; exactly the limit still holds.",
)
OVER_WARNING = Rule(
    "FPT002",
    "footprint-near-limit",
    "The evidence of a SPEC is larger than the warning threshold.",
    "It is cheaper to archive old runs now than when a commit is refused.",
    "docs/.../evidence: SPEC-KIT-900 holds 16.2 MB (warning above 15.0 MB, limit 25.0 MB)",
    "Archive older runs (`speckit evidence archive`). `evidence.warn_mb` in .speckit.yaml sets the threshold.",
    "warning",
)
MEASURED = Rule(
    "FPT003",
    "footprint-measured",
    "What was measured for a SPEC: total, growth against the base, largest files.",
    "A limit that is only heard of when it is broken comes as a surprise.",
    "docs/.../evidence: SPEC-KIT-900 holds 3.1 MB (+0.2 MB since HEAD)",
    "Nothing to fix.",
    "note",
)

RULES = (OVER_LIMIT, OVER_WARNING, MEASURED)


NO_SPEC = "(no SPEC)"
LARGEST = 3
SMALLEST, LARGER = 126, 146
"""A Git LFS pointer without extensions has at least so many bytes, and fewer than so many: three lines and a size."""
MANY_SMALL = 500
LEAST_PARTS = 10
"""Portions from which they are weighed in two processes."""
_POINTER = b"version https://git-lfs.github.com/spec/v1\n"


class Footprint(NamedTuple):
    """The evidence of one SPEC. `largest` are (bytes, path), largest first; `pointers` counts LFS pointers."""

    total: int
    files: int
    largest: tuple[tuple[int, str], ...]
    pointers: int = 0


class _Measured(NamedTuple):
    """Footprints by SPEC, and the paths whose size is that of a Git LFS pointer."""

    footprints: dict[str, Footprint]
    small: list[str]


def check(context: CheckContext) -> Iterator[Observation]:
    """One finding for each SPEC with evidence: over the limit, near it, or merely measured."""
    layout, snapshot = context.settings.layout, context.snapshot
    growing = snapshot.growing(_roots(layout))
    measured = measure(snapshot, layout, context.scope.spec)
    grown = growth(growing(), layout)
    for spec, footprint in sorted(measured.items()):
        yield Checked(f"{layout.evidence}: {spec}")
        yield _judge(spec, footprint, None if grown is None else grown.get(spec, 0), context)


def _judge(spec: str, footprint: Footprint, growth: int | None, context: CheckContext) -> Finding:
    evidence = context.settings.evidence
    rule = MEASURED
    if footprint.total > evidence.limit_bytes:
        rule = OVER_LIMIT
    elif footprint.total > evidence.warn_bytes:
        rule = OVER_WARNING
    files = plural(footprint.files, "file")
    message = f"{spec} holds {bytes_text(footprint.total)} in {files}" + _limits(rule.code, evidence)
    if growth is not None:
        message += f", {_signed(growth)} since {_base_name(context.snapshot)}"
    if footprint.pointers:
        message += f", {footprint.pointers} of them Git LFS pointers counted as pointers"
    message += "; largest: " + ", ".join(f"{path} ({bytes_text(size)})" for size, path in footprint.largest)
    archive = "archive older runs" if spec == NO_SPEC else f"run 'speckit evidence archive --spec {spec}'"
    hint = None if rule is MEASURED else f"{archive}, or delete what is not evidence"
    root = context.settings.layout.evidence
    if spec == NO_SPEC:
        return rule.at(root, message, hint=hint)
    # The path names the SPEC, so that a waiver for one is no waiver for all.
    return rule.at(f"{root}/{spec}", message, hint=hint, spec=spec)


def _limits(code: str, evidence: EvidenceSettings) -> str:
    if code == OVER_LIMIT.code:
        return f", more than the limit of {bytes_text(evidence.limit_bytes)}"
    if code == OVER_WARNING.code:
        return f", more than {bytes_text(evidence.warn_bytes)} (the limit is {bytes_text(evidence.limit_bytes)})"
    return f" of {bytes_text(evidence.limit_bytes)}"


def _base_name(snapshot: Snapshot) -> str:
    if snapshot.source.kind in ("index", "worktree"):
        return "HEAD"
    return snapshot.base.describe() if snapshot.base else "nothing"


def _signed(size: int) -> str:
    return ("+" if size >= 0 else "-") + bytes_text(abs(size))


def measure(snapshot: Snapshot, layout: Layout, only: str | None = None) -> dict[str, Footprint]:
    """The footprint of each SPEC that has evidence, by id (or `(no SPEC)`)."""
    whole = partial(_is_owned, layout)
    parts = [part for place in _places(snapshot, layout) for part in snapshot.parts(place, whole)]
    halves = in_halves(partial(_weigh, snapshot, layout, only), parts, least=LEAST_PARTS)
    footprints: dict[str, Footprint] = {}
    for half in halves:
        for spec, footprint in half.footprints.items():
            footprints[spec] = _sum(footprints.get(spec), footprint)
    for path in _pointers(snapshot, layout, {path for half in halves for path in half.small}):
        spec = _spec_of(layout, *path.rpartition("/")[::2])
        footprints[spec] = footprints[spec]._replace(pointers=footprints[spec].pointers + 1)
    return footprints


def _is_owned(layout: Layout, folder: str) -> bool:
    return _owner(layout, folder) is not None


def _weigh(snapshot: Snapshot, layout: Layout, only: str | None, parts: list[Any]) -> _Measured:
    """What some portions of a snapshot weigh."""
    found = _Measured({}, [])
    for weight in snapshot.weigh(parts):
        owner = _owner(layout, weight.folder)
        groups = {owner: weight} if owner else _by_name(layout, weight)
        for spec, group in groups.items():
            if group.sizes and (only is None or spec == only):
                known = found.footprints.get(spec)
                found.footprints[spec] = _sum(known, _footprint(group, known))
                small = [index for index, size in enumerate(group.sizes) if SMALLEST <= size < LARGER]
                found.small.extend(f"{group.folder}/{group.name(index)}" for index in small)
    return found


def _footprint(group: Weight, known: Footprint | None) -> Footprint:
    """The footprint of some files. Only those are named that may be among the largest with what is `known`."""
    sizes, least = group.sizes, 0
    if known and len(known.largest) == LARGEST:
        least = known.largest[-1][0]
    largest: tuple[tuple[int, str], ...] = ()
    if max(sizes) >= least:
        places = _largest(sizes)
        largest = tuple((sizes[index], f"{group.folder}/{group.name(index)}") for index in places)
    return Footprint(sum(sizes), len(sizes), largest)


def _largest(sizes: list[int]) -> list[int]:
    """Where the largest stand, largest first."""
    if len(sizes) > MANY_SMALL:
        return nlargest(LARGEST, range(len(sizes)), key=sizes.__getitem__)
    return sorted(range(len(sizes)), key=sizes.__getitem__, reverse=True)[:LARGEST]  # less work for few


def _sum(one: Footprint | None, other: Footprint) -> Footprint:
    if one is None:
        return other
    largest = sorted((*one.largest, *other.largest), key=lambda row: (-row[0], row[1]))[:LARGEST]
    return Footprint(one.total + other.total, one.files + other.files, tuple(largest), one.pointers + other.pointers)


def _roots(layout: Layout) -> list[str]:
    return [layout.docs, *([] if within(layout.evidence, layout.docs) else [layout.evidence])]


def growth(changes: list[tuple[str, int]] | None, layout: Layout) -> dict[str, int] | None:
    """Bytes by which the evidence of each SPEC grew, from the paths that changed; None where that is not known."""
    if changes is None:
        return None
    grown: dict[str, int] = {}
    for path, more in changes:
        folder, _, name = path.rpartition("/")
        if _is_evidence(layout, folder):
            spec = _spec_of(layout, folder, name)
            grown[spec] = grown.get(spec, 0) + more
    return grown


def _is_evidence(layout: Layout, folder: str) -> bool:
    """Whether a folder is one of `_places`, or lies below one."""
    if within(folder, layout.evidence):
        return True
    spec, _, rest = folder[len(layout.docs) + 1 :].partition("/") if within(folder, layout.docs) else ("", "", "")
    return bool(rest) and within(rest, "evidence") and layout.id_of(spec) is not None


def _places(snapshot: Snapshot, layout: Layout) -> list[str]:
    """Where evidence lies: below the evidence root, and in the SPECs' own `evidence` folders."""
    own = [f"{layout.docs}/{folder}/evidence" for folder in spec_folders(snapshot, layout)]
    apart = [place for place in own if not within(place, layout.evidence) and not within(layout.evidence, place)]
    around = next((place for place in own if within(layout.evidence, place)), layout.evidence)
    return [around, *apart]


def _spec_of(layout: Layout, folder: str, name: str) -> str:
    return _owner(layout, folder) or _named(layout, name) or NO_SPEC


def _by_name(layout: Layout, weight: Weight) -> dict[str, Weight]:
    groups: dict[str, list[tuple[int, str]]] = {}
    for index, size in enumerate(weight.sizes):
        name = weight.name(index)
        groups.setdefault(_named(layout, name) or NO_SPEC, []).append((size, name))
    return {
        spec: Weight(weight.folder, [size for size, _ in files], [name for _, name in files].__getitem__)
        for spec, files in groups.items()
    }


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


def _pointers(snapshot: Snapshot, layout: Layout, small: set[str]) -> list[str]:
    """The paths of the files that are Git LFS pointers, told by size and then by their first line.

    Many files of that size are only looked into where an attribute file speaks of Git LFS.
    """
    if not small or (len(small) > MANY_SMALL and not _uses_lfs(snapshot, layout)):
        return []
    files = [entry for path in sorted(small) if (entry := snapshot.entry(path)) and entry.kind == "file"]
    return [blob.entry.path for blob in snapshot.read_many(files) if (blob.data or b"").startswith(_POINTER)]


def _uses_lfs(snapshot: Snapshot, layout: Layout) -> bool:
    folders = {"", layout.docs, layout.evidence, *parents(layout.evidence)}
    names = [f"{folder}/.gitattributes".lstrip("/") for folder in folders]
    return any(b"lfs" in (snapshot.read(name) or b"") for name in names)
