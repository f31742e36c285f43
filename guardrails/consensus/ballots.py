"""What the agents vote on, and their votes: agreement is counted, never claimed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from guardrails.consensus.model import (
    VOTES,
    AgentOutput,
    Agreement,
    Conflict,
    FileProblem,
    Statement,
    Vote,
    VoteWord,
    short,
)
from guardrails.consensus.statements import conflicts_in
from guardrails.core.text import printable

_WORDS: Mapping[str, VoteWord] = {word: word for word in VOTES}


def statements_of(outputs: Iterable[AgentOutput]) -> tuple[Statement, ...]:
    """Every distinct agreement of the answers, once: what is put to the vote.

    Ordered by agent and by the place in its answer, whatever the order of the files. Stated as a decision by one, it
    is a decision.
    """
    distinct: dict[str, list[tuple[str, Agreement]]] = {}
    for output in sorted(outputs, key=lambda each: (each.agent, each.sha256)):
        for agreement in output.agreements:
            distinct.setdefault(agreement.id, []).append((output.agent, agreement))
    return tuple(_statement(f"s{number}", said) for number, said in enumerate(distinct.values(), 1))


def _statement(name: str, said: Sequence[tuple[str, Agreement]]) -> Statement:
    decided = any(agreement.kind == "decision" for _, agreement in said)
    agents = tuple(dict.fromkeys(agent for agent, _ in said))
    return Statement(name, one_line(said[0][1].text), "decision" if decided else "remark", agents)


def one_line(text: str) -> str:
    """A text as one line of a prompt, which no text can begin another line of."""
    return printable(" ".join(text.split()))


class BallotAnswer(NamedTuple):
    """The votes an agent answered, one for each statement; none when there is anything wrong with them."""

    votes: tuple[Vote, ...]
    conflicts: tuple[Conflict, ...]
    """what it states as a conflict beside its votes"""
    problems: tuple[FileProblem, ...]


def parse_votes(answer: Any, statements: Sequence[Statement]) -> BallotAnswer:
    """The votes in `answer`: `{"ballot": [{"id": "s1", "vote": "agree", "because": ""}]}`.

    A spoiled ballot is no ballot: with an unknown or repeated id, a statement without a vote or a word that is no
    vote, none of it counts.
    """
    rows = answer.get("ballot") if isinstance(answer, dict) else None
    conflicts = conflicts_in(answer)
    if not isinstance(rows, list):
        return BallotAnswer((), conflicts, (FileProblem("incomplete", "holds no ballot"),))
    known = {statement.id for statement in statements}
    votes: dict[str, Vote] = {}
    for row in rows:
        found = _vote(row)
        problem = found if isinstance(found, FileProblem) else _misplaced(found, known, votes)
        if problem is not None:
            return BallotAnswer((), conflicts, (problem,))
        assert isinstance(found, Vote)
        votes[found.id] = found
    lacking = [statement.id for statement in statements if statement.id not in votes]
    if lacking:
        return BallotAnswer((), conflicts, (FileProblem("incomplete", f"has no vote on {short(', '.join(lacking))}"),))
    return BallotAnswer(tuple(votes[statement.id] for statement in statements), conflicts, ())


def _misplaced(vote: Vote, known: Iterable[str], votes: Mapping[str, Vote]) -> FileProblem | None:
    if vote.id not in known:
        return FileProblem("incomplete", f"votes on {short(vote.id)}, which was not put to the vote")
    if vote.id in votes:
        return FileProblem("incomplete", f"votes twice on {vote.id}")
    return None


def _vote(row: Any) -> Vote | FileProblem:
    named_id, said = (row.get("id"), row.get("vote")) if isinstance(row, dict) else (None, None)
    because = row.get("because") if isinstance(row, dict) else None
    if not isinstance(named_id, str) or not isinstance(said, str):
        return FileProblem("incomplete", "holds a vote without an id and a word")
    word = _WORDS.get(said.strip().lower())
    if word is None:
        return FileProblem("incomplete", f"votes '{short(said)}' on {short(named_id)}; votes are {', '.join(VOTES)}")
    if because is not None and not isinstance(because, str):
        return FileProblem("incomplete", f"gives a reason for {short(named_id)} that is no text")
    return Vote(named_id.strip().lower(), word, because or "")
