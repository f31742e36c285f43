"""One package or module for each check, its rules beside it. Pure."""

from guardrails.core.exports import public

__getattr__ = public(
    __name__,
    footprint="NO_SPEC measure",
)
