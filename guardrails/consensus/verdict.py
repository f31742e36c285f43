"""The verdict of one stage: recomputed from the roster and the agents' own outputs, never read from a file.

Pure: values in, value out. The runner and the check both ask here, so they cannot disagree.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from guardrails.consensus.binding import changed_since, stale, unbound
from guardrails.consensus.claims import omissions, overstated, withheld
from guardrails.consensus.resolving import settled
from guardrails.consensus.usable import Run, Sorted, faults_of_record, is_about, recorded_run, sort_outputs
from guardrails.consensus.values import (
    AgentOutput,
    Conflict,
    Current,
    Kind,
    Question,
    Record,
    Resolution,
    Verdict,
)
from guardrails.settings import Consensus


def judge(
    question: Question,
    outputs: Sequence[AgentOutput],
    records: Sequence[Record],
    resolutions: Sequence[Resolution],
    current: Current,
    policy: Consensus,
) -> Verdict:
    """The verdict on one session: its `outputs`, the `records` made of them and the `resolutions` recorded for it."""
    sound = [record for record in records if not faults_of_record(record, question)]
    witnesses = [record for record in records if is_about(record, question)]
    run = recorded_run(sound)
    kept = sort_outputs(outputs, question, run)

    stated = _conflicts((*kept.usable, *witnesses))
    resolved = settled(stated, resolutions, question)
    closed = {each.conflict.id for each in resolved}
    open_ = tuple(conflict for conflict in stated if conflict.id not in closed)

    omitted = tuple(omissions(sound, _conflicts(kept.usable)))
    blockers = (*_blockers(kept, run, records, question), *unbound(kept.usable, run, current))
    facts = _facts(kept, question, policy, (*blockers, *(text for _, text in omitted)))
    given, _ = _decide(facts, len(open_))
    # A record from before a resolution, or from before a document changed, is held against what was true then.
    contradictions = tuple(withheld(sound, _decide(facts, len(stated))[0]))
    changed = stale(kept.usable, current)
    kind, reasons = _decide(facts._replace(blockers=(*facts.blockers, *changed, *contradictions)), len(open_))

    agreement = facts.agreement(len(open_))
    return Verdict(
        kind=kind,
        severe=kind == "degraded" and _is_severe(facts, agreement),
        participation=facts.participation,
        agreement=agreement,
        usable=kept.usable,
        unusable=kept.unusable,
        missing=_missing(question, outputs),
        conflicts=open_,
        resolved=resolved,
        reasons=reasons,
        stale=changed,
        overstated=(*overstated(witnesses, given, facts.participation), *omitted),
    )


class _Facts(NamedTuple):
    """What the verdict follows from, apart from the number of conflicts. `blockers` keep it from being ok."""

    question: Question
    answered: int
    """agents of the roster with a usable output"""
    agreements: int
    policy: Consensus
    blockers: tuple[str, ...]

    @property
    def participation(self) -> float | None:
        """To two decimals, so that two of three are the 0.67 that the policy's threshold means."""
        return round(self.answered / len(self.question.roster), 2) if self.question.roster else None

    def agreement(self, conflicts: int) -> float | None:
        stated = self.agreements + conflicts
        return self.agreements / stated if stated else None


def _facts(kept: Sorted, question: Question, policy: Consensus, blockers: tuple[str, ...]) -> _Facts:
    """Only agents of the roster take part and agree; anyone's conflict counts."""
    of_roster = [output for output in kept.usable if output.agent in question.roster]
    answered = len({output.agent for output in of_roster})
    agreements = len({agreement for output in of_roster for agreement in output.agreements})
    return _Facts(question, answered, agreements, policy, blockers)


def _decide(facts: _Facts, conflicts: int) -> tuple[Kind, tuple[str, ...]]:
    """The contract's table, top to bottom, and why."""
    agreement = facts.agreement(conflicts)
    if conflicts:
        return "conflict", (f"{conflicts} unresolved {'conflict' if conflicts == 1 else 'conflicts'}",)
    if not facts.question.roster:
        return "undecided", (f"no roster is declared for {facts.question.stage}",)
    if not facts.answered:
        return "undecided", ("no output of the roster can be used",)
    if agreement is None:
        return "undecided", ("no output states an agreement",)
    lacking = tuple(_lacking(facts, agreement))
    if lacking:
        return "degraded", lacking
    return ("undecided", facts.blockers) if facts.blockers else ("ok", ())


def _lacking(facts: _Facts, agreement: float) -> Iterator[str]:
    size = len(facts.question.roster)
    if facts.answered < size:
        yield f"{facts.answered} of {size} agents answered usably ({facts.participation:.2f})"
    if agreement < facts.policy.min_agreement:
        yield f"agreement is {agreement:.2f}, less than {facts.policy.min_agreement:.2f}"


def _is_severe(facts: _Facts, agreement: float | None) -> bool:
    shares = (facts.participation, agreement)
    return any(share is not None and share < facts.policy.degraded_below for share in shares)


def _missing(question: Question, outputs: Sequence[AgentOutput]) -> tuple[str, ...]:
    heard = {output.agent for output in outputs}
    return tuple(agent for agent in question.roster if agent not in heard)


def _conflicts(sources: Iterable[AgentOutput | Record]) -> tuple[Conflict, ...]:
    """Each stated conflict once. What a verdict file lists is its conclusion, not a statement."""
    distinct: dict[str, Conflict] = {}
    for source in sources:
        if isinstance(source, Record) and source.role == "verdict":
            continue
        for conflict in source.conflicts:
            distinct.setdefault(conflict.id, conflict)
    return tuple(sorted(distinct.values()))


def _blockers(kept: Sorted, run: Run, records: Sequence[Record], question: Question) -> Iterator[str]:
    """What in the bundle keeps it from being ok though the outputs agree."""
    if kept.twins:
        yield f"the same output stands more than once ({', '.join(kept.twins)})"
    if run.roster and run.roster != frozenset(question.roster):
        yield f"the run was made for another roster ({', '.join(sorted(run.roster))})"
    for record in records:
        if faults := faults_of_record(record, question):
            yield f"its {record.role} {faults[0].text}"
    if not any(record.role == "synthesis" for record in records):
        yield "no synthesis records the run"
    yield from changed_since(kept.usable, records, run)
