"""The audit packet of a SPEC: what was decided, what it cost, what is disputed, and what somebody has to sign."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any, Literal, NamedTuple

from guardrails.config.layout import STAGES
from guardrails.config.run_settings import Budget
from guardrails.config.settings import Settings
from guardrails.core.cost import Cost, described, dollars
from guardrails.layouts.cost_summary import CostSummary
from guardrails.reports.audit_checks import AuditedCheck, Sealed
from guardrails.reports.figures import Unit, added, count, median, percentile, share, spent, total_of, written
from guardrails.reports.formats.plain_json import moment, plain
from guardrails.reports.model import CallRecord, Facts, RunRecord, SessionReport
from guardrails.reports.runs import executions
from guardrails.reports.status import SpecState, StageState, status_report
from guardrails.reports.view import (
    BOUND,
    HTML,
    MARKDOWN,
    TEXT,
    Chart,
    Fact,
    Fields,
    Paragraph,
    Section,
    Series,
    Table,
    Target,
    View,
    chart,
    or_none,
    table,
)

# Cost reconciliation: metrics of calls, event lines, cost summary. To the cent; unknown equals nothing.


CENT = 0.005
"""Half a cent: amounts that are closer are the same to the cent."""

Reconciled = Literal["agrees", "differs", "unknown"]


class CostLine(NamedTuple):
    """One session (or all of a stage, where the summary gives only sums). A witness that tells nothing is None.

    `repeated` are calls of agents that were asked again: their metrics gave way to those of the last attempt, so only
    the event lines tell of them.
    """

    stage: str
    session: str | None
    metrics: Cost | None
    events: Cost | None
    summary: Cost | None
    repeated: Cost | None = None
    state: Reconciled = "agrees"
    differences: tuple[str, ...] = ()


class Reconciliation(NamedTuple):
    """`archived` are sessions the summary counts whose evidence is not here: nothing to hold them against."""

    summary: CostSummary | None
    lines: tuple[CostLine, ...]
    archived: tuple[str, ...]
    total: CostLine

    @property
    def agrees(self) -> bool:
        """Whether there is something to hold against each other, and all of it is the same."""
        return bool(self.lines) and all(line.state == "agrees" for line in (*self.lines, self.total))

    @property
    def differences(self) -> tuple[CostLine, ...]:
        return tuple(line for line in (*self.lines, self.total) if line.state != "agrees")


def reconcile(facts: Facts, spec: str) -> Reconciliation:
    """What the records of one SPEC say its calls cost."""
    sessions = [each for each in facts.sessions if each.spec == spec and (each.metrics or each.events)]
    summary = next((each for each in reversed(facts.costs) if each.spec == spec and not each.problem), None)
    if summary is not None and summary.sessions:
        return _by_session(sessions, summary)
    lines = [_line(stage, None, mine, _stage_sum(summary, stage)) for stage in STAGES if (mine := _of(sessions, stage))]
    lines += [
        _line(row.stage, None, [], row.cost)
        for row in (summary.known_stages if summary else ())
        if not _of(sessions, row.stage)
    ]
    return Reconciliation(summary, tuple(lines), (), _total(lines, summary.total if summary else None))


def _of(sessions: Sequence[SessionReport], stage: str) -> list[SessionReport]:
    return [each for each in sessions if each.stage == stage]


def _stage_sum(summary: CostSummary | None, stage: str) -> Cost | None:
    return next((row.cost for row in summary.known_stages if row.stage == stage), None) if summary else None


def _by_session(sessions: Sequence[SessionReport], summary: CostSummary) -> Reconciliation:
    rows = {(row.stage, row.session): row.cost for row in summary.sessions or ()}
    lines = [_line(each.stage, each.stamp, [each], rows.get((each.stage, each.stamp or ""))) for each in sessions]
    here = {(each.stage, each.stamp) for each in sessions}
    archived = tuple(row.session for row in summary.sessions or () if (row.stage, row.session) not in here)
    # Its own total counts what was archived; the rows that remain are what can be compared.
    counted = summary.total if not archived else total_of([money for key, money in rows.items() if key in here])
    return Reconciliation(summary, tuple(lines), archived, _total(lines, counted))


def _line(stage: str, session: str | None, sessions: Sequence[SessionReport], summary: Cost | None) -> CostLine:
    metrics = [call for each in sessions for call in each.metrics]
    events = [call for each in sessions for call in each.events]
    repeated = [call for each in sessions for call in _repeated(each)]
    told, listed = (spent(calls) if calls else None for calls in (metrics, events))
    return _judged(CostLine(stage, session, told, listed, summary, spent(repeated) if repeated else None))


def _repeated(session: SessionReport) -> Iterator[CallRecord]:
    last = {(call.agent, call.ballot): call.attempt for call in session.metrics if call.attempt is not None}
    for call in session.events:
        if call.attempt is not None and call.attempt < last.get((call.agent, call.ballot), 0):
            yield call


def _total(lines: Sequence[CostLine], summary: Cost | None) -> CostLine:
    columns = ([getattr(line, name) for line in lines] for name in ("metrics", "events", "repeated"))
    sums = [total_of(known) if (known := [each for each in column if each]) else None for column in columns]
    return _judged(CostLine("total", None, sums[0], sums[1], summary, sums[2]))


def _judged(line: CostLine) -> CostLine:
    """With what differs. A witness that is not there at all is only a difference where it is the summary, or where it
    would be the only one."""
    found = tuple(_differences(line))
    given = [each for each in (line.metrics, line.events, line.summary) if each is not None]
    known = all(each.total_micros is not None for each in given)
    state: Reconciled = "differs" if found else "agrees" if known else "unknown"
    if state == "unknown":
        found = ("at least one call has no known price",)
    return line._replace(state=state, differences=found)


def _differences(line: CostLine) -> Iterator[str]:
    told = total_of([line.metrics, line.repeated]) if line.metrics and line.repeated else line.metrics
    named = (("metrics", told), ("event lines", line.events), ("cost summary", line.summary))
    given = [(name, money) for name, money in named if money is not None]
    if line.summary is None:
        yield "the cost summary does not count it"
    elif len(given) == 1:
        yield "only the cost summary tells of it"
    for (one, first), (other, second) in pairwise(given):
        yield from _between(one, first, other, second)


def _between(one: str, first: Cost, other: str, second: Cost) -> Iterator[str]:
    if first.usd is not None and second.usd is not None:
        if abs(first.usd - second.usd) >= CENT:
            apart = dollars(abs(first.usd - second.usd))
            yield f"{one} {dollars(first.usd)}, {other} {dollars(second.usd)}: {apart} apart"
    elif first.usd is not second.usd:
        yield f"{one} {dollars(first.usd)}, {other} {dollars(second.usd)}"
    if first.calls is not None and second.calls is not None and first.calls != second.calls:
        yield f"{one} tell of {first.calls} calls, {other} of {second.calls}"


AuditState = Literal["holds", "fails", "unknown"]


class AuditEvidence(NamedTuple):
    """What was looked at besides the facts: what the checks say of it, and the digest of all of it."""

    judged: tuple[AuditedCheck, ...]
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
    unit: Unit
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


class ChecklistItem(NamedTuple):
    """One line of the checklist that a machine verified."""

    what: str
    state: AuditState
    why: str


class Signature(NamedTuple):
    """One line that a person has to sign, and what with it."""

    role: str
    confirms: str


class SealedRun(NamedTuple):
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
    run_costs: tuple[Cost, ...]
    """of the runs in which agents were called"""
    cap: float | None
    """US dollars that one run may cost"""
    conflicts: tuple[ConflictRow, ...]
    variances: tuple[Variance, ...]
    ledgers: tuple[SealedRun, ...]
    items: tuple[ChecklistItem, ...]
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


def audit_packet(
    facts: Facts, settings: Settings, budget: Budget, evidence: AuditEvidence, now: datetime, spec: str
) -> Audit:
    """The packet of one SPEC. Nothing in it depends on `now` but the time it says it was made, and waivers."""
    (state,) = status_report(facts, settings, now, float("inf"), spec).specs
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
        cap=budget.usd if budget.usd is not None else costs.summary.cap_usd if costs.summary else None,
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


def _ledger(run: RunRecord) -> SealedRun:
    return SealedRun(run.name, run.outcome, run.entries, run.seal)


def _variances(
    state: SpecState, sessions: Sequence[SessionReport], settings: Settings, budget: Budget
) -> Iterator[Variance]:
    """Each stage's latest session beside what is expected of it, and beside the sessions before it."""
    for stage in state.stages:
        latest = stage.sessions
        if not latest:
            continue
        calls = [call for session in latest for call in session.calls]
        low, high = budget.tokens_per_stage or (None, None)
        cost = spent(calls)
        yield Variance(stage.stage, "tokens", cost.total_tokens, low, high, "tokens")
        yield Variance(stage.stage, "cost", cost.usd, None, budget.usd, "usd", cost.partial)
        before = [each for each in sessions if each.stage == stage.stage and each not in latest]
        usual = median(_p95(session.calls) for session in before)
        yield Variance(stage.stage, "latency p95", _p95(calls), None, None if usual is None else 2 * usual, "ms")
        agreement = min((each.agreement for each in latest if each.agreement is not None), default=None)
        if any(each.agreement is None for each in latest):
            agreement = None
        yield Variance(stage.stage, "agreement", agreement, settings.consensus.min_agreement, None, "share")


