"""What one stage's guardrail has done so far, kept in the git directory until the stage is recorded.

A step that was killed is executed again. What it had measured by then is taken from here, so that it writes the same
bytes; and what it had written is known to be its own, not dirt that somebody left.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import suppress
from shutil import rmtree
from typing import TypeVar

from guardrails.core import atomic
from guardrails.evidence.names import StageSession
from guardrails.evidence.store import EvidenceStore, WrittenFile
from guardrails.git.repo import Repo
from guardrails.runs.serialize import pack, unpack

T = TypeVar("T")

_WRITTEN = "written.jsonl"


class Checkpoint:
    """The notes of one session."""

    def __init__(self, repo: Repo, session: StageSession) -> None:
        self._place = os.path.join(repo.git_dir(), "speckit", "stages", f"{session.spec}_{session.name}")

    def once(self, key: str, kind: type[T], make: Callable[[], T]) -> T:
        """What `make` gave the first time. What cannot be read is made again."""
        kept = self._read(key)
        if kept is not None:
            with suppress(ValueError):
                return unpack(kind, kept)
        made = make()
        self._keep(key, json.dumps(pack(made)))
        return made

    def announce(self, file: WrittenFile) -> None:
        """Note a file before it is written."""
        os.makedirs(self._place, exist_ok=True)
        with open(os.path.join(self._place, _WRITTEN), "a", encoding="utf-8") as stream:
            stream.write(json.dumps(pack(file)) + "\n")

    @property
    def written(self) -> tuple[WrittenFile, ...]:
        """Every file that was announced, whether or not it was written then."""
        try:
            with open(os.path.join(self._place, _WRITTEN), encoding="utf-8") as stream:
                lines = stream.read().split("\n")
        except OSError:
            return ()
        found = []
        for line in lines:
            with suppress(ValueError):  # the last one may be cut
                found.append(unpack(WrittenFile, json.loads(line)))
        return tuple(found)

    def forget(self) -> None:
        """Remove the notes: the stage is recorded elsewhere."""
        rmtree(self._place, ignore_errors=True)

    def _read(self, key: str) -> object:
        try:
            with open(os.path.join(self._place, key + ".json"), encoding="utf-8") as stream:
                return json.load(stream)
        except (OSError, ValueError):
            return None

    def _keep(self, key: str, text: str) -> None:
        os.makedirs(self._place, exist_ok=True)
        atomic.write(os.path.join(self._place, key + ".json"), text.encode("utf-8"), durable=False)


class Recorder(EvidenceStore):
    """Writes files of one session, each announced first and kept in `files`. Its own names are written again."""

    def __init__(self, root: str, notes: Checkpoint) -> None:
        super().__init__(root)
        self._notes = notes
        self.files: list[WrittenFile] = []

    def write(self, path: str, data: bytes, replace: bool = False) -> WrittenFile:  # noqa: ARG002
        from hashlib import sha256

        self._notes.announce(WrittenFile(path, sha256(data).hexdigest(), len(data)))
        made = super().write(path, data, replace=True)
        self.files.append(made)
        return made
