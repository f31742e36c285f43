"""What the agents vote on, and their votes: agreement is counted, never claimed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from guardrails.config.settings import ConsensusMethod
from guardrails.consensus.eligibility import foreign, signature
from guardrails.consensus.model import (
    VOTES,
    AgentOutput,
    Agreement,
    Ballot,
    CastVote,
    Conflict,
    ConsensusQuestion,
    FileProblem,
    Input,
    Statement,
    UncountedBallot,
    Vote,
    VotedStatement,
    VoteWord,
    short,
)
from guardrails.consensus.statements import conflicts_in, identity
from guardrails.core.text import printable

_WORDS: Mapping[str, VoteWord] = {word: word for word in VOTES}


def statements_of(outputs: Iterable[AgentOutput]) -> tuple[Statement, ...]:
    """Every distinct agreement of the answers, once: what is put to the vote.

    Ordered by agent and by the place in its answer, whatever the order of the files. Stated as a decision by one, it
    is a decision.
    """
    return tuple(_by_identity(outputs).values())


def _by_identity(outputs: Iterable[AgentOutput]) -> dict[str, Statement]:
    distinct: dict[str, list[tuple[str, Agreement]]] = {}
    for output in sorted(outputs, key=lambda each: (each.agent, each.sha256)):
        for agreement in output.agreements:
            distinct.setdefault(agreement.id, []).append((output.agent, agreement))
    return {found: _statement(f"s{number}", said) for number, (found, said) in enumerate(distinct.items(), 1)}


def _statement(name: str, said: Sequence[tuple[str, Agreement]]) -> Statement:
    decided = any(agreement.kind == "decision" for _, agreement in said)
    agents = tuple(dict.fromkeys(agent for agent, _ in said))
    return Statement(name, one_line(said[0][1].text), "decision" if decided else "remark", agents)


def one_line(text: str) -> str:
    """A text as one line of a prompt, which no text can begin another line of."""
    return printable(" ".join(text.split()))


# What an agent answered.


class GivenVotes(NamedTuple):
    """The votes of an answer as it gives them; None where it holds no ballot, or one that is spoiled."""

    votes: tuple[Vote, ...] | None
    problems: tuple[FileProblem, ...]


def given_votes(answer: Any) -> GivenVotes:
    """The votes in `answer`, `{"ballot": [{"id": "s1", "vote": "agree", "because": ""}]}`, whatever they are on."""
    rows = answer.get("ballot") if isinstance(answer, dict) else None
    if not isinstance(rows, list):
        return GivenVotes(None, (FileProblem("incomplete", "holds no ballot"),))
    votes = []
    for row in rows:
        vote = _vote(row)
        if isinstance(vote, FileProblem):
            return GivenVotes(None, (vote,))
        votes.append(vote)
    return GivenVotes(tuple(votes), ())


def _vote(row: Any) -> Vote | FileProblem:
    name, said = (row.get("id"), row.get("vote")) if isinstance(row, dict) else (None, None)
    because = row.get("because") if isinstance(row, dict) else None
    if not isinstance(name, str) or not isinstance(said, str):
        return FileProblem("incomplete", "holds a vote without an id and a word")
    word = _WORDS.get(said.strip().lower())
    if word is None:
        return FileProblem("incomplete", f"votes '{short(said)}' on {short(name)}; votes are {', '.join(VOTES)}")
    if because is not None and not isinstance(because, str):
        return FileProblem("incomplete", f"gives a reason for {short(name)} that is no text")
    return Vote(name.strip().lower(), word, because or "")


class BallotAnswer(NamedTuple):
    """The votes an agent answered, one for each statement; none when there is anything wrong with them."""

    votes: tuple[Vote, ...]
    conflicts: tuple[Conflict, ...]
    """what it states as a conflict beside its votes"""
    problems: tuple[FileProblem, ...]


def parse_votes(answer: Any, statements: Sequence[Statement]) -> BallotAnswer:
    """The votes in `answer` on these statements, in their order.

    A spoiled ballot is no ballot: with an unknown or repeated id, a statement without a vote or a word that is no
    vote, none of it counts.
    """
    given = given_votes(answer)
    problems = given.problems or _mismatch(given.votes or (), statements)
    if problems or given.votes is None:
        return BallotAnswer((), conflicts_in(answer), problems)
    by_id = {vote.id: vote for vote in given.votes}
    return BallotAnswer(tuple(by_id[statement.id] for statement in statements), conflicts_in(answer), ())


def _mismatch(votes: Sequence[Vote], statements: Sequence[Statement]) -> tuple[FileProblem, ...]:
    """Why votes are not one on each of the statements."""
    known = {statement.id for statement in statements}
    seen: set[str] = set()
    for vote in votes:
        if vote.id not in known:
            return (FileProblem("incomplete", f"votes on {short(vote.id)}, which was not put to the vote"),)
        if vote.id in seen:
            return (FileProblem("incomplete", f"votes twice on {vote.id}"),)
        seen.add(vote.id)
    lacking = [statement.id for statement in statements if statement.id not in seen]
    return (FileProblem("incomplete", f"has no vote on {short(', '.join(lacking))}"),) if lacking else ()


# Counting: which ballots count, and what they say of each statement.


class BallotCount(NamedTuple):
    """`statements` with the votes that count, by the identity of each; `voted` the agents that did their part."""

    statements: dict[str, VotedStatement]
    voted: frozenset[str]
    ballots: tuple[Ballot, ...]
    uncounted: tuple[UncountedBallot, ...]
    cast: bool
    """whether anybody voted at all"""

    @property
    def agreed(self) -> int:
        """Statements that every voter agrees with."""
        return sum(each.agreed for each in self.statements.values())


def count_ballots(
    question: ConsensusQuestion, method: ConsensusMethod, usable: Sequence[AgentOutput], ballots: Sequence[Ballot]
) -> BallotCount:
    """The votes on the usable answers of the roster, by the method that the configuration declares."""
    by_agent: dict[str, AgentOutput] = {}
    for output in sorted(usable, key=lambda each: each.path):
        if output.agent in question.roster:
            by_agent.setdefault(output.agent, output)
    answers = [by_agent[agent] for agent in question.roster if agent in by_agent]
    return _of_chain(answers) if method == "chain" else _of_ballots(question, answers, ballots)


def _of_ballots(question: ConsensusQuestion, answers: Sequence[AgentOutput], ballots: Sequence[Ballot]) -> BallotCount:
    by_identity = _by_identity(answers)
    asked = _Asked(tuple(by_identity.values()), frozenset(Input(answer.path, answer.sha256) for answer in answers))
    cast = _not_superseded(ballots)
    filed = Counter(ballot.agent for ballot in cast)
    counted, uncounted = [], []
    votes: dict[str, list[CastVote]] = {statement.id: [] for statement in asked.statements}
    for ballot in sorted(cast, key=lambda each: each.path):
        reasons = (*_reasons(ballot, question, filed[ballot.agent]), *_differences(ballot, asked))
        if reasons:
            uncounted.append(UncountedBallot(ballot.agent, ballot.path, reasons, ballot.agent in question.roster))
            continue
        counted.append(ballot)
        for statement, vote in _matched(ballot, asked):
            votes[statement.id].append(CastVote(ballot.agent, vote.vote, vote.because))
    voted = {found: VotedStatement(each, tuple(votes[each.id])) for found, each in by_identity.items()}
    agents = frozenset(ballot.agent for ballot in counted)
    return BallotCount(voted, agents, tuple(counted), tuple(uncounted), bool(counted))


def _not_superseded(ballots: Sequence[Ballot]) -> list[Ballot]:
    """Without those of an agent that has voted anew since, on other answers. Two ballots on the same answers stay two,
    so that nobody can choose between them."""
    last: dict[str, Ballot] = {}
    for ballot in sorted(ballots, key=lambda each: (each.number, each.path)):
        last[ballot.agent] = ballot
    return [
        ballot
        for ballot in ballots
        if ballot.number == last[ballot.agent].number
        or frozenset(ballot.inputs) == frozenset(last[ballot.agent].inputs)
    ]


class _Asked(NamedTuple):
    """What every agent is asked: the statements of the usable answers, and the bytes of these."""

    statements: tuple[Statement, ...]
    inputs: frozenset[Input]


def _reasons(ballot: Ballot, question: ConsensusQuestion, filed: int) -> Iterator[FileProblem]:
    """Why a ballot does not count, whatever it is on."""
    if ballot.problems and ballot.problems[0].flaw == "unreadable":
        yield from ballot.problems
        return
    if ballot.agent not in question.roster:
        yield FileProblem("foreign", "is of an agent outside of the roster")
    if filed > 1:
        yield FileProblem("incomplete", f"is one of {filed} ballots of {ballot.agent}")
    if ballot.error is not None:
        yield FileProblem("incomplete", f"reports an error: {ballot.error}")
    yield from ballot.problems
    yield from foreign(ballot.named, question)
    yield from signature(ballot.agent, ballot.named)


def _differences(ballot: Ballot, asked: _Asked) -> Iterator[FileProblem]:
    """Why a ballot is on something else than the answers that are here.

    An answer that is gone since takes its agent's part with it; the votes on the others still stand.
    """
    if ballot.error is not None or ballot.problems:
        return
    given = frozenset(ballot.inputs)
    gone = given - asked.inputs
    if not asked.inputs <= given or {each.path for each in gone} & {each.path for each in asked.inputs}:
        yield FileProblem("foreign", "was not made from the answers that are here")
    elif (gone and len(list(_matched(ballot, asked))) < len(asked.statements)) or (
        not gone and ballot.statements != asked.statements
    ):
        yield FileProblem("foreign", "is on other statements than the answers state")
    elif len(ballot.votes) != len(ballot.statements) or not ballot.votes:
        yield FileProblem("incomplete", "is on no statement")


def _matched(ballot: Ballot, asked: _Asked) -> Iterator[tuple[Statement, Vote]]:
    """Each statement of the answers that are here, and the vote on it."""
    votes = {vote.id: vote for vote in ballot.votes}
    by_text = {identity(each.text): each for each in ballot.statements}
    for statement in asked.statements:
        found = by_text.get(identity(statement.text))
        if found and {*statement.agents} <= {*found.agents} and found.id in votes:
            yield statement, votes[found.id]


def _of_chain(answers: Sequence[AgentOutput]) -> BallotCount:
    """Each answer votes on the statements of those before it; its own it agrees with."""
    seen = _by_identity(answers[:-1])
    votes: dict[str, dict[str, CastVote]] = {
        found: {agent: CastVote(agent, "agree") for agent in each.agents} for found, each in seen.items()
    }
    restated = answers[-1].agreements if answers else ()
    for agreement in restated:
        if agreement.id in votes:
            votes[agreement.id][answers[-1].agent] = CastVote(answers[-1].agent, "agree")
    voted, uncounted = {answer.agent for answer in answers[:1]}, []
    for at, answer in enumerate(answers[1:], 1):
        earlier = _by_identity(answers[:at])
        reasons = _chain_reasons(answer, answers[:at], tuple(earlier.values()))
        if reasons:
            uncounted.append(UncountedBallot(answer.agent, answer.path, reasons, True))
            continue
        voted.add(answer.agent)
        by_id = {vote.id: vote for vote in answer.votes or ()}
        for found, statement in earlier.items():
            vote = by_id[statement.id]
            votes[found][answer.agent] = CastVote(answer.agent, vote.vote, vote.because)
    counted = {
        found: VotedStatement(each, tuple(votes[found][agent] for agent in sorted(votes[found])))
        for found, each in seen.items()
    }
    return BallotCount(counted, frozenset(voted), (), tuple(uncounted), len(voted) > 1)


def _chain_reasons(
    answer: AgentOutput, before: Sequence[AgentOutput], statements: Sequence[Statement]
) -> tuple[FileProblem, ...]:
    if frozenset(answer.previous) != {Input(each.path, each.sha256) for each in before}:
        return (FileProblem("foreign", "was not made from the answers before it in the roster"),)
    return answer.spoiled or _mismatch(answer.votes or (), statements)
