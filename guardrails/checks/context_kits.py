"""Judge the context kits of SPECs: each is what its sources make now, and nobody edited it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from guardrails.checks.tracker_survey import Directory, survey
from guardrails.errors import GuardrailError
from guardrails.finding import Checked, Finding, Observation, Rule
from guardrails.kit.build import FOLDER, README, archive_name, build, stamp_of
from guardrails.kit.judging import Problem, faults
from guardrails.kit.sources import sources_of
from guardrails.rules.documents import KIT_ARCHIVE, KIT_EDITED, KIT_STALE
from guardrails.subject import Subject

RULES: dict[Problem, Rule] = {"stale": KIT_STALE, "edited": KIT_EDITED, "archive": KIT_ARCHIVE}


def check(subject: Subject) -> Iterator[Observation]:
    """Everything about the kits alone. One that an argument names must be there."""
    directories = survey(subject.snapshot, subject.settings).directories
    seen = list(judge(subject, directories))
    yield from seen
    if subject.scope.spec is not None and not seen:
        docs = subject.settings.layout.docs
        message = f"{subject.scope.spec} has no context kit"
        hint = f"speckit context {subject.scope.spec}"
        yield KIT_ARCHIVE.at(docs, message, hint=hint, spec=subject.scope.spec)


def judge(subject: Subject, directories: Sequence[Directory]) -> Iterator[Observation]:
    """Findings about the kit of each SPEC directory that has one, or of the one that was asked for."""
    for directory in directories:
        if subject.scope.spec in (None, directory.spec):
            yield from _kit(subject, directory)


def _kit(subject: Subject, directory: Directory) -> Iterator[Observation]:
    folder, snapshot = f"{directory.path}/{FOLDER}", subject.snapshot
    files = {entry.path: entry.kind for entry in directory.files}
    readme_path, archive_path = f"{folder}/{README}", f"{folder}/{archive_name(directory.spec)}"
    readme = snapshot.read(readme_path) if files.get(readme_path) == "file" else None
    archive = snapshot.read(archive_path) if files.get(archive_path) == "file" else None
    if archive_path not in files and (readme is None or stamp_of(readme) is None):
        return  # a folder of that name, and nothing of ours in it
    yield Checked(readme_path)
    if readme is None:
        yield _found(KIT_ARCHIVE, readme_path, "the kit has no README.md that can be read", directory.spec)
        return
    try:
        made = build(sources_of(snapshot, directory.path), directory.spec)
    except GuardrailError as error:
        message = f"it cannot be compared with its sources: {error.message}"
        yield KIT_STALE.at(readme_path, message, hint=error.hint, spec=directory.spec)
        return
    for fault in faults(directory.spec, readme, archive, made):
        yield _found(RULES[fault.problem], f"{folder}/{fault.file}", fault.message, directory.spec)


def _found(rule: Rule, path: str, message: str, spec: str) -> Finding:
    if rule is KIT_EDITED:
        hint = f"put your words into the SPEC's documents, remove this file, then run 'speckit context {spec}'"
    else:
        hint = f"speckit context {spec}"
    return rule.at(path, message, hint=hint, spec=spec)
