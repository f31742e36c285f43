"""What agents cost: of one call, against the budget before it, and of a SPEC. Pure."""
