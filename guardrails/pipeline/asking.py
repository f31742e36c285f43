"""Ask the agents of a stage, wave by wave, and file what they answer.

Done again after a kill it asks nobody twice: a call that was made is known by its key, and everything that is written
is dated by the calls themselves, so that the same bytes are written.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from guardrails.agents.calls import Call, Origin, Watch, call_all, call_key, calls_directory
from guardrails.consensus.context import Context, collect, own_prompts
from guardrails.consensus.prompts import Template, Variables, render, stage_prompts, waves
from guardrails.consensus.values import agent_of
from guardrails.evidence.names import Session
from guardrails.evidence.store import Written
from guardrails.pipeline.bill import Bill
from guardrails.pipeline.filing import Filing
from guardrails.pipeline.halting import Halt, halt
from guardrails.pipeline.rounds import Kit, Made, Round, Source, attempt_of, latest
from guardrails.pipeline.world import World
from guardrails.run_config import require_callable
from guardrails.run_settings import Agent
from guardrails.snapshot.worktree import Worktree


class Consulted(NamedTuple):
    """What came of asking. `round` is what was asked before a halt, too: None when nobody was."""

    round: Round | None
    written: tuple[Written, ...] = ()
    halt: Halt | None = None


class Consultation(NamedTuple):
    """Whom to ask. `earlier` are the rounds of the same session, `before` those of the run's other stages: both have
    been paid for. `profile` is the one that is fallen back to."""

    agents: tuple[str, ...]
    earlier: tuple[Round, ...] = ()
    before: tuple[Round, ...] = ()
    profile: str | None = None


class Prepared(NamedTuple):
    """All that is known before anybody is asked."""

    context: Context
    inputs: tuple[Source, ...]
    templates: dict[str, Template]
    waves: tuple[tuple[str, ...], ...]

    @property
    def kit(self) -> Kit | None:
        kit = self.context.kit
        return None if kit is None else Kit(kit.version, kit.sha256)


def prepare(world: World, stage: str) -> Prepared:
    """Context and prompts of a stage as the working tree has them. Raises GuardrailError when they cannot be used."""
    snapshot = Worktree(world.repo)
    plan = world.plan.stage(stage)
    require_callable(world.plan, plan.roster)
    context = collect(snapshot, world.settings, world.plan.prompts, world.spec)
    prompts = stage_prompts(own_prompts(snapshot, world.plan.prompts), world.plan.prompts.file, stage, plan.roster)
    templates = {agent_of(template.agent): template for template in prompts.templates}
    return Prepared(context, _sources(snapshot, context), templates, waves(prompts))


def _sources(snapshot: Worktree, context: Context) -> tuple[Source, ...]:
    cut = {each.path: each for each in context.cut}
    sources = []
    for item in context.inputs:
        size = len(snapshot.read(item.path) or b"")
        sources.append(Source(item.path, item.sha256, size, size - cut[item.path].kept if item.path in cut else 0))
    return tuple(sources)


def prompt_of(world: World, prepared: Prepared, stage: str, agent: Agent, previous: dict[str, str]) -> str:
    """The prompt of one agent as it is sent."""
    variables = Variables(world.spec, stage, prepared.context.text, agent.model, agent.model_release, agent.reasoning)
    return render(prepared.templates[agent_of(agent.name)], variables, previous)


def ask(world: World, session: Session, consultation: Consultation, watch: Watch | None = None) -> Consulted:
    """Ask the agents of a consultation, those of a wave at the same time, each after those whose answers it is given.

    An answer of an earlier round is given as it was filed. Before each wave the budget is asked. Raises GuardrailError
    for prompts or documents that cannot be used: then nobody was asked.
    """
    plan = world.plan if consultation.profile is None else world.plan.fallen_back(consultation.profile)
    world = world._replace(plan=plan)
    prepared = prepare(world, session.stage)
    filing = Filing(world, session)
    bill = Bill(plan, (*consultation.before, *consultation.earlier))
    made: list[Made] = []
    for wave in prepared.waves:
        names = [name for name in wave if agent_of(name) in {agent_of(each) for each in consultation.agents}]
        if not names:
            continue
        calls = [_call(world, session, prepared, plan.agent(name), consultation, made, filing) for name in names]
        refused = bill.refusal(calls)
        if refused is not None:
            return _consulted(prepared, consultation, made, filing, bill, halt(session.stage, "budget", *refused))
        for call, finished in zip(calls, call_all(world, calls, watch), strict=True):
            version = prepared.templates[agent_of(call.agent.name)].version
            spent = bill.charge(call, finished)
            attempt = attempt_of(agent_of(call.agent.name), consultation.earlier)
            made.append(filing.file(call, finished, version, attempt, prepared.inputs, prepared.kit, spent))
    return _consulted(prepared, consultation, made, filing, bill, None)


def _consulted(
    prepared: Prepared, consultation: Consultation, made: list[Made], filing: Filing, bill: Bill, stopped: Halt | None
) -> Consulted:
    number = len(consultation.earlier) + 1
    round_ = Round(number, tuple(made), prepared.inputs, prepared.kit, consultation.profile, bill.warnings)
    return Consulted(round_ if made else None, tuple(filing.written), stopped)


def _call(
    world: World,
    session: Session,
    prepared: Prepared,
    agent: Agent,
    consultation: Consultation,
    made: Sequence[Made],
    filing: Filing,
) -> Call:
    known = {**latest(consultation.earlier), **{each.agent: each for each in made}}
    previous = {name: text for name, each in known.items() if (text := filing.answer(each)) is not None}
    prompt = prompt_of(world, prepared, session.stage, agent, previous)
    attempt = attempt_of(agent_of(agent.name), consultation.earlier)
    key = call_key(session.stage, attempt, agent_of(agent.name), prompt)
    origin = Origin(world.spec, session.stage, session.stamp, world.run or "")
    return Call(key, agent, session.stage, prompt, calls_directory(world, session.stamp), origin)
