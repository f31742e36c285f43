"""Write what a SPEC has cost, after each session of a stage."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from guardrails.agents.call_files import AGENT, PROMPT
from guardrails.agents.lifecycle import finished
from guardrails.agents.outcomes import NEVER_BEGUN, recorded
from guardrails.agents.run_context import RunContext
from guardrails.agents.types import Call, Origin
from guardrails.config.run_settings import Agent
from guardrails.evidence.costs import Charge, Spent, calls_known, session_cost, summary_document
from guardrails.evidence.names import StageSession, cost_path
from guardrails.evidence.store import EvidenceStore, WrittenFile
from guardrails.layouts.cost_summary import SessionCost
from guardrails.runs.budget import BudgetTracker, spent_of
from guardrails.runs.rounds import AgentCall, Round

# Calls that were paid and are in no cost summary: their run was given up before the stage was settled.
#
# Each call keeps beside its prompt and answer what it was made for. So what a session cost can be known without it.


_UNKNOWN = Spent(None, None, None, "unknown", "unknown")
_LONGEST = 1 << 20


class KeptCall(NamedTuple):
    """The folder of one call, and what lies there of it."""

    folder: str
    origin: Origin
    about: Mapping[str, Any]


def left_rows(run_context: RunContext, known: Mapping[str, int], session: str) -> Iterator[SessionCost]:
    """A row for each other session of the SPEC that made more calls than are `known` of it (stamp → calls)."""
    sessions: dict[Origin, list[KeptCall]] = {}
    for kept in kept_calls(os.path.join(run_context.repo.git_dir(), "speckit", "calls")):
        if kept.origin.spec == run_context.spec and kept.origin.session != session:
            sessions.setdefault(kept.origin, []).append(kept)
    for origin, calls in sorted(sessions.items()):
        if len(calls) > known.get(origin.session, 0):
            charges = [charge for kept in calls if (charge := _orphan_charge(run_context, kept)) is not None]
            if len(charges) > known.get(origin.session, 0):
                yield session_cost(origin.session, origin.stage, origin.run or None, charges)


def kept_calls(place: str) -> Iterator[KeptCall]:
    """Every call of this working tree that says what it was made for."""
    for run in _folders(place):
        for folder in _folders(run):
            try:
                with open(os.path.join(folder, "call.json"), "rb") as stream:
                    about = json.loads(stream.read(_LONGEST))
                origin = Origin(*(str(about["origin"][name]) for name in Origin._fields))
            except (OSError, ValueError, KeyError, TypeError):
                continue
            yield KeptCall(folder, origin, about)


def _folders(place: str) -> list[str]:
    try:
        with os.scandir(place) as items:
            return sorted(item.path for item in items if item.is_dir(follow_symlinks=False))
    except OSError:
        return []


def _orphan_charge(run_context: RunContext, kept: KeptCall) -> Charge | None:
    """What a call cost; None when it was never made. One that has not ended, or of which nothing is left, cost nobody
    knows what."""
    outcome = recorded(kept.folder)
    if outcome is None:
        begun = os.path.exists(os.path.join(kept.folder, AGENT))
        return Charge(_UNKNOWN, ballot=_is_ballot(kept)) if begun else None
    if outcome.problem in NEVER_BEGUN:
        return None
    call = _call(kept)
    done = finished(call, kept.folder, outcome, reused=True)
    cached = bool(done.answer.usage.cached_input_tokens)
    return Charge(
        BudgetTracker(run_context.plan, ()).charge(call, done),
        failed=done.problem is not None,
        cached=cached,
        ballot=_is_ballot(kept),
    )


def _is_ballot(kept: KeptCall) -> bool:
    """Whether a call was made for votes, by its key."""
    return os.path.basename(kept.folder).startswith(f"{kept.origin.stage}-ballot-")


def _call(kept: KeptCall) -> Call:
    about = kept.about
    agent = Agent(
        str(about.get("agent")),
        command=tuple(map(str, about.get("command") or ("?",))),
        format=about.get("format", "text"),
        output=about.get("output", "stdout"),
        model=about.get("model"),
    )
    with open(os.path.join(kept.folder, PROMPT), encoding="utf-8", errors="replace") as stream:
        prompt = stream.read()
    return Call(os.path.basename(kept.folder), agent, kept.origin.stage, prompt, os.path.dirname(kept.folder))


def write_costs(
    run_context: RunContext, session: StageSession, rounds: Sequence[Round], at: datetime
) -> tuple[WrittenFile, tuple[str, ...]]:
    """Bring the cost summary of the SPEC up to date with a session, and with calls of others that were given up before
    they were settled. Says what its reader should know.

    Calls whose program was not there were never made, and are not counted. An answer that was carried over is counted
    where it was paid for.
    """
    store = EvidenceStore(run_context.repo.root)
    path = cost_path(run_context.settings.layout, run_context.spec)
    charges = [_charge(made) for each in rounds for made in each.made if not made.missing_tool and not made.carried]
    settled = session_cost(session.stamp, session.stage, run_context.run, charges)
    before = store.read(path)
    left = tuple(left_rows(run_context, calls_known(before, run_context.spec), session.stamp))
    made = summary_document(
        before, run_context.spec, settled, run_context.plan.profile, run_context.plan.budget, at, left
    )
    return store.record(path, "cost_summary", made.document, replace=True), made.notes


def _charge(made: AgentCall) -> Charge:
    cached = bool(made.cached_input_tokens)
    return Charge(
        spent_of(made), failed=made.error is not None, cached=cached, replayed=made.replayed, ballot=made.ballot
    )
