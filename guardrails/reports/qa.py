"""The telemetry QA sweep of a SPEC: schemas, fields, costs, and whether alerts reach anybody."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from guardrails.reports.judged import Judged, Sealed
from guardrails.reports.playback import Fired, playback
from guardrails.reports.population import Population
from guardrails.reports.reconcile import Reconciliation, reconcile
from guardrails.reports.values import Facts
from guardrails.run_settings import Budget


class Routed(NamedTuple):
    """What became of one alert at one place. `place` is shown without anything secret."""

    alert: str
    place: str
    outcome: str


class Routing(NamedTuple):
    """Where alerts go. `sent` is None when nothing was sent: then `places` is where they would have gone."""

    places: tuple[str, ...]
    sent: tuple[Routed, ...] | None = None


class Inputs(NamedTuple):
    """What was looked at besides the facts."""

    judged: Judged
    population: Population
    sealed: Sealed


class Qa(NamedTuple):
    spec: str
    where: str
    generated: datetime
    sealed: Sealed
    schemas: Judged
    population: Population
    costs: Reconciliation
    weeks: int
    runs: int
    """runs of these weeks, over which alert rules were played back"""
    fired: tuple[Fired, ...]
    routing: Routing

    @property
    def faults(self) -> tuple[str, ...]:
        """What keeps the telemetry from being trusted, each in a sentence."""
        found = []
        if self.schemas.verdict != "pass":
            found.append(f"{self.schemas.found} faults against the schemas ({self.schemas.verdict})")
        empty = [field for field in self.population.fields if field.said < field.records]
        if not self.population.fields:
            found.append("no record has a field to look at")
        if empty:
            found.append(f"{len(empty)} fields are not always populated")
        if not self.costs.agrees:
            found.append("costs do not agree, or are not known")
        if self.routing.sent is not None and any(each.outcome.startswith("failed") for each in self.routing.sent):
            found.append("an alert did not reach its place")
        if not self.routing.places:
            found.append("alerts go nowhere: no route is configured")
        return tuple(found)


def qa(facts: Facts, budget: Budget, inputs: Inputs, now: datetime, weeks: int, spec: str, routing: Routing) -> Qa:
    """The sweep over one SPEC. `facts` are of that SPEC alone."""
    runs, fired = playback(facts, now, weeks, budget.usd, spec)
    costs = reconcile(facts, spec)
    looked = (inputs.sealed, inputs.judged, inputs.population)
    return Qa(spec, facts.where, now, *looked, costs, weeks, runs, fired, routing)
