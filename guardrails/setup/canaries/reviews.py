"""Violations of the rules about security reviews."""

from __future__ import annotations

from collections.abc import Callable

from guardrails.chain import digest
from guardrails.review.form import template
from guardrails.review.tracker import document_path, tracker_path
from guardrails.setup.canaries.ground import TIME, Canary, Ground, Plant, rendered

_EXCEPTION = "| TODO: none, or X1 | TODO: T1 | TODO: what is accepted, and why | TODO | TODO: YYYY-MM-DD |"
_EXPIRED = "| X1 | T1 | seals are not signed | a canary | 2025-06-30 |"


def _unsigned(ground: Ground) -> Plant:
    return Plant(ground.configured(security={"require": [ground.spec]}))


def _signed(artifact: str = "", sha256: str = "", name: str = "canary") -> Callable[[Ground], Plant]:
    """A form that nobody filled in, recorded as signed off: with a digest of its own or another, by somebody."""

    def plant(ground: Ground) -> Plant:
        text = template(ground.spec, [("Specification", artifact or ground.prd)]).replace(_EXCEPTION, _EXPIRED)
        path, data = document_path(ground.folder), text.encode()
        made = sha256 or digest(data)
        sign_off = {"name": name, "role": "reviewer", "decision": "approved", "date": TIME[:10], "note": None}
        tracker = {
            "schemaVersion": 1, "specId": ground.spec, "updated_at": TIME, "status": "signed-off",
            "review": {"path": path, "sha256": made}, "template_version": "1", "classification": "internal",
            "checkpoints": [{"id": "context", "title": "Context", "status": "done", "evidence": [path]}],
            "threats": [], "artifacts": [], "exceptions": [], "sign_offs": [sign_off],
        }  # fmt: skip
        return Plant({path: data, tracker_path(ground.settings.layout, ground.spec): rendered(tracker)})

    return plant


REVIEWS = (
    Canary("DOC011", "pre-commit", _unsigned),
    Canary("DOC012", "pre-commit", _signed()),
    Canary("DOC013", "pre-commit", _signed(sha256="0" * 64)),
    Canary("DOC014", "pre-commit", _signed(artifact="docs/canary/gone.md")),
    Canary("DOC015", "pre-commit", _signed(name="TBD")),
    Canary("DOC016", "pre-commit", _signed()),
)
