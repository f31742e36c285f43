"""Effects beside runs: probes, readiness, memory, MCP servers, alerts, context kits, security reviews."""
