"""Alert rules played back over a SPEC's history: what fires, in the order it would have."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from hashlib import sha256
from typing import NamedTuple

from guardrails.reports.adoption import adoption
from guardrails.reports.adoption_targets import Alert, Targets
from guardrails.reports.documents import moment
from guardrails.reports.executions import Execution, executions
from guardrails.reports.numbers import priced
from guardrails.reports.values import Facts, Session


class RuleRow(NamedTuple):
    """One alert rule: what fires it, and whether it looks at one session, one run, or two weeks."""

    name: str
    about: str
    when: str


RULES = (
    RuleRow("consensus-conflict", "session", "a conflict nobody settled"),
    RuleRow("consensus-degraded", "session", "agents missing, or an agreement below the configured one"),
    RuleRow("guardrail-failed", "stage", "a guardrail failed"),
    RuleRow("cost-unknown", "run", "agents were called and no price is known"),
    RuleRow("cost-over-cap", "run", "a run cost more than its cap"),
    RuleRow("adoption-low-runs", "two weeks", "fewer than 3 runs in each"),
    RuleRow("adoption-low-agreement", "two weeks", "an agreement below 0.85 in each"),
    RuleRow("adoption-high-cost", "two weeks", "more than $3.50 a run in each"),
)


class Fired(NamedTuple):
    """An alert, with an id that is the same each time the same history is played."""

    id: str
    alert: Alert


class Played(NamedTuple):
    """What fired, and over how many runs: of none, nothing can."""

    runs: int
    fired: tuple[Fired, ...]


def playback(facts: Facts, now: datetime, weeks: int, cap: float | None, spec: str) -> Played:
    """Everything that fires over the last `weeks` ISO weeks of one SPEC."""
    found = adoption(facts, now, weeks, Targets())
    first = found.weeks[0].monday
    recent = [each for each in executions(facts) if each.started and each.started.date() >= first]
    alerts = [alert for each in recent for alert in _of_run(each, cap)]
    weekly = [alert._replace(spec=spec) for alert in found.alerts]
    return Played(len(recent), tuple(Fired(identity(each), each) for each in (*alerts, *weekly)))


def identity(alert: Alert) -> str:
    """What tells two alerts apart: the rule, and what it is about."""
    return sha256(f"{alert.name}\0{alert.spec}\0{alert.period}".encode("utf-8", "surrogateescape")).hexdigest()[:16]


def _of_run(each: Execution, cap: float | None) -> Iterator[Alert]:
    for stage in each.stages:
        if stage.session is not None:
            yield from _of_session(stage.session)
        record = stage.record
        if record is not None and record.outcome == "failed":
            failed = ", ".join(part.name for part in record.parts if part.outcome == "failed")
            period = f"{record.stage} {record.stamp or moment(record.when) or record.path}"
            yield Alert("guardrail-failed", period, f"{record.stage}: {failed}", None, None, record.spec)
    cost = each.cost
    if not each.called or each.replayed:
        return
    if cost.usd is None or cost.floor:
        yield Alert("cost-unknown", each.name, priced(cost), None, None, each.spec)
    if cap is not None and cost.usd is not None and cost.usd > cap:
        yield Alert("cost-over-cap", each.name, f"${cost.usd:.2f} of ${cap:.2f}", cost.usd, cap, each.spec)


def _of_session(session: Session) -> Iterator[Alert]:
    verdict = session.then
    if verdict.kind in ("conflict", "degraded"):
        period = f"{session.stage} {session.stamp or moment(session.when) or 'undated'}"
        said = f"{session.stage}: {'; '.join(verdict.reasons)}"
        yield Alert(f"consensus-{verdict.kind}", period, said, verdict.agreement, None, session.spec)
