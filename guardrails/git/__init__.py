"""Talking to git: the only program that judging starts, but for ssh-keygen where there is a signature to verify."""

from guardrails.core.exports import public

__getattr__ = public(
    __name__,
    repo="Repo open_repo to_bytes",
    signatures="AllowedSigners Verifier parse_armored sign",
)
