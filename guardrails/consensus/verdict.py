"""The verdict of one stage: recomputed from the roster and the agents' own outputs, never read from a file.

Pure: values in, value out. The runner and the check both ask here, so they cannot disagree.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from guardrails.config.settings import Consensus
from guardrails.consensus.ballots import statements_of
from guardrails.consensus.eligibility import (
    EligibleOutputs,
    RunInputs,
    faults_of_record,
    foreign,
    is_about,
    recorded_run,
    sort_outputs,
)
from guardrails.consensus.model import (
    KINDS,
    AgentOutput,
    Conflict,
    ConsensusQuestion,
    ConsensusVerdict,
    Current,
    FileProblem,
    OutcomeRecord,
    RecordKind,
    Resolution,
    SettledConflict,
    short,
)
from guardrails.consensus.statements import ID_LENGTH, identity
from guardrails.core.limits import OMISSIONS, enumerated

# Whether the usable outputs were made from the same things, and whether those things are still what they were.


def is_bound(output: AgentOutput) -> bool:
    """Whether an output says from which bytes and which prompt it was made."""
    return bool(output.inputs and output.prompt.sha256 and output.prompt.version)


def unbound(usable: Sequence[AgentOutput], run: RunInputs, current: Current) -> Iterator[str]:
    """Reasons why nobody can say what the outputs are about."""
    silent = sorted({each.agent for each in usable if not is_bound(each)})
    if silent:
        yield f"made from unrecorded inputs ({', '.join(silent)})"
        return
    yield from _differences(usable, run)
    if not current.required:
        yield "the SPEC has no spec.md or PRD.md that an answer could have been made from"
    for path in current.required:
        agents = sorted({each.agent for each in usable if not any(item.path == path for item in each.inputs)})
        if agents:
            yield f"made without {path} ({', '.join(agents)})"


def _differences(usable: Sequence[AgentOutput], run: RunInputs) -> Iterator[str]:
    """Where the run has no record to compare with, its outputs have to agree with each other."""
    pinned = {agent for agent, prompt in run.prompts if prompt.version}
    versions = {each.prompt.version for each in usable if each.agent not in pinned}
    if run.prompt_version is None and len(versions) > 1:
        yield "the outputs were made with different prompt versions"
    if not run.inputs and len({each.inputs for each in usable}) > 1:
        yield "the outputs were made from different inputs"


def changed_since(usable: Sequence[AgentOutput], records: Sequence[OutcomeRecord], run: RunInputs) -> Iterator[str]:
    """Files of the session that are not the ones its own records are about."""
    listed = {agent for agent, _ in run.outputs}
    changed = sorted(
        {each.agent for each in usable if each.agent in listed and (each.agent, each.sha256) not in run.outputs}
    )
    if changed:
        yield f"changed since the synthesis was made ({', '.join(changed)})"
    added = sorted({each.agent for each in usable if listed and each.agent not in listed})
    if added:
        yield f"not among the outputs the synthesis was made of ({', '.join(added)})"
    if run.syntheses and {record.sha256 for record in records if record.role == "synthesis"} != run.syntheses:
        yield "the synthesis changed since its verdict was computed"


def stale_inputs(usable: Sequence[AgentOutput], current: Current) -> tuple[str, ...]:
    """What changed since the outputs were made, each said once."""
    return tuple(dict.fromkeys((*_changed_inputs(usable, current), *_changed_prompts(usable, current))))


def _changed_inputs(usable: Sequence[AgentOutput], current: Current) -> Iterator[str]:
    for item in sorted({item for output in usable for item in output.inputs}):
        now = current.documents.get(item.path)
        if now != item.sha256:
            yield f"stale: {short(item.path)} {'is gone' if now is None else 'changed since'}"


def _changed_prompts(usable: Sequence[AgentOutput], current: Current) -> Iterator[str]:
    for output in usable:
        now = current.prompts.get(output.agent)
        if now and output.prompt.sha256 and now != output.prompt.sha256:
            yield f"stale: the prompt of {output.agent} changed since"


# What the run's own records say of its outcome, held against what follows from the outputs.


_ROUNDING = 0.01


def overstated(
    records: Sequence[OutcomeRecord], given: RecordKind, participation: float | None
) -> Iterator[tuple[OutcomeRecord, str]]:
    """Records that claim a milder verdict than the outputs give, or more answers, and what they claim."""
    for record in records:
        if record.claim and KINDS.index(record.claim.kind) < KINDS.index(given):
            yield record, f"claims {record.claim.said}, the outputs give {given}"
        elif record.participation is not None and record.participation > (participation or 0.0) + _ROUNDING:
            yield (
                record,
                f"claims a participation of {record.participation:.2f}, the outputs give {participation or 0:.2f}",
            )


def omissions(records: Sequence[OutcomeRecord], conflicts: Sequence[Conflict]) -> Iterator[tuple[OutcomeRecord, str]]:
    """Syntheses that leave out conflicts which the outputs state, settled or not."""
    for record in records:
        known = {conflict.id for conflict in record.conflicts}
        left_out = [conflict.id for conflict in conflicts if conflict.id not in known]
        if left_out and record.role == "synthesis":
            yield record, f"leaves out what the outputs state as a conflict ({enumerated(left_out, OMISSIONS)})"


def withheld(records: Sequence[OutcomeRecord], given: RecordKind) -> Iterator[str]:
    """Reasons not to call it ok when a record of the run itself says, or lets see, that it was worse.

    `given` is what the outputs gave before anything was resolved: a record older than a resolution contradicts nothing.
    """
    for record in records:
        if record.admits and KINDS.index(record.admits.kind) > KINDS.index(given):
            yield f"its {record.role} says {record.admits.said}, the outputs give {given}"


# Which conflicts are settled, and which resolution records settle nothing.


_ID = re.compile(rf"[0-9a-f]{{{ID_LENGTH}}}")


def settled(
    conflicts: Sequence[Conflict], resolutions: Sequence[Resolution], question: ConsensusQuestion
) -> tuple[SettledConflict, ...]:
    """The conflicts that a sound resolution names."""
    by_target: dict[str, Resolution] = {}
    for resolution in sorted(resolutions, key=lambda each: each.path):
        target = target_of(resolution)
        if target and not faults_of_resolution(resolution, question):
            by_target.setdefault(target, resolution)
    return tuple(
        SettledConflict(conflict, by_target[conflict.id]) for conflict in conflicts if conflict.id in by_target
    )


def target_of(resolution: Resolution) -> str | None:
    """The id of the conflict a resolution names, by id, by text, or by both if they are of the same one."""
    ids = {identity(resolution.text)} if resolution.text is not None else set()
    if resolution.conflict is not None:
        ids.add(resolution.conflict if _ID.fullmatch(resolution.conflict) else identity(resolution.conflict))
    return ids.pop() if len(ids) == 1 else None


def faults_of_resolution(resolution: Resolution, question: ConsensusQuestion) -> tuple[FileProblem, ...]:
    """Why a resolution settles nothing for this question."""
    if resolution.problems:
        return resolution.problems
    if target_of(resolution) is None:
        return (FileProblem("incomplete", "names one conflict by its id and another by its text"),)
    # Its session was compared when it was assigned: a resolution may be stamped later than what it settles.
    return tuple(foreign(resolution.named._replace(sessions=frozenset()), question))


def compute_verdict(
    question: ConsensusQuestion,
    outputs: Sequence[AgentOutput],
    records: Sequence[OutcomeRecord],
    resolutions: Sequence[Resolution],
    current: Current,
    policy: Consensus,
) -> ConsensusVerdict:
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
    changed = stale_inputs(kept.usable, current)
    kind, reasons = _decide(facts._replace(blockers=(*facts.blockers, *changed, *contradictions)), len(open_))

    agreement = facts.agreement(len(open_))
    return ConsensusVerdict(
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
        statements=statements_of(output for output in kept.usable if output.agent in question.roster),
        stale=changed,
        overstated=(*overstated(witnesses, given, facts.participation), *omitted),
    )


class _Facts(NamedTuple):
    """What the verdict follows from, apart from the number of conflicts. `blockers` keep it from being ok."""

    question: ConsensusQuestion
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


def _facts(kept: EligibleOutputs, question: ConsensusQuestion, policy: Consensus, blockers: tuple[str, ...]) -> _Facts:
    """Only agents of the roster take part and agree; anyone's conflict counts."""
    of_roster = [output for output in kept.usable if output.agent in question.roster]
    answered = len({output.agent for output in of_roster})
    agreements = len({agreement.id for output in of_roster for agreement in output.agreements})
    return _Facts(question, answered, agreements, policy, blockers)


