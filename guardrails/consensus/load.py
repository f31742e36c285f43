"""From a snapshot to the values a verdict is made from: every consensus file, each under the stage it was filed for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from typing import NamedTuple

from guardrails.config.layout import Layout
from guardrails.config.settings import Settings
from guardrails.consensus.model import (
    AgentOutput,
    Ballot,
    ConsensusQuestion,
    Current,
    OutcomeRecord,
    Resolution,
    Role,
    ask,
)
from guardrails.consensus.records import (
    RecordContext,
    Satisfies,
    read_ballot,
    read_output,
    read_record,
    read_resolution,
)
from guardrails.consensus.rules import UNPLACED
from guardrails.consensus.sessions import SessionActivity
from guardrails.core.finding import Finding, Skipped
from guardrails.core.paths import is_plain, within
from guardrails.core.timestamps import parse_stamp
from guardrails.layouts.evidence_names import EvidenceName, evidence_name
from guardrails.snapshot.base import Blob, Entry, Snapshot
from guardrails.snapshot.context import Scope

# Consensus evidence that lies where it should and still cannot be placed: it could be the newest answer of all.


FOLDER = "consensus"
"""Below `evidence.root`: where consensus evidence is filed. Older agents' answers also lie elsewhere."""
ANSWERS = frozenset(("agent_output", "ballot", "synthesis", "verdict", "resolution"))
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


class ConsensusFolder(NamedTuple):
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


def consensus_folder(layout: Layout) -> ConsensusFolder:
    """The folder of consensus evidence of a repository."""
    return ConsensusFolder(layout, f"{layout.evidence}/{FOLDER}".lower())


_KINDS = ANSWERS | WITNESSES
_BINDING = ("spec.md", "PRD.md")


# Reading consensus files, and grouping them by SPEC and stage.


class ConsensusFile(NamedTuple):
    """A file of consensus evidence, by its name."""

    entry: Entry
    name: EvidenceName


class ConsensusCase(NamedTuple):
    """All that was filed for one stage of one SPEC, all sessions together. `question` has no session yet."""

    question: ConsensusQuestion
    outputs: list[AgentOutput]
    records: list[OutcomeRecord]
    resolutions: list[Resolution]
    witnesses: list[SessionActivity]
    ballots: list[Ballot]

    @property
    def paths(self) -> list[str]:
        """Every file that was read."""
        outputs, records = [each.path for each in self.outputs], [each.path for each in self.records]
        ballots = [each.path for each in self.ballots]
        return outputs + records + ballots + [each.path for each in self.resolutions]


def candidates(snapshot: Snapshot, layout: Layout, scope: Scope) -> Iterator[ConsensusFile | Skipped | Finding]:
    """The consensus evidence in scope, by exact SPEC id; and what lies there and is none, with the reason.

    A link under the name of an answer is a candidate too: it keeps its agent's place, and gives no answer.
    """
    here = consensus_folder(layout)
    for entry in _entries(snapshot, layout):
        name = evidence_name(layout, entry.path)
        fault = here.fault(entry, name) if here.holds(entry.path) else None
        finding = here.finding(entry, name, fault, scope) if fault else None
        if finding:
            yield finding
        if name and _is_asked_for(name, scope) and (fault is None or entry.kind != "file"):
            yield ConsensusFile(entry, name)
        elif fault and finding:
            yield Skipped(entry.path, fault)
        elif name and name.spec is None and name.kind in _KINDS and scope.spec is None:
            yield Skipped(entry.path, HOMELESS)


def _is_asked_for(name: EvidenceName, scope: Scope) -> bool:
    if name.spec is None or name.kind not in _KINDS:
        return False
    return scope.spec in (None, name.spec) and scope.stage in (None, name.stage)


def _entries(snapshot: Snapshot, layout: Layout) -> Iterator[Entry]:
    yield from snapshot.entries(layout.docs)
    if not within(layout.evidence, layout.docs):
        yield from snapshot.entries(layout.evidence)


