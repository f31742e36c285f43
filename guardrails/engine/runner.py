"""Run checks over contexts and derive the verdict: run → waive → sort → limit → Result. Pure but for reading."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, NamedTuple

from guardrails.checks.presence import Idle, specs_of_other_layouts
from guardrails.config.settings import CONFIG_FILE, Settings
from guardrails.core.finding import Checked, Finding, RuleOutcome, Severity, Skipped
from guardrails.core.limits import RULE_FINDINGS
from guardrails.core.parallel import in_turns
from guardrails.core.result import CheckVerdict, Examined, Problem, Result, Source, Verdict
from guardrails.engine.registry import Check
from guardrails.errors import GuardrailError, Undecidable
from guardrails.git.repo import to_text
from guardrails.snapshot.base import Snapshot
from guardrails.snapshot.context import CHANGES, CheckContext, PolicyBase, Scope

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
    ("hold", "fail", 1),
    ("fail", "fail", 1),
    ("undecided", "undecided", 3),
)


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
        seen, judged = _judge(command, context, checks)
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


# A change is judged by its own configuration and by that of its base. Where a check reads nothing that differs, what it
# saw counts for both.


class _Pass(NamedTuple):
    """One judgement of a snapshot by one configuration."""

    context: CheckContext
    seen: list[_Seen]

    @property
    def findings(self) -> list[Finding]:
        return [finding for part in self.seen for finding in part.findings]


def _judge(command: str, context: CheckContext, checks: Sequence[Check]) -> tuple[list[_Seen], list[Finding]]:
    """What was seen of a snapshot, and the findings after waivers: by all configurations that count, in one go."""
    base = context.base
    if base is None or not _fits(context, base.settings):
        own = _run_passes([(context, checks)])[0]
        return own.seen, _waive(own.context, own.findings, checks)
    from guardrails.engine.policy import loosened

    about = (
        () if command == "guard" else tuple({field for check in checks for field in (*check.reads, *check.families)})
    )
    if base.settings.policy.approvers:
        from guardrails.engine.approval import approval_of

        if approval := approval_of(context, base):
            own = _run_passes([(context._replace(base=None), checks)])[0]
            accepted = [approval.mark(finding) for finding in loosened(context, base, about)]
            return own.seen, _waive(own.context, own.findings, checks) + accepted
    older = context._replace(settings=base.settings)
    if base.judge == "base":
        only = _run_passes([(older, checks)])[0]
        seen, judged = only.seen, _waive(older, only.findings, checks)
    else:
        differing = [check for check in checks if _differs(check, context.settings, base.settings)]
        own, again = _run_passes([(context, checks), (older, differing)])
        names = {check.name for check in differing}
        _settle(own, again)
        both = _Pass(older, again.seen + [part for part in own.seen if part.check not in names])
        seen, judged = own.seen + again.seen, _united(own, both, checks)
    return seen, judged + _waived_by_base(list(loosened(context, base, about)), base, context)


def _settle(own: _Pass, again: _Pass) -> None:
    """Forget why a check could not judge by the base's configuration, where it could by the change's: that is how a
    configuration which reads nothing is mended. Whatever a change looks away from is a finding of its own."""
    sound = {part.check for part in own.seen if part.checked and not part.problems}
    for part in again.seen:
        if part.check in sound:
            part.problems.clear()


def _fits(context: CheckContext, settings: Settings) -> bool:
    """Whether a SPEC that an argument named is one by these settings: the base may know no such ids."""
    return context.scope.spec is None or settings.layout.is_spec_id(context.scope.spec)


def _differs(check: Check, one: Settings, other: Settings) -> bool:
    return any(getattr(one, field) != getattr(other, field) for field in check.reads)


def _run_passes(passes: Sequence[tuple[CheckContext, Sequence[Check]]]) -> list[_Pass]:
    """Every check of every pass; those of all passes are shared out among the processes together."""
    turns = [(at, turn) for at, (_, checks) in enumerate(passes) for turn in _turns(checks)]

    def observe(turn: tuple[int, list[Check]]) -> list[_Seen]:
        return _observe_all(passes[turn[0]][0], turn[1])

    made = [_Pass(context, []) for context, _ in passes]
    for (at, _), seen in zip(turns, in_turns(observe, turns), strict=True):
        made[at].seen.extend(seen)
    return made


_SEVERITIES: tuple[Severity, ...] = ("note", "warning", "error")


def _united(own: _Pass, older: _Pass, checks: Sequence[Check]) -> list[Finding]:
    """The findings by either configuration, each once; what the one waives and the other does not is not waived."""
    judged = _waive(own.context, own.findings, checks)
    made = dict(zip(own.findings, judged, strict=False))
    stale = judged[len(own.findings) :]
    base = older.context.base
    assert base is not None
    for finding, after in zip(older.findings, _waived_by_base(older.findings, base, older.context), strict=True):
        known = made[finding].severity if finding in made else "note"
        if _SEVERITIES.index(known) < _SEVERITIES.index(after.severity):
            made[finding] = after._replace(hint=_by_the_base(after.hint, base))
    return [*made.values(), *stale]


def _by_the_base(hint: str | None, base: PolicyBase) -> str:
    said = f"the configuration of {base.snapshot.describe()} asks for it, and that of this change does not"
    return f"{hint} ({said})" if hint else said


def _waived_by_base(findings: list[Finding], base: PolicyBase, context: CheckContext) -> list[Finding]:
    """Findings as the waivers of the base leave them; it waives nothing where its waivers are not sound."""
    if not base.settings.waivers or base.problem is not None:
        return findings
    from guardrails.engine import waivers

    try:
        waivers.require_waivable(base.settings)
    except GuardrailError:
        return findings
    return waivers.apply(findings, base.settings.waivers, context.now.date()).findings


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
) -> Iterator[CheckVerdict]:
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
        yield CheckVerdict(check.name, verdict, checked, skipped, reason)


def _ask(idle: Idle, contexts: Sequence[CheckContext], asked: dict[Idle, str | None]) -> str | None:
    """What a check that examined nothing should have examined. One that was asked about a part may find nothing."""
    if idle not in asked:
        whole = [context for context in contexts if context.scope == Scope()]
        asked[idle] = next(filter(None, map(idle, whole)), None)
    return asked[idle]


def _unread(results: Sequence[CheckVerdict]) -> Problem | None:
    """That checks examined nothing where they should have examined something."""
    first = next((result for result in results if result.reason), None)
    if first is None:
        return None
    names = ", ".join(result.name for result in results if result.reason == first.reason)
    return Problem(f"{names} examined nothing: {first.reason}", "correct .speckit.yaml, or restore what was there")


def _specs_unread(
    checks: Sequence[Check], results: Sequence[CheckVerdict], contexts: Sequence[CheckContext]
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
    snapshot, base = context.snapshot, context.snapshot.base if context.snapshot.source.kind in CHANGES else None
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
