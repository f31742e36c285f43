"""What telemetry was found to say, kept in the git directory by the digest of its bytes. Deleting it costs time only.

A file of the working tree has a digest without being read where git says that it is what the index holds. The digest is
git's, so a checkout that changes bytes on their way (line ends, filters) keeps entries of its own.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

from guardrails import __version__
from guardrails.consensus.load import ConsensusFile
from guardrails.core import atomic
from guardrails.git.repo import Repo, to_text
from guardrails.reports.model import ExaminedPart, RunOutcome
from guardrails.reports.telemetry import TelemetryContent
from guardrails.snapshot.base import Snapshot

SCHEMA = "speckit.reports-cache/1"
LEAST = 2_000
"""Files from which a cache is worth its reading."""
MOST = 500_000
"""Entries beyond which those that were not used are dropped."""
_OUTCOMES: tuple[RunOutcome, ...] = ("passed", "failed", "skipped", "unknown")
_Row = list[Any]


class Cache:
    """A `Memo` in a file. Whatever is wrong with the file, it only means that evidence is read again."""

    def __init__(self, repo: Repo, snapshot: Snapshot) -> None:
        self._repo, self._snapshot = repo, snapshot
        self._path = os.path.join(repo.git_dir(), "speckit", "cache", "reports.json")
        self._prefix = "worktree " if snapshot.source.kind == "worktree" else ""
        self._rows: dict[str, _Row] | None = None
        self._parts: list[tuple[ExaminedPart, ...]] = []
        self._numbers: dict[tuple[ExaminedPart, ...], int] = {}
        self._used: set[str] = set()
        self._changed = False

    def ids(self, found: list[ConsensusFile]) -> Mapping[str, str]:
        if len(found) < LEAST:
            return {}
        known = {each.entry.path: each.entry.id for each in found if each.entry.id}
        return known or (self._of_worktree() if self._prefix else {})

    def _of_worktree(self) -> dict[str, str]:
        """The ids of the files that are what the index holds. Flags that hide changes from git leave a file out."""
        differing = self._repo.run("diff-files", "--name-only", "-z").split(b"\0")
        changed = {to_text(path) for path in differing}
        found = {}
        for row in self._repo.run("ls-files", "-v", "-s", "-z").split(b"\0"):
            head, _, path = row.partition(b"\t")
            fields = head.split()
            if len(fields) == 4 and fields[0] == b"H" and fields[3] == b"0":
                found[to_text(path)] = fields[2].decode("ascii")
        return {path: digest for path, digest in found.items() if path not in changed}

    def get(self, digest: str, stage: str) -> TelemetryContent | None:
        key = f"{self._prefix}{digest} {stage}"
        row = self._load().get(key)
        if row is None:
            return None
        self._used.add(key)
        try:
            when, session, run, number, took, problem = row
            moment = datetime.fromisoformat(when) if when else None
            return TelemetryContent(moment, session, run, self._parts[number], took, problem)
        except (ValueError, TypeError, IndexError):
            return None

    def keep(self, digest: str, stage: str, content: TelemetryContent) -> None:
        key = f"{self._prefix}{digest} {stage}"
        number = self._numbers.setdefault(content.parts, len(self._parts))
        if number == len(self._parts):
            self._parts.append(content.parts)
        when = content.when.isoformat() if content.when else None
        self._load()[key] = [when, content.session, content.run, number, content.duration_ms, content.problem]
        self._used.add(key)
        self._changed = True

    def save(self) -> None:
        """Write what is new, as a whole; that it cannot be written is no reason to fail a report."""
        if not self._changed or self._rows is None:
            return
        import orjson

        rows = self._rows
        if len(rows) > MOST:
            rows = {key: row for key, row in rows.items() if key in self._used}
        parts = [list(map(list, each)) for each in self._parts]
        document = {"schema": SCHEMA, "version": __version__, "parts": parts, "rows": rows}
        with suppress(OSError):
            os.makedirs(os.path.dirname(self._path), exist_ok=True)
            atomic.write(self._path, orjson.dumps(document), durable=False)

    def _load(self) -> dict[str, _Row]:
        if self._rows is not None:
            return self._rows
        import orjson

        self._rows = {}
        try:
            with open(self._path, "rb") as stream:
                given = orjson.loads(stream.read())
            if given["schema"] == SCHEMA and given["version"] == __version__:
                self._parts = [tuple(map(_part, each)) for each in given["parts"]]
                self._rows = {key: row for key, row in given["rows"].items() if isinstance(row, list)}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            self._rows, self._parts = {}, []
        self._numbers = {parts: number for number, parts in enumerate(self._parts)}
        return self._rows


def _part(row: Iterable[str]) -> ExaminedPart:
    name, outcome, said = row
    if outcome not in _OUTCOMES or not isinstance(name, str) or not isinstance(said, str):
        raise ValueError(row)
    return ExaminedPart(name, outcome, said)
