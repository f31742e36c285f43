"""What an earlier process of a run left on disk besides what its journal has on record.

A step that was killed is taken again and writes its files again. Until then they would look like somebody's dirt; and
the temporary file of a write that was cut off would stay for ever. A resolution is nobody's leftover: an operator wrote
it while the run was halted, and the run takes it over.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator, Sequence
from hashlib import sha256

from guardrails.evidence.names import Session
from guardrails.evidence.store import Written
from guardrails.evidence_names import evidence_name
from guardrails.pipeline.world import World
from guardrails.snapshot.worktree import Worktree
from guardrails.timestamps import parse_stamp

_PART = re.compile(r".+\.[0-9]+\.part")
_FOLDERS = ("commands", "consensus", "runs")


def sweep(world: World, session: Session | None, recorded: Collection[str]) -> None:
    """Remove temporary files of killed writers, and what a session has written that is not `recorded`.

    The caller holds the lock of the SPEC, so nobody is writing any of it now.
    """
    for path in _paths(world):
        if _PART.fullmatch(path) or _is_unrecorded(world, path, session, recorded):
            os.unlink(os.path.join(world.repo.root, path))


def _paths(world: World) -> Iterator[str]:
    """The regular files in the SPEC's folders of evidence; nothing is looked for through a link."""
    snapshot, root = Worktree(world.repo), world.settings.layout.evidence
    for folder in _FOLDERS:
        for entry in snapshot.entries(f"{root}/{folder}/{world.spec}"):
            if entry.kind == "file":
                yield entry.path
    for entry in snapshot.entries(f"{root}/costs"):
        if entry.kind == "file" and entry.path.startswith(f"{root}/costs/{world.spec}_cost_summary.json."):
            yield entry.path


def _is_unrecorded(world: World, path: str, session: Session | None, recorded: Collection[str]) -> bool:
    if session is None or path in recorded:
        return False
    if not path.rpartition("/")[2].startswith((session.name + ".", session.name + "_")):
        return False
    name = evidence_name(world.settings.layout, path)
    return name is None or name.kind != "resolution"


def resolutions(world: World, sessions: Sequence[Session]) -> tuple[Written, ...]:
    """The resolutions that were recorded for some sessions of the run."""
    nonces = {(session.stage, session.nonce) for session in sessions}
    snapshot, layout = Worktree(world.repo), world.settings.layout
    found = []
    for entry in snapshot.entries(f"{layout.evidence}/consensus/{world.spec}"):
        name = evidence_name(layout, entry.path)
        stamp = parse_stamp(name.stamp) if name is not None and name.kind == "resolution" else None
        if name is None or stamp is None or (name.stage, stamp.session) not in nonces:
            continue
        data = snapshot.read(entry.path)
        if data is not None:
            found.append(Written(entry.path, sha256(data).hexdigest(), len(data)))
    return tuple(found)
