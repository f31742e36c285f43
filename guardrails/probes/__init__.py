"""Probes: questions put to services outside, each answered with a record. Effects; nothing here is imported by a check."""
