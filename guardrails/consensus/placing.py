"""Consensus evidence that lies where it should and still cannot be placed: it could be the newest answer of all."""

from __future__ import annotations

from typing import NamedTuple

from guardrails.evidence_names import EvidenceName
from guardrails.finding import Finding
from guardrails.layout import Layout
from guardrails.rules.consensus import UNPLACED
from guardrails.snapshot import Entry
from guardrails.subject import Scope
from guardrails.timestamps import parse_stamp

FOLDER = "consensus"
"""Below `evidence.root`: where consensus evidence is filed. Older agents' answers also lie elsewhere."""
ANSWERS = frozenset(("agent_output", "synthesis", "verdict", "resolution"))
WITNESSES = frozenset(("agent_metrics", "consensus_telemetry"))

_NAMELESS = "its name is not one of consensus evidence"
HOMELESS = "it lies in the directory of no SPEC"
_TIMELESS = "the time in its name is none"
_HINTS = {
    _NAMELESS: "name it spec-<stage>_<time>-<session>_<agent>.json, in lower case, or move it elsewhere",
    HOMELESS: "move it to the directory of its SPEC; ids match exactly, case included",
    _TIMELESS: "give the time of its session, as in spec-plan_20260105T101500Z-a1b2_claude.json",
}
# What else is kept beside consensus evidence, and holds no answer.
_OTHERS = ("_telemetry.jsonl", "archive_manifest.json", "archive-manifest.json", "/manifest.json")


class Shelf(NamedTuple):
    """The folder of consensus evidence, as paths are compared with it: in any case, since file systems differ."""

    layout: Layout
    lowered: str

    def holds(self, path: str) -> bool:
        """Whether `path` is the folder or lies below it."""
        size = len(self.lowered)
        return path[size : size + 1] in ("", "/") and path[:size].lower() == self.lowered

    def fault(self, entry: Entry, name: EvidenceName | None) -> str | None:
        """Why an entry below the folder has no place in any session; None when it has one, or needs none."""
        if entry.kind != "file":
            return f"a {entry.kind}, not followed"
        if name is not None and name.kind in ANSWERS:
            if name.spec is None:
                return HOMELESS
            return None if name.stamp is None or parse_stamp(name.stamp) else _TIMELESS
        return _NAMELESS if _might_answer(entry.path.lower(), name) else None

    def finding(self, entry: Entry, name: EvidenceName | None, fault: str, scope: Scope) -> Finding | None:
        """The finding of a fault, unless the path says that it is about something else than what was asked for."""
        below = entry.path[len(self.lowered) + 1 :]
        spec, stage = self.layout.id_of(below.partition("/")[0]), name.stage if name else None
        if scope.spec not in (None, spec or scope.spec) or scope.stage not in (None, stage or scope.stage):
            return None
        text = f"consensus evidence that cannot be placed: {fault}"
        hint = _HINTS.get(fault, "file what it points to as a regular file")
        return UNPLACED.at(entry.path, text, hint=hint, spec=spec, stage=stage)


def _might_answer(lowered: str, name: EvidenceName | None) -> bool:
    # Telemetry of a stage never lies here: its name is that of an answer whose agent was taken for the session.
    unknown = name is None or name.kind in ("unknown", "telemetry")
    return unknown and lowered.endswith((".json", ".jsonl")) and not lowered.endswith(_OTHERS)


def shelf(layout: Layout) -> Shelf:
    """The folder of consensus evidence of a repository."""
    return Shelf(layout, f"{layout.evidence}/{FOLDER}".lower())
