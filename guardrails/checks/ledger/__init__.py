"""`evidence verify`: the evidence of each run is what the run wrote."""

from guardrails.core.exports import public

__getattr__ = public(
    __name__,
    archive_manifest="Archive Member read_manifest",
    archive_reader="DamagedError",
    attestation="Envelope AttestedSession authenticated_bytes read_envelope session_statement subjects",
    entries="LedgerEntry digest line_of read_chain seal_bytes unsealed",
)
