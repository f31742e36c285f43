"""Run checks over contexts and derive the verdict: run → waive → sort → limit → Result. Pure but for reading."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import Literal, NamedTuple

from guardrails.checks.presence import Idle, specs_of_other_layouts
from guardrails.config.settings import CONFIG_FILE
from guardrails.core.finding import Checked, Finding, RuleOutcome, Skipped
from guardrails.core.limits import RULE_FINDINGS
from guardrails.core.parallel import in_turns
from guardrails.core.result import CheckResult, Examined, Problem, Result, Source, Verdict
from guardrails.engine.registry import Check
from guardrails.errors import Undecidable
from guardrails.git.repo import to_text
from guardrails.snapshot.base import Snapshot
from guardrails.snapshot.context import CheckContext, Scope

# The verdict is that of all findings. What is not listed is counted, by a finding that stands where the list ends.


def capped(findings: Sequence[Finding]) -> Iterator[Finding]:
    """`findings`, in order, and in place of each long tail how many it has."""
    if len(findings) <= RULE_FINDINGS:
        yield from findings
        return
    totals = Counter(map(_kind, findings))
    seen: Counter[tuple[str, str, str]] = Counter()
    for finding in findings:
        kind = _kind(finding)
        seen[kind] += 1
        if seen[kind] <= RULE_FINDINGS or totals[kind] == RULE_FINDINGS + 1:
            yield finding
        elif seen[kind] == RULE_FINDINGS + 1:
            yield _tail(finding, totals[kind])


def _kind(finding: Finding) -> tuple[str, str, str]:
    return finding.rule.code, finding.path, finding.severity


def _tail(first: Finding, total: int) -> Finding:
    message = (
        f"{total - RULE_FINDINGS} more findings of this rule in this file are not listed; there are {total} in all"
    )
    hint = "mend those that are listed, and judge again"
    return first.rule.at(first.path, message, line=first.line, hint=hint, severity=first.severity)


# Running the checks, and the verdict of all findings.


# Worst first; 70 (internal error) and 2 (usage) never come from findings.
_WORST: tuple[tuple[RuleOutcome, Verdict, int], ...] = (
    ("conflict", "conflict", 4),
    ("degraded", "degraded", 5),
    ("fail", "fail", 1),
    ("undecided", "undecided", 3),
)


_CHANGES = ("index", "range", "push")
"""Kinds of source that are a change to something."""


class _Seen(NamedTuple):
    """What one check saw in one context, and why it could not go on, if it could not."""

    check: str
    findings: list[Finding]
    checked: list[str]
    skipped: list[Skipped]
    problems: list[Problem]


def run_checks(command: str, checks: Sequence[Check], contexts: Sequence[CheckContext], if_any: bool = False) -> Result:
    """Judge every context with every check.

    `if_any` turns "nothing was examined" from undecided into not-applicable; it changes nothing else.
    Raises GuardrailError when the configuration asks for what cannot be.
    """
    findings: list[Finding] = []
    everything: list[_Seen] = []
    for context in contexts:
        seen = [part for turn in in_turns(partial(_observe_all, context), _turns(checks)) for part in turn]
        judged = _waive(context, [finding for part in seen for finding in part.findings], checks)
        findings += _placed(judged, context.snapshot, checks) if len(contexts) > 1 else judged
        findings += _configuration_removed(context)
        everything += seen
    ordered = tuple(capped(sorted(dict.fromkeys(findings), key=_order)))
    results = tuple(_check_results(checks, contexts, everything, findings))
    checked = sum(result.checked for result in results)
    skipped = tuple(sorted({skip for part in everything for skip in part.skipped}))
    problem = next((problem for part in everything for problem in part.problems), None) or _unread(results)
    unread = _specs_unread(checks, results, contexts) if checked and not problem else None
    verdict, code = _verdict(ordered, checked > 0 and not unread, if_any, problem)
    if unread and verdict == "undecided":
        problem = Problem(
            unread, "set layout in .speckit.yaml to where specs lie; --if-any accepts that there are none"
        )
    examined = Examined(checked + len(skipped), checked, skipped)
    return Result(command, _source(contexts), examined, ordered, fingerprints(ordered), verdict, code, problem, results)


def _turns(checks: Sequence[Check]) -> list[list[Check]]:
    """What one process does in one go, the heaviest first: checks that read the same are not parted."""
    turns: dict[str, list[Check]] = {}
    for check in checks:
        turns.setdefault(check.beside or check.name, []).append(check)
    return sorted(turns.values(), key=_weight, reverse=True)


def _weight(turn: Sequence[Check]) -> int:
    return max(check.weight for check in turn)


def _check_results(
    checks: Sequence[Check], contexts: Sequence[CheckContext], everything: Sequence[_Seen], findings: Sequence[Finding]
) -> Iterator[CheckResult]:
    """What became of each check over all contexts."""
    errors = [finding.rule for finding in findings if finding.severity == "error"]
    asked: dict[Idle, str | None] = {}  # checks of one kind of evidence ask the same
    for check in checks:
        seen = [part for part in everything if part.check == check.name]
        checked = sum(len(part.checked) for part in seen)
        skipped = len({skip for part in seen for skip in part.skipped})
        outcomes = {rule.outcome for rule in errors if rule.code.startswith(check.families)}
        reason = next((problem.message for part in seen for problem in part.problems), None)
        busy = checked > 0 or any(part.findings for part in seen)
        if not (busy or outcomes or reason):
            reason = next(filter(None, (_ask(idle, contexts, asked) for idle in check.idle)), None)
        found = (verdict for outcome, verdict, _ in _WORST if outcome in outcomes)
        rest: Verdict | Literal["idle"] = "undecided" if reason else "pass" if busy else "idle"
        verdict = next(found, rest)
        yield CheckResult(check.name, verdict, checked, skipped, reason)


def _ask(idle: Idle, contexts: Sequence[CheckContext], asked: dict[Idle, str | None]) -> str | None:
    """What a check that examined nothing should have examined. One that was asked about a part may find nothing."""
    if idle not in asked:
        whole = [context for context in contexts if context.scope == Scope()]
        asked[idle] = next(filter(None, map(idle, whole)), None)
    return asked[idle]


def _unread(results: Sequence[CheckResult]) -> Problem | None:
    """That checks examined nothing where they should have examined something."""
    first = next((result for result in results if result.reason), None)
    if first is None:
        return None
    names = ", ".join(result.name for result in results if result.reason == first.reason)
    return Problem(f"{names} examined nothing: {first.reason}", "correct .speckit.yaml, or restore what was there")


def _specs_unread(
    checks: Sequence[Check], results: Sequence[CheckResult], contexts: Sequence[CheckContext]
) -> str | None:
    """That the only checks which examined anything say nothing of specs, in a repository that has some."""
    about = {check.name for check in checks if not check.everywhere}
    busy = [result.name for result in results if result.verdict != "idle"]
    if not about or not about.isdisjoint(busy):
        return None
    places = (specs_of_other_layouts(context.snapshot) for context in contexts)
    place = next((place for place in places if place), None)
    return place and f"{' and '.join(busy)} alone examined something, and the specs in {place} were not read"


def _observe_all(context: CheckContext, checks: Sequence[Check]) -> list[_Seen]:
    return [_observe(context, check) for check in checks]


def _observe(context: CheckContext, check: Check) -> _Seen:
    seen = _Seen(check.name, [], [], [], [])
    try:
        for observation in check.run(context):
            if isinstance(observation, Checked):
                seen.checked.append(observation.path)
            elif isinstance(observation, Finding):
                seen.findings.append(observation)
            else:
                seen.skipped.append(observation)
    except Undecidable as error:
        seen.problems.append(Problem(f"{check.name}: {error.message}", error.hint))
    except OSError as error:
        place = error.filename or check.name
        name = to_text(place) if isinstance(place, bytes) else place
        seen.problems.append(Problem(f"{name}: {error.strerror}", "make it readable and try again"))
    return seen


def _configuration_removed(context: CheckContext) -> list[Finding]:
    """A change that deletes the configuration changes what is judged, its own evidence included."""
    snapshot, base = context.snapshot, context.snapshot.base if context.snapshot.source.kind in _CHANGES else None
    if base is None or context.settings.config_path is not None or base.read(CONFIG_FILE) is None:
        return []
    from guardrails.engine.rules import REMOVED

    return [REMOVED.at(CONFIG_FILE, f"it is in {base.describe()} but not in {snapshot.describe()}", hint=REMOVED.fix)]


def _waive(context: CheckContext, findings: list[Finding], checks: Sequence[Check]) -> list[Finding]:
    settings = context.settings
    if not settings.waivers:
        return findings
    from guardrails.engine import waivers

    waivers.require_waivable(settings)
    today = context.now.date()
    waived = waivers.apply(findings, settings.waivers, today)
    narrowed = context.scope.paths or context.scope.spec
    families = [] if narrowed else [family for check in checks for family in check.families]
    return waived.findings + waivers.stale(settings, waived.used, families, today)


def _placed(findings: list[Finding], snapshot: Snapshot, checks: Sequence[Check]) -> Iterator[Finding]:
    """Where several revisions are judged at once, each finding says in which it stands."""
    nowhere = tuple(family for check in checks if check.on_disk for family in check.families)
    where = snapshot.source.rev or snapshot.describe()
    for finding in findings:
        placed = not finding.rule.code.startswith(nowhere)
        yield finding._replace(message=f"{finding.message} [in {where}]") if placed else finding


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


def _verdict(findings: Sequence[Finding], examined: bool, if_any: bool, problem: Problem | None) -> tuple[Verdict, int]:
    outcomes = {finding.rule.outcome for finding in findings if finding.severity == "error"}
    if problem:
        outcomes.add("undecided")
    for outcome, verdict, code in _WORST:
        if outcome in outcomes:
            return verdict, code
    if examined:
        return "pass", 0
    return ("not-applicable", 0) if if_any else ("undecided", 3)


def _source(contexts: Sequence[CheckContext]) -> Source:
    sources = [context.snapshot.source for context in contexts]
    if not sources:
        return Source("push")
    return Source(sources[0].kind, ", ".join(source.rev for source in sources if source.rev) or None)


def failed(command: str, source: Source, problem: Problem, exit_code: int) -> Result:
    """The result of a run that could not judge anything."""
    return Result(command, source, Examined(0, 0), (), (), "undecided", exit_code, problem)
