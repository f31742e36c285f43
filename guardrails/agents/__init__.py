"""Agents: calling them, and reading what they say. Effects; nothing here is imported by a check."""
