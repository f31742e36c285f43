"""Judge the tracker and the documents of each SPEC, from one reading of both."""

from __future__ import annotations

from collections.abc import Iterator

from guardrails.checks import documents, tracker
from guardrails.checks.tracker_survey import Survey, survey
from guardrails.finding import Observation
from guardrails.settings import Security
from guardrails.subject import Subject

FOLDER = "context"
"""Of a SPEC's directory: where its context kit lies."""
TRACKER = "security_review_tracker.json"


def check(subject: Subject) -> Iterator[Observation]:
    """Findings of the TRK and DOC families."""
    found = survey(subject.snapshot, subject.settings)
    yield from tracker.judge(subject, found)
    yield from documents.judge(subject, found)
    if any(f"/{FOLDER}/" in entry.path for directory in found.directories for entry in directory.files):
        from guardrails.checks import context_kits  # most repositories have none

        yield from context_kits.judge(subject, found.directories)
    if subject.settings.security != Security() or _has_reviews(subject, found):
        from guardrails.checks import security_reviews

        yield from security_reviews.judge(subject, found)


def _has_reviews(subject: Subject, found: Survey) -> bool:
    layout = subject.settings.layout
    return any(
        subject.snapshot.entry(f"{layout.evidence}/consensus/{directory.spec}/{TRACKER}")
        for directory in found.directories
    )