def _decide(facts: _Facts, conflicts: int) -> tuple[RecordKind, tuple[str, ...]]:
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


def _missing(question: ConsensusQuestion, outputs: Sequence[AgentOutput]) -> tuple[str, ...]:
    heard = {output.agent for output in outputs}
    return tuple(agent for agent in question.roster if agent not in heard)


def _conflicts(sources: Iterable[AgentOutput | OutcomeRecord]) -> tuple[Conflict, ...]:
    """Each stated conflict once. What a verdict file lists is its conclusion, not a statement."""
    distinct: dict[str, Conflict] = {}
    for source in sources:
        if isinstance(source, OutcomeRecord) and source.role == "verdict":
            continue
        for conflict in source.conflicts:
            distinct.setdefault(conflict.id, conflict)
    return tuple(sorted(distinct.values()))


def _blockers(
    kept: EligibleOutputs, run: RunInputs, records: Sequence[OutcomeRecord], question: ConsensusQuestion
) -> Iterator[str]:
    """What in the bundle keeps it from being ok though the outputs agree."""
    if kept.twins:
        yield f"the same output stands more than once ({', '.join(kept.twins)})"
    if run.roster and run.roster != frozenset(question.roster):
        yield f"the run was made for another roster ({enumerated(sorted(run.roster), OMISSIONS)})"
    for record in records:
        if faults := faults_of_record(record, question):
            yield f"its {record.role} {faults[0].text}"
    if not any(record.role == "synthesis" for record in records):
        yield "no synthesis records the run"
    yield from changed_since(kept.usable, records, run)
