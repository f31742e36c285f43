"""Stage telemetry, thousands of files at a time: what was read before is not read again, the rest by two processes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import lru_cache, partial
from typing import Any, NamedTuple, Protocol

from guardrails.config.layout import stage_of
from guardrails.consensus.load import ConsensusFile, contents
from guardrails.core.fields import first, rows, table, text, whole
from guardrails.core.parallel import in_halves
from guardrails.core.strict_json import JsonFlaw, parse_json
from guardrails.core.timestamps import parse_stamp, parse_time
from guardrails.layouts.evidence_names import EvidenceName
from guardrails.reports.model import ExaminedPart, RunOutcome, StageRecord
from guardrails.snapshot.base import Blob, Snapshot

# Stage telemetry of both dialects → what the stage's guardrail examined, and what came of it.


MOST_PARTS = 60
# Words that were written for an outcome. What is none of them is unknown, and unknown is not passed.
_WORDS: dict[str, RunOutcome] = {
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


class TelemetryContent(NamedTuple):
    """What the bytes of a telemetry file say, wherever it lies. `problem`: why they say nothing."""

    when: datetime | None = None
    session: str | None = None
    run: str | None = None
    parts: tuple[ExaminedPart, ...] = ()
    duration_ms: int | None = None
    problem: str | None = None


def read_content(stage: str, value: Any, problem: str | None = None) -> TelemetryContent:
    """The content of a record that is filed for `stage`. Never fails."""
    given = table(value)
    if problem or not given:
        return TelemetryContent(problem=problem or "not a JSON object")
    return TelemetryContent(
        when=parse_time(given.get("timestamp")),
        session=first(given, ("sessionId", "session_id", "session")),
        run=first(given, ("run", "runId")),
        parts=_same(tuple(_parts(given, stage_of(given.get("command")) or stage))[:MOST_PARTS]),
        duration_ms=whole(given.get("duration_ms")),
    )


def record_of(path: str, name: EvidenceName, content: TelemetryContent) -> StageRecord:
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
def _same(parts: tuple[ExaminedPart, ...]) -> tuple[ExaminedPart, ...]:
    """Thousands of records say the same: that is held once."""
    return parts


@lru_cache(maxsize=4096)
def outcome_of(parts: tuple[ExaminedPart, ...]) -> RunOutcome:
    """Failed if anything failed, unknown if anything is, passed if anything passed; skipping alone passes nothing."""
    found = {part.outcome for part in parts}
    order: tuple[RunOutcome, ...] = ("failed", "unknown", "passed", "skipped")
    return next((outcome for outcome in order if outcome in found), "unknown")


def _parts(value: dict[str, Any], stage: str) -> Iterator[ExaminedPart]:
    said = dict(_said(value))
    for key in () if "checks" in value else _REQUIRED.get(stage, ()):
        if not any(name == key or name.startswith(key + ".") for name in said):
            yield ExaminedPart(key, "unknown", "not recorded")
    for name, word in said.items():
        yield _part(name, word)
    success = value.get("success")
    if isinstance(success, bool):
        yield ExaminedPart("success", "passed" if success else "failed", str(success).lower())
    code = value.get("exit_code")
    if isinstance(code, int) and not isinstance(code, bool) and code:
        yield ExaminedPart("exit_code", "failed", str(code))


@lru_cache(maxsize=4096)
def _part(name: str, word: str) -> ExaminedPart:
    """Thousands of records say the same: each is held once."""
    if name == "lock_status" and word.lower() != "locked":  # `unlocked` is good news of an unlock only
        return ExaminedPart(name, "failed" if word.lower() == "unlocked" else "unknown", word)
    return ExaminedPart(name, _WORDS.get(word.lower(), "unknown"), word)


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


LEAST = 2_000
"""Files from which a second process is worth its start."""


class Memo(Protocol):
    """Contents that were read before, by the digest of their bytes and the stage they are filed for."""

    def ids(self, found: list[ConsensusFile]) -> Mapping[str, str]:
        """The digest of each file by its path, where it is known without reading it."""

    def get(self, digest: str, stage: str) -> TelemetryContent | None: ...
    def keep(self, digest: str, stage: str, content: TelemetryContent) -> None: ...


def telemetry_of(snapshot: Snapshot, found: list[ConsensusFile], memo: Memo | None = None) -> list[StageRecord]:
    """The records of some files, in their order."""
    ids = memo.ids(found) if memo else {}
    known = _remembered(found, ids, memo) if memo else {}
    unread = [each for each in found if each.entry.path not in known]
    for half in in_halves(partial(_telemetry_contents, snapshot), unread, least=LEAST):
        known.update(half)
    if memo:
        for each in unread:
            if each.entry.path in ids:
                memo.keep(ids[each.entry.path], each.name.stage or "", known[each.entry.path])
    return [record_of(each.entry.path, each.name, known[each.entry.path]) for each in found]


def _remembered(found: list[ConsensusFile], ids: Mapping[str, str], memo: Memo) -> dict[str, TelemetryContent]:
    known = {}
    for each in found:
        path = each.entry.path
        content = memo.get(ids[path], each.name.stage or "") if path in ids else None
        if content is not None:
            known[path] = content
    return known


def _telemetry_contents(snapshot: Snapshot, found: list[ConsensusFile]) -> dict[str, TelemetryContent]:
    """What some files say, by path."""
    return {
        each.entry.path: read_content(each.name.stage or "", *value_of(blob))
        for each, blob in contents(snapshot, found)
    }


def value_of(blob: Blob) -> tuple[Any, str | None]:
    """The document in a file, or why there is none."""
    if blob.data is None:
        return None, blob.problem or "cannot be read"
    try:
        return parse_json(blob.data), None
    except JsonFlaw as flaw:
        return None, flaw.message
