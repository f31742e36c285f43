"""Judge security reviews: what is signed off is filled in, unchanged and signed by whom it names."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, NamedTuple

from guardrails.checks.lint.document_rules import (
    REVIEW_APPROVAL,
    REVIEW_ARTIFACT,
    REVIEW_CHANGED,
    REVIEW_EXPIRED,
    REVIEW_INCOMPLETE,
    REVIEW_UNSIGNED,
    UNREADABLE_DOCUMENT,
)
from guardrails.checks.lint.rows import is_in
from guardrails.checks.security_review.document import Review, day_of, is_hollow, open_fields, read_review
from guardrails.checks.security_review.form import ARTIFACTS
from guardrails.checks.security_review.tracker import ReviewTracker, claims_of, document_path, tracker_of, tracker_path
from guardrails.config.settings import Settings
from guardrails.core.finding import Checked, Finding, Observation
from guardrails.core.markdown import decode
from guardrails.core.paths import is_plain
from guardrails.layouts.own import Directory, Survey, survey
from guardrails.layouts.tracker import BACKLOG
from guardrails.snapshot.base import Snapshot
from guardrails.snapshot.context import CheckContext


class ReviewFiles(NamedTuple):
    """One review: its document and its tracker, as far as they are there and can be read."""

    spec: str
    path: str
    tracker_path: str
    data: bytes | None
    review: Review | None
    tracker: ReviewTracker | None


def check(context: CheckContext) -> Iterator[Observation]:
    """Everything about the reviews alone. One that an argument names must be signed off."""
    found = survey(context.snapshot, context.settings)
    spec = context.scope.spec
    if spec is not None:
        required = context.settings.security._replace(required=(*context.settings.security.required, spec))
        context = context._replace(settings=context.settings._replace(security=required))
    yield from judge(context, found)


def judge(context: CheckContext, found: Survey) -> Iterator[Observation]:
    """Findings about the review of every SPEC, or of the one that was asked for."""
    wanted, security = context.scope.spec, context.settings.security
    there = {directory.spec for directory in found.directories}
    for spec in security.required:
        if spec not in there and wanted in (None, spec):
            message = f"{spec} must have a signed-off security review, and has no directory"
            yield REVIEW_UNSIGNED.at(context.settings.layout.docs, message, hint="check the id", spec=spec)
    for directory in found.directories:
        if wanted in (None, directory.spec):
            begun = not all(is_in(row, BACKLOG) for row in found.rows[directory.path]) or not found.rows[directory.path]
            required = directory.spec in security.required or (security.every and begun)
            yield from _directory(context, directory, required)


def _directory(context: CheckContext, directory: Directory, required: bool) -> Iterator[Observation]:
    snapshot, layout = context.snapshot, context.settings.layout
    record = tracker_path(layout, directory.spec)
    entry = snapshot.entry(record)
    document = document_path(directory.path)
    if entry is None and not required and not any(file.path == document for file in directory.files):
        return
    value = tracker_value(snapshot, context.settings, directory.spec) if entry else None
    if isinstance(value, str):
        yield Checked(record)
        yield UNREADABLE_DOCUMENT.at(
            record, f"the tracker {value}", hint="'speckit validate' says more", spec=directory.spec
        )
        return
    paper = _paper(snapshot, directory, record, tracker_of(value) if value is not None else None)
    yield Checked(document if paper.data is not None else record)
    yield from (finding._replace(spec=directory.spec) for finding in _judge(context, paper, required))


def tracker_value(snapshot: Snapshot, settings: Settings, spec: str) -> Any:
    """The tracker of a SPEC as a mapping that satisfies its schema, or why it cannot be read; None: it is not there."""
    from guardrails.core.schema import is_valid
    from guardrails.core.strict_json import JsonFlaw, parse_json

    path = tracker_path(settings.layout, spec)
    entry = snapshot.entry(path)
    if entry is None:
        return None
    data = snapshot.read(path) if entry.kind == "file" else None
    if data is None:
        return f"cannot be read: a {entry.kind}"
    try:
        value = parse_json(data)
    except JsonFlaw as flaw:
        return f"cannot be read: {flaw.message}"
    return value if is_valid("security_review_tracker", value) else "does not satisfy its schema"


def _paper(snapshot: Snapshot, directory: Directory, record: str, tracker: ReviewTracker | None) -> ReviewFiles:
    path = document_path(directory.path)
    entry = snapshot.entry(path)
    data = snapshot.read(path) if entry and entry.kind == "file" else None
    text = decode(data) if data is not None else None
    return ReviewFiles(
        directory.spec, path, record, data, read_review(text) if isinstance(text, str) else None, tracker
    )


def _judge(context: CheckContext, paper: ReviewFiles, required: bool) -> Iterator[Finding]:
    tracker = paper.tracker
    status = tracker.status if tracker else "missing"
    if tracker is not None and status == "signed-off":
        yield from _signed(context, paper, tracker)
        return
    if status == "not-required" and is_hollow((tracker.reason if tracker else None) or ""):
        yield REVIEW_INCOMPLETE.at(paper.tracker_path, "no reason is given why no review is required")
    if not required and status != "rejected":
        return
    at = paper.path if paper.data is not None else paper.tracker_path
    message = f"the security review of {paper.spec} is not signed off: it is {status}"
    yield REVIEW_UNSIGNED.at(at, message, hint=f"speckit security {paper.spec} lists what is open")


def _signed(context: CheckContext, paper: ReviewFiles, tracker: ReviewTracker) -> Iterator[Finding]:
    if paper.data is None or paper.review is None:
        yield REVIEW_CHANGED.at(paper.path, "the document that was signed off is not there, or is no text")
        return
    sign = f"speckit security {paper.spec} --sign-off --by NAME"
    if sha256(paper.data).hexdigest() != tracker.sha256 or tracker.review != paper.path:
        yield REVIEW_CHANGED.at(paper.path, "this is not the document that was signed off", hint=sign)
    else:
        claims = claims_of(paper.review)
        differing = [name for name, value in tracker.claims.items() if value != claims[name]]
        if differing:
            message = f"it says something else than the document about {', '.join(differing)}"
            yield REVIEW_CHANGED.at(paper.tracker_path, message, hint=sign)
    for field in open_fields(paper.review):
        yield REVIEW_INCOMPLETE.at(paper.path, field.message, line=field.line, hint=sign)
    yield from _artifacts(context.snapshot, paper.path, paper.review)
    yield from _approval(paper, paper.review, tracker, context.now)
    yield from expired(paper.path, paper.review, context.now)


def _artifacts(snapshot: Snapshot, path: str, review: Review) -> Iterator[Finding]:
    for line, artifact in missing_artifacts(snapshot, review):
        message = f"{artifact} is not there, or is no regular file"
        yield REVIEW_ARTIFACT.at(path, message, line=line, hint="restore it, or name the right one and sign off again")


def missing_artifacts(snapshot: Snapshot, review: Review) -> Iterator[tuple[int, str]]:
    """(line, path) of each artifact that is not a regular file of the repository."""
    for row in review.rows(ARTIFACTS):
        name = row.cells[1]
        if not is_hollow(name):
            entry = snapshot.entry(name) if is_plain(name) else None
            if entry is None or entry.kind != "file":
                yield row.line, name


def _approval(paper: ReviewFiles, review: Review, tracker: ReviewTracker, now: datetime) -> Iterator[Finding]:
    names = [row.cells[1] for row in review.approvers]
    known = {name.casefold() for name in names}
    for sign_off in tracker.sign_offs:
        if is_hollow(sign_off.name) or is_hollow(sign_off.role):
            yield REVIEW_APPROVAL.at(paper.tracker_path, "a sign-off has no real name and role")
        elif sign_off.sha256 == tracker.sha256 and sign_off.name.casefold() not in known:
            yield REVIEW_APPROVAL.at(
                paper.tracker_path, f"{sign_off.name} signed off, and the review does not name them"
            )
        if problem := day_problem(sign_off.date, now):
            yield REVIEW_APPROVAL.at(paper.tracker_path, f"the sign-off of {sign_off.name} {problem}")
    if not tracker.approved(names):
        yield REVIEW_APPROVAL.at(paper.tracker_path, "not everybody whom the review names has approved this document")


def day_problem(text: str, now: datetime) -> str | None:
    """Why a day cannot be one on which somebody signed; a day is allowed for zones."""
    day = day_of(text)
    if day is None:
        return f"has no real date: '{text[:40]}'"
    return "lies in the future" if day > (now + timedelta(days=1)).date() else None


def expired(path: str, review: Review, now: datetime) -> Iterator[Finding]:
    """A finding for each exception whose last day is past."""
    for row in review.exceptions:
        day = day_of(row.cells[4])
        if day is not None and day < now.date():
            message = f"exception {row.cells[0]} expired on {row.cells[4]}"
            yield REVIEW_EXPIRED.at(path, message, line=row.line, hint="mitigate the threat, or decide anew")
