"""From a snapshot to the values a verdict is made from: every consensus file, each under the stage it was filed for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from typing import NamedTuple

from guardrails.consensus.outputs import read_output
from guardrails.consensus.placing import ANSWERS, HOMELESS, WITNESSES, shelf
from guardrails.consensus.reading import Context, Satisfies
from guardrails.consensus.records import read_record, read_resolution
from guardrails.consensus.sessions import Witness
from guardrails.consensus.values import AgentOutput, Current, Question, Record, Resolution, Role, ask
from guardrails.evidence_names import EvidenceName, evidence_name
from guardrails.finding import Finding, Skipped
from guardrails.layout import Layout
from guardrails.settings import Settings
from guardrails.snapshot import Blob, Entry, Snapshot, is_plain, within
from guardrails.subject import Scope

_KINDS = ANSWERS | WITNESSES
_BINDING = ("spec.md", "PRD.md")


class Candidate(NamedTuple):
    """A file of consensus evidence, by its name."""

    entry: Entry
    name: EvidenceName


class Case(NamedTuple):
    """All that was filed for one stage of one SPEC, all sessions together. `question` has no session yet."""

    question: Question
    outputs: list[AgentOutput]
    records: list[Record]
    resolutions: list[Resolution]
    witnesses: list[Witness]

    @property
    def paths(self) -> list[str]:
        """Every file that was read."""
        outputs, records = [each.path for each in self.outputs], [each.path for each in self.records]
        return outputs + records + [each.path for each in self.resolutions]


def candidates(snapshot: Snapshot, layout: Layout, scope: Scope) -> Iterator[Candidate | Skipped | Finding]:
    """The consensus evidence in scope, by exact SPEC id; and what lies there and is none, with the reason.

    A link under the name of an answer is a candidate too: it keeps its agent's place, and gives no answer.
    """
    here = shelf(layout)
    for entry in _entries(snapshot, layout):
        name = evidence_name(layout, entry.path)
        fault = here.fault(entry, name) if here.holds(entry.path) else None
        finding = here.finding(entry, name, fault, scope) if fault else None
        if finding:
            yield finding
        if name and _is_asked_for(name, scope) and (fault is None or entry.kind != "file"):
            yield Candidate(entry, name)
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
    snapshot: Snapshot, settings: Settings, found: Iterable[Candidate], satisfies: Satisfies
) -> dict[tuple[str, str], Case]:
    """What was filed, by SPEC and stage. Metrics and telemetry only witness that a session took place."""
    made: dict[tuple[str, str], Case] = {}
    to_read = []
    for candidate in found:
        case = _case(made, candidate.name, settings)
        if candidate.name.kind in WITNESSES:
            case.witnesses.append(Witness(candidate.entry.path, candidate.name.stamp))
        else:
            to_read.append(candidate)
    for candidate, blob in _contents(snapshot, to_read):
        _file(_case(made, candidate.name, settings), candidate.name, blob, settings.layout, satisfies)
    return made


def _case(made: dict[tuple[str, str], Case], name: EvidenceName, settings: Settings) -> Case:
    spec, stage = name.spec or "", name.stage or ""
    if (spec, stage) not in made:
        made[spec, stage] = Case(ask(spec, stage, settings.roster(stage)), [], [], [], [])
    return made[spec, stage]


def _contents(snapshot: Snapshot, found: list[Candidate]) -> Iterator[tuple[Candidate, Blob]]:
    """The content of each. A link is a link: what it points to was not filed here."""
    files = [each for each in found if each.entry.kind == "file"]
    yield from zip(files, snapshot.read_many(each.entry for each in files), strict=True)
    for each in found:
        if each.entry.kind != "file":
            yield each, Blob(each.entry, 0, None, f"a {each.entry.kind}, not a regular file")


def _file(case: Case, name: EvidenceName, blob: Blob, layout: Layout, satisfies: Satisfies) -> None:
    context = Context(layout, case.question.roster)
    path = blob.entry.path
    if name.kind == "agent_output":
        case.outputs.append(read_output(path, name, blob.data, context, satisfies, blob.problem))
    elif name.kind == "resolution":
        case.resolutions.append(read_resolution(path, name, blob.data, context, blob.problem))
    else:
        role: Role = "verdict" if name.kind == "verdict" else "synthesis"
        case.records.append(read_record(path, role, name, blob.data, context, satisfies, blob.problem))


class Present(NamedTuple):
    """The repository as it is now: digests of documents, and the documents of each SPEC an answer cannot do without."""

    digests: Mapping[str, str | None]
    required: Mapping[str, tuple[str, ...]]

    def of(self, spec: str) -> Current:
        return Current(self.digests, self.required.get(spec, ()))


def present(snapshot: Snapshot, layout: Layout, outputs: Iterable[AgentOutput]) -> Present:
    """The inputs that `outputs` recorded as they are in the snapshot, all read at once."""
    paths = sorted({item.path for output in outputs for item in output.inputs})
    return Present(_digests(snapshot, paths), _required(snapshot, layout))


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
