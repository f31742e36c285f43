"""CFG: the configuration's own promises."""

from __future__ import annotations

from guardrails.core.finding import Rule

EXPIRED = Rule(
    "CFG001",
    "waiver-expired",
    "A waiver is past its day.",
    "A waiver accepts a finding for a while and for a reason. Once its day has passed nobody has renewed that "
    "decision, so the finding counts again.",
    "waivers:\n  - {rule: TRK012, path: SPEC.md, reason: importing old rows, expires: 2020-01-31}",
    "Mend what the waiver accepts and delete it, or decide again and give it a new day.",
)
UNUSED = Rule(
    "CFG002",
    "waiver-unused",
    "A waiver matches no finding.",
    "A waiver that accepts nothing hides the next finding of its rule in that file, which nobody has decided on.",
    "waivers:\n  - {rule: TRK012, path: OLD.md, reason: this file is gone, expires: 2030-01-31}",
    "Delete the waiver. If it should match, check its rule and that `path` is written from the repository root.",
    "warning",
)

REMOVED = Rule(
    "CFG003",
    "configuration-removed",
    "The change deletes the configuration.",
    "What evidence is looked for, and where, follows from .speckit.yaml. Deleted together with what it makes judged, "
    "it would let anything through.",
    "git rm .speckit.yaml && git commit -am 'tidy up'",
    "Restore it. To do without one on purpose, commit the deletion alone with 'git commit --no-verify' and have it "
    "reviewed.",
)

RULES = (EXPIRED, UNUSED, REMOVED)
