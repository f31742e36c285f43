"""Ask the agents of a stage, wave by wave, and file what they answer.

Done again after a kill it asks nobody twice: a call that was made is known by its key, and everything that is written
is dated by the calls themselves, so that the same bytes are written.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import Any, NamedTuple

from guardrails.agents.calls import call_all, call_key, calls_directory, prompt_sha256
from guardrails.agents.run_context import RunContext
from guardrails.agents.types import Call, Finished, Origin, Watch
from guardrails.config.layout import stage_of
from guardrails.config.run_loader import require_callable
from guardrails.config.run_settings import Agent
from guardrails.consensus.ballots import BallotAnswer, parse_votes, statements_of
from guardrails.consensus.context import PromptContext, collect, own_prompts
from guardrails.consensus.model import AgentOutput, Conflict, FileProblem, Statement, agent_of
from guardrails.consensus.positions import position_in
from guardrails.consensus.prompts import (
    BALLOT_VERSION,
    StagePrompts,
    Template,
    Variables,
    chain_prompt,
    render,
    stage_prompts,
    waves,
)
from guardrails.consensus.quoting import fenced, quoted_text
from guardrails.core.strict_json import JsonFlaw, parse_json
from guardrails.core.timestamps import stamped
from guardrails.evidence.costs import FREE, Spent
from guardrails.evidence.names import StageSession, command_path, consensus_path
from guardrails.evidence.store import EvidenceStore, WrittenFile
from guardrails.runs.budget import BudgetTracker
from guardrails.runs.conflicts import ConflictDecision, write_resolution
from guardrails.runs.halt import Halt, halt
from guardrails.runs.reload import load_answers, verdict_of
from guardrails.runs.rounds import AgentCall, AnswerSource, KitUsed, Round, attempt_of, latest
from guardrails.runs.session_records import (
    PROVIDERS,
    Sent,
    ballot_document,
    input_document,
    metrics_document,
    output_document,
)
from guardrails.secrets.redact import redactor_of
from guardrails.snapshot.worktree import Worktree

# File what an agent answered as evidence: without secrets, under its session's name, with what it used beside it.


_LONGEST_REASON = 500


class Filing:
    """The files of one session. `written` grows as they are written."""

    def __init__(self, run_context: RunContext, session: StageSession) -> None:
        self._run_context, self._session = run_context, session
        self._store = EvidenceStore(run_context.repo.root)
        self._redactor = redactor_of(run_context.settings, run_context.environment)
        self.written: list[WrittenFile] = []

    def file(
        self, call: Call, finished: Finished, sent: Sent, attempt: int, spent: Spent, turn: ChainTurn | None = None
    ) -> AgentCall:
        """Write the answer and the metrics of a call. An agent that is asked again replaces its earlier answer.
        `turn` is what it was given to vote on, in a chain."""
        made = self.charged(call, finished, sent.version, attempt, spent, self._session.stage)
        cast = parse_votes(self._redactor.value(finished.answer.value), turn.statements) if turn else None
        if turn and turn.statements and cast and cast.problems:
            made = made._replace(error=made.error or _spoiled(cast))
        path = made.output.path
        document = self._redactor.value(output_document(self._session, call.agent, sent, finished, made))
        if turn and cast:
            document["previous"] = [{"path": each.path, "sha256": each.sha256} for each in turn.answers]
            document["ballot"] = [each._asdict() for each in cast.votes] if made.error is None else []
        return self._with_metrics(made, path, "agent_output", document)

    def _with_metrics(self, made: AgentCall, path: str, schema: str, document: dict[str, Any]) -> AgentCall:
        """Write what came of a call, and its metrics beside it."""
        if self._run_context.run is not None:
            document["run"] = self._run_context.run
        made = made._replace(output=self._record(path, schema, document))
        metrics = f"{path.removesuffix('.json')}_metrics.json"
        self._record(metrics, "agent_metrics", metrics_document(self._session, made))
        return made

    def carry_over(
        self, known: AgentCall, inputs: tuple[AnswerSource, ...], turn: ChainTurn | None
    ) -> AgentCall | None:
        """Write an answer of an earlier session of the stage under the name of this one; it is paid for already. None
        where it is not there any more as it was filed. Its metrics stay with the session that paid."""
        data = Worktree(self._run_context.repo).read(known.output.path)
        if data is None or sha256(data).hexdigest() != known.output.sha256:
            return None
        document = parse_json(data)
        finished = max(known.finished, self._session.started)
        document |= {
            "session": self._session.stamp,
            "timestamp": stamped(finished),
            "inputs": [input_document(source) for source in inputs],
        }
        if turn:
            document["previous"] = [{"path": each.path, "sha256": each.sha256} for each in turn.answers]
        path = consensus_path(self._run_context.settings.layout, self._session, f"{known.agent}.json")
        output = self._record(path, "agent_output", document)
        free = known._replace(usd=FREE.usd, input_tokens=0, output_tokens=0, reasoning_tokens=None, source=FREE.source)
        return free._replace(finished=finished, output=output, carried=True)

    def file_ballot(
        self,
        call: Call,
        finished: Finished,
        attempt: int,
        inputs: tuple[AnswerSource, ...],
        statements: tuple[Statement, ...],
        spent: Spent,
        number: int = 1,
    ) -> AgentCall:
        """Write the ballot and the metrics of a call. `inputs` are the answers; `number` counts the agent's ballots in
        the session, for one that was cast is never written over."""
        made = self.charged(call, finished, BALLOT_VERSION, attempt, spent)
        name = f"{made.agent}_ballot" + (f"_{number}" if number > 1 else "")
        path = consensus_path(self._run_context.settings.layout, self._session, f"{name}.json")
        cast = _ballot_in(self._redactor.value(finished.answer.value), statements, self._session.stage, made.agent)
        spoiled = _spoiled(cast) if cast.problems else None
        made = made._replace(ballot=True, error=made.error or spoiled, output=made.output._replace(path=path))
        sent = Sent(BALLOT_VERSION, made.prompt_sha256, inputs, None)
        document = self._redactor.value(
            ballot_document(self._session, call.agent, sent, made, statements, cast if made.error is None else None)
        )
        return self._with_metrics(made, path, "ballot", document)

    def charged(
        self, call: Call, finished: Finished, version: str, attempt: int, spent: Spent, stage: str | None = None
    ) -> AgentCall:
        """What is known of a call before what it brought is filed: an answer of `stage`, where that is named."""
        name = agent_of(call.agent.name)
        return AgentCall(
            agent=name,
            attempt=attempt,
            error=self._reason(finished, stage),
            prompt_version=version,
            prompt_sha256=prompt_sha256(call.prompt),
            started=finished.started,
            finished=max(finished.finished, self._session.started),
            latency_ms=finished.latency_ms,
            output=WrittenFile(consensus_path(self._run_context.settings.layout, self._session, f"{name}.json"), "", 0),
            exit_code=finished.exit_code,
            missing_tool=finished.missing_tool,
            replayed=finished.replayed,
            model=call.agent.model,
            answered_by=finished.answer.model,
            provider=None if finished.replayed else PROVIDERS.get(call.agent.format),
            input_tokens=spent.input_tokens,
            output_tokens=spent.output_tokens,
            reasoning_tokens=finished.answer.usage.reasoning_tokens,
            cached_input_tokens=finished.answer.usage.cached_input_tokens,
            usd=spent.usd,
            source=spent.source,
            tokens_source=spent.tokens_source,
        )

    def answer(self, made: AgentCall) -> str | None:
        """What an agent answered, as others are given it; None when it is not what was filed, or is no answer."""
        data = Worktree(self._run_context.repo).read(made.output.path)
        if made.error is not None or data is None:
            return None
        try:
            value = parse_json(data)
        except JsonFlaw:
            return None
        return json.dumps(value.get("output"), ensure_ascii=False, indent=2) if isinstance(value, dict) else None

    def _record(self, path: str, schema: str, document: dict[str, object]) -> WrittenFile:
        written = self._store.record(path, schema, document, replace=True)
        self.written.append(written)
        return written

    def _reason(self, finished: Finished, stage: str | None) -> str | None:
        """Why a call brought nothing to use; with a `stage`, an answer of it, which has to say whether it may go on."""
        if finished.problem is None and finished.answer.value is not None:
            return None if stage is None else _no_position(finished.answer.value, stage)
        said = finished.problem or finished.answer.problem or "there is no answer in its output"
        text = self._redactor.text(" ".join(said.split()))
        return text[:_LONGEST_REASON]


def _no_position(value: dict[str, Any], stage: str) -> str | None:
    """Why an answer does not say whether its stage may go on; None when it does."""
    position = position_in(value, stage)
    if position.proceeds is not None:
        return None
    said = "; ".join(position.reasons)
    return f'the answer has no decision with "proceed": true or false ({said})'[:_LONGEST_REASON]


def _ballot_in(value: Any, statements: Sequence[Statement], stage: str, agent: str) -> BallotAnswer:
    """The votes of a ballot. One that names another stage or another agent is spoiled."""
    cast = parse_votes(value, statements)
    named = value if isinstance(value, dict) else {}
    for key, said, mine in (("stage", stage_of(named.get("stage")), stage), ("agent", _agent_in(named), agent)):
        if key in named and said != mine:
            return BallotAnswer((), cast.conflicts, (FileProblem("incomplete", f"names another {key}"), *cast.problems))
    return cast


def _agent_in(value: dict[str, Any]) -> str | None:
    said = value.get("agent")
    return agent_of(said) if isinstance(said, str) else None


def _spoiled(cast: BallotAnswer) -> str:
    return f"a spoiled ballot: it {cast.problems[0].text}"


class ChainTurn(NamedTuple):
    """What an agent of a chain is given: the usable answers before its own, and their statements to vote on."""

    answers: tuple[AgentOutput, ...] = ()
    statements: tuple[Statement, ...] = ()


class Consulted(NamedTuple):
    """What came of asking. `round` is what was asked before a halt, too: None when nobody was."""

    round: Round | None
    written: tuple[WrittenFile, ...] = ()
    halt: Halt | None = None


class Consultation(NamedTuple):
    """Whom to ask. `earlier` are the rounds of the same session, `before` those of the run's other stages: both have
    been paid for. `profile` is the one that is fallen back to. `replaced` are the rounds of the stage's sessions before
    this one: the others of the roster are taken over from there, where they were asked the same, and else asked too."""

    agents: tuple[str, ...]
    earlier: tuple[Round, ...] = ()
    before: tuple[Round, ...] = ()
    profile: str | None = None
    replaced: tuple[Round, ...] = ()

    def attempt(self, agent: str) -> int:
        """Which call of an agent in this stage comes next, from 1."""
        return attempt_of(agent, (*self.replaced, *self.earlier))

    @property
    def begins(self) -> bool:
        """Whether a further session of the stage begins with it."""
        return bool(self.replaced) and not self.earlier


class PreparedConsultation(NamedTuple):
    """All that is known before anybody is asked."""

    context: PromptContext
    inputs: tuple[AnswerSource, ...]
    templates: dict[str, Template]
    waves: tuple[tuple[str, ...], ...]

    @property
    def kit(self) -> KitUsed | None:
        kit = self.context.kit
        return None if kit is None else KitUsed(kit.version, kit.sha256)


def prepare(run_context: RunContext, stage: str) -> PreparedConsultation:
    """Context and prompts of a stage as the working tree has them. Raises GuardrailError when they cannot be used."""
    snapshot = Worktree(run_context.repo)
    plan = run_context.plan.stage(stage)
    require_callable(run_context.plan, plan.roster)
    context = collect(snapshot, run_context.settings, run_context.plan.prompts, run_context.spec)
    prompts = stage_prompts(
        own_prompts(snapshot, run_context.plan.prompts), run_context.plan.prompts.file, stage, plan.roster
    )
    templates = {agent_of(template.agent): template for template in prompts.templates}
    return PreparedConsultation(context, _sources(snapshot, context), templates, _turns(run_context, prompts))


def _turns(run_context: RunContext, prompts: StagePrompts) -> tuple[tuple[str, ...], ...]:
    """Who is asked at the same time: in a chain one after the other, in the order of the roster."""
    made = waves(prompts)
    if run_context.settings.consensus.method == "chain":
        return tuple((template.agent,) for template in prompts.templates)
    return made


def _sources(snapshot: Worktree, context: PromptContext) -> tuple[AnswerSource, ...]:
    cut = {each.path: each for each in context.cut}
    sources = []
    for item in context.inputs:
        size = len(snapshot.read(item.path) or b"")
        sources.append(
            AnswerSource(item.path, item.sha256, size, size - cut[item.path].kept if item.path in cut else 0)
        )
    return tuple(sources)


def prompt_of(
    run_context: RunContext, prepared: PreparedConsultation, stage: str, agent: Agent, previous: dict[str, str]
) -> str:
    """The prompt of one agent as it is sent."""
    variables = Variables(
        run_context.spec, stage, prepared.context.text, agent.model, agent.model_release, agent.reasoning
    )
    return render(prepared.templates[agent_of(agent.name)], variables, previous)


def ask(
    run_context: RunContext, session: StageSession, consultation: Consultation, watch: Watch | None = None
) -> Consulted:
    """Ask the agents of a consultation, those of a wave at the same time, each after those whose answers it is given.

    An answer of an earlier round is given as it was filed. Before each wave the budget is asked. Raises GuardrailError
    for prompts or documents that cannot be used: then nobody was asked.
    """
    plan = run_context.plan if consultation.profile is None else run_context.plan.fallen_back(consultation.profile)
    run_context = run_context._replace(plan=plan)
    prepared = prepare(run_context, session.stage)
    filing = Filing(run_context, session)
    bill = BudgetTracker(plan, (*consultation.before, *consultation.replaced, *consultation.earlier))
    made: list[AgentCall] = []
    chained = run_context.settings.consensus.method == "chain"
    asked = {agent_of(each) for each in consultation.agents}
    for wave in prepared.waves:
        names = [name for name in wave if agent_of(name) in asked or (chained and made) or consultation.begins]
        if not names:
            continue
        turn = _chain_turn(run_context, session, prepared, names[0]) if chained else None
        known = {**latest(consultation.earlier), **{each.agent: each for each in made}}
        previous = {name: text for name, each in known.items() if (text := filing.answer(each)) is not None}
        calls = [
            _call(run_context, session, prepared, plan.agent(name), consultation, previous, turn) for name in names
        ]
        carried = [_carried(filing, call, consultation, prepared, turn) for call in calls]
        made += [each for each in carried if each is not None]
        calls = [call for call, each in zip(calls, carried, strict=True) if each is None]
        refused = bill.refusal(calls)
        if refused is not None:
            return _consulted(prepared, consultation, made, filing, bill, halt(session.stage, "budget", *refused))
        for call, finished in zip(calls, call_all(run_context, calls, watch), strict=True):
            version = prepared.templates[agent_of(call.agent.name)].version
            sent = Sent(version, prompt_sha256(call.prompt), prepared.inputs, prepared.kit)
            spent = bill.charge(call, finished)
            attempt = consultation.attempt(agent_of(call.agent.name))
            made.append(filing.file(call, finished, sent, attempt, spent, turn))
    return _consulted(prepared, consultation, made, filing, bill, None)


def _carried(
    filing: Filing,
    call: Call,
    consultation: Consultation,
    prepared: PreparedConsultation,
    turn: ChainTurn | None,
) -> AgentCall | None:
    """The answer that an earlier session has to this very prompt; None where the agent is to be asked."""
    agent = agent_of(call.agent.name)
    known = latest(consultation.replaced).get(agent) if consultation.begins else None
    if known is None or known.error is not None or agent in {agent_of(each) for each in consultation.agents}:
        return None
    if known.prompt_sha256 != prompt_sha256(call.prompt):
        return None
    return filing.carry_over(known, prepared.inputs, turn)


def _consulted(
    prepared: PreparedConsultation,
    consultation: Consultation,
    made: list[AgentCall],
    filing: Filing,
    bill: BudgetTracker,
    stopped: Halt | None,
) -> Consulted:
    number = len(consultation.earlier) + 1
    round_ = Round(number, tuple(made), prepared.inputs, prepared.kit, consultation.profile, bill.warnings)
    return Consulted(round_ if made else None, tuple(filing.written), stopped)


def _chain_turn(
    run_context: RunContext, session: StageSession, prepared: PreparedConsultation, name: str
) -> ChainTurn | None:
    """What the agents before this one have answered usably, as everybody reads it back; None for the first."""
    order = [agent_of(each) for wave in prepared.waves for each in wave]
    before = order[: order.index(agent_of(name))]
    if not before:
        return None
    usable = verdict_of(run_context, load_answers(run_context, session), ()).usable
    answers = tuple(sorted((each for each in usable if each.agent in before), key=lambda each: each.agent))
    return ChainTurn(answers, statements_of(answers))


def _call(
    run_context: RunContext,
    session: StageSession,
    prepared: PreparedConsultation,
    agent: Agent,
    consultation: Consultation,
    previous: dict[str, str],
    turn: ChainTurn | None,
) -> Call:
    prompt = prompt_of(run_context, prepared, session.stage, agent, previous)
    if turn is not None:
        answers = [(each.agent, previous.get(each.agent, "")) for each in turn.answers]
        prompt = chain_prompt(prompt, answers, turn.statements)
    attempt = consultation.attempt(agent_of(agent.name))
    key = call_key(session.stage, attempt, agent_of(agent.name), prompt)
    origin = Origin(run_context.spec, session.stage, session.stamp, run_context.run or "")
    return Call(key, agent, session.stage, prompt, calls_directory(run_context, session.stamp), origin)


# Let one agent settle the conflicts of a session: it must name each, and say why. What it leaves out stays open.


_ASKED = """You settle conflicts between the answers that several agents gave to the stage {stage} of {spec}.

