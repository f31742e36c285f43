"""HAL: what probing HAL is said to have shown."""

from __future__ import annotations

from guardrails.finding import Rule

CONTRADICTED = Rule(
    "HAL001",
    "hal-pass-contradicted",
    "A record says that HAL passed, and holds the proof that it did not.",
    "Who reads the status alone goes on. A pass beside failed checks, without a recorded answer, of a service that "
    "nobody asked, or on an error of the service is none.",
    '{"hal": {"mode": "live", "summary": {"status": "passed", "failed_checks": ["graphql_ping"]}}}',
    "Probe again: 'speckit hal smoke SPEC', or rerun the stage. Records are written, never edited.",
)

RULES = (CONTRADICTED,)
