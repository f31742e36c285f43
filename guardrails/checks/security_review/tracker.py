"""Where a review stands, as its tracker records it, and what a document amounts to in such a record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from guardrails.checks.security_review.document import Open, Review, category_of, is_hollow
from guardrails.checks.security_review.form import ARTIFACTS, DOCUMENT, SECTIONS, THREATS, TRACKER
from guardrails.config.layout import Layout


class SignOff(NamedTuple):
    """One decision. `sha256` is the digest of the document it was made about; None where no digest is recorded."""

    name: str
    role: str
    decision: str
    date: str
    note: str | None = None
    sha256: str | None = None


class ReviewTracker(NamedTuple):
    """What a valid tracker says. `claims` is what it says of the document's content."""

    status: str
    reason: str | None
    review: str | None
    sha256: str | None
    sign_offs: tuple[SignOff, ...]
    claims: Mapping[str, Any]

    def approved(self, names: Sequence[str]) -> bool:
        """Whether everybody of `names` has approved the document of this digest, as their last word."""
        mine = [each for each in self.sign_offs if each.sha256 is not None and each.sha256 == self.sha256]
        last = {each.name.casefold(): each for each in mine}
        said = [last.get(name.casefold()) for name in names]
        return bool(said) and all(each is not None and each.decision == "approved" for each in said)


def tracker_path(layout: Layout, spec: str) -> str:
    """Where the tracker of a SPEC lies."""
    return f"{layout.evidence}/consensus/{spec}/{TRACKER}"


def document_path(directory: str) -> str:
    """Where the review of the SPEC in `directory` lies."""
    return f"{directory}/{DOCUMENT}"


def tracker_of(value: Mapping[str, Any]) -> ReviewTracker:
    """A tracker that satisfies its schema, as values. A decision without a digest is about the document it names."""
    review = value.get("review") or {}
    digest = review.get("sha256")
    sign_offs = tuple(
        SignOff(row["name"], row["role"], row["decision"], row["date"], row.get("note"), row.get("sha256", digest))
        for row in value["sign_offs"]
    )
    claims = {name: value[name] for name in CLAIMS}
    claims["artifacts"] = [row["path"] for row in value["artifacts"]]
    return ReviewTracker(value["status"], value.get("reason"), review.get("path"), digest, sign_offs, claims)


CLAIMS = ("classification", "threats", "artifacts", "exceptions")


def claims_of(review: Review) -> dict[str, Any]:
    """What a document says, as a tracker records it. `artifacts` are paths alone."""
    return {
        "classification": review.classification,
        "threats": [made for row in review.rows(THREATS) if (made := _threat(*row.cells))],
        "artifacts": [row.cells[1] for row in review.rows(ARTIFACTS) if not is_hollow(row.cells[1])],
        "exceptions": [_exception(*row.cells) for row in review.exceptions if not any(map(is_hollow, row.cells))],
    }


def _threat(name: str, category: str, threat: str, mitigation: str, status: str) -> dict[str, Any] | None:
    """None while the row does not say enough to be recorded."""
    key, status = category_of(category), status.casefold()
    if key is None or is_hollow(name) or is_hollow(threat) or is_hollow(status):
        return None
    said = None if is_hollow(mitigation) else mitigation
    return {"id": name, "category": key, "threat": threat, "mitigation": said, "status": status}


def _exception(name: str, threat: str, risk: str, owner: str, expires: str) -> dict[str, Any]:
    return {"id": name, "threat": threat, "risk": risk, "owner": owner, "expires": expires}


def checkpoints(path: str, fields: Sequence[Open]) -> list[dict[str, Any]]:
    """One for each section: done when nothing in it is open."""
    unfinished = {field.section.key for field in fields}
    return [
        {
            "id": section.key,
            "title": section.heading,
            "status": "open" if section.key in unfinished else "done",
            "evidence": [path],
        }
        for section in SECTIONS
    ]
