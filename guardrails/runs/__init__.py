"""The stages of a SPEC: guardrails, the agents' consensus, and the sequencer that chains them."""
