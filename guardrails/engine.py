"""Run checks over subjects and say what it amounts to: select → run → waive → sort → Result. Pure but for reading."""

from collections.abc import Iterable, Sequence
from functools import partial
from typing import NamedTuple

from guardrails.errors import Undecidable
from guardrails.finding import Checked, Finding, Outcome, Skipped
from guardrails.halves import in_halves
from guardrails.registry import Check
from guardrails.result import Examined, Problem, Result, Verdict
from guardrails.snapshot import Snapshot, Source
from guardrails.subject import Subject

# Worst first; 70 (internal error) and 2 (usage) never come from findings.
_WORST: tuple[tuple[Outcome, Verdict, int], ...] = (
    ("conflict", "conflict", 4),
    ("degraded", "degraded", 5),
    ("fail", "fail", 1),
    ("undecided", "undecided", 3),
)


class _Seen(NamedTuple):
    """What one check saw of one subject."""

    findings: list[Finding]
    checked: list[str]
    skipped: list[Skipped]


def run(command: str, checks: Sequence[Check], subjects: Sequence[Subject], if_any: bool = False) -> Result:
    """Judge every subject with every check.

    `if_any` turns "nothing was examined" from undecided into not-applicable; it changes nothing else.
    Raises GuardrailError when the configuration asks for what cannot be.
    """
    findings: list[Finding] = []
    checked: list[str] = []
    skipped: list[Skipped] = []
    for subject in subjects:
        seen = [part for half in in_halves(partial(_observe_each, subject), list(checks), least=2) for part in half]
        judged = _waive(subject, [finding for part in seen for finding in part.findings], checks)
        findings += _placed(judged, subject.snapshot, len(subjects) > 1)
        checked += [path for part in seen for path in part.checked]
        skipped += [skip for part in seen for skip in part.skipped]
    ordered = tuple(sorted(dict.fromkeys(findings), key=_order))
    verdict, code = _verdict(ordered, bool(checked), if_any)
    examined = Examined(len(checked) + len(skipped), len(checked), tuple(sorted(set(skipped))))
    return Result(command, _source(subjects), examined, ordered, fingerprints(ordered), verdict, code)


def _observe_each(subject: Subject, checks: list[Check]) -> list[_Seen]:
    return [_observe(check, subject) for check in checks]


def _observe(check: Check, subject: Subject) -> _Seen:
    seen = _Seen([], [], [])
    try:
        for observation in check.run(subject):
            if isinstance(observation, Checked):
                seen.checked.append(observation.path)
            elif isinstance(observation, Finding):
                seen.findings.append(observation)
            else:
                seen.skipped.append(observation)
    except OSError as error:
        place = error.filename or check.name
        raise Undecidable(f"{place}: {error.strerror}", "make it readable and try again") from error
    return seen


def _waive(subject: Subject, findings: list[Finding], checks: Sequence[Check]) -> list[Finding]:
    settings = subject.settings
    if not settings.waivers:
        return findings
    from guardrails import waivers

    waivers.require_waivable(settings)
    today = subject.now.date()
    waived = waivers.apply(findings, settings.waivers, today)
    narrowed = subject.scope.paths or subject.scope.spec
    families = [] if narrowed else [family for check in checks for family in check.families]
    return waived.findings + waivers.stale(settings, waived.used, families, today)


def _placed(findings: list[Finding], snapshot: Snapshot, several: bool) -> list[Finding]:
    """Where several revisions are judged at once, each finding says in which it stands."""
    if not several:
        return findings
    where = snapshot.source.rev or snapshot.describe()
    return [finding._replace(message=f"{finding.message} [in {where}]") for finding in findings]


def _order(finding: Finding) -> tuple[str, int, int, str, str]:
    return (finding.path, finding.line or 0, finding.column or 0, finding.rule.code, finding.message)


def fingerprints(findings: Iterable[Finding]) -> tuple[str, ...]:
    """One for each finding: the same finding keeps it when lines above it come or go.

    Twins (same rule, file and message) are told apart by their order.
    """
    from hashlib import sha256  # loads a library; most runs find nothing

    seen: dict[str, int] = {}
    made = []
    for finding in findings:
        parts = (finding.rule.code, finding.path, finding.spec or "", finding.stage or "", finding.message)
        digest = sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]
        seen[digest] = seen.get(digest, 0) + 1
        made.append(f"{digest}/{seen[digest]}")
    return tuple(made)


def _verdict(findings: Sequence[Finding], examined: bool, if_any: bool) -> tuple[Verdict, int]:
    outcomes = {finding.rule.outcome for finding in findings if finding.severity == "error"}
    for outcome, verdict, code in _WORST:
        if outcome in outcomes:
            return verdict, code
    if examined:
        return "pass", 0
    return ("not-applicable", 0) if if_any else ("undecided", 3)


def _source(subjects: Sequence[Subject]) -> Source:
    sources = [subject.snapshot.source for subject in subjects]
    if not sources:
        return Source("push")
    return Source(sources[0].kind, ", ".join(source.rev for source in sources if source.rev) or None)


def failed(command: str, source: Source, problem: Problem, exit_code: int) -> Result:
    """The result of a run that could not judge anything."""
    return Result(command, source, Examined(0, 0), (), (), "undecided", exit_code, problem)
