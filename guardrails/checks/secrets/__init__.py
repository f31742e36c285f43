"""`secrets`: nothing that is added holds a token, a key or a secret value."""

from guardrails.core.exports import public

__getattr__ = public(
    __name__,
    additions="BlobChange of_index of_range parse_changes",
)