def _p95(calls: Sequence[CallRecord]) -> float | None:
    """Of the calls that brought an answer, for ballots take little; None unless it is known of all of them."""
    latencies = [call.latency_ms for call in calls if call.status != "error" and not call.ballot]
    return None if None in latencies else percentile(latencies, 0.95)


def _items(made: Audit, evidence: AuditEvidence) -> Iterator[ChecklistItem]:
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


def _packet(state: SpecState) -> ChecklistItem:
    there = [document for packet in state.packets for document in packet.documents]
    lacking = [name for name, found in there if not found and name != "PRD.md"]
    said = ", ".join(lacking) + " missing" if lacking else "every document is there" if there else "no directory"
    return _item("The packet is complete", bool(there) and not lacking, said)


def _agree(costs: Reconciliation) -> ChecklistItem:
    lines, bad = len(costs.lines) + 1, costs.differences
    differ = sum(line.state == "differs" for line in bad)
    said = f"{differ} of {lines} lines differ, {len(bad) - differ} are unknown" if bad else f"{lines} lines agree"
    state: AuditState = "unknown" if not costs.lines else "fails" if differ else "unknown" if bad else "holds"
    return ChecklistItem("Costs agree to the cent", state, said if costs.lines else "no cost is recorded")


def _within_cap(made: Audit) -> ChecklistItem:
    what, cap = "Every run cost less than its cap", made.cap
    if cap is None:
        return ChecklistItem(what, "unknown", "no cap is configured")
    over = [each for each in made.run_costs if each.usd is not None and each.usd > cap]
    if over:
        return ChecklistItem(what, "fails", f"{len(over)} of {len(made.run_costs)} runs cost more than {dollars(cap)}")
    unknown = [each for each in made.run_costs if each.total_micros is None]
    if not made.run_costs:
        return ChecklistItem(what, "unknown", "nothing to examine (no run called an agent)")
    if unknown:
        return ChecklistItem(what, "unknown", f"the cost of {len(unknown)} of {len(made.run_costs)} runs is not known")
    dearest = max(each.usd or 0.0 for each in made.run_costs)
    return ChecklistItem(
        what, "holds", f"the dearest of {len(made.run_costs)} runs cost {dollars(dearest)} of {dollars(cap)}"
    )


