"""`evidence verify`: the evidence of each run is what the run wrote."""

from guardrails.core.exports import public

__getattr__ = public(
    __name__,
    archive_manifest="Archive Member read_manifest",
    archive_reader="DamagedError",
    entries="LedgerEntry digest line_of read_chain unsealed",
)
