"""The context kit of a SPEC: what its documents say to the next run, from a snapshot. Pure; nothing here writes."""
