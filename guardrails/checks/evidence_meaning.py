"""What a schema cannot say of a record: placeholders, real times, the right SPEC and stage, costs that add up."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from guardrails.checks.artifacts import MOST as MOST_ARTIFACTS
from guardrails.checks.named_times import apart
from guardrails.finding import Finding, Rule, Severity
from guardrails.jsontext import Key, locate
from guardrails.layout import stage_of
from guardrails.rules.telemetry import EXTREME, IDENTITY, NAMED_APART, PLACEHOLDER, TIMESTAMP
from guardrails.subject import Subject

if TYPE_CHECKING:
    from guardrails.checks.telemetry import Evidence

_SPEC_KEYS = ("specId", "spec_id")
_STAGE_KEYS = ("stage", "command")
_TIME_KEYS = ("timestamp", "generatedAt", "generated_at", "created_at", "exported_at")
_PLACEHOLDER = r"\$\{[^{}]*\}"
MOST_PLACEHOLDERS = 20


def meaning(evidence: Evidence, data: bytes, value: Any, subject: Subject) -> Iterator[Finding]:
    """Findings about the content of a record that satisfies its schema."""
    if b"${" in data or b"\\u0024" in data:
        yield from _placeholders(evidence, data, value)
    if not isinstance(value, dict):
        return
    artifacts = value.get("artifacts")
    if isinstance(artifacts, list) and len(artifacts) > MOST_ARTIFACTS:
        yield _found(EXTREME, evidence, data, ("artifacts",), f"/artifacts: more than {MOST_ARTIFACTS} artifacts")
    yield from _times(evidence, data, value, subject.now)
    if evidence.name.stamp is not None:
        yield from _named_time(evidence, data, value, subject.now)
    yield from _identity(evidence, data, value, subject)
    if evidence.kind == "cost_summary":
        from guardrails.checks.cost_claims import cost_claims

        yield from cost_claims(evidence, data, value)
    if evidence.kind == "hal_response" or "hal" in value:
        from guardrails.checks.hal_claims import hal_claims

        yield from hal_claims(evidence, data, value)


def _found(rule: Rule, evidence: Evidence, data: bytes, key: Key, message: str, **more: Any) -> Finding:
    line, column = locate(data, [key]).get(key, (1, 1))
    name = evidence.name
    return rule.at(evidence.path, message, line=line, column=column, spec=name.spec, stage=name.stage, **more)


def _placeholders(evidence: Evidence, data: bytes, value: Any) -> Iterator[Finding]:
    """A value that *is* a placeholder is an error; one inside running text (a shell snippet, say) a warning."""
    found = {key: match for key, text in _strings(value) if (match := re.search(_PLACEHOLDER, text))}
    places = locate(data, found)
    name = evidence.name
    for key, match in sorted(found.items(), key=lambda item: places.get(item[0], (1, 1)))[:MOST_PLACEHOLDERS]:
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


def _strings(value: Any) -> Iterator[tuple[Key, str]]:
    """Every string of a JSON value with its key. Depth is bounded by the parser."""
    stack: list[tuple[Key, Any]] = [((), value)]
    while stack:
        key, item = stack.pop()
        if isinstance(item, str):
            yield key, item
        elif isinstance(item, dict):
            stack += [((*key, name), child) for name, child in item.items()]
        elif isinstance(item, list):
            stack += [((*key, index), child) for index, child in enumerate(item)]


def _times(evidence: Evidence, data: bytes, value: dict[str, Any], now: datetime) -> Iterator[Finding]:
    for key in _TIME_KEYS:
        text = value.get(key)
        if isinstance(text, str) and "${" not in text and (problem := time_problem(text, now)):
            yield _found(TIMESTAMP, evidence, data, (key,), f"/{key}: {_short(text, 40)!r} {problem}")


def _named_time(evidence: Evidence, data: bytes, value: dict[str, Any], now: datetime) -> Iterator[Finding]:
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


def _identity(evidence: Evidence, data: bytes, value: dict[str, Any], subject: Subject) -> Iterator[Finding]:
    name, layout = evidence.name, subject.settings.layout
    for key in _SPEC_KEYS:
        spec = value.get(key)
        if name.spec and isinstance(spec, str) and spec != name.spec and layout.id_of(spec) != name.spec:
            yield _found(IDENTITY, evidence, data, (key,), f"/{key}: {_short(spec, 80)!r}, but it lies in {name.spec}")
    for key in _STAGE_KEYS:
        stage = stage_of(value.get(key))
        if name.stage and stage and stage != name.stage:
            yield _found(IDENTITY, evidence, data, (key,), f"/{key}: stage {stage}, but it is named for {name.stage}")
