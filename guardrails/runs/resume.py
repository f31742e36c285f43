"""Which run an operator means: a new one, or one that was left, and how that is gone on with. Pure but for the journal.

What was cut off (a kill, Ctrl-C, a power cut) is gone on with when it is asked for again: nothing of it is paid twice.
What halted has said why, and is taken up only when somebody says so, or says that it is not to be.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from guardrails.errors import GuardrailError
from guardrails.runs.halt import Halt
from guardrails.runs.history import AgentsAsked, HistoryRecord, RunBegan, RunRequest, of_kind
from guardrails.runs.planner import Done


class RunIntent(NamedTuple):
    """What the operator asked for. `fresh` is the request of a run that would be new; `named` says which of its parts
    the operator named. `resume` is the name of a run, or empty for the latest that is not finished."""

    fresh: RunRequest
    resume: str | None = None
    new: bool = False
    named: frozenset[str] = frozenset()


class KnownAttempt(NamedTuple):
    """An attempt that the journal knows. `open`: it has not ended, however it was left."""

    run: str
    attempt: int
    open: bool


class RememberedAttempt(NamedTuple):
    """All that is known of an attempt. `end` is None when it has not ended, or was given up."""

    request: RunRequest
    history: tuple[HistoryRecord, ...]
    end: Halt | Done | None


How = Literal["new", "go on", "again"]


class RunDecision(NamedTuple):
    """What to do. `go on`: with the attempt as it is; `again`: by a further attempt, after `history`."""

    how: How
    request: RunRequest
    history: tuple[HistoryRecord, ...] = ()
    left: str | None = None
    """how it was left, for the operator"""


def latest_of(known: Sequence[KnownAttempt], run: str | None) -> KnownAttempt | None:
    """The last attempt at a run, or at the latest of all runs. Raises GuardrailError for a run nobody knows."""
    if run:
        own = [each for each in known if each.run == run] or [each for each in known if each.run.startswith(run)]
        if len({each.run for each in own}) != 1:
            said = "more than one run begins with" if own else "there is no run"
            raise GuardrailError(f"{said} '{run}'", "'speckit runs' lists them")
        known = own
    return max(known, key=lambda each: (each.run, each.attempt), default=None)


def choose(wish: RunIntent, known: KnownAttempt | None, remembered: RememberedAttempt | None) -> RunDecision:
    """What to do about the attempt that the operator's wish is about. Raises GuardrailError where it is not clear."""
    if known is None or remembered is None:
        if wish.resume is not None:
            spec = wish.fresh.spec
            raise GuardrailError(f"{spec} has no run to resume", f"speckit auto {spec} begins one")
        return RunDecision("new", wish.fresh)
    if wish.resume is not None:
        return _resumed(wish, known, remembered)
    if wish.new or isinstance(remembered.end, Done):
        return RunDecision("new", wish.fresh)
    if known.open:
        _require_same(wish, remembered.request)
        return _gone_on(wish, known, remembered)
    if not any(record.round is not None for record in of_kind(remembered.history, AgentsAsked)):
        return RunDecision("new", wish.fresh)  # it has cost nothing
    raise GuardrailError(
        f"{wish.fresh.spec}: the run {known.run} {_left(remembered)}",
        f"speckit auto {wish.fresh.spec} --resume goes on with it and asks nobody twice; --new begins another",
    )


def _resumed(wish: RunIntent, known: KnownAttempt, remembered: RememberedAttempt) -> RunDecision:
    if isinstance(remembered.end, Done):
        raise GuardrailError(f"the run {known.run} is completed", f"speckit auto {wish.fresh.spec} begins another")
    _require_same(wish, remembered.request)
    return _gone_on(wish, known, remembered)


def _require_same(wish: RunIntent, request: RunRequest) -> None:
    """A run keeps its stages and its profile: what its agents were asked, they were asked for these."""
    fresh = wish.fresh
    differs = (
        ("from" in wish.named and fresh.stages[0] != request.stages[0])
        or ("to" in wish.named and fresh.stages[-1] != request.stages[-1])
        or ("profile" in wish.named and fresh.profile != request.profile)
    )
    if differs:
        profile = f", profile {request.profile}" if request.profile else ""
        raise GuardrailError(
            f"the run {request.run} goes from {request.stages[0]} to {request.stages[-1]}{profile}",
            f"speckit auto {request.spec} --resume goes on with it as it is; --new begins another",
        )


def _gone_on(wish: RunIntent, known: KnownAttempt, remembered: RememberedAttempt) -> RunDecision:
    """As it is if nothing that it rests on has changed; else by a further attempt under what holds now."""
    old, fresh = remembered.request, wish.fresh
    dirty = fresh.allow_dirty if "allow_dirty" in wish.named or not known.open else old.allow_dirty
    degraded = fresh.allow_degraded if "allow_degraded" in wish.named or not known.open else old.allow_degraded
    now = old._replace(
        rosters=tuple(_roster(stage, old, fresh) for stage in old.stages),
        config_sha256=fresh.config_sha256,
        recovery=fresh.recovery,
        method=fresh.method,
        allow_dirty=dirty,
        allow_degraded=degraded,
    )
    left = f"the run {known.run} {_left(remembered)}"
    if known.open and now == old:
        return RunDecision("go on", old, remembered.history, left)
    return RunDecision("again", now._replace(attempt=known.attempt + 1), remembered.history, left)


def _roster(stage: str, old: RunRequest, fresh: RunRequest) -> tuple[str, ...]:
    return fresh.roster(stage) if stage in fresh.stages else old.roster(stage)


def _left(remembered: RememberedAttempt) -> str:
    if isinstance(remembered.end, Halt):
        return f"halted at {remembered.end.stage} ({remembered.end.reason})"
    done = [record for record in remembered.history if not isinstance(record, RunBegan)]
    return f"was interrupted at {done[-1].stage}" if done else "was interrupted before its first stage"
