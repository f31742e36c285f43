"""The tree as a run found it, and what has changed in it since that the run did not do itself."""

from __future__ import annotations

from typing import NamedTuple

from guardrails.pipeline.world import World


class DirtyPath(NamedTuple):
    """One path that differed from HEAD. `kind` is as `git status` has it; the digests are of what was there: the
    blob id in the index, and the SHA-256 of the file on disk. None: there was nothing."""

    kind: str
    path: str
    staged: str | None
    sha256: str | None


class TreeState(NamedTuple):
    """The working tree at the start of a run. `head` is None before the first commit."""

    head: str | None
    dirty: tuple[DirtyPath, ...] = ()


def tree_state(world: World) -> TreeState:
    """The tree as it is now. Raises Undecidable when git cannot say."""
    raise NotImplementedError(world.spec)
