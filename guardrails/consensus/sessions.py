"""Which files belong to one session, and which session is the latest: by records, never by mtime or name order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from guardrails.consensus.model import AgentOutput, Ballot, OutcomeRecord, Resolution
from guardrails.core.timestamps import parse_stamp

CLOCK_ALLOWANCE = timedelta(days=1)
"""How far ahead of now a record may be dated: clocks differ, and local times were written as UTC."""


class SessionActivity(NamedTuple):
    """A file that only shows that a session took place: metrics, telemetry."""

    path: str
    stamp: str | None


class SessionKey(NamedTuple):
    """What the files of one session have in common. `session` of an unstamped file comes from its content."""

    when: str
    session: str


class ConsensusSession(NamedTuple):
    """The files of one session. `when` is None when nothing in it is dated."""

    key: SessionKey
    when: datetime | None
    outputs: tuple[AgentOutput, ...]
    records: tuple[OutcomeRecord, ...]
    witnesses: tuple[SessionActivity, ...]
    ballots: tuple[Ballot, ...] = ()

    @property
    def stamp(self) -> str | None:
        """The stamp of the files' names, None for files with fixed names."""
        return next((file.stamp for file in self.files if file.stamp), None)

    @property
    def files(self) -> tuple[_File, ...]:
        return (*self.records, *self.outputs, *self.ballots, *self.witnesses)


_File = AgentOutput | Ballot | OutcomeRecord | SessionActivity


def group(
    outputs: Iterable[AgentOutput],
    records: Iterable[OutcomeRecord],
    witnesses: Iterable[SessionActivity],
    ballots: Iterable[Ballot],
) -> list[ConsensusSession]:
    """The sessions of one stage of one SPEC, in order of their keys. The order of the files is irrelevant."""
    grouped: dict[SessionKey, _Grouped] = {}

    def of(file: _File) -> _Grouped:
        return grouped.setdefault(_key(file), _Grouped([], [], [], []))

    for output in outputs:
        of(output).outputs.append(output)
    for record in records:
        of(record).records.append(record)
    for witness in witnesses:
        of(witness).witnesses.append(witness)
    for ballot in ballots:
        of(ballot).ballots.append(ballot)
    return [_session(key, files) for key, files in sorted(grouped.items(), key=lambda row: row[0])]


class _Grouped(NamedTuple):
    outputs: list[AgentOutput]
    records: list[OutcomeRecord]
    witnesses: list[SessionActivity]
    ballots: list[Ballot]


def latest(sessions: Sequence[ConsensusSession]) -> list[ConsensusSession]:
    """The sessions nothing is later than: one, unless several share a moment or none is dated at all.

    An undated session counts as older than any dated one.
    """
    moments = [session.when for session in sessions if session.when]
    newest = max(moments, default=None)
    return [session for session in sessions if session.when == newest]


def belongs(resolution: Resolution, session: ConsensusSession) -> bool:
    """Whether a resolution was recorded for this session: by the whole stamp or by the session in it.

    A conflict that comes back in a later session has to be settled again.
    """
    ours, its = parse_stamp(session.stamp), parse_stamp(resolution.stamp)
    if ours is None or its is None:
        return session.stamp is None and resolution.stamp is None and _key(resolution) == session.key
    return its == ours or (its.session is not None and its.session == ours.session)


def names_stamp(text: str, stamp: str) -> bool:
    """Whether a session id in a content is that of a name's stamp: its session part, or all of it in any style."""
    expected, given = parse_stamp(stamp), parse_stamp(text)
    if expected is None:
        return text == stamp
    return text == expected.session or given == expected


def _key(file: _File | Resolution) -> SessionKey:
    if file.stamp:
        stamp = parse_stamp(file.stamp)
        return SessionKey(stamp.when.isoformat(), stamp.session or "") if stamp else SessionKey(file.stamp, "")
    sessions = () if isinstance(file, SessionActivity) else sorted(file.named.sessions)
    return SessionKey("", sessions[0] if sessions else "")


def _session(key: SessionKey, found: _Grouped) -> ConsensusSession:
    """Dated by the answers in it. A synthesis may be written again later, so it dates only where no answer does."""
    syntheses = [record for record in found.records if record.role == "synthesis"]
    verdicts = [record for record in found.records if record.role == "verdict"]
    dating: tuple[Sequence[_File], ...] = (found.outputs, found.ballots, syntheses, verdicts, found.witnesses)
    for files in dating:
        moments = [when for file in files if (when := _moment(file))]
        if moments:
            when = max(moments)
            break
    else:
        when = None
    return ConsensusSession(
        key,
        when,
        tuple(sorted(found.outputs, key=lambda file: file.path)),
        tuple(sorted(found.records, key=lambda file: file.path)),
        tuple(sorted(found.witnesses)),
        tuple(sorted(found.ballots, key=lambda file: file.path)),
    )


def _moment(file: _File) -> datetime | None:
    recorded = None if isinstance(file, SessionActivity) else file.recorded
    stamp = parse_stamp(file.stamp)
    return recorded or (stamp.when if stamp else None)
