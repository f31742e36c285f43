"""The context kit of a SPEC, made from its documents and judged against them."""

from guardrails.core.exports import public

__getattr__ = public(
    __name__,
    build="ContextKit DOCUMENT_BYTES SECTION_BYTES build_kit excerpts_of is_ours stamp_of",
    sources="policy_of sources_of",
)
