"""What a schema cannot say of a record: placeholders, real times, the right SPEC and stage, costs that add up."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from guardrails.checks.validate.artifacts import MOST as MOST_ARTIFACTS
from guardrails.checks.validate.rules import (
    CALLS_MISMATCH,
    CONTRADICTED,
    EXTREME,
    FREE_CALLS,
    IDENTITY,
    NAMED_APART,
    PLACEHOLDER,
    SHARE_MISMATCH,
    TIMESTAMP,
    TOTAL_MISMATCH,
)
from guardrails.config.layout import stage_of
from guardrails.core.finding import Finding, Rule, Severity
from guardrails.core.limits import COST_CLAIMS, PLACEHOLDERS
from guardrails.core.strict_json import JsonPath, locate, walk
from guardrails.core.timestamps import parse_stamp, parse_time
from guardrails.layouts.evidence_names import EvidenceKind, EvidenceName, session_name
from guardrails.snapshot.context import CheckContext

if TYPE_CHECKING:
    from guardrails.checks.validate.check import EvidenceFile
    from guardrails.layouts.cost_summary import CostSummary


# The time in the name of a file must be near the time that its record gives.


EARLIER, LATER = timedelta(days=1), timedelta(days=7)
"""How much earlier and later than its name a record may be. Of 89 real ones the latest was 43 minutes later."""
# The other kinds may be written again long after their session: a conflict is resolved when somebody gets to it.
_KINDS: frozenset[EvidenceKind] = frozenset(
    ("telemetry", "tasks_telemetry", "agent_output", "ballot", "agent_metrics", "hal_response")
)


def apart(name: EvidenceName, recorded: str | None, now: datetime) -> str | None:
    """Why the time in a name cannot be that of its record, which says `recorded`; None when it can."""
    if name.stamp is None or name.kind not in _KINDS or (recorded and _same_day(name.stamp, recorded)):
        return None
    stamp = parse_stamp(name.stamp)
    if stamp is None:
        return "the name holds no real time"
    if stamp.when > now + EARLIER:
        return "the name gives a time in the future"
    moment = parse_time(recorded)
    if moment is None or -EARLIER <= moment - stamp.when <= LATER:
        return None
    days, side = abs(moment - stamp.when).days, "later" if moment > stamp.when else "earlier"
    return f"the record is {days} {'day' if days == 1 else 'days'} {side} than its name says"


def _same_day(stamp: str, recorded: str) -> bool:
    """Whether both name the same day: nearly all do, and are not taken apart any further."""
    return stamp[:10].replace("-", "")[:8] == recorded[:10].replace("-", "")


_SESSION_KEYS = ("session", "sessionId")
_SPEC_KEYS = ("specId", "spec_id")
_STAGE_KEYS = ("stage", "command")
_TIME_KEYS = ("timestamp", "generatedAt", "generated_at", "created_at", "exported_at")
_PLACEHOLDER = r"\$\{[^{}]*\}"


def meaning(evidence: EvidenceFile, data: bytes, value: Any, context: CheckContext) -> Iterator[Finding]:
    """Findings about the content of a record that satisfies its schema."""
    if b"${" in data or b"\\u0024" in data:
        yield from _placeholders(evidence, data, value)
    if not isinstance(value, dict):
        return
    artifacts = value.get("artifacts")
    if isinstance(artifacts, list) and len(artifacts) > MOST_ARTIFACTS:
        yield _found(EXTREME, evidence, data, ("artifacts",), f"/artifacts: more than {MOST_ARTIFACTS} artifacts")
    yield from _times(evidence, data, value, context.now)
    if evidence.name.stamp is not None:
        yield from _named_time(evidence, data, value, context.now)
    yield from _identity(evidence, data, value, context)
    if evidence.kind == "cost_summary":
        yield from cost_claims(evidence, data, value)
    if evidence.kind == "hal_response" or "hal" in value:
        yield from hal_claims(evidence, data, value)


def _found(rule: Rule, evidence: EvidenceFile, data: bytes, key: JsonPath, message: str, **more: Any) -> Finding:
    line, column = locate(data, [key]).get(key, (1, 1))
    name = evidence.name
    return rule.at(evidence.path, message, line=line, column=column, spec=name.spec, stage=name.stage, **more)


def _placeholders(evidence: EvidenceFile, data: bytes, value: Any) -> Iterator[Finding]:
    """A value that *is* a placeholder is an error; one inside running text (a shell snippet, say) a warning."""
    texts = ((key, item) for key, item in walk(value) if isinstance(item, str))
    found = {key: match for key, text in texts if (match := re.search(_PLACEHOLDER, text))}
    places = locate(data, found)
    name = evidence.name
    for key, match in sorted(found.items(), key=lambda item: places.get(item[0], (1, 1)))[:PLACEHOLDERS]:
        line, column = places.get(key, (1, 1))
        whole = match[0] == match.string.strip()
        said = "unresolved placeholder" if whole else "the text holds"
        message = f"/{'/'.join(map(str, key))}: {said} {_short(match[0], 60)}"
        level: Severity = "error" if whole else "warning"
        yield PLACEHOLDER.at(
            evidence.path, message, line=line, column=column, severity=level, spec=name.spec, stage=name.stage
        )


def _short(text: str, most: int) -> str:
    """A quotation; one that was cut says so."""
    return text if len(text) <= most else text[:most] + "..."


def _times(evidence: EvidenceFile, data: bytes, value: dict[str, Any], now: datetime) -> Iterator[Finding]:
    for key in _TIME_KEYS:
        text = value.get(key)
        if isinstance(text, str) and "${" not in text and (problem := time_problem(text, now)):
            yield _found(TIMESTAMP, evidence, data, (key,), f"/{key}: {_short(text, 40)!r} {problem}")


def _named_time(evidence: EvidenceFile, data: bytes, value: dict[str, Any], now: datetime) -> Iterator[Finding]:
    key = next((key for key in _TIME_KEYS if isinstance(value.get(key), str)), None)
    if problem := apart(evidence.name, value[key] if key else None, now):
        place = (key,) if key else ()
        yield _found(NAMED_APART, evidence, data, place, f"/{key or ''}: {problem}", hint=NAMED_APART.fix)


def time_problem(text: str, now: datetime) -> str | None:
    """Why `text` is not the time of something that has happened, or None. A day is allowed for clocks and zones."""
    if text[4:5] != "-" or text[10:11] not in ("T", " ") or text[13:14] != ":":
        return "is not a time stamp"
    try:
        moment = datetime.fromisoformat(text[:19])
    except ValueError:
        return "is not a real time"
    return "lies in the future" if moment > _latest(now) else None


@lru_cache(maxsize=1)
def _latest(now: datetime) -> datetime:
    return now.replace(tzinfo=None) + timedelta(days=1)


def _identity(evidence: EvidenceFile, data: bytes, value: dict[str, Any], context: CheckContext) -> Iterator[Finding]:
    name, layout = evidence.name, context.settings.layout
    for key in _SPEC_KEYS:
        spec = value.get(key)
        if name.spec and isinstance(spec, str) and spec != name.spec and layout.id_of(spec) != name.spec:
            yield _found(IDENTITY, evidence, data, (key,), f"/{key}: {_short(spec, 80)!r}, but it lies in {name.spec}")
    for key in _STAGE_KEYS:
        stage = stage_of(value.get(key))
        if name.stage and stage and stage != name.stage:
            yield _found(IDENTITY, evidence, data, (key,), f"/{key}: stage {stage}, but it is named for {name.stage}")
    if value.get("schemaVersion") in (1, "2.0") and name.kind != "resolution":  # which is named for its own time
        yield from _session(evidence, data, value)
    run = value.get("run")
    if isinstance(run, str) and name.spec and evidence.kind != "run_summary" and not _is_run(context, name.spec, run):
        yield _found(IDENTITY, evidence, data, ("run",), f"/run: {_short(run, 80)!r} is no run of {name.spec}")


def _session(evidence: EvidenceFile, data: bytes, value: dict[str, Any]) -> Iterator[Finding]:
    """A record of our writers names the session that its file is named for."""
    named = session_name(evidence.path)
    for key in _SESSION_KEYS if named else ():
        session = value.get(key)
        if (
            isinstance(session, str)
            and "${" not in session
            and not (named or "").endswith((f"_{session}", f"-{session}"))
        ):
            message = f"/{key}: {_short(session, 80)!r}, but it is named for another session"
            yield _found(IDENTITY, evidence, data, (key,), message)


def _is_run(context: CheckContext, spec: str, run: str) -> bool:
    """Whether a run lies in the tree, or in an archive."""
    root = context.settings.layout.evidence
    places = (
        f"{root}/runs/{spec}/{run}.ledger.jsonl",
        f"{root}/runs/{spec}/{run}.json",
        f"{root}/archive/{spec}/{run}.tar.gz",
    )
    return any(context.snapshot.entry(place) is not None for place in places)


# The figures of a cost summary must agree with each other: sums, counts, shares.
#
# Summaries of older tools have fewer fields; a field that is missing contradicts nothing.


_PARTS = ("priced_calls", "cached_calls", "failed_calls", "replayed_calls", "ballot_calls")
_CENT = 0.005
_SHARE = 0.005


class CostClaim(NamedTuple):
    rule: Rule
    key: JsonPath
    message: str
    hint: str | None = None


def cost_claims(evidence: EvidenceFile, data: bytes, value: dict[str, Any]) -> Iterator[Finding]:
    """A finding for each contradiction in a summary that satisfies its schema."""
    from guardrails.layouts.cost_summary import read_cost_summary

    name = evidence.name
    summary = read_cost_summary(value, evidence.path, name.spec or "")
    found = list(islice(_claims(value, summary), COST_CLAIMS))
    places = locate(data, [each.key for each in found])
    for rule, key, message, hint in found:
        line, column = places.get(key, (1, 1))
        said = f"/{'/'.join(map(str, key))}: {message}"
        yield rule.at(evidence.path, said, line=line, column=column, hint=hint, spec=name.spec, stage=name.stage)


def _claims(value: dict[str, Any], summary: CostSummary) -> Iterator[CostClaim]:
    for key, cost in summary.zeros():
        yield CostClaim(FREE_CALLS, key, f"$0.00 for {cost.calls} calls", "record null where the cost is unknown")
    parts: dict[JsonPath, Any] = {(summary.place, each.key): value[summary.place][each.key] for each in summary.stages}
    stages = [*parts.values()]
    parts |= {("sessions", each.position): value["sessions"][each.position] for each in summary.sessions or ()}
    yield from _sums(value, stages, summary)
    for key, part in (((), value), *parts.items()):
        yield from _calls(part, key)
    yield from _counts(value, stages)
    yield from _shares(value, summary)


def _sums(value: dict[str, Any], stages: list[Any], summary: CostSummary) -> Iterator[CostClaim]:
    costs = [each.stated_usd for each in summary.stages]
    # In older summaries a stage without a figure may be part of the total all the same.
    if summary.stated_usd and costs and (not summary.older or None not in costs):
        yield from _sum((summary.total_key,), summary.stated_usd, costs, "its stages")
    for each in summary.stages if summary.sessions else ():
        if each.stated_usd is not None:
            rows = [row.stated_usd for row in summary.sessions or () if row.stage == each.stage]
            yield from _sum((summary.place, each.key, "usd"), each.stated_usd, rows, "its sessions")
    tokens = [_number(stage, "tokens") for stage in stages]
    whole = _number(value, "total_tokens")
    if whole is not None and tokens and None not in tokens and whole != sum(each or 0 for each in tokens):
        message = f"{whole:g} is not the {sum(each or 0 for each in tokens):g} tokens of its stages"
        yield CostClaim(TOTAL_MISMATCH, ("total_tokens",), message)


def _sum(key: JsonPath, total: float, parts: list[float | None], whose: str) -> Iterator[CostClaim]:
    known = sum(part or 0.0 for part in parts)
    if abs(known - total) >= _CENT:
        yield CostClaim(TOTAL_MISMATCH, key, f"{_dollars(total)} is not the {_dollars(known)} of {whose}")


def _calls(part: Any, key: JsonPath) -> Iterator[CostClaim]:
    """Counts of one summary, stage or session."""
    calls = _number(part, "calls")
    for name in _PARTS if calls is not None else ():
        some = _number(part, name)
        if some is not None and calls is not None and some > calls:
            yield CostClaim(CALLS_MISMATCH, (*key, name), f"{some:g} of {calls:g} calls")
    field = "usd" if key else "total_usd"
    if calls and _number(part, "priced_calls") == 0 and _number(part, field) is not None:
        yield CostClaim(CALLS_MISMATCH, (*key, field), f"a cost, though none of {calls:g} calls is priced")


def _counts(value: dict[str, Any], stages: list[Any]) -> Iterator[CostClaim]:
    for name in ("calls", "priced_calls"):
        whole, parts = _number(value, name), [_number(stage, name) for stage in stages]
        if whole is not None and parts and None not in parts and whole != sum(each or 0 for each in parts):
            message = f"{whole:g} is not the {sum(each or 0 for each in parts):g} of its stages"
            yield CostClaim(CALLS_MISMATCH, (name,), message)


def _shares(value: dict[str, Any], summary: CostSummary) -> Iterator[CostClaim]:
    budget, whole = value.get("budget"), summary.stated_usd
    if isinstance(budget, dict):
        spent = _number(budget, "spent")
        if spent is not None and whole is not None and spent - whole >= _CENT:
            message = f"{_dollars(spent)} is more than the total of {_dollars(whole)}"
            yield CostClaim(SHARE_MISMATCH, ("budget", "spent"), message)
        spent = whole if spent is None else spent
        yield from _share(("budget", "used"), _number(budget, "used"), spent, summary.cap_usd)
    yield from _share(("utilization",), _number(value, "utilization"), whole, _number(value, "budget"))


def _share(key: JsonPath, used: float | None, spent: float | None, cap: float | None) -> Iterator[CostClaim]:
    if used is None or not cap:
        return
    if spent is None:
        yield CostClaim(SHARE_MISMATCH, key, f"{used:.2f} of the budget, though nobody knows what was spent")
    elif abs(used - spent / cap) > _SHARE * max(1.0, used):
        yield CostClaim(SHARE_MISMATCH, key, f"{used:.2f} is not the share of {_dollars(spent)} in {_dollars(cap)}")


def _dollars(usd: float) -> str:
    from guardrails.core.cost import dollars  # few summaries contradict themselves

    return dollars(usd)


def _number(part: Any, key: str) -> float | None:
    number = part.get(key) if isinstance(part, dict) else None
    return number if isinstance(number, (int, float)) and not isinstance(number, bool) else None


# What telemetry and response records say of HAL must agree with the rest of the record.


def hal_claims(evidence: EvidenceFile, data: bytes, value: dict[str, Any]) -> Iterator[Finding]:
    """A finding for each contradiction in a record that satisfies its schema."""
    found = list(_of_response(value) if evidence.kind == "hal_response" else _of_telemetry(value.get("hal")))
    places = locate(data, [key for key, _ in found])
    for key, message in found:
        line, column = places.get(key, (1, 1))
        name = evidence.name
        yield CONTRADICTED.at(
            evidence.path,
            f"/{'/'.join(map(str, key))}: passed, {message}",
            line=line,
            column=column,
            hint="probe again",
            spec=name.spec,
            stage=name.stage,
        )


def _of_telemetry(hal: Any) -> Iterator[tuple[JsonPath, str]]:
    """The oldest records have no mode, and name their artifacts or don't."""
    summary = hal.get("summary") if isinstance(hal, dict) else None
    if not isinstance(summary, dict) or summary.get("status") != "passed":
        return
    key: JsonPath = ("hal", "summary", "status")
    failed = summary.get("failed_checks")
    if failed:
        yield key, f"with {len(failed)} failed checks" if len(failed) > 1 else "with a failed check"
    if hal.get("mode") == "off":
        yield key, "though nobody was asked"
    elif "mode" in hal and not summary.get("artifacts"):
        yield key, "without a response that was recorded"


def _of_response(value: dict[str, Any]) -> Iterator[tuple[JsonPath, str]]:
    status = value.get("http_status")
    if value.get("status") == "passed" and isinstance(status, int) and not 200 <= status <= 299:
        yield ("status",), f"though the service answered {status}"
