"""Judge the tracker and the documents of each SPEC, from one reading of both."""

from __future__ import annotations

from collections.abc import Iterator

from guardrails.checks.lint import documents, tracker
from guardrails.checks.presence import unread_documents
from guardrails.config.layout import Layout
from guardrails.config.settings import Security
from guardrails.core.finding import Observation
from guardrails.errors import Undecidable
from guardrails.layouts.own import Survey, survey
from guardrails.snapshot.context import CheckContext

FOLDER = "context"
"""Of a SPEC's directory: where its context kit lies."""
TRACKER = "security_review_tracker.json"


def check(context: CheckContext) -> Iterator[Observation]:
    """Findings of the TRK and DOC families."""
    found = survey(context.snapshot, context.settings)
    yield from tracker.judge(context, found)
    yield from documents.judge(context, found)
    if any(f"/{FOLDER}/" in entry.path for directory in found.directories for entry in directory.files):
        from guardrails.checks.context_kit.check import judge as judge_kits  # most repositories have none

        yield from judge_kits(context, found.directories)
    if context.settings.security != Security() or _has_reviews(context, found):
        from guardrails.checks.security_review.check import judge as judge_reviews

        yield from judge_reviews(context, found)
    if not found.directories and not found.linked:
        _require_read(context)


def _require_read(context: CheckContext) -> None:
    """Raises Undecidable where no SPEC was found and there are folders with the documents of one."""
    layout, names = context.settings.layout, frozenset(document.name for document in context.settings.documents)
    places = dict.fromkeys((layout.docs, Layout().docs))
    for place in places:
        unread = unread_documents((entry.path for entry in context.snapshot.entries(place)), names)
        if unread:
            message = (
                f"{unread} has the documents of a SPEC and was not read: it is no {layout.spec_id} in {layout.docs}"
            )
            raise Undecidable(message, "set layout.docs and layout.spec_id to where SPECs lie and what they are called")


def _has_reviews(context: CheckContext, found: Survey) -> bool:
    layout = context.settings.layout
    return any(
        context.snapshot.entry(f"{layout.evidence}/consensus/{directory.spec}/{TRACKER}")
        for directory in found.directories
    )
