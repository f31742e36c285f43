"""Have the agents of a stage vote: each on every statement of all usable answers, in one short call.

A ballot that was cast on the same statements is not asked for again. A new one on other answers has a name of its own:
what was cast is evidence, and evidence is not written over. Done again after a kill, a call that was made is known by
its key, and nobody is paid twice.
"""

from __future__ import annotations

from typing import NamedTuple

from guardrails.agents.calls import call_all, call_key, calls_directory
from guardrails.agents.run_context import RunContext
from guardrails.agents.types import Call, Origin, Watch
from guardrails.config.run_settings import Agent
from guardrails.consensus.model import AgentOutput, Statement, agent_of
from guardrails.consensus.prompts import ballot_prompt
from guardrails.evidence.names import StageSession
from guardrails.runs.budget import BudgetTracker
from guardrails.runs.consult import Consulted, Filing
from guardrails.runs.halt import halt
from guardrails.runs.reload import load_answers, verdict_of
from guardrails.runs.rounds import AnswerSource, Round, attempt_of, ballots_cast, latest_ballots


class CollectBallots(NamedTuple):
    """Whom to ask for ballots. `earlier` are the rounds of the same session, `before` those of the run's other stages:
    both have been paid for. `agents` are called under `profile` where it names one."""

    earlier: tuple[Round, ...]
    before: tuple[Round, ...] = ()
    agents: tuple[str, ...] = ()
    profile: str | None = None
    replaced: tuple[Round, ...] = ()
    """the rounds of earlier sessions of the stage: paid for, too"""


class _Question(NamedTuple):
    """What is put to the vote, and the answers that state it: their agents vote."""

    statements: tuple[Statement, ...]
    answers: tuple[AgentOutput, ...]
    unvoted: tuple[str, ...]
    """agents without a ballot on these answers"""

    @property
    def inputs(self) -> tuple[AnswerSource, ...]:
        return tuple(AnswerSource(each.path, each.sha256, 0) for each in self.answers)


def vote(
    run_context: RunContext, session: StageSession, asked: CollectBallots, watch: Watch | None = None
) -> Consulted:
    """Ask every agent with a usable answer for its ballot, all at the same time, and file the ballots.

    `Consulted.round` is None when nobody was asked: without statements there is nothing to vote on. The budget is
    asked first.
    """
    question = _question(run_context, session)
    if not question.statements:
        return Consulted(None)
    cast = latest_ballots(asked.earlier)
    unvoted = frozenset(question.unvoted)
    calls = []
    for answer in question.answers:
        agent = _agent(run_context, answer.agent, asked)
        prompt = ballot_prompt(session.spec, session.stage, agent.name, question.statements)
        known = cast.get(answer.agent)
        if known is None or known.error is not None or answer.agent in unvoted:
            calls.append(_call(run_context, session, agent, prompt, asked))
    if not calls:
        return Consulted(None)
    bill = BudgetTracker(run_context.plan, (*asked.before, *asked.replaced, *asked.earlier))
    if (refused := bill.refusal(calls)) is not None:
        return Consulted(None, (), halt(session.stage, "budget", *refused))
    filing = Filing(run_context, session)
    made = []
    for call, finished in zip(calls, call_all(run_context, calls, watch), strict=True):
        attempt = attempt_of(agent_of(call.agent.name), (*asked.replaced, *asked.earlier))
        spent = bill.charge(call, finished)
        number = 1 + ballots_cast(agent_of(call.agent.name), asked.earlier)
        made.append(filing.file_ballot(call, finished, attempt, question.inputs, question.statements, spent, number))
    number = len(asked.earlier) + 1
    return Consulted(Round(number, tuple(made), (), None, asked.profile, bill.warnings), tuple(filing.written))


def _question(run_context: RunContext, session: StageSession) -> _Question:
    """What the answers that were filed put to the vote, as everybody reads them back."""
    answers = load_answers(run_context, session)
    verdict = verdict_of(run_context, answers, ())
    return _Question(
        tuple(each.statement for each in verdict.statements),
        tuple(each for each in verdict.usable if each.agent in answers.question.roster),
        verdict.unvoted,
    )


def _agent(run_context: RunContext, name: str, asked: CollectBallots) -> Agent:
    """How an agent is called for its ballot: as it was for its answer, or as the step of recovery says."""
    again = asked.profile is not None and name in {agent_of(each) for each in asked.agents}
    answered = [
        each.profile
        for each in asked.earlier
        if any(made.agent == name and not made.ballot and not made.arbiter for made in each.made)
    ]
    profile = asked.profile if again else (answered[-1] if answered else None)
    plan = run_context.plan if profile is None else run_context.plan.fallen_back(profile)
    return plan.agent(name)


def _call(run_context: RunContext, session: StageSession, agent: Agent, prompt: str, asked: CollectBallots) -> Call:
    attempt = attempt_of(agent_of(agent.name), (*asked.replaced, *asked.earlier))
    return Call(
        call_key(f"{session.stage}-ballot", attempt, agent_of(agent.name), prompt),
        agent,
        session.stage,
        prompt,
        calls_directory(run_context, session.stamp),
        Origin(run_context.spec, session.stage, session.stamp, run_context.run or ""),
        ballot=True,
    )
