"""What the checks say of one SPEC's evidence: an audit believes no record, and asks the same judges as the hooks."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from hashlib import sha256
from typing import NamedTuple

from guardrails.config.settings import Settings
from guardrails.core.limits import AUDIT_ERRORS
from guardrails.core.paths import within
from guardrails.engine import runner
from guardrails.engine.registry import check_named
from guardrails.layouts.evidence_names import evidence_name
from guardrails.reports.evidence_files import listed
from guardrails.snapshot.base import Entry, Snapshot
from guardrails.snapshot.context import CheckContext, Scope


class AuditFinding(NamedTuple):
    """One finding."""

    rule: str
    path: str
    line: int | None
    message: str


class AuditedCheck(NamedTuple):
    """What one check came to. `verdict` is that of the result document; of `found` errors the first are listed."""

    check: str
    verdict: str
    checked: int
    found: int
    errors: tuple[AuditFinding, ...]


class Sealed(NamedTuple):
    """What a report is about: how many files, and one digest of all their paths and contents."""

    files: int
    sha256: str


def judge(snapshot: Snapshot, settings: Settings, now: datetime, name: str, scope: Scope) -> AuditedCheck:
    """The result of one check over what `scope` names."""
    context = CheckContext(snapshot, settings, now, scope)
    result = runner.run_checks(name, [check_named(name)], [context], if_any=True)
    errors = [each for each in result.findings if each.severity == "error"]
    told = tuple(AuditFinding(each.rule.code, each.path, each.line, each.message) for each in errors[:AUDIT_ERRORS])
    return AuditedCheck(name, result.verdict, result.examined.checked, len(errors), told)


def evidence_of(snapshot: Snapshot, settings: Settings, spec: str, apart: Iterable[str] = ()) -> list[Entry]:
    """Every evidence file of a SPEC in order of path, without what lies in the folders `apart`: reports, which would
    otherwise be about themselves."""
    layout, folders = settings.layout, tuple(apart)
    found = [
        entry
        for entry in listed(snapshot, layout)
        if (name := evidence_name(layout, entry.path)) is not None
        and name.spec == spec
        and not any(within(entry.path, folder) for folder in folders)
    ]
    return sorted(found)


def sealed(snapshot: Snapshot, entries: Iterable[Entry]) -> Sealed:
    """The digest of some files. What cannot be read counts by its path and kind."""
    wanted = list(entries)
    files = iter(snapshot.read_many([entry for entry in wanted if entry.kind == "file"]))
    whole = sha256()
    for entry in wanted:
        data = next(files).data if entry.kind == "file" else None
        known = entry.kind if data is None else sha256(data).hexdigest()
        whole.update(f"{entry.path}\0{known}\n".encode("utf-8", "surrogateescape"))
    return Sealed(len(wanted), whole.hexdigest())
