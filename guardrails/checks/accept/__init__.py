"""`accept`: the documents and outputs of a SPEC hold what its acceptance.yaml declares."""