def _item(what: str, holds: bool, why: str, known: bool = True) -> ChecklistItem:
    if not known:
        return ChecklistItem(what, "unknown", f"nothing to examine ({why})")
    return ChecklistItem(what, "holds" if holds else "fails", why)


# The audit packet laid out, and as JSON. Only one line of each form tells when it was made.


SCHEMA = "speckit.audit/1"
MADE = "generated"
"""What begins the one line that differs between two packets about the same evidence."""

_VERDICTS = ("Stage", "Guardrail", "Verdict", "Agreement", "Participation", "Agents", "When")
_MARKS = {"holds": "[x]", "fails": "[ ]", "unknown": "[?]"}


def view(found: Audit, least: float) -> View:
    """The packet. The places for names and signatures are empty: they are for people. Text has what holds, what does
    not, and the costs; `least` is the agreement that is asked for."""
    sealed = f"{found.sealed.files} files, sha256 {found.sealed.sha256}"
    checked = table("Verified by machine", ("", "Machine-verified", "Why"), map(_item_row, found.items))
    to_sign = table(
        "To be signed",
        ("Role", "Confirms", "Name", "Date", "Signature"),
        [(each.role, each.confirms, "", "", "") for each in found.signatures],
        forms=BOUND,
    )
    sections = (
        Section(
            "",
            "",
            (
                Fields((("SPEC", found.spec), ("evidence", sealed), ("in", found.where)), TEXT),
                Fields((("evidence", sealed), (MADE, found.generated)), MARKDOWN),
                Paragraph(f"{_summary(found)}.", MARKDOWN),
            ),
            (*TEXT, *MARKDOWN),
        ),
        Section("sign-off", "Sign-off", (checked._replace(header=("State", "What", "Why")), to_sign), HTML),
        Section("", "", (checked,), TEXT),
        Section("verdicts", "Verdicts", (_agreement(found, least), _verdicts(found)), BOUND),
        Section("costs", "Cost reconciliation", (_cost_chart(found), cost_table(found.costs), _archived(found))),
        Section("conflicts", "Conflicts", (_conflict_table(found),)),
        Section("variance", "Variance", (_variance(found),), BOUND),
        Section("ledger", "Ledger", (_ledger_table(found),), BOUND),
        Section("", "Sign-off", (checked, to_sign), MARKDOWN),  # after all that is signed
        Section("", "", (Paragraph(_summary(found)),), TEXT),
    )
    title, made = f"Audit of {found.spec}", moment(found.generated) or ""
    subtitle = f"{found.sealed.files} evidence files, sha256 {found.sealed.sha256}"
    return View(title, subtitle, made, _facts(found), sections, document_title=f"Audit packet of {found.spec}")


