"""The security review of a SPEC: its template, what a filled one says, and what is still open in it. Pure."""
