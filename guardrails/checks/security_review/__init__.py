"""The security review of a SPEC: its form, what a filled one says, and what is still open in it."""

from guardrails.core.exports import public

__getattr__ = public(
    __name__,
    document="is_hollow open_fields read_review",
    form="ARTIFACTS SECTIONS STRIDE template",
    tracker="claims_of tracker_path",
)
