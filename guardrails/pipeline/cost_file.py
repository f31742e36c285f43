"""Write what a SPEC has cost, after each session of a stage."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from guardrails.costs.summary import Charge, calls_known, row, summary_document
from guardrails.evidence.names import Session, cost_path
from guardrails.evidence.store import Store, Written
from guardrails.pipeline.bill import spent_of
from guardrails.pipeline.left_calls import left_rows
from guardrails.pipeline.rounds import Made, Round
from guardrails.pipeline.world import World


def write_costs(
    world: World, session: Session, rounds: Sequence[Round], at: datetime
) -> tuple[Written, tuple[str, ...]]:
    """Bring the cost summary of the SPEC up to date with a session, and with calls of others that were given up before
    they were settled. Says what its reader should know.

    Calls whose program was not there were never made, and are not counted.
    """
    store = Store(world.repo.root)
    path = cost_path(world.settings.layout, world.spec)
    charges = [_charge(made) for each in rounds for made in each.made if not made.missing_tool]
    settled = row(session.stamp, session.stage, world.run, charges)
    before = store.read(path)
    left = tuple(left_rows(world, calls_known(before, world.spec), session.stamp))
    made = summary_document(before, world.spec, settled, world.plan.profile, world.plan.budget, at, left)
    return store.record(path, "cost_summary", made.document, replace=True), made.notes


def _charge(made: Made) -> Charge:
    cached = bool(made.cached_input_tokens)
    return Charge(spent_of(made), failed=made.error is not None, cached=cached, replayed=made.replayed)
