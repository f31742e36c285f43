"""The audit packet of a SPEC: what was decided, what it cost, what is disputed, and what somebody has to sign."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Literal, NamedTuple

from guardrails.reports.executions import executions
from guardrails.reports.judged import Judged, Sealed
from guardrails.reports.numbers import median, percentile, spent
from guardrails.reports.reconcile import Reconciliation, reconcile
from guardrails.reports.status import SpecState, status
from guardrails.reports.values import Call, Facts, Money, Run, Session
from guardrails.run_settings import Budget
from guardrails.settings import Settings

State = Literal["holds", "fails", "unknown"]


class Evidence(NamedTuple):
    """What was looked at besides the facts: what the checks say of it, and the digest of all of it."""

    judged: tuple[Judged, ...]
    sealed: Sealed


class ConflictRow(NamedTuple):
    """One conflict of the latest session of a stage. `settled` is None while it is open."""

    stage: str
    id: str
    text: str
    settled: str | None


class Variance(NamedTuple):
    """Something of a stage beside what was expected. `off` says by how much; None when it cannot be known."""

    stage: str
    what: str
    actual: float | None
    low: float | None
    high: float | None
    unit: Literal["usd", "tokens", "ms", "share"]
    floor: bool = False
    """whether it is only the least that it was"""

    @property
    def within(self) -> bool | None:
        """Whether it lies where it was expected; None when it or what is expected is unknown."""
        if self.actual is None or (self.low is None and self.high is None):
            return None
        if self.floor:
            return False if self.high is not None and self.actual > self.high else None
        return (self.low is None or self.actual >= self.low) and (self.high is None or self.actual <= self.high)


class Item(NamedTuple):
    """One line of the checklist that a machine verified."""

    what: str
    state: State
    why: str


class Signature(NamedTuple):
    """One line that a person has to sign, and what with it."""

    role: str
    confirms: str


class Ledger(NamedTuple):
    """The seal of a run: the digest that closes the chain of everything it wrote."""

    run: str
    outcome: str
    entries: int | None
    head: str | None


class Audit(NamedTuple):
    spec: str
    where: str
    generated: datetime
    sealed: Sealed
    state: SpecState
    costs: Reconciliation
    run_costs: tuple[Money, ...]
    """of the runs in which agents were called"""
    cap: float | None
    """US dollars that one run may cost"""
    conflicts: tuple[ConflictRow, ...]
    variances: tuple[Variance, ...]
    ledgers: tuple[Ledger, ...]
    items: tuple[Item, ...]
    signatures: tuple[Signature, ...]

    @property
    def holds(self) -> bool:
        """Whether everything that a machine can verify was verified and holds."""
        return all(item.state == "holds" for item in self.items)


_CHECKED = {
    "validate": "Evidence satisfies its schemas",
    "accept": "The declared acceptance criteria hold",
    "evidence verify": "Evidence is what the runs wrote",
}
SIGNATURES = (
    Signature("Spec-Kit maintainer", "the verdicts, and how each conflict was settled"),
    Signature("Finance", "the cost reconciliation, and every difference listed in it"),
    Signature("Security", "the security review, where the SPEC needs one"),
    Signature("SPEC owner", "that this packet is complete and may be handed over"),
)


def audit(facts: Facts, settings: Settings, budget: Budget, evidence: Evidence, now: datetime, spec: str) -> Audit:
    """The packet of one SPEC. Nothing in it depends on `now` but the time it says it was made, and waivers."""
    (state,) = status(facts, settings, now, float("inf"), spec).specs
    costs = reconcile(facts, spec)
    sessions = [each for each in facts.sessions if each.spec == spec]
    made = Audit(
        spec=spec,
        where=facts.where,
        generated=now,
        sealed=evidence.sealed,
        state=state,
        costs=costs,
        run_costs=tuple(
            each.cost for each in executions(facts) if each.spec == spec and each.called and not each.replayed
        ),
        cap=budget.usd if budget.usd is not None else costs.summary.budget if costs.summary else None,
        conflicts=tuple(_conflicts(state)),
        variances=tuple(_variances(state, sessions, settings, budget)),
        ledgers=tuple(_ledger(run) for run in facts.runs if run.spec == spec),
        items=(),
        signatures=SIGNATURES,
    )
    return made._replace(items=tuple(_items(made, evidence)))


def _conflicts(state: SpecState) -> Iterator[ConflictRow]:
    for stage in state.stages:
        for session in stage.sessions:
            verdict = session.then
            for conflict in verdict.conflicts:
                yield ConflictRow(stage.stage, conflict.id, conflict.text, None)
            for settled in verdict.resolved:
                by = f"{settled.resolution.by}: {settled.resolution.because}"
                yield ConflictRow(stage.stage, settled.conflict.id, settled.conflict.text, by)


def _ledger(run: Run) -> Ledger:
    return Ledger(run.name, run.outcome, run.entries, run.seal)


def _variances(state: SpecState, sessions: Sequence[Session], settings: Settings, budget: Budget) -> Iterator[Variance]:
    """Each stage's latest session beside what is expected of it, and beside the sessions before it."""
    for stage in state.stages:
        latest = stage.sessions
        if not latest:
            continue
        calls = [call for session in latest for call in session.calls]
        low, high = budget.tokens_per_stage or (None, None)
        cost = spent(calls)
        yield Variance(stage.stage, "tokens", cost.tokens, low, high, "tokens")
        yield Variance(stage.stage, "cost", cost.usd, None, budget.usd, "usd", cost.floor)
        before = [each for each in sessions if each.stage == stage.stage and each not in latest]
        usual = median(_p95(session.calls) for session in before)
        yield Variance(stage.stage, "latency p95", _p95(calls), None, None if usual is None else 2 * usual, "ms")
        agreement = min((each.agreement for each in latest if each.agreement is not None), default=None)
        if any(each.agreement is None for each in latest):
            agreement = None
        yield Variance(stage.stage, "agreement", agreement, settings.consensus.min_agreement, None, "share")


