"""Judge the tracker and the documents of each SPEC, from one reading of both."""

from __future__ import annotations

from collections.abc import Iterator

from guardrails.checks import documents, tracker
from guardrails.checks.tracker_survey import survey
from guardrails.finding import Observation
from guardrails.subject import Subject

FOLDER = "context"
"""Of a SPEC's directory: where its context kit lies."""


def check(subject: Subject) -> Iterator[Observation]:
    """Findings of the TRK and DOC families."""
    found = survey(subject.snapshot, subject.settings)
    yield from tracker.judge(subject, found)
    yield from documents.judge(subject, found)
    if any(f"/{FOLDER}/" in entry.path for directory in found.directories for entry in directory.files):
        from guardrails.checks import context_kits  # most repositories have none

        yield from context_kits.judge(subject, found.directories)
