"""Talking to git: the only program that judging starts."""
