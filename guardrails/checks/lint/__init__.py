"""`lint`: the tracker and the documents of each SPEC."""