The documents they worked from:

{context}

The conflicts, each with its id:

{conflicts}

Decide each conflict on the grounds of the documents. Answer with one JSON object and nothing else:
{{"resolutions": [{{"conflict": "<id>", "because": "<what is decided, and why>"}}]}}
Where some agents proceed and others hold, add "proceed": true to let the stage go on, or "proceed": false to hold it.
Leave a conflict out if the documents do not decide it: a person will.
"""


def arbitrate(
    run_context: RunContext,
    session: StageSession,
    agent: str,
    rounds: Sequence[Round],
    before: Sequence[Round],
    watch: Watch | None,
) -> Consulted:
    """Ask the arbiter about the open conflicts, and record what it settles. Its answer is kept as a log."""
    require_callable(run_context.plan, (agent,))
    gathered = load_answers(run_context, session)
    conflicts = verdict_of(run_context, gathered, ()).conflicts
    if not conflicts:
        return Consulted(None)
    arbiter = run_context.plan.agent(agent)
    prompt = _prompt(run_context, session, conflicts)
    number = attempt_of(agent_of(agent), rounds)
    call = Call(
        call_key(f"{session.stage}-arbiter", number, agent_of(agent), prompt),
        arbiter,
        session.stage,
        prompt,
        calls_directory(run_context, session.stamp),
        Origin(run_context.spec, session.stage, session.stamp, run_context.run or ""),
    )
    bill = BudgetTracker(run_context.plan, (*before, *rounds))
    if (refused := bill.refusal([call])) is not None:
        return Consulted(None, (), halt(session.stage, "budget", *refused))
    (finished,) = call_all(run_context, [call], watch)
    made = Filing(run_context, session).charged(call, finished, "arbiter", number, bill.charge(call, finished))
    log = _log(run_context, session, finished)
    written = [log, *_settle(run_context, session, agent, conflicts, finished)]
    round_ = Round(len(rounds) + 1, (made._replace(output=log, arbiter=True),), (), warnings=bill.warnings)
    return Consulted(round_, tuple(written))


def _prompt(run_context: RunContext, session: StageSession, conflicts: Sequence[Conflict]) -> str:
    context = collect(Worktree(run_context.repo), run_context.settings, run_context.plan.prompts, run_context.spec)
    listed = "\n\n".join(f"{each.id}:\n{fenced(quoted_text(each.text))}" for each in conflicts)
    return _ASKED.format(stage=session.stage, spec=run_context.spec, context=context.text, conflicts=listed)


def _settle(
    run_context: RunContext, session: StageSession, agent: str, conflicts: Sequence[Conflict], finished: Finished
) -> Iterator[WrittenFile]:
    """A resolution for each open conflict that the answer names and gives a reason for."""
    said = dict(_decisions(finished.answer.value or {}, f"{agent} (arbiter)"))
    if finished.problem is not None:
        return
    for number, conflict in enumerate(conflicts):
        decision = said.get(conflict.id)
        if decision is not None and decision.because:
            yield write_resolution(run_context, session, conflict, decision, finished.finished, number)


def _decisions(value: dict[str, Any], by: str) -> Iterator[tuple[str, ConflictDecision]]:
    rows = value.get("resolutions")
    for item in rows if isinstance(rows, list) else []:
        if isinstance(item, dict) and isinstance(item.get("conflict"), str) and isinstance(item.get("because"), str):
            proceed = item.get("proceed") if isinstance(item.get("proceed"), bool) else None
            yield item["conflict"].strip().lower(), ConflictDecision(item["because"].strip(), by, proceed)


def _log(run_context: RunContext, session: StageSession, finished: Finished) -> WrittenFile:
    said = {"problem": finished.problem, "answer": finished.answer.value}
    data = (
        json.dumps(redactor_of(run_context.settings, run_context.environment).value(said), ensure_ascii=True, indent=2)
        + "\n"
    )
    path = command_path(run_context.settings.layout, session, "arbiter.log")
    return EvidenceStore(run_context.repo.root).write(path, data.encode("ascii"), replace=True)
