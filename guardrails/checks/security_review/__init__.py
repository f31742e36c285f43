"""The security review of a SPEC: its form, what a filled one says, and what is still open in it."""