def _facts(found: Audit) -> tuple[Fact, ...]:
    held = sum(item.state == "holds" for item in found.items)
    open_ = sum(row.settled is None for row in found.conflicts)
    sealed, runs = sum(bool(row.head) for row in found.ledgers), len(found.ledgers)
    return (
        Fact("Verified by machine", f"{held} of {len(found.items)}", "", "good" if found.holds else "bad"),
        costs_fact(found.costs),
        Fact("Open conflicts", str(open_), "", "bad" if open_ else "good"),
        Fact("Sealed runs", f"{sealed} of {runs}", "", "good" if sealed and sealed == runs else "warn"),
    )


def costs_fact(costs: Reconciliation) -> Fact:
    """Whether the records of costs agree."""
    return Fact("Costs", "agree" if costs.agrees else "do not agree", "", "good" if costs.agrees else "bad")


def _summary(found: Audit) -> str:
    """The packet in a sentence."""
    held = sum(item.state == "holds" for item in found.items)
    return f"{held} of {len(found.items)} things a machine can verify hold; {len(found.signatures)} are left to sign"


def _agreement(found: Audit, least: float) -> Chart:
    """How far agents agreed."""
    run = [stage for stage in found.state.stages if stage.sessions]
    series = Series("agreement", tuple(stage.sessions[0].then.agreement for stage in run))
    names = [stage.stage for stage in run]
    return chart("agreement-by-stage", "Agreement by stage", "bar", names, [series], "share", [Target("least", least)])


def _verdicts(found: Audit) -> Table:
    return table("Verdict of each stage", _VERDICTS, _verdict_rows(found.state.stages), (3, 4))


def _verdict_rows(stages: Sequence[StageState]) -> Iterator[tuple[str, ...]]:
    """A row for each stage, run or not."""
    for stage in stages:
        now = next((each.now for each in stage.sessions if each.now and each.now.kind == stage.verdict), None)
        agents = ", ".join(f"{each.agent} {each.outcome}" for each in stage.agents) or "-"
        when = max((each.when for each in stage.sessions if each.when), default=None)
        shares = (share(now.agreement), share(now.participation)) if now else ("-", "-")
        yield stage.stage, stage.guardrail, stage.verdict, *shares, agents, moment(when) or "-"


