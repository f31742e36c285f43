"""Every check and rule, and running them: run, waive, sort, limit, Result."""

from guardrails.core.exports import public

__getattr__ = public(
    __name__,
    registry="CHECKS Check FAMILIES Family all_rules check_named rule_named",
)
