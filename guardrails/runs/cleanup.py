"""Remove what is kept of calls and steps in the git directory and nobody needs any more.

A run that has not completed can be gone on with, so all of it stays. So does what a stage that was asked alone has not
brought to an end, and a call that is in no cost summary yet: what it cost is known from here alone. Evidence is not
touched: that is for `speckit evidence archive`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import ExitStack
from shutil import rmtree
from typing import TYPE_CHECKING, NamedTuple

from guardrails.agents.outcomes import NEVER_BEGUN, recorded
from guardrails.config.layout import Layout
from guardrails.errors import GuardrailError
from guardrails.evidence.costs import calls_known
from guardrails.evidence.lock import LockedError, locked
from guardrails.evidence.names import cost_path
from guardrails.evidence.store import EvidenceStore
from guardrails.git.repo import Repo
from guardrails.runs.costs import KeptCall, kept_calls

if TYPE_CHECKING:
    from guardrails.runs.workflow import Journal, JournalLocation


class Leftover(NamedTuple):
    """What one run left, or one session of a stage that was asked alone: then `in_journal` is false."""

    spec: str
    name: str
    folder: str
    bytes: int
    in_journal: bool = True


class Pruned(NamedTuple):
    """What was removed, or would be. `busy` are SPECs that somebody is at work on: theirs is left alone."""

    removed: tuple[Leftover, ...]
    busy: tuple[str, ...]

    @property
    def bytes(self) -> int:
        return sum(each.bytes for each in self.removed)


def prune(repo: Repo, layout: Layout, place: JournalLocation, keep: int, *, dry: bool) -> Pruned:
    """Remove all but the newest `keep` of each SPEC of what is over. `dry`: only say what that is.

    Raises GuardrailError for what cannot be removed: the journal then still has it.
    """
    from guardrails.runs.workflow import journal

    calls = os.path.join(repo.git_dir(), "speckit", "calls")
    removed: list[Leftover] = []
    busy = []
    with journal(place) as kept:
        ended = [*_runs(kept, calls), *_sessions(repo, layout, calls)]
        for spec in sorted({each.spec for each in ended}):
            chosen = [each for each in ended if each.spec == spec]
            with ExitStack() as stack:
                try:
                    stack.enter_context(locked(repo, spec, "speckit runs prune"))
                except LockedError:
                    busy.append(spec)
                    continue
                removed += _without(kept, chosen, keep, dry=dry)
    return Pruned(tuple(removed), tuple(busy))


def _without(kept: Journal, ended: Iterable[Leftover], keep: int, *, dry: bool) -> list[Leftover]:
    ordered = sorted(ended, key=lambda each: each.name, reverse=True)
    over = list(reversed(ordered[keep:]))
    for each in () if dry else over:
        _remove(each.folder)
        if each.in_journal:
            kept.forget(each.spec, each.name)
    return over


def _remove(folder: str) -> None:
    try:
        rmtree(folder)
    except FileNotFoundError:
        return
    except OSError as error:
        raise GuardrailError(f"{folder} cannot be removed: {error.strerror or error}", "remove it by hand") from error


def _runs(kept: Journal, calls: str) -> Iterable[Leftover]:
    """Every run that has completed."""
    for spec, run in kept.completed():
        folder = os.path.join(calls, run)
        yield Leftover(spec, run, folder, _size(folder))


def _sessions(repo: Repo, layout: Layout, calls: str) -> Iterable[Leftover]:
    """Every session outside of runs whose calls have all ended and are all in the cost summary."""
    found: dict[tuple[str, str, str], list[KeptCall]] = {}
    for call in kept_calls(calls):
        if call.origin.run == "" and layout.id_of(call.origin.spec) == call.origin.spec:
            key = (call.origin.spec, call.origin.session, os.path.dirname(call.folder))
            found.setdefault(key, []).append(call)
    for (spec, session, folder), made in found.items():
        known = calls_known(EvidenceStore(repo.root).read(cost_path(layout, spec)), spec)
        ends = [recorded(call.folder) for call in made]
        paid = sum(end is None or end.problem not in NEVER_BEGUN for end in ends)
        if None not in ends and paid <= known.get(session, 0):
            yield Leftover(spec, session, folder, _size(folder), in_journal=False)


def _size(folder: str) -> int:
    """Bytes of the files below a folder; 0 where there is none."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(place, name)).st_size
            except FileNotFoundError:
                continue
    return total
