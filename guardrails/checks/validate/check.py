"""`validate`: every evidence file against its schema, and what a schema cannot say.

The schema is chosen by where a file lies and how it is named, and by its content where that says nothing.
All evidence is judged each time, so a changed schema or configuration re-judges all of it.
"""

from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

from guardrails.checks.validate.artifacts import Artifacts
from guardrails.checks.validate.rules import (
    DUPLICATE_KEY,
    ENCODING,
    EXTREME,
    MALFORMED,
    NOT_A_FILE,
    REQUIRED_MISSING,
    SCHEMA,
)
from guardrails.checks.validate.semantics import meaning
from guardrails.core.finding import Checked, Finding, Observation, Rule, Skipped
from guardrails.core.limits import FILE_FINDINGS
from guardrails.core.parallel import in_halves
from guardrails.core.paths import within
from guardrails.core.schema import faults, is_valid
from guardrails.core.strict_json import LINE_LIMIT, JsonFlaw, JsonPath, locate, parse_json, parse_lines
from guardrails.layouts.evidence_names import EvidenceKind, EvidenceName, evidence_name, evidence_name_anywhere
from guardrails.snapshot.base import READ_LIMIT, Blob, Entry, Snapshot
from guardrails.snapshot.context import CheckContext

_SCHEMAS: dict[EvidenceKind, str] = {"telemetry": "telemetry.v1"}
_FLAWS: dict[str, Rule] = {
    "syntax": MALFORMED,
    "duplicate": DUPLICATE_KEY,
    "encoding": ENCODING,
    "empty": ENCODING,
    "depth": EXTREME,
    "size": EXTREME,
}


class EvidenceFile(NamedTuple):
    """One evidence file: where it lies, what its name says, and what it is by name and content."""

    path: str
    name: EvidenceName
    kind: EvidenceKind


Candidate = tuple[Entry, EvidenceName]


def check(context: CheckContext) -> Iterator[Observation]:
    """Every finding about every evidence file of the snapshot, or of the files that were named."""
    yield from _missing(context)
    chosen: list[Candidate] = []
    for entry, name in _candidates(context):
        if isinstance(name, str):
            yield Skipped(entry.path, name)
        else:
            chosen.append((entry, name))
    for observations in in_halves(partial(_judge_all, context), chosen):
        yield from observations


def _judge_all(context: CheckContext, chosen: list[Candidate]) -> list[Observation]:
    """The observations about some files, and about the artifacts that they claim to be there."""
    names = {entry.path: name for entry, name in chosen}
    artifacts = Artifacts(context.snapshot, context.settings.layout)
    observations = [
        observation
        for blob in _read(context.snapshot, [entry for entry, _ in chosen])
        for observation in _capped(blob.entry.path, _judge(blob, names[blob.entry.path], context, artifacts))
    ]
    return observations + list(artifacts.verify())


def _capped(path: str, observations: Iterator[Observation]) -> Iterator[Observation]:
    """At most FILE_FINDINGS findings of one file, and no more are looked for: a hostile file must not bury the others,
    fill the memory or take hours. It was examined, and it fails."""
    found = 0
    for observation in observations:
        if isinstance(observation, Finding):
            found += 1
            if found > FILE_FINDINGS:
                message = f"more than {FILE_FINDINGS} findings in this file; the rest were not looked for"
                yield EXTREME.at(path, message, hint="fix those that are listed, and check again")
                yield Checked(path)
                return
        yield observation


def _missing(context: CheckContext) -> Iterator[Finding]:
    """What the configuration or an argument names must be there."""
    root = context.settings.layout.evidence
    if not context.scope.paths:
        for path in context.settings.evidence.require:
            if not within(path, "consensus") and not context.snapshot.entries(f"{root}/{path}"):
                yield REQUIRED_MISSING.at(f"{root}/{path}", "required evidence is not there", hint="run its stage")
    for path in context.scope.paths:
        if context.snapshot.entry(path) is None:
            where = context.snapshot.describe()
            yield REQUIRED_MISSING.at(path, f"no such file in {where}", hint="check the name, case included")


