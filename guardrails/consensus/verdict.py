"""The verdict of one stage: recomputed from the roster and the agents' own outputs, never read from a file.

Pure: values in, value out. The runner and the check both ask here, so they cannot disagree.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from guardrails.config.settings import Consensus
from guardrails.consensus.ballots import BallotCount, count_ballots
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
    AgentPosition,
    Ballot,
    Conflict,
    ConsensusQuestion,
    ConsensusVerdict,
    Current,
    FileProblem,
    OutcomeRecord,
    RecordKind,
    Resolution,
    SettledConflict,
    VotedStatement,
    short,
)
from guardrails.consensus.positions import SILENT, Split, split_of
from guardrails.consensus.statements import ID_LENGTH, identity
from guardrails.core.limits import OMISSIONS, REMEDIES, at_most, enumerated

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
    """The conflicts that a sound resolution names; of several, the one that goes on least settles them."""
    by_target: dict[str, list[Resolution]] = {}
    for resolution in sorted(resolutions, key=lambda each: each.path):
        target = target_of(resolution)
        if target and not faults_of_resolution(resolution, question):
            by_target.setdefault(target, []).append(resolution)
    found = ((conflict, _deciding(conflict, by_target.get(conflict.id, ()))) for conflict in conflicts)
    return tuple(SettledConflict(conflict, resolution) for conflict, resolution in found if resolution)


def _deciding(conflict: Conflict, resolutions: Sequence[Resolution]) -> Resolution | None:
    """The resolution that settles a conflict. Where some proceed and some hold, it has to say which it is to be."""
    if conflict.cause != "split":
        return next(iter(resolutions), None)
    rulings = [each for each in resolutions if each.proceed is not None]
    return min(rulings, key=lambda each: bool(each.proceed), default=None)


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
    ballots: Sequence[Ballot],
    records: Sequence[OutcomeRecord],
    resolutions: Sequence[Resolution],
    current: Current,
    policy: Consensus,
) -> ConsensusVerdict:
    """The verdict on one session: its `outputs` and `ballots`, the `records` made of them and the `resolutions`
    recorded for it."""
    sound = [record for record in records if not faults_of_record(record, question)]
    witnesses = [record for record in records if is_about(record, question)]
    run = recorded_run(sound)
    kept = sort_outputs(outputs, question, run)
    positions = tuple(AgentPosition(output.agent, output.position) for output in kept.usable)
    split = split_of(question.stage, positions, question.roster)
    count = count_ballots(question, policy.method, kept.usable, ballots)

    opposed = dict(_opposed(count))
    arisen = (*((split.conflict,) if split.conflict else ()), *opposed.values())
    said = _conflicts((*kept.usable, *count.ballots, *witnesses), arisen)
    resolved = settled(said, resolutions, question)
    closed = {each.conflict.id: each.resolution for each in resolved}
    open_ = tuple(conflict for conflict in said if conflict.id not in closed)
    count = count._replace(statements=_settle(count, opposed, closed))

    omitted = tuple(omissions(sound, _conflicts((*kept.usable, *count.ballots))))
    blockers = (
        *_blockers(kept, run, records, question),
        *unbound(kept.usable, run, current),
        *_other_method(sound, policy),
    )
    facts = _Facts(
        question, _answered(kept, question), positions, split, _ruling(split, closed), count, policy,
        (*blockers, *(text for _, text in omitted)),
    )  # fmt: skip
    given, _ = _decide(facts, open_)
    # A record from before a resolution, or from before a document changed, is held against what was true then.
    before = facts._replace(ruling=None)
    contradictions = tuple(withheld(sound, _decide(before, said)[0]))
    changed = stale_inputs(kept.usable, current)
    facts = facts._replace(blockers=(*facts.blockers, *changed, *contradictions))
    kind, reasons = _decide(facts, open_)

    agreement = facts.agreement
    return ConsensusVerdict(
        kind=kind,
        severe=kind == "degraded" and _is_severe(facts),
        participation=facts.participation,
        agreement=agreement,
        usable=kept.usable,
        unusable=kept.unusable,
        missing=_missing(question, outputs),
        conflicts=open_,
        resolved=resolved,
        reasons=reasons,
        remedies=tuple(_remedies(kind, facts, open_)),
        shortfalls=tuple(_lacking(facts)) if facts.agreement is not None else (),
        unclear=tuple(_unstated(facts)),
        positions=positions,
        statements=tuple(count.statements.values()),
        ballots=count.ballots,
        uncounted=count.uncounted,
        unvoted=facts.unvoted,
        method=policy.method,
        stale=changed,
        overstated=(*overstated(witnesses, given, facts.participation), *omitted),
    )


class _Facts(NamedTuple):
    """What the verdict follows from, apart from the open conflicts. `blockers` keep it from being ok."""

    question: ConsensusQuestion
    answered: frozenset[str]
    """agents of the roster with a usable output"""
    positions: tuple[AgentPosition, ...]
    split: Split
    ruling: bool | None
    """what a person decided where some proceed and some hold; None where nobody had to, or did"""
    tally: BallotCount
    policy: Consensus
    blockers: tuple[str, ...]

    @property
    def participants(self) -> int:
        """Agents of the roster with a usable output and a ballot that counts."""
        return len(self.answered & self.tally.voted)

    @property
    def unvoted(self) -> tuple[str, ...]:
        """Agents with a usable output and without a ballot, where there is something to vote on."""
        return tuple(sorted(self.answered - self.tally.voted)) if self.tally.statements else ()

    @property
    def participation(self) -> float | None:
        """To two decimals, so that two of three are the 0.67 that the policy's threshold means."""
        return round(self.participants / len(self.question.roster), 2) if self.question.roster else None

    @property
    def agreement(self) -> float | None:
        """None when nobody voted, or nothing was put to the vote."""
        stated = len(self.tally.statements)
        return self.tally.agreed / stated if stated and self.tally.cast else None

    @property
    def holds(self) -> bool:
        """Whether every usable answer holds, or a person decided that the stage does where they disagreed."""
        split = self.split
        if split.conflict is not None:
            return self.ruling is False
        return bool(frozenset(split.holding) & self.answered) and not (split.proceeding or split.silent)


