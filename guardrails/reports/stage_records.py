"""Stage telemetry of both dialects → what the stage's guardrail examined, and what came of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from guardrails.evidence_names import EvidenceName
from guardrails.layout import stage_of
from guardrails.reports.contents import first, rows, table, text, whole
from guardrails.reports.values import Outcome, Part, StageRecord
from guardrails.timestamps import parse, parse_stamp

MOST_PARTS = 60
# Words that were written for an outcome. What is none of them is unknown, and unknown is not passed.
_WORDS: dict[str, Outcome] = {
    **dict.fromkeys(
        ("passed", "pass", "ok", "ready", "success", "succeeded", "locked", "unlocked", "complete", "completed",
         "healthy", "available"),
        "passed",
    ),
    **dict.fromkeys(
        ("failed", "fail", "error", "blocked", "refused", "timeout", "offline", "unavailable", "degraded", "conflict"),
        "failed",
    ),
    **dict.fromkeys(
        ("skipped", "skip", "no-run", "not-run", "disabled", "off", "n/a", "none", "missing", "not installed"),
        "skipped",  # what had to be there and was not has failed the stage in another field
    ),
}  # fmt: skip

# What the records of a stage have to say beyond what all may say.
_REQUIRED: dict[str, tuple[str, ...]] = {
    "plan": ("baseline.status", "hooks.session.start"),
    "tasks": ("tool.status",),
    "implement": ("lock_status", "hook_status"),
    "validate": ("scenarios",),
    "audit": ("scenarios",),
    "unlock": ("unlock_status",),
}


class Content(NamedTuple):
    """What the bytes of a telemetry file say, wherever it lies. `problem`: why they say nothing."""

    when: datetime | None = None
    session: str | None = None
    run: str | None = None
    parts: tuple[Part, ...] = ()
    duration_ms: int | None = None
    problem: str | None = None


def read_content(stage: str, value: Any, problem: str | None = None) -> Content:
    """The content of a record that is filed for `stage`. Never fails."""
    given = table(value)
    if problem or not given:
        return Content(problem=problem or "not a JSON object")
    return Content(
        when=parse(given.get("timestamp")),
        session=first(given, ("sessionId", "session_id", "session")),
        run=first(given, ("run", "runId")),
        parts=_same(tuple(_parts(given, stage_of(given.get("command")) or stage))[:MOST_PARTS]),
        duration_ms=whole(given.get("duration_ms")),
    )


def record_of(path: str, name: EvidenceName, content: Content) -> StageRecord:
    """A record: its content, and where its name says more, that."""
    stamp = parse_stamp(name.stamp)
    return StageRecord(
        path=path,
        spec=name.spec or "",
        stage=name.stage or "",
        when=content.when or (stamp.when if stamp else None),
        session=content.session or (stamp.session if stamp else None),
        run=content.run,
        outcome="unknown" if content.problem else outcome_of(content.parts),
        parts=content.parts,
        duration_ms=content.duration_ms,
        stamp=name.stamp,
        problem=content.problem,
    )


@lru_cache(maxsize=4096)
def _same(parts: tuple[Part, ...]) -> tuple[Part, ...]:
    """Thousands of records say the same: that is held once."""
    return parts


@lru_cache(maxsize=4096)
def outcome_of(parts: tuple[Part, ...]) -> Outcome:
    """Failed if anything failed, unknown if anything is, passed if anything passed; skipping alone passes nothing."""
    found = {part.outcome for part in parts}
    order: tuple[Outcome, ...] = ("failed", "unknown", "passed", "skipped")
    return next((outcome for outcome in order if outcome in found), "unknown")


def _parts(value: dict[str, Any], stage: str) -> Iterator[Part]:
    said = dict(_said(value))
    for key in () if "checks" in value else _REQUIRED.get(stage, ()):
        if not any(name == key or name.startswith(key + ".") for name in said):
            yield Part(key, "unknown", "not recorded")
    for name, word in said.items():
        yield _part(name, word)
    success = value.get("success")
    if isinstance(success, bool):
        yield Part("success", "passed" if success else "failed", str(success).lower())
    code = value.get("exit_code")
    if isinstance(code, int) and not isinstance(code, bool) and code:
        yield Part("exit_code", "failed", str(code))


@lru_cache(maxsize=4096)
def _part(name: str, word: str) -> Part:
    """Thousands of records say the same: each is held once."""
    if name == "lock_status" and word.lower() != "locked":  # `unlocked` is good news of an unlock only
        return Part(name, "failed" if word.lower() == "unlocked" else "unknown", word)
    return Part(name, _WORDS.get(word.lower(), "unknown"), word)


def _said(value: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """(where, the word that stands there) of every outcome a record states."""
    for check in rows(value.get("checks")):
        yield f"checks.{text(check.get('name')) or '?'}", text(check.get("status")) or "not said"
    for scenario in rows(value.get("scenarios")):
        yield f"scenarios.{text(scenario.get('name')) or '?'}", text(scenario.get("status")) or "not said"
    for key in ("baseline", "tool"):
        if key in value:
            yield f"{key}.status", text(table(value[key]).get("status")) or "not said"
    for name, word in table(value.get("hooks")).items():
        yield f"hooks.{text(name) or '?'}", text(word) or "not said"
    for key in ("lock_status", "hook_status", "unlock_status"):
        if key in value:
            yield key, text(value[key]) or "not said"
    for layer, answer in table(value.get("policy")).items():
        yield f"policy.{text(layer) or '?'}", text(table(answer).get("status")) or "not said"
    summary = table(table(value.get("hal")).get("summary"))
    if summary:
        yield "hal.summary", text(summary.get("status")) or "not said"
