"""What agents answered and what was decided, kept to be searched."""

from guardrails.core.exports import public

__getattr__ = public(
    __name__,
    entries=(
        "MOST_TAGS Memory MemorySource NewMemory entry known mark parse plain refuse_secrets require without_secrets"
    ),
    query="Query understand",
    records="entries_of_output entries_of_verdict",
    server="MemoryServer MemoryServerRefusal ask",
    store="MemoryStore",
    write="BESIDE catch_up locate remember",
)
