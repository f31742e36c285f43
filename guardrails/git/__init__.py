"""Talking to git: the only program that judging starts."""

from guardrails.core.exports import public

__getattr__ = public(
    __name__,
    repo="Repo open_repo to_bytes",
)
