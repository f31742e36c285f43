"""The context kit of a SPEC, made from its documents and judged against them."""
