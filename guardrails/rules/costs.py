"""CST: what runs cost."""

from __future__ import annotations

from guardrails.finding import Rule

FREE_CALLS = Rule(
    "CST001",
    "cost-zero-for-calls",
    "A cost summary counts calls and says they cost nothing.",
    "Unknown is not zero. A price that nobody looked up, summed as 0.00, makes every budget hold.",
    '{"spec_id": "SPEC-KIT-900", "call_count": 23, "total_spent": 0.0}',
    "Record null where the cost is unknown, and configure `budget.prices`. Calls that are truly free (a local model) "
    "are recorded with `source: measured`.",
)
TOTAL_MISMATCH = Rule(
    "CST002",
    "cost-total-mismatch",
    "A total of a cost summary is not the sum of its parts.",
    "One of the numbers is wrong, and nobody can say which. Dollars and tokens of the stages add up to the totals, "
    "those of the sessions to their stages; half a cent of rounding is let pass.",
    '{"total_usd": 1.00, "per_stage": {"plan": {"usd": 0.40}, "tasks": {"usd": 0.40}}}',
    "Rebuild the summary from the metrics of the calls.",
)

CALLS_MISMATCH = Rule(
    "CST003",
    "cost-calls-mismatch",
    "The counts of calls in a cost summary contradict each other.",
    "Fewer priced calls than calls make the total a lower bound. Where more calls are priced, cached or failed than "
    "were made, or a cost is given though none is priced, that says nothing.",
    '{"calls": 3, "priced_calls": 5, "total_usd": 0.40}',
    "Rebuild the summary from the metrics of the calls.",
)
SHARE_MISMATCH = Rule(
    "CST004",
    "cost-share-mismatch",
    "The share of the budget that is said to be used is not what was spent of it.",
    "The share is what warnings and halts rest on. `used` is `spent` (or the total) divided by the cap.",
    '{"total_usd": 1.50, "budget": {"usd": 2.00, "used": 0.10}}',
    "Rebuild the summary from the metrics of the calls.",
)

RULES = (FREE_CALLS, TOTAL_MISMATCH, CALLS_MISMATCH, SHARE_MISMATCH)
