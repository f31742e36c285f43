"""The values a verdict is made from and made of. Nothing here reads, writes or knows where files lie."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Literal, NamedTuple

from guardrails.config.settings import ConsensusMethod

RecordKind = Literal["ok", "degraded", "undecided", "hold", "conflict"]
KINDS: tuple[RecordKind, ...] = ("ok", "degraded", "undecided", "hold", "conflict")
"""Best first: a record claims more than is true when it names an earlier one."""

Role = Literal["synthesis", "verdict"]
Flaw = Literal["unreadable", "placeholder", "foreign", "incomplete"]


SHOWN = 120
"""Characters of quoted content in a message."""


def short(text: str) -> str:
    """Quoted content on one line, cut to what a message can hold."""
    start = text[: 10 * SHOWN]  # a hostile text is megabytes of words
    line = " ".join(start.split())
    return line if len(line) <= SHOWN and start == text else line[: SHOWN - 3] + "..."


class FileProblem(NamedTuple):
    """Why a file cannot be taken at its word. `text` completes "it …"; `line` and `column` are 1-based."""

    flaw: Flaw
    text: str
    line: int | None = None
    column: int | None = None


class Input(NamedTuple):
    """A file an answer was made from, and the digest of its bytes then."""

    path: str
    sha256: str


class Prompt(NamedTuple):
    version: str | None = None
    sha256: str | None = None


ConflictCause = Literal["stated", "split", "vote"]
"""Somebody states it; some answers proceed and some hold; somebody votes against a decision."""


class Conflict(NamedTuple):
    """A disagreement. Texts that differ only in case, spacing, Unicode form or invisible characters have one id."""

    id: str
    text: str
    cause: ConflictCause = "stated"


class Position(NamedTuple):
    """Whether an answer says that the stage may go on, and why. None: it states no position that is understood."""

    proceeds: bool | None = None
    reasons: tuple[str, ...] = ()


StatementKind = Literal["decision", "remark"]
"""A vote against a decision is a conflict; one against a remark is a lower agreement."""
VoteWord = Literal["agree", "disagree", "abstain"]
VOTES: tuple[VoteWord, ...] = ("agree", "disagree", "abstain")


class Agreement(NamedTuple):
    """What an answer says that the agents agree on. Only a vote shows whether they do."""

    id: str
    text: str
    kind: StatementKind = "remark"


class Statement(NamedTuple):
    """An agreement as it is put to the vote: each once, whoever stated it, its text on one line."""

    id: str
    """`s1`, `s2` and so on, in the order they are put to the vote"""
    text: str
    kind: StatementKind
    agents: tuple[str, ...]
    """who stated it"""


class Vote(NamedTuple):
    """What one agent says of one statement."""

    id: str
    vote: VoteWord
    because: str = ""


def agent_of(name: str) -> str:
    """An agent's name as it is compared: `gpt-pro`, `gpt_pro` and `GPT-Pro` are one agent."""
    return name.strip().lower().replace("-", "_")


class Attribution(NamedTuple):
    """Whom a file says it belongs to: each value it gives, normalised. One that agrees with itself gives one each."""

    specs: frozenset[str] = frozenset()
    stages: frozenset[str] = frozenset()
    agents: frozenset[str] = frozenset()
    sessions: frozenset[str] = frozenset()


class AgentOutput(NamedTuple):
    """One answer file. `agent` is whom its name says; `sha256` is of its own bytes; `inputs` empty means unrecorded."""

    path: str
    agent: str
    sha256: str
    stamp: str | None = None
    named: Attribution = Attribution()
    recorded: datetime | None = None
    prompt: Prompt = Prompt()
    inputs: tuple[Input, ...] = ()
    agreements: tuple[Agreement, ...] = ()
    """the distinct agreements it states, in the words it states them in first"""
    position: Position = Position()
    previous: tuple[Input, ...] = ()
    """the answers of other agents that it was made from; only in a chain"""
    votes: tuple[Vote, ...] | None = None
    """its ballot on the statements of those answers, None where it holds none; only in a chain"""
    spoiled: tuple[FileProblem, ...] = ()
    """what is wrong with that ballot"""
    conflicts: tuple[Conflict, ...] = ()
    replayed: bool = False
    """whether it says that it came from a recording"""
    error: str | None = None
    problems: tuple[FileProblem, ...] = ()


