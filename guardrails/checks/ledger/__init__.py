"""`evidence verify`: the evidence of each run is what the run wrote."""
