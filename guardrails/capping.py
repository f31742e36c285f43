"""At most so many findings of one rule in one file are listed, in every format: ten thousand lines are read by nobody.

The verdict is that of all findings. What is not listed is counted, by a finding that stands where the list ends.
"""

from collections import Counter
from collections.abc import Iterator, Sequence

from guardrails.finding import Finding

LISTED = 100
"""Findings of one rule and severity in one file that are listed."""


def capped(findings: Sequence[Finding]) -> Iterator[Finding]:
    """`findings`, in order, and in place of each long tail how many it has."""
    if len(findings) <= LISTED:
        yield from findings
        return
    totals = Counter(map(_kind, findings))
    seen: Counter[tuple[str, str, str]] = Counter()
    for finding in findings:
        kind = _kind(finding)
        seen[kind] += 1
        if seen[kind] <= LISTED or totals[kind] == LISTED + 1:
            yield finding
        elif seen[kind] == LISTED + 1:
            yield _tail(finding, totals[kind])


def _kind(finding: Finding) -> tuple[str, str, str]:
    return finding.rule.code, finding.path, finding.severity


def _tail(first: Finding, total: int) -> Finding:
    message = f"{total - LISTED} more findings of this rule in this file are not listed; there are {total} in all"
    hint = "mend those that are listed, and judge again"
    return first.rule.at(first.path, message, line=first.line, hint=hint, severity=first.severity)
