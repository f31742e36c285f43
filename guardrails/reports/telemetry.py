"""Stage telemetry, thousands of files at a time: what was read before is not read again, the rest by two processes."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Protocol

from guardrails.consensus.gathering import Candidate
from guardrails.halves import in_halves
from guardrails.jsontext import JsonFlaw, parse
from guardrails.reports.stage_records import Content, read_content, record_of
from guardrails.reports.values import StageRecord
from guardrails.snapshot import Blob, Snapshot

LEAST = 2_000
"""Files from which a second process is worth its start."""


class Memo(Protocol):
    """Contents that were read before, by the digest of their bytes and the stage they are filed for."""

    def ids(self, found: list[Candidate]) -> Mapping[str, str]:
        """The digest of each file by its path, where it is known without reading it."""

    def get(self, digest: str, stage: str) -> Content | None: ...
    def keep(self, digest: str, stage: str, content: Content) -> None: ...


def telemetry_of(snapshot: Snapshot, found: list[Candidate], memo: Memo | None = None) -> list[StageRecord]:
    """The records of some files, in their order."""
    ids = memo.ids(found) if memo else {}
    known = _remembered(found, ids, memo) if memo else {}
    unread = [each for each in found if each.entry.path not in known]
    for half in in_halves(partial(_contents, snapshot), unread, least=LEAST):
        known.update(half)
    if memo:
        for each in unread:
            if each.entry.path in ids:
                memo.keep(ids[each.entry.path], each.name.stage or "", known[each.entry.path])
    return [record_of(each.entry.path, each.name, known[each.entry.path]) for each in found]


def _remembered(found: list[Candidate], ids: Mapping[str, str], memo: Memo) -> dict[str, Content]:
    known = {}
    for each in found:
        path = each.entry.path
        content = memo.get(ids[path], each.name.stage or "") if path in ids else None
        if content is not None:
            known[path] = content
    return known


def _contents(snapshot: Snapshot, found: list[Candidate]) -> dict[str, Content]:
    """What some files say, by path."""
    files = [each for each in found if each.entry.kind == "file"]
    said = {
        each.entry.path: _content(each, blob)
        for each, blob in zip(files, snapshot.read_many(each.entry for each in files), strict=True)
    }
    for each in found:
        if each.entry.kind != "file":
            said[each.entry.path] = Content(problem=f"a {each.entry.kind}, not a regular file")
    return said


def _content(each: Candidate, blob: Blob) -> Content:
    value, problem = value_of(blob)
    return read_content(each.name.stage or "", value, problem)


def value_of(blob: Blob) -> tuple[Any, str | None]:
    """The document in a file, or why there is none."""
    if blob.data is None:
        return None, blob.problem or "cannot be read"
    try:
        return parse(blob.data), None
    except JsonFlaw as flaw:
        return None, flaw.message
