"""Let one agent settle the conflicts of a session: it must name each, and say why. What it leaves out stays open."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from guardrails.agents.calls import Call, Finished, Origin, Watch, call_all, call_key, calls_directory
from guardrails.consensus.context import collect
from guardrails.consensus.fencing import fenced, shown
from guardrails.consensus.values import Conflict, agent_of
from guardrails.evidence.names import Session, command_path
from guardrails.evidence.store import Store, Written
from guardrails.pipeline.asking import Consulted
from guardrails.pipeline.bill import Bill
from guardrails.pipeline.filing import Filing
from guardrails.pipeline.gathered import gather, verdict_of
from guardrails.pipeline.halting import halt
from guardrails.pipeline.resolving import write_resolution
from guardrails.pipeline.rounds import Round, attempt_of
from guardrails.pipeline.world import World
from guardrails.redaction import needles, redacted
from guardrails.run_config import require_callable
from guardrails.snapshot.worktree import Worktree

_ASKED = """You settle conflicts between the answers that several agents gave to the stage {stage} of {spec}.

The documents they worked from:

{context}

The conflicts, each with its id:

{conflicts}

Decide each conflict on the grounds of the documents. Answer with one JSON object and nothing else:
{{"resolutions": [{{"conflict": "<id>", "because": "<what is decided, and why>"}}]}}
Leave a conflict out if the documents do not decide it: a person will.
"""


def arbitrate(
    world: World, session: Session, agent: str, rounds: Sequence[Round], before: Sequence[Round], watch: Watch | None
) -> Consulted:
    """Ask the arbiter about the open conflicts, and record what it settles. Its answer is kept as a log."""
    require_callable(world.plan, (agent,))
    gathered = gather(world, session)
    conflicts = verdict_of(world, gathered, ()).conflicts
    if not conflicts:
        return Consulted(None)
    arbiter = world.plan.agent(agent)
    prompt = _prompt(world, session, conflicts)
    number = attempt_of(agent_of(agent), rounds)
    call = Call(
        call_key(f"{session.stage}-arbiter", number, agent_of(agent), prompt),
        arbiter,
        session.stage,
        prompt,
        calls_directory(world, session.stamp),
        Origin(world.spec, session.stage, session.stamp, world.run or ""),
    )
    bill = Bill(world.plan, (*before, *rounds))
    if (refused := bill.refusal([call])) is not None:
        return Consulted(None, (), halt(session.stage, "budget", *refused))
    (finished,) = call_all(world, [call], watch)
    made = Filing(world, session).charged(call, finished, "arbiter", number, bill.charge(call, finished))
    log = _log(world, session, finished)
    written = [log, *_settle(world, session, agent, conflicts, finished)]
    round_ = Round(len(rounds) + 1, (made._replace(output=log, arbiter=True),), (), warnings=bill.warnings)
    return Consulted(round_, tuple(written))


def _prompt(world: World, session: Session, conflicts: Sequence[Conflict]) -> str:
    context = collect(Worktree(world.repo), world.settings, world.plan.prompts, world.spec)
    listed = "\n\n".join(f"{each.id}:\n{fenced(shown(each.text))}" for each in conflicts)
    return _ASKED.format(stage=session.stage, spec=world.spec, context=context.text, conflicts=listed)


def _settle(
    world: World, session: Session, agent: str, conflicts: Sequence[Conflict], finished: Finished
) -> Iterator[Written]:
    """A resolution for each open conflict that the answer names and gives a reason for."""
    said = dict(_decisions(finished.answer.value or {}))
    if finished.problem is not None:
        return
    for number, conflict in enumerate(conflicts):
        because = said.get(conflict.id)
        if because:
            by = f"{agent} (arbiter)"
            yield write_resolution(world, session, conflict, because, by, finished.finished, number)


def _decisions(value: dict[str, Any]) -> Iterator[tuple[str, str]]:
    rows = value.get("resolutions")
    for item in rows if isinstance(rows, list) else []:
        if isinstance(item, dict) and isinstance(item.get("conflict"), str) and isinstance(item.get("because"), str):
            yield item["conflict"].strip().lower(), item["because"].strip()


def _log(world: World, session: Session, finished: Finished) -> Written:
    known = needles(world.settings.secrets.variables, world.environment)
    said = {"problem": finished.problem, "answer": finished.answer.value}
    data = json.dumps(redacted(said, known), ensure_ascii=True, indent=2) + "\n"
    path = command_path(world.settings.layout, session, "arbiter.log")
    return Store(world.repo.root).write(path, data.encode("ascii"), replace=True)
