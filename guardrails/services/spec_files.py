"""The directory of one SPEC, as commands that write into it need it."""

from __future__ import annotations

from guardrails.config.settings import Settings
from guardrails.errors import GuardrailError
from guardrails.layouts.own import Directory, survey
from guardrails.snapshot.base import Snapshot


def directory_of(snapshot: Snapshot, settings: Settings, spec: str) -> Directory:
    """Raises GuardrailError when a SPEC has no directory of files in this repository, or several."""
    found = survey(snapshot, settings)
    mine = [directory for directory in found.directories if directory.spec == spec]
    docs = settings.layout.docs
    if len(mine) == 1:
        return mine[0]
    if mine:
        names = ", ".join(directory.path for directory in mine)
        raise GuardrailError(f"{spec} has several directories: {names}", "merge them, or give one a new id")
    linked = next((row for row in found.linked if row.spec == spec), None)
    if linked:
        raise GuardrailError(f"{linked.path} is a {linked.kind}", "keep the SPEC in a directory of this repository")
    raise GuardrailError(f"{spec} has no directory in {docs}", f"write {docs}/{spec}/spec.md; ids are compared exactly")
