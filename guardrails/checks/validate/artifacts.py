"""The artifacts that records name: each must be the file whose digest was recorded."""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from guardrails.checks.validate.rules import ARTIFACT_CHANGED, ARTIFACT_MISSING, ARTIFACT_OUTSIDE, ARTIFACT_UNKNOWN
from guardrails.config.layout import Layout
from guardrails.core.finding import Finding, Rule
from guardrails.core.paths import is_plain
from guardrails.core.strict_json import JsonPath, locate
from guardrails.snapshot.base import Snapshot

_RERUN = "restore it, or rerun the stage that recorded it"
_HINTS = {
    ARTIFACT_CHANGED.code: _RERUN,
    ARTIFACT_MISSING.code: _RERUN,
    ARTIFACT_OUTSIDE.code: "give the path relative to the repository root",
    ARTIFACT_UNKNOWN.code: "new records give a path relative to the repository and a sha256",
}


MOST = 1000
"""Artifacts of one record that are looked at."""


class ArtifactClaim(NamedTuple):
    """`record` says at `key` that there is an artifact `path`, with this digest if it gave one."""

    record: str
    key: JsonPath
    path: str
    sha256: str | None


class Claims(NamedTuple):
    """What some records claim, and the texts of those records (to say where they claim it)."""

    listed: list[ArtifactClaim]
    texts: dict[str, bytes]


class _Digest(NamedTuple):
    """The digest of a file, or why there is none."""

    sha256: str | None
    problem: str | None


class Artifacts:
    """Collects what records claim while they are read, and verifies all claims in one batch."""

    def __init__(self, snapshot: Snapshot, layout: Layout) -> None:
        self._snapshot = snapshot
        self._layout = layout
        self.claims = Claims([], {})

    def note(self, record: str, data: bytes, value: Any) -> None:
        """Remember the artifacts a record names, apart from those that are there and gave no digest."""
        listed = value.get("artifacts") if isinstance(value, dict) else None
        if not isinstance(listed, list):
            return
        for index, artifact in enumerate(listed[:MOST]):
            path = artifact.get("path") if isinstance(artifact, dict) else None
            if not isinstance(path, str):
                continue
            digest = artifact.get("sha256")
            if isinstance(digest, str) or not self._is_here(path):
                self.claims.listed.append(ArtifactClaim(record, ("artifacts", index), path, digest))
                self.claims.texts[record] = data

    def _is_here(self, path: str) -> bool:
        """Old records gave absolute paths of the machine they ran on; the part from `docs` on is still meaningful."""
        if is_plain(path):
            return self._snapshot.exists(path)
        _, mark, rest = path.partition(f"/{self._layout.docs}/")
        inside = self._layout.docs + "/" + rest
        return bool(mark) and is_plain(inside) and self._snapshot.exists(inside)

    def verify(self) -> Iterator[Finding]:
        """A finding for each claim that does not hold, and each artifact nobody can verify."""
        digests = self._digests()
        broken = [(claim, *fault) for claim in self.claims.listed if (fault := self._fault(claim, digests))]
        places = self._places(claim for claim, _, _ in broken)
        for claim, rule, said in broken:
            line, column = places.get((claim.record, claim.key), (1, 1))
            yield rule.at(
                claim.record, f"artifact {claim.path!r} {said}", line=line, column=column, hint=_HINTS[rule.code]
            )

    def _fault(self, claim: ArtifactClaim, digests: dict[str, "_Digest"]) -> tuple[Rule, str] | None:
        if claim.sha256 is None:
            return ARTIFACT_UNKNOWN, "is not here and no digest was recorded"
        if not is_plain(claim.path):
            return ARTIFACT_OUTSIDE, "lies outside the repository"
        found = digests.get(claim.path)
        if found is None:
            return ARTIFACT_MISSING, "is not there"
        if found.sha256 is None:
            return ARTIFACT_CHANGED, f"cannot be verified: {found.problem}"
        if found.sha256 == claim.sha256.lower():
            return None
        return ARTIFACT_CHANGED, f"hashes to {found.sha256[:12]}..., not to the recorded {claim.sha256[:12]}..."

    def _digests(self) -> "dict[str, _Digest]":
        """The digest of every artifact that is there, each read once."""
        from hashlib import sha256  # loads a library; many records claim nothing

        paths = {claim.path for claim in self.claims.listed if claim.sha256 is not None and is_plain(claim.path)}
        entries = [entry for path in sorted(paths) if (entry := self._snapshot.entry(path)) and entry.kind == "file"]
        return {
            blob.entry.path: _Digest(None if blob.data is None else sha256(blob.data).hexdigest(), blob.problem)
            for blob in self._snapshot.read_many(entries)
        }

    def _places(self, claims: Iterable[ArtifactClaim]) -> dict[tuple[str, JsonPath], tuple[int, int]]:
        """Where each claim stands; the text of a record is walked once, however many claims it makes."""
        keys: dict[str, list[JsonPath]] = {}
        for claim in claims:
            keys.setdefault(claim.record, []).append(claim.key)
        return {
            (record, key): place
            for record, wanted in keys.items()
            for key, place in locate(self.claims.texts[record], wanted).items()
        }
