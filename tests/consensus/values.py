"""Sessions as plain values: answers, the ballots on them, records, and the verdict on all of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from guardrails.config import Consensus
from guardrails.consensus import (
    AgentOutput,
    Agreement,
    Attribution,
    Ballot,
    Conflict,
    ConsensusQuestion,
    ConsensusVerdict,
    Current,
    Input,
    OutcomeRecord,
    Position,
    Prompt,
    Resolution,
    Vote,
    ask,
    compute_verdict,
    identity,
    statements_of,
)
from tests.consensus.builder import NOW

SPEC_MD = Input("docs/SPEC-1/spec.md", "a" * 64)
HERE = Attribution(frozenset({"SPEC-1"}), frozenset({"plan"}))
NOW_AS_THEN = Current({SPEC_MD.path: SPEC_MD.sha256}, (SPEC_MD.path,))
POLICY = Consensus()
STORAGE = Conflict(identity("storage"), "storage")
HOLDS = Position(False, ("scenarios 1.status: failed",))


def question(*roster: str) -> ConsensusQuestion:
    return ask("SPEC-1", "plan", roster)


def agreed(*texts: str) -> tuple[Agreement, ...]:
    return tuple(Agreement(identity(text), text) for text in texts)


def decided(*texts: str) -> tuple[Agreement, ...]:
    return tuple(Agreement(identity(text), text, "decision") for text in texts)


def answer(agent: str, **changes: Any) -> AgentOutput:
    made = AgentOutput(
        path=f"evidence/{agent}.json",
        agent=agent,
        sha256=agent,
        named=HERE._replace(agents=frozenset({agent})),
        prompt=Prompt("v1", "b" * 64),
        inputs=(SPEC_MD,),
        agreements=agreed("three milestones"),
        position=Position(True, ("it can be built",)),
    )
    return made._replace(**changes)


def ballot(agent: str, outputs: Sequence[AgentOutput], words: str = "", **changes: Any) -> Ballot:
    """A ballot on some answers. `words` are the votes in the order of the statements; by default all agree."""
    statements = statements_of(outputs)
    said = words.split() or ["agree"] * len(statements)
    votes = tuple(Vote(each.id, word) for each, word in zip(statements, said, strict=True))  # type: ignore[arg-type]
    made = Ballot(
        path=f"evidence/{agent}_ballot.json",
        agent=agent,
        sha256=f"ballot of {agent}",
        named=HERE._replace(agents=frozenset({agent})),
        prompt=Prompt("v1", "d" * 64),
        inputs=tuple(Input(each.path, each.sha256) for each in outputs),
        statements=statements,
        votes=votes,
    )
    return made._replace(**changes)


def synthesis(**changes: Any) -> OutcomeRecord:
    return OutcomeRecord("evidence/synthesis.json", "synthesis", named=HERE, method="ballot")._replace(**changes)


def resolution(**changes: Any) -> Resolution:
    made = Resolution("evidence/r.json", named=HERE, conflict=STORAGE.id, because="one file", by="dev", when=NOW)
    return made._replace(**changes)


def conclude(
    asked: ConsensusQuestion,
    outputs: Sequence[AgentOutput],
    records: Sequence[OutcomeRecord] = (synthesis(),),
    resolutions: Sequence[Resolution] = (),
    current: Current = NOW_AS_THEN,
    policy: Consensus = POLICY,
    words: Mapping[str, str] | None = None,
) -> ConsensusVerdict:
    """The verdict where every agent with a usable answer has voted: as `words` says for it, else for everything."""
    bare = compute_verdict(asked, outputs, (), records, resolutions, current, policy)
    usable: dict[str, AgentOutput] = {}
    for each in bare.usable:
        if each.agent in asked.roster:
            usable.setdefault(each.agent, each)
    said = words or {}
    ballots = [ballot(agent, list(usable.values()), said.get(agent, "")) for agent in usable]
    return compute_verdict(asked, outputs, ballots, records, resolutions, current, policy)