def cases(
    snapshot: Snapshot, settings: Settings, found: Iterable[ConsensusFile], satisfies: Satisfies
) -> dict[tuple[str, str], ConsensusCase]:
    """What was filed, by SPEC and stage. Metrics and telemetry only witness that a session took place."""
    made: dict[tuple[str, str], ConsensusCase] = {}
    to_read = []
    for candidate in found:
        case = _case(made, candidate.name, settings)
        if candidate.name.kind in WITNESSES:
            case.witnesses.append(SessionActivity(candidate.entry.path, candidate.name.stamp))
        else:
            to_read.append(candidate)
    for candidate, blob in contents(snapshot, to_read):
        _file(_case(made, candidate.name, settings), candidate.name, blob, settings.layout, satisfies)
    return made


def _case(made: dict[tuple[str, str], ConsensusCase], name: EvidenceName, settings: Settings) -> ConsensusCase:
    spec, stage = name.spec or "", name.stage or ""
    if (spec, stage) not in made:
        made[spec, stage] = ConsensusCase(ask(spec, stage, settings.roster(stage)), [], [], [], [], [])
    return made[spec, stage]


def contents(snapshot: Snapshot, found: list[ConsensusFile]) -> Iterator[tuple[ConsensusFile, Blob]]:
    """The content of each. A link is a link: what it points to was not filed here."""
    files = [each for each in found if each.entry.kind == "file"]
    yield from zip(files, snapshot.read_many(each.entry for each in files), strict=True)
    for each in found:
        if each.entry.kind != "file":
            yield each, Blob(each.entry, 0, None, f"a {each.entry.kind}, not a regular file")


def _file(case: ConsensusCase, name: EvidenceName, blob: Blob, layout: Layout, satisfies: Satisfies) -> None:
    context = RecordContext(layout, case.question.roster)
    path = blob.entry.path
    if name.kind == "agent_output":
        case.outputs.append(read_output(path, name, blob.data, context, satisfies, blob.problem))
    elif name.kind == "ballot":
        case.ballots.append(read_ballot(path, name, blob.data, context, satisfies, blob.problem))
    elif name.kind == "resolution":
        case.resolutions.append(read_resolution(path, name, blob.data, context, blob.problem))
    else:
        role: Role = "verdict" if name.kind == "verdict" else "synthesis"
        case.records.append(read_record(path, role, name, blob.data, context, satisfies, blob.problem))


class CurrentInputs(NamedTuple):
    """The repository as it is now: digests of documents, and the documents of each SPEC an answer cannot do without."""

    digests: Mapping[str, str | None]
    required: Mapping[str, tuple[str, ...]]

    def of(self, spec: str) -> Current:
        return Current(self.digests, self.required.get(spec, ()))


def current_inputs(snapshot: Snapshot, layout: Layout, outputs: Iterable[AgentOutput]) -> CurrentInputs:
    """The inputs that `outputs` recorded as they are in the snapshot, all read at once."""
    paths = sorted({item.path for output in outputs for item in output.inputs})
    return CurrentInputs(_digests(snapshot, paths), _required(snapshot, layout))


def _digests(snapshot: Snapshot, paths: Iterable[str]) -> Mapping[str, str | None]:
    """The digest of each file; None for what is no regular file of the snapshot, or too large to be held."""
    entries = [entry for path in paths if is_plain(path) and (entry := snapshot.entry(path)) and entry.kind == "file"]
    blobs = snapshot.read_many(entries)
    return {blob.entry.path: None if blob.data is None else sha256(blob.data).hexdigest() for blob in blobs}


def _required(snapshot: Snapshot, layout: Layout) -> Mapping[str, tuple[str, ...]]:
    """By SPEC id: the spec.md of its directory, or of each when it has several."""
    required: dict[str, tuple[str, ...]] = {}
    for name in snapshot.folders(layout.docs):
        spec = layout.id_of(name)
        folder = f"{layout.docs}/{name}"
        found = next((f"{folder}/{each}" for each in _BINDING if snapshot.entry(f"{folder}/{each}")), None)
        if spec and found:
            required[spec] = (*required.get(spec, ()), found)
    return required