def _p95(calls: Sequence[Call]) -> float | None:
    """Of the calls that were answered; None unless it is known of all of them."""
    latencies = [call.latency_ms for call in calls if call.status != "error"]
    return None if None in latencies else percentile(latencies, 0.95)


def _items(made: Audit, evidence: Evidence) -> Iterator[Item]:
    """What a machine verifies, each with the reason."""
    run = [stage for stage in made.state.stages if stage.record or stage.sessions]
    yield _packet(made.state)
    failed = [f"{stage.stage} {stage.guardrail}" for stage in run if stage.guardrail != "passed"]
    yield _item("Every stage's guardrail passed", not failed, ", ".join(failed) or f"{len(run)} stages", bool(run))
    unsure = [f"{stage.stage} {stage.verdict}" for stage in run if stage.verdict != "ok"]
    yield _item("Every stage's verdict is ok", not unsure, ", ".join(unsure) or f"{len(run)} stages", bool(run))
    absent = [stage.stage for stage in made.state.stages if stage not in run]
    yield _item("All six stages were run", not absent, f"not run: {', '.join(absent)}" if absent else "all were run")
    open_ = sum(row.settled is None for row in made.conflicts)
    yield _item("No conflict is open", not open_, f"{open_} open", bool(run))
    yield _agree(made.costs)
    yield _within_cap(made)
    runs = len(made.ledgers)
    sealed = sum(bool(ledger.head) for ledger in made.ledgers)
    yield _item("Every run is sealed", sealed == runs, f"{sealed} of {runs} runs", bool(runs))
    for each in evidence.judged:
        said = f"{each.check}: {each.verdict}, {each.checked} examined, {each.found} errors"
        yield _item(_CHECKED.get(each.check, each.check), each.verdict == "pass", said, each.checked > 0)
    waivers = len(made.state.waivers)
    yield _item("No waiver is open", not waivers, f"{waivers} open")


def _packet(state: SpecState) -> Item:
    there = [document for packet in state.packets for document in packet.documents]
    lacking = [name for name, found in there if not found and name != "PRD.md"]
    said = ", ".join(lacking) + " missing" if lacking else "every document is there" if there else "no directory"
    return _item("The packet is complete", bool(there) and not lacking, said)


def _agree(costs: Reconciliation) -> Item:
    lines, bad = len(costs.lines) + 1, costs.differences
    differ = sum(line.state == "differs" for line in bad)
    said = f"{differ} of {lines} lines differ, {len(bad) - differ} are unknown" if bad else f"{lines} lines agree"
    state: State = "unknown" if not costs.lines else "fails" if differ else "unknown" if bad else "holds"
    return Item("Costs agree to the cent", state, said if costs.lines else "no cost is recorded")


def _within_cap(made: Audit) -> Item:
    what, cap = "Every run cost less than its cap", made.cap
    if cap is None:
        return Item(what, "unknown", "no cap is configured")
    over = [each for each in made.run_costs if each.usd is not None and each.usd > cap]
    if over:
        return Item(what, "fails", f"{len(over)} of {len(made.run_costs)} runs cost more than ${cap:.2f}")
    unknown = [each for each in made.run_costs if each.usd is None or each.floor]
    if not made.run_costs:
        return Item(what, "unknown", "nothing to examine (no run called an agent)")
    if unknown:
        return Item(what, "unknown", f"the cost of {len(unknown)} of {len(made.run_costs)} runs is not known")
    dearest = max(each.usd or 0.0 for each in made.run_costs)
    return Item(what, "holds", f"the dearest of {len(made.run_costs)} runs cost ${dearest:.2f} of ${cap:.2f}")


def _item(what: str, holds: bool, why: str, known: bool = True) -> Item:
    if not known:
        return Item(what, "unknown", f"nothing to examine ({why})")
    return Item(what, "holds" if holds else "fails", why)
