"""Keep the security review of a SPEC: make its document once, read it, and record where it stands and who decided."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from hashlib import sha256
from typing import Any, Literal, NamedTuple

from guardrails.checks.security_review.check import expired, missing_artifacts, tracker_value
from guardrails.checks.security_review.document import Open, Review, is_hollow, open_fields, read_review
from guardrails.checks.security_review.form import TEMPLATE_VERSION, template
from guardrails.checks.security_review.tracker import (
    SignOff,
    checkpoints,
    claims_of,
    document_path,
    tracker_of,
    tracker_path,
)
from guardrails.config.settings import Settings
from guardrails.core.markdown import decode
from guardrails.core.timestamps import stamped
from guardrails.errors import GuardrailError
from guardrails.evidence.store import EvidenceStore, WrittenFile
from guardrails.git.repo import Repo
from guardrails.layouts.own import Directory
from guardrails.services.spec_files import directory_of
from guardrails.snapshot.base import Snapshot

# What a review rests on and seldom changes after it. Others are named by whoever fills it in.
ARTIFACTS = (("Specification", "spec.md"), ("Product requirements", "PRD.md"))


class ReviewDecision(NamedTuple):
    """What somebody decides about a review. `reason` is None for an approval."""

    kind: Literal["approved", "rejected", "not-required"]
    name: str | None = None
    reason: str | None = None


class ReviewContext(NamedTuple):
    """Whose review it is, where, and when it is looked at."""

    repo: Repo
    snapshot: Snapshot
    settings: Settings
    spec: str
    now: datetime


class ReviewDocument(NamedTuple):
    """The document as it stands, and its digest."""

    path: str
    sha256: str
    review: Review


class Standing(NamedTuple):
    """Where a review stands. `opened` are lines of the document at `path` that keep it from being signed off."""

    path: str
    status: str
    opened: tuple[tuple[int, str], ...]
    written: tuple[WrittenFile, ...] = ()
    refused: bool = False
    """whether an approval was not recorded, because of what is open"""


def keep(review_context: ReviewContext, decision: ReviewDecision | None = None) -> Standing:
    """Make what is not there, and bring the tracker up to date. The caller holds the lock of the SPEC.

    Raises GuardrailError for what cannot be read, and for a decision by somebody whom the review does not name.
    """
    directory = directory_of(review_context.snapshot, review_context.settings, review_context.spec)
    before = _before(review_context)
    made: tuple[WrittenFile, ...] = ()
    path = document_path(directory.path)
    if decision is not None and decision.kind == "not-required":
        return _without(review_context, path, before, decision)
    if decision is None and before and before["status"] == "not-required":
        return Standing(path, "not-required", ())
    if not review_context.snapshot.exists(path):
        if decision is not None:
            raise GuardrailError(
                f"there is no {path} to decide about", f"speckit security {review_context.spec} makes one"
            )
        data = template(review_context.spec, _documents(review_context.snapshot, directory)).encode()
        made = (EvidenceStore(review_context.repo.root).write(path, data),)
    else:
        data = _readable(review_context.snapshot, path)
    paper = _paper(path, data)
    opened = [*open_fields(paper.review)]
    lines = tuple(sorted({*((field.line, field.message) for field in opened), *_unfit(review_context, paper)}))
    if decision is not None and decision.kind == "approved" and lines:
        return Standing(path, before["status"] if before else "open", lines, (), refused=True)
    document = _document(review_context, paper, opened, before, decision, bool(lines))
    return Standing(path, document["status"], lines, (*made, *_record(review_context, before, document)))


def _before(review_context: ReviewContext) -> dict[str, Any] | None:
    value: Any = tracker_value(review_context.snapshot, review_context.settings, review_context.spec)
    if isinstance(value, str):
        path = tracker_path(review_context.settings.layout, review_context.spec)
        raise GuardrailError(f"{path} {value}", "it is not overwritten: mend it, or move it away")
    found: dict[str, Any] | None = value
    return found


def _documents(snapshot: Snapshot, directory: Directory) -> list[tuple[str, str]]:
    paths = [(what, f"{directory.path}/{name}") for what, name in ARTIFACTS]
    return [(what, path) for what, path in paths if (entry := snapshot.entry(path)) and entry.kind == "file"]


def _readable(snapshot: Snapshot, path: str) -> bytes:
    data = snapshot.read(path)
    if data is None:
        raise GuardrailError(f"{path} cannot be read", "make it a regular file of at most 32 MB")
    return data


def _paper(path: str, data: bytes) -> ReviewDocument:
    text = decode(data)
    if isinstance(text, int):
        raise GuardrailError(f"{path}:{text}: not UTF-8 text", "save it as UTF-8")
    return ReviewDocument(path, sha256(data).hexdigest(), read_review(text))


def _unfit(review_context: ReviewContext, paper: ReviewDocument) -> Iterator[tuple[int, str]]:
    """What is filled in and does not hold: files that are not there, exceptions that are over."""
    for line, name in missing_artifacts(review_context.snapshot, paper.review):
        yield line, f"{name} is not there, or is no regular file"
    for finding in expired(paper.path, paper.review, review_context.now):
        yield finding.line or 1, finding.message


def _without(
    review_context: ReviewContext, path: str, before: dict[str, Any] | None, decision: ReviewDecision
) -> Standing:
    """The record that no review is required, and why."""
    if is_hollow(decision.reason or ""):
        raise GuardrailError("no reason is given", "say why no review is required")
    document = _plain(review_context, "not-required", decision.reason)
    document["sign_offs"] = [_row(sign_off) for sign_off in tracker_of(before).sign_offs] if before else []
    return Standing(path, "not-required", (), _record(review_context, before, document))


def _plain(review_context: ReviewContext, status: str, reason: str | None) -> dict[str, Any]:
    made: dict[str, Any] = {
        "schemaVersion": 1,
        "specId": review_context.spec,
        "updated_at": stamped(review_context.now),
        "status": status,
        "classification": None,
        "checkpoints": [],
        "threats": [],
        "artifacts": [],
        "exceptions": [],
        "sign_offs": [],
    }
    return made | ({"reason": reason} if reason else {})


def _document(
    review_context: ReviewContext,
    paper: ReviewDocument,
    opened: list[Open],
    before: dict[str, Any] | None,
    decision: ReviewDecision | None,
    unfit: bool,
) -> dict[str, Any]:
    """The tracker as it is from now on."""
    document = _plain(review_context, "open", None) | {
        "review": {"path": paper.path, "sha256": paper.sha256},
        "template_version": TEMPLATE_VERSION,
        "checkpoints": checkpoints(paper.path, opened),
        **claims_of(paper.review),
    }
    paths, document["artifacts"] = document["artifacts"], []
    document["sign_offs"] = _sign_offs(review_context, paper, before, decision)
    status, reason = _status(paper, document, before, decision, unfit)
    document["status"] = status
    if reason is not None:
        document["reason"] = reason
    if status == "signed-off":  # only then are they held to their digests
        document["artifacts"] = [
            {"path": path, "sha256": sha256(_readable(review_context.snapshot, path)).hexdigest()} for path in paths
        ]
    return document


def _sign_offs(
    review_context: ReviewContext, paper: ReviewDocument, before: dict[str, Any] | None, decision: ReviewDecision | None
) -> list[dict[str, Any]]:
    """Those there are and the new one, unless it was the last word of the same person on the same document."""
    known = [_row(sign_off) for sign_off in tracker_of(before).sign_offs] if before else []
    if decision is None:
        return known
    wanted = (decision.name or "").casefold()
    row = next((row for row in paper.review.approvers if row.cells[1].casefold() == wanted), None)
    if row is None or is_hollow(row.cells[1]):
        names = ", ".join(row.cells[1] for row in paper.review.approvers if not is_hollow(row.cells[1])) or "nobody"
        raise GuardrailError(f"the review does not name '{decision.name}'", f"under Approval it names {names}")
    last = next((each for each in reversed(known) if str(each["name"]).casefold() == wanted), None)
    if last and (last["decision"], last.get("sha256")) == (decision.kind, paper.sha256):
        return known
    today = f"{review_context.now:%Y-%m-%d}"
    return [*known, _row(SignOff(row.cells[1], row.cells[0], decision.kind, today, decision.reason, paper.sha256))]


def _row(sign_off: SignOff) -> dict[str, Any]:
    """A decision as the tracker keeps it. Without a digest it is about no document that is known."""
    made = sign_off._asdict()
    return made if sign_off.sha256 else {key: value for key, value in made.items() if key != "sha256"}


def _status(
    paper: ReviewDocument,
    document: dict[str, Any],
    before: dict[str, Any] | None,
    decision: ReviewDecision | None,
    unfit: bool,
) -> tuple[str, str | None]:
    """Where the review stands, and why, where that needs a reason."""
    if decision is not None and decision.kind == "rejected":
        return "rejected", decision.reason
    same = before is not None and before.get("review", {}).get("sha256") == paper.sha256
    if decision is None and before and same and before["status"] == "rejected":
        return "rejected", before["reason"]
    if unfit:
        return "open", None
    approved = tracker_of(document).approved([row.cells[1] for row in paper.review.approvers])
    return ("signed-off" if approved else "in-review"), None


def _record(
    review_context: ReviewContext, before: dict[str, Any] | None, document: dict[str, Any]
) -> tuple[WrittenFile, ...]:
    """Write the tracker where it says something new."""
    if before is not None and {**document, "updated_at": None} == {**before, "updated_at": None}:
        return ()
    path = tracker_path(review_context.settings.layout, review_context.spec)
    store = EvidenceStore(review_context.repo.root)
    return (store.record(path, "security_review_tracker", document, replace=before is not None),)
