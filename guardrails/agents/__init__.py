"""Calling agents, and reading what they say. No check imports it."""

from guardrails.core.exports import public

__getattr__ = public(
    __name__,
    call_files="AGENT ENDED RESULT",
    calls="call_all call_key prompt_sha256",
    formats="NOTHING Usage read_answer",
    lifecycle="Order start",
    outcomes="recorded",
    run_context="RunContext",
    types="Call CallProgress Finished",
)
