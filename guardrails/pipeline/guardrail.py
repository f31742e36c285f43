"""One stage's guardrail: what is asked before its agents are, and after their verdict."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from guardrails.evidence.names import Session
from guardrails.evidence.store import Written
from guardrails.pipeline.baseline import TreeState
from guardrails.pipeline.halting import Halt
from guardrails.pipeline.world import World

Status = Literal["passed", "failed", "skipped"]


class Opened(NamedTuple):
    """What was found before the agents of a stage are asked. `written` are the files that were written for it."""

    stage: str
    start: TreeState
    halt: Halt | None = None
    written: tuple[Written, ...] = ()
    warnings: tuple[str, ...] = ()


class Closed(NamedTuple):
    """How a stage ended. `telemetry` is its record, which `written` has too."""

    stage: str
    status: Status
    exit_code: int
    halt: Halt | None = None
    written: tuple[Written, ...] = ()
    telemetry: Written | None = None
    warnings: tuple[str, ...] = ()


def open_stage(world: World, session: Session, start: TreeState, own: Sequence[Written]) -> Opened:
    """The tree, the prerequisites, the checks, the stage's tools, and the first policy layer.

    `own` is all that the run has written and recorded so far; of one path the last entry counts. Nothing is raised for
    what a stage can fail by: that is `halt`. Call `close_stage` even then: it writes the record of the failure.
    """
    raise NotImplementedError(world.spec, session, start, own)


def close_stage(world: World, session: Session, opened: Opened, verdict: str | None, own: Sequence[Written]) -> Closed:
    """The final policy layer, the probes, the tree once more, the outcome; telemetry is written.

    `verdict` is that of the agents (`ok`, `conflict`, `degraded`, `undecided`), None when none were asked. `own` is as
    for `open_stage`, with what the agents' consensus wrote, and without what `opened` has.
    """
    raise NotImplementedError(world.spec, session, opened, verdict, own)
