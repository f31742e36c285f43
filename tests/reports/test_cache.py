"""What was read before is not read again, and never believed to be what it is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from guardrails.config import Settings
from guardrails.git import open_repo
from guardrails.reports import Cache, Reach, StageRecord, reduce_evidence, telemetry
from guardrails.reports import cache as caching
from guardrails.snapshot import Blob, Entry, Snapshot, Worktree, resolve
from tests.consensus.builder import Bundle
from tests.reports.history import at
from tests.reports.history import telemetry as record
from tests.sandbox import Sandbox

BROKEN = b'{"schema": "speckit.reports-cache/1", "version": "0", "parts": 3, "rows": []}'


@pytest.fixture
def kept(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """A repository of twelve records, in which even these are worth a cache."""
    monkeypatch.setattr(caching, "LEAST", 1)
    for day in range(1, 13):
        for path, data in record(Bundle(moment=at(2, day))).items():
            sandbox.write(path, data)
    sandbox.commit()
    return sandbox


class Counted:
    """A snapshot that counts the telemetry files it is asked for."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot, self.read = snapshot, 0

    def __getattr__(self, name: str) -> object:
        return getattr(self._snapshot, name)

    def read_many(self, entries: object, limit: int = 1 << 25) -> object:
        wanted: list[Entry] = list(entries)  # type: ignore[call-overload]
        self.read += sum("/commands/" in entry.path for entry in wanted)
        blobs: list[Blob] = list(self._snapshot.read_many(wanted, limit))
        return iter(blobs)


def look(sandbox: Sandbox, source: str = "worktree") -> tuple[int, tuple[StageRecord, ...]]:
    """How many files were read, and what they say."""
    repo = open_repo(str(sandbox.root), sandbox.environment)
    (snapshot,) = resolve(repo, source)
    counted = Counted(snapshot)
    memo = Cache(repo, snapshot)
    facts = reduce_evidence(counted, Settings(), Reach(), footprint=False, tracker=False, memo=memo)  # type: ignore[arg-type]
    memo.save()
    return counted.read, facts.records


def path_of(sandbox: Sandbox, day: int) -> Path:
    (path,) = record(Bundle(moment=at(2, day)))
    return sandbox.root / path


@pytest.mark.parametrize("source", ["worktree", "index", "HEAD"])
def test_unchanged_evidence_is_not_read_again(kept: Sandbox, source: str) -> None:
    first, records = look(kept, source)
    again, same = look(kept, source)
    assert (first, again) == (12, 0)
    assert same == records
    repo = open_repo(str(kept.root), kept.environment)
    assert reduce_evidence(Worktree(repo), Settings(), Reach(), footprint=False, tracker=False).records == records


def test_what_changed_or_is_new_is_read(kept: Sandbox) -> None:
    look(kept)
    changed = path_of(kept, 3)
    changed.write_text(changed.read_text().replace('"passed"', '"failed"'))
    for path, data in record(Bundle(moment=at(2, 20))).items():
        kept.write(path, data)
    count, records = look(kept)
    assert count == 2
    assert [each.outcome for each in records].count("failed") == 1
    assert len(records) == 13
    assert look(kept)[0] == 2, "what git does not hold has no digest to be known by"


def test_a_file_that_git_was_told_not_to_look_at_is_read(kept: Sandbox) -> None:
    look(kept)
    hidden = path_of(kept, 4)
    kept.git("update-index", "--assume-unchanged", str(hidden.relative_to(kept.root)))
    hidden.write_text(hidden.read_text().replace('"passed"', '"failed"'))
    count, records = look(kept)
    assert count == 1
    assert [each.outcome for each in records].count("failed") == 1


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"null", BROKEN, b'{"schema": "other"}', b"\xff\xfe"])
def test_a_cache_that_is_spoiled_or_gone_costs_time_only(kept: Sandbox, data: bytes) -> None:
    _, records = look(kept)
    place = kept.root / ".git" / "speckit" / "cache" / "reports.json"
    place.write_bytes(data)
    assert look(kept) == (12, records)
    place.unlink()
    assert look(kept) == (12, records)


def test_rows_that_do_not_fit_are_read_again(kept: Sandbox) -> None:
    import json

    _, records = look(kept)
    place = kept.root / ".git" / "speckit" / "cache" / "reports.json"
    document = json.loads(place.read_text())
    keys = sorted(document["rows"])
    document["rows"][keys[0]] = ["never", None, None, 0, None, None]
    document["rows"][keys[1]] = [None, None, None, 99, None, None]
    document["rows"][keys[2]] = [1]
    document["rows"][keys[3]] = "x"
    place.write_text(json.dumps(document))
    assert look(kept) == (4, records)


def test_a_few_files_are_not_worth_a_cache(sandbox: Sandbox) -> None:
    for path, data in record(Bundle()).items():
        sandbox.write(path, data)
    sandbox.commit()
    look(sandbox)
    assert not (sandbox.root / ".git" / "speckit" / "cache").exists()


def test_two_processes_read_the_same_as_one(kept: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    _, records = look(kept)
    (kept.root / ".git" / "speckit" / "cache" / "reports.json").unlink()
    monkeypatch.setattr(telemetry, "LEAST", 2)
    assert look(kept)[1] == records