def _answered(kept: EligibleOutputs, question: ConsensusQuestion) -> frozenset[str]:
    """Only agents of the roster take part and agree; anyone's conflict, and anyone's hold, counts."""
    return frozenset(output.agent for output in kept.usable if output.agent in question.roster)


def _decide(facts: _Facts, conflicts: Sequence[Conflict]) -> tuple[RecordKind, tuple[str, ...]]:
    """The worst of what there is to say, worst first, and why."""
    if conflicts:
        return "conflict", tuple(_conflicting(facts, conflicts))
    if facts.holds:
        return "hold", tuple(_holding(facts))
    unknown = tuple(_unknown(facts))
    if unknown:
        return "undecided", unknown
    lacking = tuple(_lacking(facts))
    doubts = (*_unstated(facts), *facts.blockers)
    if doubts:
        return "undecided", (*lacking, *doubts)
    return ("degraded", lacking) if lacking else ("ok", ())


def _conflicting(facts: _Facts, conflicts: Sequence[Conflict]) -> Iterator[str]:
    yield f"{len(conflicts)} unresolved {'conflict' if len(conflicts) == 1 else 'conflicts'}"
    arisen = (short(conflict.text) for conflict in conflicts if conflict.cause != "stated")
    yield from at_most(arisen, REMEDIES)[0]
    yield from _of_holders(facts)


def _holding(facts: _Facts) -> Iterator[str]:
    yield "a resolution decides to hold" if facts.split.conflict else "every usable answer holds"
    yield from _of_holders(facts)


def _of_holders(facts: _Facts) -> Iterator[str]:
    for agent, position in sorted(facts.positions):
        if position.proceeds is False:
            yield f"{agent} holds: {'; '.join(position.reasons)}"


def _unknown(facts: _Facts) -> Iterator[str]:
    """Why nobody can say whether the agents agree."""
    if not facts.question.roster:
        yield f"no roster is declared for {facts.question.stage}"
    elif not facts.answered:
        yield "no output of the roster can be used"
    elif facts.agreement is None:
        yield from _unstated(facts)
        yield from _absent(facts)
        if facts.tally.statements:
            yield "nobody voted on the statements of the answers"
        else:
            yield "no output states an agreement that others could vote on"
        yield from facts.blockers


def _unstated(facts: _Facts) -> Iterator[str]:
    """Answers that say neither yes nor no; a person's ruling speaks for those that say either, and not for these."""
    for agent, position in sorted(facts.positions):
        if agent in facts.split.silent:
            yield f"{agent} {SILENT}" if SILENT in position.reasons else f"{agent}: {'; '.join(position.reasons)}"


def _absent(facts: _Facts) -> Iterator[str]:
    size = len(facts.question.roster)
    if len(facts.answered) < size:
        yield f"{len(facts.answered)} of {size} agents answered usably ({len(facts.answered) / size:.2f})"


