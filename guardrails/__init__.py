"""Guardrails for spec-driven repositories: git-hook checks whose green light means something was examined."""

__version__ = "0.1.0"
