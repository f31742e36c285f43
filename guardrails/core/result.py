"""What a run of checks amounts to: the one value every reporter renders."""

from typing import Literal, NamedTuple

from guardrails.core.finding import Finding, Skipped

Verdict = Literal["pass", "fail", "undecided", "not-applicable", "conflict", "degraded"]


SourceKind = Literal["worktree", "index", "commit", "range", "push", "memory"]


class Source(NamedTuple):
    """What was judged, for the result document. `rev` is the revision or range as a user would write it."""

    kind: SourceKind
    rev: str | None = None


class Examined(NamedTuple):
    """`candidates` = `checked` + the skipped, each of which has a reason."""

    candidates: int
    checked: int
    skipped: tuple[Skipped, ...] = ()


class Problem(NamedTuple):
    """Why something could not be judged: nothing at all (exit 2 or 70), or a part (3, unless findings are worse)."""

    message: str
    hint: str | None = None


class CheckVerdict(NamedTuple):
    """What became of one check, of several that were run as one. A check that examined nothing is `idle`, and
    `undecided` where there was something that it should have examined."""

    name: str
    verdict: Verdict | Literal["idle"]
    checked: int = 0
    skipped: int = 0
    reason: str | None = None
    """why it is undecided"""


class Result(NamedTuple):
    """`findings` are sorted and each carries its fingerprint; `verdict` never depends on how they are shown."""

    command: str
    source: Source
    examined: Examined
    findings: tuple[Finding, ...]
    fingerprints: tuple[str, ...]
    verdict: Verdict
    exit_code: int
    problem: Problem | None = None
    checks: tuple[CheckVerdict, ...] = ()
    """what became of each check that was asked for"""

    @property
    def idle(self) -> tuple[str, ...]:
        """The checks that found nothing to examine: several run as one must not hide that one of them did nothing."""
        return tuple(check.name for check in self.checks if check.verdict == "idle")
