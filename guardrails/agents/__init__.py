"""Calling agents, and reading what they say. No check imports it."""
