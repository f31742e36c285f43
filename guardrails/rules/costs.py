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
    "The total of a cost summary is not the sum of its stages.",
    "One of the numbers is wrong, and nobody can say which.",
    '{"total_usd": 1.00, "per_stage": {"plan": {"usd": 0.40}, "tasks": {"usd": 0.40}}}',
    "Rebuild the summary from the metrics of the calls.",
)

RULES = (FREE_CALLS, TOTAL_MISMATCH)
