"""The HAL probes of a stage."""

from __future__ import annotations

from typing import NamedTuple

from guardrails.errors import Undecidable
from guardrails.evidence.names import Session
from guardrails.pipeline.examined import Examined
from guardrails.pipeline.notes import Notes, Recorder
from guardrails.pipeline.stages import Ready
from guardrails.pipeline.world import World
from guardrails.printable import printable
from guardrails.probes.hal import Records, Surroundings, run
from guardrails.probes.hal_records import Response
from guardrails.probes.hal_summary import Summary, shortfall
from guardrails.settings import Hal


class Probed(NamedTuple):
    """What the record says of HAL, and what the stage makes of it."""

    summary: Summary
    rows: tuple[Examined, ...]


def concerns(ready: Ready) -> bool:
    """Whether the stage has anything to say of HAL."""
    return "hal" in ready.probes or "hal" in ready.rules.probes


def not_asked(world: World, why: str) -> Probed:
    """HAL in a stage that had failed before it could be asked."""
    hal = world.settings.hal
    return Probed(Summary(hal.mode, hal.origin, "skipped"), (Examined("hal", "skipped", why, needed=False),))


def probe(world: World, session: Session, ready: Ready, notes: Notes, recorder: Recorder) -> Probed:
    """Ask HAL as configured. A probe that fails, fails the stage; what is required is satisfied by the live HAL alone.

    Executed again, nobody is asked again.
    """
    hal = world.settings.hal
    hal = hal._replace(required=hal.required or ready.required)
    if "hal" not in ready.probes:
        summary = Summary("off", f"stages.{session.stage}.probes", "skipped")
        row = Examined("hal", "skipped", "not a probe of the stage", needed=False)
        return Probed(summary, _required(hal, summary) or (row,))
    settings = world.settings._replace(hal=hal)

    def ask() -> Probed:
        try:
            outcome = run(settings, Surroundings(world.environment, world.repo.root), Records(recorder, session))
        except Undecidable as error:
            failed = Summary(hal.mode, hal.origin, "failed", hal.checks)
            return Probed(failed, (Examined("hal", "failed", printable(error.message), error.hint, "undecided"),))
        rows = tuple(_row(made) for made in outcome.responses)
        return Probed(outcome.summary, (*rows, *_required(hal, outcome.summary)))

    return notes.once("hal", Probed, ask)


def _row(made: Response) -> Examined:
    name = f"hal {made.check}"
    if made.status == "passed":
        return Examined(name, "passed", f"{made.mode}: {made.http_status or 'answered'} in {made.latency_ms} ms")
    said = f"{made.mode}: {printable(made.reason or made.status)}"
    return Examined(name, made.status, said, None, "hal", needed=False)


def _required(hal: Hal, summary: Summary) -> tuple[Examined, ...]:
    """Whether what is required was had: nothing at all when it was."""
    missing = shortfall(hal, summary)
    if missing is None:
        return ()
    hint = "set hal.mode to live and hal.base_url, and the key in its variable"
    return (Examined("hal", "failed", printable(missing), hint, "hal"),)
