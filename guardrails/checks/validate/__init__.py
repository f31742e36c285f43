"""`validate`: every evidence file against its schema, and what a schema cannot say."""

from guardrails.core.exports import public

__getattr__ = public(
    __name__,
    check="EvidenceFile",
    rules="RULES",
    semantics="hal_claims",
)
