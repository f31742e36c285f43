"""Tokens, keys and the values of secret variables: found, and kept out of what is shown."""

from guardrails.core.exports import public

__getattr__ = public(
    __name__,
    commit_message="Cleanup message_lines",
    detectors="ALL Detector FOREIGN OWN URL_PASSWORD",
    redact="MARK Redactor",
    scan="MARGIN MOST Scan added distinct scan_all scan_stream spans",
    values="secret_values",
)