def _cost_chart(found: Audit) -> Chart:
    """What each stage cost by each witness."""
    lines = found.costs.lines
    stages = tuple(stage for stage in STAGES if any(line.stage == stage for line in lines))

    def of(stage: str, witness: str) -> float | None:
        amounts = [getattr(line, witness) for line in lines if line.stage == stage]
        return added(amount.usd for amount in amounts if amount is not None)

    named = (("metrics", "metrics"), ("event lines", "events"), ("cost summary", "summary"))
    told_of = [Series(name, tuple(of(stage, witness) for stage in stages)) for name, witness in named]
    series = [each for each in told_of if any(value is not None for value in each.values)]
    return chart("costs-by-stage", "Cost by stage, as each record tells it", "bar", stages, series, "usd")


def cost_table(costs: Reconciliation) -> Table:
    """What each record says of each session, and of all of them."""
    header = ("Stage", "Session", "Metrics", "Event lines", "Cost summary", "State", "Differences")
    return table("Costs to the cent", header, map(_cost_row, (*costs.lines, costs.total)), (2, 3, 4))


def _cost_row(line: CostLine) -> tuple[str, ...]:
    def shown(amount: Cost | None) -> str:
        return "-" if amount is None else described(amount)

    amounts = (shown(line.metrics), shown(line.events), shown(line.summary))
    again = f"none ({line.repeated.calls} earlier attempts stand in the event lines alone)" if line.repeated else "none"
    return line.stage, line.session or "all", *amounts, line.state, "; ".join(line.differences) or again


def _archived(found: Audit) -> Paragraph:
    archived = len(found.costs.archived)
    said = f"{archived} sessions of the cost summary were archived and are not held against anything."
    return Paragraph(said if archived else "", MARKDOWN)


def _conflict_table(found: Audit) -> Table:
    rows = [(row.stage, row.id, row.text, row.settled or "OPEN") for row in found.conflicts]
    return or_none(table("Conflicts", ("Stage", "Conflict", "What is disputed", "Settled"), rows))


def _variance(found: Audit) -> Table:
    rows = [
        (
            row.stage,
            row.what,
            ("at least " if row.floor else "") + written(row.actual, row.unit),
            _expected(row),
            {True: "yes", False: "NO", None: "unknown"}[row.within],
        )
        for row in found.variances
    ]
    return or_none(table("Variance", ("Stage", "What", "Actual", "Expected", "Within"), rows, (2,)))


def _expected(row: Variance) -> str:
    low, high = written(row.low, row.unit), written(row.high, row.unit)
    if row.low is not None:
        return f"at least {low}" if row.high is None else f"{low} to {high}"
    return "not stated" if row.high is None else f"at most {high}"


def _item_row(item: ChecklistItem) -> tuple[str, ...]:
    return _MARKS[item.state], item.what, item.why


def _ledger_table(found: Audit) -> Table:
    rows = [(row.run, row.outcome, count(row.entries), row.head or "not sealed") for row in found.ledgers]
    return or_none(table("Ledger", ("Run", "Outcome", "Entries", "Digest of the last entry"), rows, (2,)))


def as_document(found: Audit) -> dict[str, Any]:
    """The packet as one JSON document."""
    return {
        "schema": SCHEMA,
        "spec": found.spec,
        MADE: moment(found.generated),
        "evidence": plain(found.sealed),
        "holds": found.holds,
        "verdicts": [
            dict(zip(map(str.lower, _VERDICTS), row, strict=True)) for row in _verdict_rows(found.state.stages)
        ],
        "costs": {
            "summary": found.costs.summary.path if found.costs.summary else None,
            "agrees": found.costs.agrees,
            "lines": plain(found.costs.lines),
            "total": plain(found.costs.total),
            "archived": list(found.costs.archived),
            "cap_usd": found.cap,
        },
        "conflicts": plain(found.conflicts),
        "variances": [{**plain(row), "within": row.within} for row in found.variances],
        "ledgers": plain(found.ledgers),
        "items": plain(found.items),
        "signatures": plain(found.signatures),
    }
