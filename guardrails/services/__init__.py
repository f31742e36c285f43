"""Effects beside runs: probes, readiness, memory, MCP servers, alerts, context kits, security reviews."""

from guardrails.core.exports import public

__getattr__ = public(
    __name__,
    alerts="GIVE_UP",
)