def _candidates(context: CheckContext) -> Iterator[tuple[Entry, EvidenceName | str]]:
    """(entry, what its name says), or (entry, why it is not a candidate).

    A link or submodule where evidence lies is a candidate whatever its name: what it leads to is not judged.
    """
    layout, snapshot = context.settings.layout, context.snapshot
    for path in context.scope.paths:
        entry = snapshot.entry(path)
        if entry is not None:
            yield entry, evidence_name_anywhere(layout, path) or "neither .json nor .jsonl"
    if context.scope.paths:
        return
    apart = not within(layout.evidence, layout.docs)
    for prefix in (layout.docs, layout.evidence) if apart else (layout.docs,):
        for entry in snapshot.entries(prefix):
            name = evidence_name(layout, entry.path)
            if name is not None:
                if context.scope.spec in (None, name.spec):
                    yield entry, name
            elif entry.kind != "file" and (within(entry.path, layout.evidence) or within(layout.evidence, entry.path)):
                yield entry, EvidenceName("unknown", None)


def _read(snapshot: Snapshot, entries: list[Entry]) -> Iterator[Blob]:
    files = [entry for entry in entries if entry.kind == "file"]
    for entry in entries:
        if entry.kind != "file":
            yield Blob(entry, 0, None, f"a {entry.kind}, not a regular file")
    yield from snapshot.read_many(files)


def _judge(blob: Blob, name: EvidenceName, context: CheckContext, artifacts: Artifacts) -> Iterator[Observation]:
    path, data = blob.entry.path, blob.data
    if data is None:
        rule = EXTREME if blob.size > READ_LIMIT else NOT_A_FILE
        yield rule.at(path, f"cannot be judged: {blob.problem}", hint=rule.fix, spec=name.spec, stage=name.stage)
        yield Checked(path)
        return
    if path.endswith(".jsonl"):
        yield from _judge_lines(path, data, name, context)
        return
    try:
        value = parse_json(data)
    except JsonFlaw as flaw:
        yield _flaw(path, flaw, name)
        yield Checked(path)
        return
    kind = name.kind if name.kind != "unknown" else kind_of(value)
    if kind == "unknown":
        yield Skipped(path, "no schema for this name or content")
        return
    schema = _SCHEMAS.get(kind, kind)
    if not is_valid(schema, value):
        yield from _schema_findings(path, data, schema, value, name)
    else:
        yield from meaning(EvidenceFile(path, name, kind), data, value, context)
        artifacts.note(path, data, value)
    yield Checked(path)


def _judge_lines(path: str, data: bytes, name: EvidenceName, context: CheckContext) -> Iterator[Observation]:
    """Each line is a record of its own, with the line's number in place of its own first."""
    if not data.strip():
        yield ENCODING.at(path, "the file is empty", line=1, column=1, spec=name.spec, stage=name.stage)
    lines = data.split(b"\n", LINE_LIMIT + 1)
    for number, value in parse_lines(data) if data.strip() else ():
        if isinstance(value, JsonFlaw):
            yield _flaw(path, value, name)
        elif name.kind != "unknown" and not is_valid(name.kind, value):
            for fault in faults(name.kind, value):
                message = f"{fault.pointer or '/'}: {fault.message}"
                yield SCHEMA.at(path, message, line=number, column=1, hint=fault.hint, spec=name.spec, stage=name.stage)
        else:
            record = EvidenceFile(path, name, name.kind)
            yield from (found._replace(line=number) for found in meaning(record, lines[number - 1], value, context))
    if name.kind == "unknown":
        yield Skipped(path, "each line is JSON, but no schema is known for this name")
    else:
        yield Checked(path)


def _flaw(path: str, flaw: JsonFlaw, name: EvidenceName) -> Finding:
    rule = _FLAWS[flaw.kind]
    hint = f"'speckit explain {rule.code}' says more"
    return rule.at(path, flaw.message, line=flaw.line, column=flaw.column, hint=hint, spec=name.spec, stage=name.stage)


def _schema_findings(path: str, data: bytes, schema: str, value: Any, name: EvidenceName) -> Iterator[Finding]:
    found = list(faults(schema, value))
    places = locate(data, [fault.key for fault in found] + [_parent(fault.key) for fault in found])
    for fault in found:
        line, column = places.get(fault.key) or places.get(_parent(fault.key)) or (1, 1)
        message = f"{fault.pointer or '/'}: {fault.message}"
        yield SCHEMA.at(path, message, line=line, column=column, hint=fault.hint, spec=name.spec, stage=name.stage)


def _parent(key: JsonPath) -> JsonPath:
    return key[:-1]


def kind_of(value: Any) -> EvidenceKind:
    """What a record is by its content, for names that say nothing."""
    if not isinstance(value, dict):
        return "unknown"
    command = value.get("command")
    if isinstance(command, str) and command.startswith(("spec-ops-", "guardrail.")):
        return "telemetry"
    if ("per_stage" in value or "perStage" in value) and ("spec_id" in value or "specId" in value):
        return "cost_summary"
    return "unknown"
