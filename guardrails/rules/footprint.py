"""FPT: how much evidence each SPEC keeps in the repository."""

from __future__ import annotations

from guardrails.finding import Rule

OVER_LIMIT = Rule(
    "FPT001",
    "footprint-over-limit",
    "The evidence of a SPEC is larger than the limit.",
    "Every clone carries all evidence that was ever committed. Past the limit a repository becomes slow for everybody, "
    "and history cannot be made smaller afterwards without rewriting it.",
    "docs/.../evidence: SPEC-KIT-900 holds 26.0 MB (limit 25.0 MB)",
    "Archive older runs (`speckit evidence archive`), or remove what is not evidence. "
    "`evidence.limit_mb` in .speckit.yaml sets the limit; exactly the limit still holds.",
)
OVER_WARNING = Rule(
    "FPT002",
    "footprint-near-limit",
    "The evidence of a SPEC is larger than the warning threshold.",
    "It is cheaper to archive old runs now than when a commit is refused.",
    "docs/.../evidence: SPEC-KIT-900 holds 16.2 MB (warning above 15.0 MB, limit 25.0 MB)",
    "Archive older runs (`speckit evidence archive`). `evidence.warn_mb` in .speckit.yaml sets the threshold.",
    "warning",
)
MEASURED = Rule(
    "FPT003",
    "footprint-measured",
    "What was measured for a SPEC: total, growth against the base, largest files.",
    "A limit that is only heard of when it is broken comes as a surprise.",
    "docs/.../evidence: SPEC-KIT-900 holds 3.1 MB (+0.2 MB since HEAD)",
    "Nothing to fix.",
    "note",
)

RULES = (OVER_LIMIT, OVER_WARNING, MEASURED)
