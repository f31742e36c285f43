"""What may carry a task that is Done: evidence of its SPEC, an artifact that its telemetry records, or a commit."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from guardrails.config.layout import Layout
from guardrails.core.paths import within
from guardrails.errors import Undecidable
from guardrails.git.repo import to_bytes
from guardrails.layouts.own import spec_in
from guardrails.snapshot.base import Snapshot

_COMMIT = re.compile(r"(?<![0-9A-Za-z/._-])(?:[0-9a-f]{7,40}|[0-9a-f]{64})(?![0-9A-Za-z/._-])")
_EMPTY = frozenset(
    (
        "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391",
        "473a0f4c3be8a93681a267e3b1e9a7dcda1185436fe141f7749120a303721813",
    )
)
"""The blob of an empty file, by either hash of git."""
MOST_COMMITS = 50
"""Ids of a cell that are looked up."""
_ABOUT = re.compile(
    r"(?i)(?:readme|licen[cs]e|copying|notice|changelog|contributing|code_of_conduct|security)(?:\..*)?"
)


class EvidenceLookup:
    """What proves a row, in one snapshot. `specs` are those that have a directory. Telemetry and commits are read only
    where nothing simpler answers."""

    def __init__(self, snapshot: Snapshot, layout: Layout, specs: Iterable[str]) -> None:
        self._snapshot, self._layout, self._specs = snapshot, layout, frozenset(specs)
        self._recorded: dict[str, frozenset[str]] = {}

    def spec_of(self, task: str) -> str | None:
        """The SPEC that a task is, if it has a directory; a slug is dropped."""
        spec = spec_in(self._layout, task)
        return spec if spec in self._specs else None

    def proves(self, path: str, spec: str | None) -> bool:
        """Whether a path that exists may be evidence: of a SPEC, or of a task that has none.

        What a repository has anyway proves nothing of a task: its settings, its README, its tracker.
        """
        if path == self._layout.tracker or any(part.startswith(".") for part in path.split("/")):
            return False
        if spec is None:
            return "/" in path or not _ABOUT.fullmatch(path)
        return self._is_of(path, spec) or path in self._artifacts(spec)

    def _is_of(self, path: str, spec: str) -> bool:
        """Whether evidence of a SPEC lies at a path: in `<root>/<kind>/<SPEC>`, or in its own folder `evidence`."""
        layout = self._layout
        if within(path, layout.evidence):
            _, *names = path[len(layout.evidence) :].split("/")
            found = any(layout.id_of(name) == spec or name.startswith(f"{spec}_") for name in names[1:2])
        else:
            _, *names = path[len(layout.docs) :].split("/") if within(path, layout.docs) else ["", ""]
            found = len(names) > 1 and layout.id_of(names[0]) == spec and names[1] == "evidence"
        return found and self._holds_something(path)

    def _holds_something(self, path: str) -> bool:
        """Whether a file is not empty, or a directory has one that is not."""
        files = [entry for entry in self._snapshot.entries(path) if entry.kind == "file"]
        if any(
            entry.size or (entry.size is None and entry.id is not None and entry.id not in _EMPTY) for entry in files
        ):
            return True
        unknown = [entry for entry in files if entry.size is None and entry.id is None]
        return any(blob.size for blob in self._snapshot.read_many(unknown))

    def _artifacts(self, spec: str) -> frozenset[str]:
        """The paths that telemetry of a SPEC records."""
        if spec not in self._recorded:
            folder = f"{self._layout.evidence}/commands/{spec}"
            files = [entry for entry in self._snapshot.entries(folder) if entry.path.endswith(".json")]
            documents = (_document(blob.data) for blob in self._snapshot.read_many(files) if blob.data is not None)
            self._recorded[spec] = frozenset(path for document in documents for path in _paths(document))
        return self._recorded[spec]

    def names_commit(self, text: str) -> bool:
        """Whether a text names a commit of this repository by its id.

        Raises Undecidable where a shallow clone may lack it.
        """
        named = tuple(dict.fromkeys(_COMMIT.findall(text)))[:MOST_COMMITS]
        if any(name in self._commits(named) for name in named):
            return True
        if named and self._is_shallow():
            message = f"whether {named[0]} is a commit of this repository is not known, for this clone is shallow"
            raise Undecidable(message, "git fetch --unshallow (in CI: fetch-depth: 0)")
        return False

    def _is_shallow(self) -> bool:
        repo = self._snapshot.repo
        return repo is not None and repo.run("rev-parse", "--is-shallow-repository").strip() == b"true"

    def _commits(self, names: tuple[str, ...]) -> set[str]:
        repo = self._snapshot.repo
        if not names or repo is None:
            return set()
        asked = to_bytes("".join(f"{name}\n" for name in names))
        said = repo.run("cat-file", "--batch-check=%(objecttype)", stdin=asked).decode("utf-8", "replace").splitlines()
        return {name for name, kind in zip(names, said, strict=False) if kind == "commit"}

    @property
    def where(self) -> str:
        """Where evidence lies, for a hint."""
        return self._layout.evidence


def _document(data: bytes) -> Any:
    from guardrails.core.strict_json import JsonFlaw, parse_json  # most rows are proven by their path

    try:
        return parse_json(data)
    except JsonFlaw:
        return None  # `validate` says what is wrong with it


def _paths(document: Any) -> Iterator[str]:
    artifacts = document.get("artifacts") if isinstance(document, dict) else None
    for artifact in artifacts if isinstance(artifacts, list) else ():
        path = artifact.get("path") if isinstance(artifact, dict) else None
        if isinstance(path, str):
            yield path
