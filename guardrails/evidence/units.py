"""What is kept or packed as one: a run with all its sessions, or a session that belongs to no run. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timezone
from typing import NamedTuple

from guardrails.checks.ledger_files import RESOLUTION
from guardrails.checks.ledger_runs import Run, Shelf, place
from guardrails.evidence_names import evidence_name
from guardrails.layout import Layout
from guardrails.timestamps import parse, parse_stamp

KINDS = ("commands", "consensus")
"""Folders whose files belong to sessions. Everything else belongs to the SPEC, or is about a run."""


class Sitting(NamedTuple):
    """One session of one stage, told by the names of its files. `session` is empty for older names without one."""

    stage: str
    when: datetime
    session: str

    @property
    def name(self) -> str:
        tail = f"-{self.session}" if self.session else ""
        return f"spec-{self.stage}_{self.when.astimezone(timezone.utc):%Y%m%dT%H%M%SZ}{tail}"


class Unit(NamedTuple):
    """`name` is the run's, or the session's. `paths` are the files that belong to it alone, in the order in which
    they may go: a run's ledger and summary last. `kinds` are the (folder, stage) it has sessions of."""

    name: str
    run: Run | None
    started: datetime
    paths: tuple[str, ...]
    kinds: frozenset[tuple[str, str]]

    @property
    def under_way(self) -> bool:
        return self.run is not None and self.run.summary is not None and self.run.summary.under_way


def sitting(layout: Layout, path: str) -> Sitting | None:
    """The session a file was written in, by its name in any of the styles; None for a file that names none.

    A log has no name of its own kind, but begins as the records of its session do.
    """
    start, dot, _ = path.rpartition(".")
    name = evidence_name(layout, start + ".json") if dot else None
    stamp = parse_stamp(name.stamp) if name else None
    return Sitting(name.stage, stamp.when, stamp.session or "") if name and name.stage and stamp else None


def units(layout: Layout, shelf: Shelf, spec: str) -> list[Unit]:
    """Every run and session of a SPEC, oldest first by recorded time. Files without a session are in none."""
    runs = shelf.of(spec)
    sessions = _sessions(layout, shelf, spec)
    owner = _owners(layout, runs)
    grouped: dict[str, dict[Sitting, list[str]]] = {run.name: {} for run in runs}
    alone: dict[str, dict[Sitting, list[str]]] = {}
    for path, sat in sessions.items():
        run = owner.get(sat) or owner.get(_any_time(sat) if path.endswith(RESOLUTION) else sat)
        home = grouped[run] if run else alone.setdefault(_home(sat, sessions.values(), path).name, {})
        home.setdefault(sat, []).append(path)
    found = [_of_run(layout, run, grouped[run.name], shelf) for run in runs]
    found += [_alone(layout, name, sat) for name, sat in alone.items()]
    return sorted(found, key=lambda unit: (unit.started, unit.name))


def _sessions(layout: Layout, shelf: Shelf, spec: str) -> dict[str, Sitting]:
    found = {}
    for path in sorted(shelf.files):
        where = place(layout, path)
        if where and where.spec == spec and where.kind in KINDS and (sat := sitting(layout, path)):
            found[path] = sat
    return found


_ANY = datetime.min.replace(tzinfo=timezone.utc)


def _any_time(sat: Sitting) -> Sitting:
    """A resolution is named for the session it settles, and for its own time."""
    return sat._replace(when=_ANY)


def _home(sat: Sitting, others: Iterable[Sitting], path: str) -> Sitting:
    """The session a file belongs to: for a resolution the latest before it with the same name."""
    if not path.endswith(RESOLUTION) or not sat.session:
        return sat
    before = [each for each in others if _any_time(each) == _any_time(sat) and each.when <= sat.when]
    return min(before, default=sat)


def _owners(layout: Layout, runs: Iterable[Run]) -> dict[Sitting, str]:
    """The run of each session: what its ledger lists, and what its summary says."""
    owner = {}
    for run in runs:
        for name in run.sessions:
            if sat := sitting(layout, f"{layout.evidence}/commands/{run.spec}/{name}.json"):
                owner[sat] = owner[_any_time(sat)] = run.name
    return owner


def _of_run(layout: Layout, run: Run, sessions: dict[Sitting, list[str]], shelf: Shelf) -> Unit:
    own = [path for path in (run.signature_path, run.ledger, run.summary_path) if path in shelf.files]
    recorded = parse((run.summary.document or {}).get("started_at")) if run.summary else None
    paths = (*sorted(path for group in sessions.values() for path in group), *own)
    return Unit(run.name, run, recorded or run.started, paths, frozenset(_kinds(layout, sessions)))


def _alone(layout: Layout, name: str, sessions: dict[Sitting, list[str]]) -> Unit:
    paths = tuple(sorted(path for group in sessions.values() for path in group))
    return Unit(name, None, min(sat.when for sat in sessions), paths, frozenset(_kinds(layout, sessions)))


def _kinds(layout: Layout, sessions: dict[Sitting, list[str]]) -> Iterator[tuple[str, str]]:
    for sat, paths in sessions.items():
        for path in paths:
            where = place(layout, path)
            if where and not path.endswith(RESOLUTION):
                yield where.kind, sat.stage
