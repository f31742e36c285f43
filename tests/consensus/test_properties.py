"""Nothing that is said against going on, and nothing that is left out, ever makes a verdict better."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from guardrails.config import Consensus
from guardrails.consensus import (
    AgentOutput,
    Agreement,
    Ballot,
    Conflict,
    ConsensusVerdict,
    Position,
    RecordKind,
    Resolution,
    compute_verdict,
    identity,
    statements_of,
)
from tests.consensus.values import HOLDS, NOW_AS_THEN, POLICY, answer, ballot, question, resolution, synthesis
from tests.examples import examples

RANK: dict[RecordKind, int] = {"ok": 0, "degraded": 1, "undecided": 2, "hold": 3, "conflict": 3}
"""Hold and conflict stop a stage alike: when the last of a split turns to hold, nobody contradicts any more."""
POSITIONS = (Position(True, ("fine",)), HOLDS, Position(None, ("states no position",)))
TEXTS = ("one", "two", "three", "four")
CONFLICTS = tuple(Conflict(identity(text), text) for text in ("storage", "scope"))
many = hypothesis_settings(max_examples=examples(150), deadline=None, suppress_health_check=[HealthCheck.too_slow])


class Case(NamedTuple):
    """A session, whatever is wrong with it. The votes are words by agent, in the order of the statements."""

    roster: tuple[str, ...]
    outputs: tuple[AgentOutput, ...]
    votes: tuple[tuple[str, tuple[str, ...]], ...]
    resolutions: tuple[Resolution, ...] = ()

    @property
    def ballots(self) -> list[Ballot]:
        return [ballot(agent, self.outputs, " ".join(words)) for agent, words in self.votes]

    def verdict(self) -> ConsensusVerdict:
        asked, records = question(*self.roster), [synthesis()]
        return compute_verdict(asked, self.outputs, self.ballots, records, self.resolutions, NOW_AS_THEN, POLICY)


@st.composite
def outputs_of(draw: st.DrawFn, agents: tuple[str, ...], sound: bool) -> tuple[AgentOutput, ...]:
    made = []
    for agent in agents:
        kinds = st.sampled_from(("decision", "remark"))
        texts = draw(st.lists(st.sampled_from(TEXTS), unique=True, min_size=1 if sound else 0, max_size=3))
        agreements = tuple(Agreement(identity(text), text, draw(kinds)) for text in texts)
        position = POSITIONS[0] if sound else draw(st.sampled_from((*POSITIONS, POSITIONS[0], POSITIONS[0])))
        conflicts = () if sound else tuple(draw(st.lists(st.sampled_from(CONFLICTS), unique=True, max_size=1)))
        made.append(answer(agent, agreements=agreements, position=position, conflicts=conflicts))
    return tuple(made)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    agents = tuple("abcd"[: draw(st.integers(1, 4))])
    roster = agents + ("e",) * draw(st.integers(0, 1))
    outputs = draw(outputs_of(agents, sound=False))
    size = len(statements_of(outputs))
    words = st.sampled_from(("agree", "agree", "agree", "disagree", "abstain"))
    voters = draw(st.lists(st.sampled_from(agents), unique=True)) if size else []
    votes = tuple((agent, tuple(draw(words) for _ in range(size))) for agent in voters)
    case = Case(roster, outputs, votes)
    if draw(st.booleans()):
        settled = case.verdict().conflicts
        rulings = (draw(st.sampled_from((True, True, False, None))) for _ in settled)
        made = [
            resolution(path=each.id, conflict=each.id, proceed=ruling)
            for each, ruling in zip(settled, rulings, strict=True)
        ]
        case = case._replace(resolutions=tuple(made))
    return case


def hold(case: Case, at: int) -> Case:
    outputs = list(case.outputs)
    outputs[at % len(outputs)] = outputs[at % len(outputs)]._replace(position=HOLDS)
    return case._replace(outputs=tuple(outputs))


def state_a_conflict(case: Case, at: int) -> Case:
    outputs, stated = list(case.outputs), CONFLICTS[at % len(CONFLICTS)]
    outputs[at % len(outputs)] = outputs[at % len(outputs)]._replace(conflicts=(stated,))
    return case._replace(outputs=tuple(outputs)) if not case.outputs[at % len(outputs)].conflicts else case


def vote_against(case: Case, at: int) -> Case:
    if not case.votes:
        return case
    votes, place = list(case.votes), at % len(case.votes)
    agent, words = votes[place]
    votes[place] = (
        agent,
        tuple("disagree" if number == at % len(words) else word for number, word in enumerate(words)),
    )
    return case._replace(votes=tuple(votes))


def miss_an_agent(case: Case, at: int) -> Case:
    return case._replace(roster=(*case.roster, "z"))


def take_back_a_vote(case: Case, at: int) -> Case:
    """An abstention in place of an agreement."""
    if not case.votes:
        return case
    votes, place = list(case.votes), at % len(case.votes)
    agent, words = votes[place]
    changed = tuple(
        "abstain" if number == at % len(words) and word == "agree" else word for number, word in enumerate(words)
    )
    votes[place] = (agent, changed)
    return case._replace(votes=tuple(votes))


@pytest.mark.parametrize("worsen", [hold, state_a_conflict, vote_against, miss_an_agent, take_back_a_vote])
@given(case=cases(), at=st.integers(0, 11))
@many
def test_nothing_said_against_it_makes_a_verdict_better(
    worsen: Callable[[Case, int], Case], case: Case, at: int
) -> None:
    before, after = case.verdict(), worsen(case, at).verdict()
    assert RANK[after.kind] >= RANK[before.kind], (before.reasons, after.reasons)
    assert (after.participation or 0) <= (before.participation or 0)
    if before.agreement is not None and after.agreement is not None and not case.resolutions:
        assert after.agreement <= before.agreement


@st.composite
def sound_cases(draw: st.DrawFn) -> Case:
    agents = tuple("abcd"[: draw(st.integers(1, 4))])
    outputs = draw(outputs_of(agents, sound=True))
    size = len(statements_of(outputs))
    return Case(agents, outputs, tuple((agent, ("agree",) * size) for agent in agents))


@given(sound_cases(), st.sets(st.integers(0, 3)), st.sets(st.integers(0, 3)))
@many
def test_whatever_is_left_out_it_is_ok_no_more(case: Case, answers: set[int], ballots: set[int]) -> None:
    """Ballots as they were cast, on all answers; of both, some are deleted."""
    assert case.verdict().kind == "ok"
    outputs = [each for at, each in enumerate(case.outputs) if at not in answers]
    cast = [each for at, each in enumerate(case.ballots) if at not in ballots]
    found = compute_verdict(question(*case.roster), outputs, cast, [synthesis()], [], NOW_AS_THEN, POLICY)
    deleted = len(outputs) < len(case.outputs) or len(cast) < len(case.ballots)
    assert (found.kind == "ok") is not deleted


@given(sound_cases(), st.integers(0, 3), st.sampled_from(("sha256", "agreements", "position", "path")))
@many
def test_an_answer_that_changed_since_the_vote_is_not_ok(case: Case, at: int, what: str) -> None:
    changes = {"sha256": "other", "agreements": (), "position": HOLDS, "path": "evidence/moved.json"}
    outputs = list(case.outputs)
    at %= len(outputs)
    # Moved, it has the bytes it had; whatever else changed, it has others.
    bytes_ = outputs[at].sha256 if what == "path" else "other"
    outputs[at] = outputs[at]._replace(**{what: changes[what]})._replace(sha256=bytes_)
    found = compute_verdict(question(*case.roster), outputs, case.ballots, [synthesis()], [], NOW_AS_THEN, POLICY)
    assert found.kind != "ok"


@given(cases())
@many
def test_the_order_of_what_is_filed_changes_nothing(case: Case) -> None:
    asked, records = question(*case.roster), [synthesis()]
    turned = compute_verdict(
        asked, case.outputs[::-1], case.ballots[::-1], records, case.resolutions[::-1], NOW_AS_THEN, POLICY
    )
    assert turned == case.verdict()


@given(cases())
@many
def test_ok_says_nothing_and_anything_else_says_why_and_what_it_takes(case: Case) -> None:
    found = case.verdict()
    assert (found.reasons == ()) is (found.kind == "ok")
    if found.kind != "ok":
        assert found.remedies
    lenient = compute_verdict(
        question(*case.roster), case.outputs, case.ballots, [synthesis()], case.resolutions, NOW_AS_THEN,
        Consensus(min_agreement=0.0, degraded_below=0.0),
    )  # fmt: skip
    assert RANK[lenient.kind] <= RANK[found.kind]
