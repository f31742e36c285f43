"""`accept`: the documents and outputs of a SPEC hold what its acceptance.yaml declares."""

from guardrails.core.exports import public

__getattr__ = public(
    __name__,
    pages="begins count has_number page_of_json page_of_markdown says",
)
