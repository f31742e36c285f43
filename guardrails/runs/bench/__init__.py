"""The same SPEC under several routing profiles, measured."""

from guardrails.core.exports import public

__getattr__ = public(
    __name__,
    records="Trial order",
    trees="materialise read_workload standard_workload",
)