class Ballot(NamedTuple):
    """One agent's votes on the statements of all answers, as they were filed.

    `inputs` are the answers that were voted on, `statements` what was put to the vote, `votes` one for each of them;
    empty when anything is wrong with them. `conflicts` are what the agent states beside its votes. `number` counts the
    ballots of the agent in its session: it votes anew when an answer joins or changes.
    """

    path: str
    agent: str
    sha256: str
    stamp: str | None = None
    named: Attribution = Attribution()
    recorded: datetime | None = None
    prompt: Prompt = Prompt()
    inputs: tuple[Input, ...] = ()
    statements: tuple[Statement, ...] = ()
    votes: tuple[Vote, ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    replayed: bool = False
    error: str | None = None
    problems: tuple[FileProblem, ...] = ()
    number: int = 1


class VerdictClaim(NamedTuple):
    """The verdict a record states, and the words it states it in."""

    kind: RecordKind
    said: str


class OutcomeRecord(NamedTuple):
    """A synthesis or verdict file: a witness of its run, never the verdict.

    `claim` is the mildest verdict it states, `admits` the gravest that follows from what it states, None when
    there is none. `inputs`, `prompts`, `roster`, `outputs` (agent, digest) and `synthesis` (digest) are what it records
    of the run, empty when it doesn't. `sha256` is of its own bytes.
    """

    path: str
    role: Role
    sha256: str = ""
    stamp: str | None = None
    named: Attribution = Attribution()
    recorded: datetime | None = None
    claim: VerdictClaim | None = None
    admits: VerdictClaim | None = None
    participation: float | None = None
    inputs: tuple[Input, ...] = ()
    prompt_version: str | None = None
    prompts: tuple[tuple[str, Prompt], ...] = ()
    outputs: tuple[tuple[str, str], ...] = ()
    synthesis: str | None = None
    roster: frozenset[str] = frozenset()
    conflicts: tuple[Conflict, ...] = ()
    method: str | None = None
    """how agreement was counted"""
    problems: tuple[FileProblem, ...] = ()


class Resolution(NamedTuple):
    """The only thing that settles a conflict: it names one, says why, and by whom and when it was settled.

    `proceed` says whether the stage may go on: what some answers hold and some do not is settled by nothing less.
    """

    path: str
    stamp: str | None = None
    named: Attribution = Attribution()
    conflict: str | None = None
    text: str | None = None
    because: str = ""
    by: str = ""
    when: datetime | None = None
    proceed: bool | None = None
    problems: tuple[FileProblem, ...] = ()


class ConsensusQuestion(NamedTuple):
    """What is asked: do the agents of `roster` agree on this stage of this SPEC, in the session of `stamp`?"""

    spec: str
    stage: str
    roster: tuple[str, ...]
    stamp: str | None = None


def ask(spec: str, stage: str, roster: Iterable[str], stamp: str | None = None) -> ConsensusQuestion:
    """The question with its roster in the form agents are compared in, each once."""
    return ConsensusQuestion(spec, stage, tuple(dict.fromkeys(agent_of(agent) for agent in roster)), stamp)


class Current(NamedTuple):
    """The state the verdict has to hold for.

    `documents` gives the digest of every recorded input as it is now, None where it is gone. `required` are the
    documents no answer can do without. `prompts` gives digests of prompts by agent, where they are known here.
    """

    documents: Mapping[str, str | None]
    required: tuple[str, ...]
    prompts: Mapping[str, str] = {}


class Unusable(NamedTuple):
    """An output that does not count, and each reason why. `of_roster`: somebody waited for it."""

    output: AgentOutput
    reasons: tuple[FileProblem, ...]
    of_roster: bool


class SettledConflict(NamedTuple):
    conflict: Conflict
    resolution: Resolution


class AgentPosition(NamedTuple):
    agent: str
    position: Position


class CastVote(NamedTuple):
    """A vote that counts, and whose it is."""

    agent: str
    vote: VoteWord
    because: str = ""


class VotedStatement(NamedTuple):
    """A statement and the votes on it. `settled`: the conflict over it is resolved, so it counts as agreed."""

    statement: Statement
    votes: tuple[CastVote, ...] = ()
    settled: bool = False

    @property
    def agreed(self) -> bool:
        """Whether every voter agrees with it. An abstention is no agreement, and neither is nobody's vote."""
        return self.settled or (bool(self.votes) and all(each.vote == "agree" for each in self.votes))

    def voters(self, word: VoteWord) -> tuple[str, ...]:
        """The agents that voted so."""
        return tuple(sorted(each.agent for each in self.votes if each.vote == word))


class UncountedBallot(NamedTuple):
    """A ballot that does not count, and each reason why. `path` is of the ballot, or of the answer it is part of."""

    agent: str
    path: str
    reasons: tuple[FileProblem, ...]
    of_roster: bool


class ConsensusVerdict(NamedTuple):
    """The answer. `participation` is rounded to two decimals; `reasons` say what decided it, and `remedies` what would
    change it; both are empty when it is ok.

    `positions` are those of the usable answers, `statements` what is put to the vote with the votes that count,
    `ballots` those that count, `unvoted` the agents with a usable answer and without such a ballot.
    `stale` are the inputs that are not what they were; `overstated` pairs each record that claims more than the
    outputs give with what it claims.
    """

    kind: RecordKind
    severe: bool
    participation: float | None
    agreement: float | None
    usable: tuple[AgentOutput, ...]
    unusable: tuple[Unusable, ...]
    missing: tuple[str, ...]
    conflicts: tuple[Conflict, ...]
    resolved: tuple[SettledConflict, ...]
    reasons: tuple[str, ...]
    remedies: tuple[str, ...] = ()
    shortfalls: tuple[str, ...] = ()
    """the reasons that would leave it degraded if there were no others"""
    unclear: tuple[str, ...] = ()
    """the reasons that are answers without a position"""
    positions: tuple[AgentPosition, ...] = ()
    statements: tuple[VotedStatement, ...] = ()
    ballots: tuple[Ballot, ...] = ()
    uncounted: tuple[UncountedBallot, ...] = ()
    unvoted: tuple[str, ...] = ()
    method: ConsensusMethod = "ballot"
    stale: tuple[str, ...] = ()
    overstated: tuple[tuple[OutcomeRecord, str], ...] = ()
