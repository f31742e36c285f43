"""Filing a report with the evidence it is about: again only where it says something new, and never over a signature."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

from guardrails.evidence.store import EvidenceStore

SaveOutcome = Literal["written", "unchanged", "kept"]


class Filed(NamedTuple):
    """`kept`: a file that somebody has changed lies there, and was left as it is."""

    path: str
    outcome: SaveOutcome


def file(
    store: EvidenceStore, files: Mapping[str, bytes], earlier: Mapping[str, bytes | None], made: bytes, replace: bool
) -> list[Filed]:
    """Write reports. `made` begins what tells when a report was made, up to the end of its line; two that differ in
    nothing else are the same. `earlier` is what lies at each path now, None for nothing."""
    done = []
    for path, data in files.items():
        before = earlier[path]
        if before is not None and timeless(before, made) == timeless(data, made):
            done.append(Filed(path, "unchanged"))
        elif before is not None and not replace:
            done.append(Filed(path, "kept"))
        else:
            store.write(path, data, replace=before is not None)
            done.append(Filed(path, "written"))
    return done


def timeless(data: bytes, made: bytes) -> bytes:
    """A report without the rest of each line in which it says when it was made."""
    lines = data.split(b"\n")
    return b"\n".join(line if made not in line else line.partition(made)[0] for line in lines)
