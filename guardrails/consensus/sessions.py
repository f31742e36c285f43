"""Which files belong to one session, and which session is the latest: by records, never by mtime or name order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from guardrails.consensus.model import AgentOutput, OutcomeRecord, Resolution
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

    @property
    def stamp(self) -> str | None:
        """The stamp of the files' names, None for files with fixed names."""
        return next((file.stamp for file in self.files if file.stamp), None)

    @property
    def files(self) -> tuple[AgentOutput | OutcomeRecord | SessionActivity, ...]:
        return (*self.records, *self.outputs, *self.witnesses)


def group(
    outputs: Iterable[AgentOutput], records: Iterable[OutcomeRecord], witnesses: Iterable[SessionActivity]
) -> list[ConsensusSession]:
    """The sessions of one stage of one SPEC, in order of their keys. The order of the files is irrelevant."""
    grouped: dict[SessionKey, tuple[list[AgentOutput], list[OutcomeRecord], list[SessionActivity]]] = {}
    for output in outputs:
        grouped.setdefault(_key(output), ([], [], []))[0].append(output)
    for record in records:
        grouped.setdefault(_key(record), ([], [], []))[1].append(record)
    for witness in witnesses:
        grouped.setdefault(_key(witness), ([], [], []))[2].append(witness)
    return [_session(key, *files) for key, files in sorted(grouped.items())]


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


def _key(file: AgentOutput | OutcomeRecord | SessionActivity | Resolution) -> SessionKey:
    if file.stamp:
        stamp = parse_stamp(file.stamp)
        return SessionKey(stamp.when.isoformat(), stamp.session or "") if stamp else SessionKey(file.stamp, "")
    sessions = () if isinstance(file, SessionActivity) else sorted(file.named.sessions)
    return SessionKey("", sessions[0] if sessions else "")


def _session(
    key: SessionKey, outputs: list[AgentOutput], records: list[OutcomeRecord], witnesses: list[SessionActivity]
) -> ConsensusSession:
    """Dated by the answers in it. A synthesis may be written again later, so it dates only where no answer does."""
    syntheses = [record for record in records if record.role == "synthesis"]
    verdicts = [record for record in records if record.role == "verdict"]
    for files in (outputs, syntheses, verdicts, witnesses):
        moments = [when for file in files if (when := _moment(file))]
        if moments:
            when = max(moments)
            break
    else:
        when = None
    return ConsensusSession(
        key,
        when,
        tuple(sorted(outputs, key=lambda file: file.path)),
        tuple(sorted(records, key=lambda file: file.path)),
        tuple(sorted(witnesses)),
    )


def _moment(file: AgentOutput | OutcomeRecord | SessionActivity) -> datetime | None:
    recorded = None if isinstance(file, SessionActivity) else file.recorded
    stamp = parse_stamp(file.stamp)
    return recorded or (stamp.when if stamp else None)
