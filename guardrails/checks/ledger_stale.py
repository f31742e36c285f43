"""Verdicts that are older than the documents they judged."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from guardrails.checks.ledger_files import digests
from guardrails.checks.ledger_runs import Run, Shelf
from guardrails.evidence_names import evidence_name
from guardrails.finding import Finding
from guardrails.jsontext import JsonFlaw, parse
from guardrails.layout import Layout
from guardrails.rules.ledger import VERDICT_STALE
from guardrails.snapshot import Snapshot
from guardrails.timestamps import parse_stamp

GREEN = "ok"


class _Latest(NamedTuple):
    when: datetime
    path: str


def judge(snapshot: Snapshot, layout: Layout, shelf: Shelf, chosen: list[Run]) -> Iterator[Finding]:
    """The latest verdict of each stage that says ok, where a document it was made from has changed since.

    Verdicts of sessions that were followed by another are history: nothing rests on them any more.
    """
    listed = {path: run for run in chosen for path in run.entries}
    for (spec, stage), newest in sorted(_newest(layout, shelf).items()):
        verdicts = [path for path in newest if path in listed and path in shelf.files]
        for path in sorted(verdicts):
            yield from _judge(snapshot, path, spec, stage)


def _newest(layout: Layout, shelf: Shelf) -> dict[tuple[str, str], list[str]]:
    """By SPEC and stage, the verdicts of the session nothing of that stage is later than."""
    latest: dict[tuple[str, str], datetime] = {}
    dated: dict[tuple[str, str], list[_Latest]] = {}
    for path in shelf.files:
        name = evidence_name(layout, path)
        stamp = parse_stamp(name.stamp) if name else None
        if name is None or name.spec is None or name.stage is None or stamp is None:
            continue
        if name.kind not in ("agent_output", "synthesis", "verdict"):
            continue
        key = (name.spec, name.stage)
        latest[key] = max(latest.get(key, stamp.when), stamp.when)
        if name.kind == "verdict":
            dated.setdefault(key, []).append(_Latest(stamp.when, path))
    return {key: [row.path for row in rows if row.when == latest[key]] for key, rows in dated.items()}


def _judge(snapshot: Snapshot, path: str, spec: str, stage: str) -> Iterator[Finding]:
    inputs = _inputs(snapshot.read(path))
    found = digests(snapshot, inputs)
    for document, sha256 in sorted(inputs.items()):
        now = found.get(document)
        if now is None or now.sha256 != sha256:
            message = f"{document} {'is gone' if now is None else 'changed'} since this verdict"
            yield VERDICT_STALE.at(path, message, hint=VERDICT_STALE.fix, spec=spec, stage=stage)


def _inputs(data: bytes | None) -> dict[str, str]:
    """The documents of a verdict that says ok, with their digests; none for what cannot be read or says otherwise."""
    try:
        value = parse(data or b"")
    except JsonFlaw:
        return {}
    if not isinstance(value, dict) or value.get("verdict") != GREEN or not isinstance(value.get("inputs"), list):
        return {}
    rows = [row for row in value["inputs"] if isinstance(row, dict)]
    pairs = [(row.get("path"), row.get("sha256")) for row in rows]
    return {path: sha256 for path, sha256 in pairs if isinstance(path, str) and isinstance(sha256, str)}
