"""The form of a review: its sections and their tables. The template is written, and the document read, from these."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

TEMPLATE_VERSION = "1"
DOCUMENT = "security-review.md"
TRACKER = "security_review_tracker.json"


class Stride(NamedTuple):
    """One category of threats: its name in records, as the document writes it, and what to ask."""

    key: str
    name: str
    question: str


STRIDE = (
    Stride("spoofing", "Spoofing", "who could pretend to be somebody else?"),
    Stride("tampering", "Tampering", "what could be changed unseen?"),
    Stride("repudiation", "Repudiation", "what could be denied afterwards?"),
    Stride("information-disclosure", "Information disclosure", "what could be read by whom it is not meant for?"),
    Stride("denial-of-service", "Denial of service", "what could be made to stop or to cost too much?"),
    Stride("elevation-of-privilege", "Elevation of privilege", "who could do more than they may?"),
)
CLASSES = ("public", "internal", "confidential", "restricted")
"""From the least to the most sensitive."""
STATUSES = ("open", "mitigated", "accepted", "not-applicable")


class FormSection(NamedTuple):
    """A section: its checkpoint's id, its heading, and the columns of its table; none where it is text."""

    key: str
    heading: str
    columns: tuple[str, ...] = ()


CONTEXT = FormSection("context", "Context")
DATA = FormSection("data-classification", "Data classification", ("Data", "Classification", "Handling"))
THREATS = FormSection("threat-model", "Threat model", ("Id", "Category", "Threat", "Mitigation", "Status"))
ARTIFACTS = FormSection("artifacts", "Artifacts", ("Artifact", "Path"))
EXCEPTIONS = FormSection("exceptions", "Exceptions", ("Id", "Threat", "Risk", "Owner", "Expires"))
APPROVAL = FormSection("approval", "Approval", ("Role", "Name"))
SECTIONS = (CONTEXT, DATA, THREATS, ARTIFACTS, EXCEPTIONS, APPROVAL)


def template(spec: str, artifacts: Sequence[tuple[str, str]]) -> str:
    """A review to be filled in. `artifacts` are (what it is, path) of documents that are there."""
    parts = [
        f"# Security review: {spec}\n",
        f"Template: {TEMPLATE_VERSION}\n",
        f"Fill in every field; `speckit security {spec}` lists what is open. Whoever is named under Approval\n"
        f"signs off with `speckit security {spec} --sign-off --by NAME`. A change after that needs a new sign-off.\n",
        f"## {CONTEXT.heading}\n\nTODO: what is built or changed, who uses it, what it talks to, what it leaves out.\n",
        _table(
            DATA,
            [
                (
                    "TODO: a kind of data",
                    f"TODO: {', '.join(CLASSES)}",
                    "TODO: where it is kept, who sees it, until when",
                )
            ],
        ),
        _table(THREATS, [_threat(number, each) for number, each in enumerate(STRIDE, 1)]),
        _table(ARTIFACTS, artifacts or [("TODO: what the review rests on", "TODO: its path")]),
        _table(
            EXCEPTIONS,
            [("TODO: none, or X1", "TODO: T1", "TODO: what is accepted, and why", "TODO", "TODO: YYYY-MM-DD")],
        ),
        _table(APPROVAL, [("TODO: for example security reviewer", "TODO: who signs off")]),
    ]
    return "\n".join(parts)


def _threat(number: int, stride: Stride) -> tuple[str, ...]:
    return f"T{number}", stride.name, f"TODO: {stride.question}", "TODO", f"TODO: {', '.join(STATUSES)}"


def _table(section: FormSection, rows: Sequence[tuple[str, ...]]) -> str:
    lines = (section.columns, ("---",) * len(section.columns), *rows)
    text = "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)
    return f"## {section.heading}\n\n{text}"
