"""The grammar of evidence file names: what a path says of a file before it is read."""

import re
from functools import lru_cache
from typing import Literal, NamedTuple

from guardrails.config.layout import Layout

EvidenceKind = Literal[
    "telemetry",
    "tasks_telemetry",
    "agent_output",
    "ballot",
    "synthesis",
    "verdict",
    "agent_metrics",
    "consensus_telemetry",
    "cost_summary",
    "run_summary",
    "ledger_entry",
    "archive_manifest",
    "hal_response",
    "security_review_tracker",
    "resolution",
    "attestation",
    "unknown",
]


class EvidenceName(NamedTuple):
    """What a path says about an evidence file, before its content is read."""

    kind: EvidenceKind
    spec: str | None
    stage: str | None = None
    agent: str | None = None
    stamp: str | None = None
    number: int = 1
    """which ballot of its agent in the session: `_ballot` is the first, `_ballot_2` the second"""


_STAGE = "(?P<stage>plan|tasks|implement|validate|audit|unlock)"
# Five styles of time stamp were written: with colons, with underscores, with dashes, compact, and none.
_STAMP = r"(?P<stamp>\d{4}-?\d\d-?\d\dT\d\d[:_-]?\d\d[:_-]?\d\dZ?(?:-[0-9A-Za-z]+)?)"
_COMMAND = rf"spec-{_STAGE}_{_STAMP}\.json"
_COMMAND_AGENT = rf"spec-{_STAGE}_(?P<agent>[a-z][a-z0-9_-]*?)_{_STAMP}\.json"
_NATIVE = rf"guardrail-{_STAGE}-{_STAMP}(?:_\d+)?\.json"
_CONSENSUS = rf"(?P<prefix>spec-)?{_STAGE}[_-](?:{_STAMP}[_-])?(?P<tail>[A-Za-z][\w.-]*)\.(?P<ext>jsonl?)"
_BALLOT = r"_ballot(?:_(?P<number>[2-9]|[1-9]\d{1,3}))?\Z"
_TAILS: dict[str, EvidenceKind] = {
    "synthesis": "synthesis",
    "verdict": "verdict",
    "resolution": "resolution",
    "attestation": "attestation",
    "tasks_guardrail": "tasks_telemetry",
}


def evidence_name(layout: Layout, path: str) -> EvidenceName | None:
    """What the grammar of evidence names says about `path`; None when it is not evidence of this layout.

    Evidence lies below `evidence.root` by kind and SPEC, and below a SPEC's own directory in `docs`.
    """
    folder, _, name = path.rpartition("/")
    if not name.endswith((".json", ".jsonl")):
        return None
    place = _folder(layout, folder)
    return None if place is None else _named(layout, place, name)


def evidence_name_anywhere(layout: Layout, path: str) -> EvidenceName | None:
    """As `evidence_name`, and for a file somewhere else what its name alone says."""
    if not path.endswith((".json", ".jsonl")):
        return None
    return evidence_name(layout, path) or _by_file_name(path.rpartition("/")[2], None)


class _Folder(NamedTuple):
    """What a folder says of the evidence in it: the kind's own folder below the evidence root, and the SPEC."""

    kind: str
    spec: str | None


@lru_cache(maxsize=4096)
def _folder(layout: Layout, folder: str) -> _Folder | None:
    if folder == layout.evidence or folder.startswith(layout.evidence + "/"):
        parts = folder[len(layout.evidence) + 1 :].split("/")
        return _Folder(parts[0], layout.id_of(parts[1]) if len(parts) > 1 else None)
    if folder.startswith(layout.docs + "/"):
        spec = layout.id_of(folder[len(layout.docs) + 1 :].split("/")[0])
        return _Folder("", spec) if spec else None
    return None


def _named(layout: Layout, place: _Folder, name: str) -> EvidenceName:
    if place.kind == "costs" and name.endswith("_cost_summary.json"):
        return EvidenceName("cost_summary", layout.id_of(name.removesuffix("_cost_summary.json")))
    if place.kind == "runs":
        return EvidenceName("ledger_entry" if name.endswith(".ledger.jsonl") else "run_summary", place.spec)
    if place.kind == "archive":
        return EvidenceName("archive_manifest" if name.endswith("manifest.json") else "unknown", place.spec)
    return _by_file_name(name, place.spec)


@lru_cache(maxsize=16)
def _pattern(text: str) -> re.Pattern[str]:
    """A pattern, compiled where it is first used and found again faster than `re` does: names come by thousands."""
    return re.compile(text)


def _by_file_name(name: str, spec: str | None) -> EvidenceName:
    if match := _pattern(_COMMAND).fullmatch(name) or _pattern(_NATIVE).fullmatch(name):
        return EvidenceName("telemetry", spec, match["stage"], None, match["stamp"])
    if match := _pattern(_COMMAND_AGENT).fullmatch(name):
        return EvidenceName("agent_output", spec, match["stage"], _agent(match["agent"]), match["stamp"])
    if name == "security_review_tracker.json":
        return EvidenceName("security_review_tracker", spec)
    if name == "tasks_guardrail.json":
        return EvidenceName("tasks_telemetry", spec, "tasks")
    if name.startswith("hal_"):
        return EvidenceName("hal_response", spec)
    if match := _pattern(_CONSENSUS).fullmatch(name):
        return _consensus_name(match, spec)
    return EvidenceName("unknown", spec)


def _consensus_name(match: re.Match[str], spec: str | None) -> EvidenceName:
    tail, stage, stamp = match["tail"], match["stage"], match["stamp"]
    if match["ext"] == "jsonl":
        kind: EvidenceKind = "consensus_telemetry" if tail == "telemetry" else "unknown"
        return EvidenceName(kind, spec, stage, None, stamp)
    if tail.startswith(("hal_", "probe_")):  # as the probes name what they write
        return EvidenceName("hal_response", spec, stage, None, stamp)
    if tail in _TAILS:
        return EvidenceName(_TAILS[tail], spec, stage, None, stamp)
    if tail.endswith("_metrics"):
        agent = _pattern(_BALLOT).sub("", tail.removesuffix("_metrics"))
        return EvidenceName("agent_metrics", spec, stage, _agent(agent), stamp)
    if match["prefix"] and (ballot := _pattern(_BALLOT).search(tail)):
        agent = tail[: ballot.start()]
        return EvidenceName("ballot", spec, stage, _agent(agent), stamp, int(ballot["number"] or 1))
    if not match["prefix"]:
        return EvidenceName("unknown", spec, stage)  # `plan-notes.json` is somebody's, not an agent's
    return EvidenceName("agent_output", spec, stage, _agent(tail), stamp)


_SESSION_NAME = rf"(spec-{_STAGE}_\d{{8}}T\d{{6}}Z-[0-9a-z]{{4,32}})[_.]"


def session_name(path: str, case_blind: bool = False) -> str | None:
    """The session a file belongs to by its name, as our writers name them: `spec-plan_20260131T093000Z-4f2a9c10`.

    With `case_blind` also where it is written in another case, which is the same file on many file systems.
    """
    match = re.match(_SESSION_NAME, path.rpartition("/")[2], re.IGNORECASE if case_blind else 0)
    return match[1] if match else None


def _agent(text: str) -> str:
    """`gpt-pro` and `gpt_pro` are one agent."""
    return text.replace("-", "_")
