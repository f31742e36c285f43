"""Probes: questions put to services outside, each answered with a record. Effects; no check imports them."""