def _lacking(facts: _Facts) -> Iterator[str]:
    yield from _absent(facts)
    if facts.unvoted:
        yield f"no ballot of {', '.join(facts.unvoted)} counts"
    agreement = facts.agreement
    if agreement is not None and agreement < facts.policy.min_agreement:
        counted = f"{facts.tally.agreed} of {len(facts.tally.statements)} statements"
        yield f"agreement is {agreement:.2f} ({counted}), less than {facts.policy.min_agreement:.2f}"


def _is_severe(facts: _Facts) -> bool:
    """Shares to two decimals, so that 2 of 3 are not below 0.67."""
    shares = (facts.participation, facts.agreement)
    return any(share is not None and round(share, 2) < facts.policy.degraded_below for share in shares)


def _remedies(kind: RecordKind, facts: _Facts, conflicts: Sequence[Conflict]) -> Iterator[str]:
    """What would change the verdict."""
    listed, more = at_most(sorted(conflicts, key=lambda each: each.cause == "stated"), REMEDIES)
    for conflict in listed:
        says = " that says whether to proceed" if conflict.cause == "split" else ""
        yield f"a resolution of {conflict.id}{says}, or answers without it"
    if more:
        yield f"the same for {more} more conflicts"
    if kind == "hold" and not conflicts:
        yield "other documents, and answers that proceed: change what stands in the way and run the stage again"
    if kind in ("degraded", "undecided"):
        if not facts.question.roster:
            yield f"a roster for {facts.question.stage} in the configuration"
        elif facts.answered and not facts.tally.statements:
            yield "answers that state what can be voted on"
        absent = [agent for agent in facts.question.roster if agent not in facts.answered]
        if absent:
            yield f"a usable answer of {', '.join(absent)}"
        if facts.split.silent:
            yield f'a decision with "proceed": true or false from {", ".join(facts.split.silent)}'
        if facts.unvoted:
            yield f"a ballot of {', '.join(facts.unvoted)}"
        disputed = [each.statement.id for each in facts.tally.statements.values() if not each.agreed]
        if disputed and facts.tally.cast:
            yield f"agreement on {enumerated(disputed, OMISSIONS)}"
        if facts.blockers:
            yield "running the stage again on the documents as they are"


# Conflicts: those that are stated, and those that follow from positions and votes.


def _opposed(count: BallotCount) -> Iterator[tuple[str, Conflict]]:
    """Decisions that somebody votes against, by the identity of the statement; each conflict names both sides."""
    for found, each in count.statements.items():
        against = each.voters("disagree")
        if against and each.statement.kind == "decision":
            sides = sorted({*each.voters("agree"), *each.statement.agents} - {*against})
            text = f"'{each.statement.text}': {', '.join(sides) or 'nobody'} for it, {', '.join(against)} against it"
            yield found, Conflict(identity(text), text, "vote")


def _settle(
    count: BallotCount, opposed: Mapping[str, Conflict], closed: Mapping[str, Resolution]
) -> dict[str, VotedStatement]:
    """A statement that a person has decided counts as agreed."""
    done = {found for found, conflict in opposed.items() if conflict.id in closed}
    return {found: each._replace(settled=found in done) for found, each in count.statements.items()}


def _ruling(split: Split, closed: Mapping[str, Resolution]) -> bool | None:
    resolution = closed.get(split.conflict.id) if split.conflict else None
    return resolution.proceed if resolution else None


def _missing(question: ConsensusQuestion, outputs: Sequence[AgentOutput]) -> tuple[str, ...]:
    heard = {output.agent for output in outputs}
    return tuple(agent for agent in question.roster if agent not in heard)


def _conflicts(
    sources: Iterable[AgentOutput | Ballot | OutcomeRecord], arisen: Sequence[Conflict] = ()
) -> tuple[Conflict, ...]:
    """Each conflict once. What a verdict file lists is its conclusion, not a statement."""
    distinct = {conflict.id: conflict for conflict in arisen}
    for source in sources:
        if isinstance(source, OutcomeRecord) and source.role == "verdict":
            continue
        for conflict in source.conflicts:
            distinct.setdefault(conflict.id, conflict)
    return tuple(sorted(distinct.values()))


def _other_method(records: Sequence[OutcomeRecord], policy: Consensus) -> Iterator[str]:
    """Agreement is counted as the configuration says; a record that says otherwise is of another count."""
    for record in records:
        if record.method is not None and record.method != policy.method:
            yield f"its {record.role} counted by {short(record.method)}, the configuration says {policy.method}"
    if records and all(record.method is None for record in records):
        yield "its records do not say how agreement was counted"


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
