"""Writing a ledger: appended once, whole after a kill, sealed by the summary."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from guardrails.checks.ledger import digest, read_chain
from guardrails.checks.ledger.entries import SUMMARY
from guardrails.core import read_resource
from guardrails.errors import GuardrailError
from guardrails.evidence import EvidenceStore, LedgerWriter, Seal, WrittenFile, write_summary

PATH = "docs/e/runs/SPEC-KIT-900/20260131T093000Z-4f2a9c10.ledger.jsonl"
SUMMARY_PATH = "docs/e/runs/SPEC-KIT-900/20260131T093000Z-4f2a9c10.json"
MOMENT = datetime(2026, 1, 31, 9, 30, tzinfo=timezone.utc)


@pytest.fixture
def store(tmp_path: Path) -> EvidenceStore:
    return EvidenceStore(str(tmp_path))


@pytest.fixture
def ledger(store: EvidenceStore) -> LedgerWriter:
    return LedgerWriter(store, PATH)


def files(*names: str) -> list[WrittenFile]:
    return [WrittenFile(f"docs/e/{name}", digest(name.encode()), len(name)) for name in names]


def summary(**changes: Any) -> dict[str, Any]:
    example: dict[str, Any] = json.loads(read_resource("schemas", "run_summary.schema.json"))["examples"][0]
    return {**example, **changes}


def test_entries_are_chained_from_one(ledger: LedgerWriter, tmp_path: Path) -> None:
    assert ledger.append(files("a", "b"), "plan", "telemetry.v1", MOMENT) == 2
    assert ledger.append(files("c"), "tasks") == 1
    chain = ledger.read()
    assert [entry.sequence for entry in chain.entries] == [1, 2, 3]
    lines = (tmp_path / PATH).read_bytes().splitlines()
    assert [entry.previous for entry in chain.entries] == [None, digest(lines[0]), digest(lines[1])]
    assert chain.entries[0].timestamp == "2026-01-31T09:30:00Z"
    assert (chain.faults, chain.torn, chain.head) == ((), False, digest(lines[2]))


def test_appending_again_adds_nothing_and_a_changed_file_adds_an_entry(ledger: LedgerWriter) -> None:
    ledger.append(files("a", "b"), "plan")
    assert ledger.append(files("a", "b"), "plan") == 0
    changed = WrittenFile("docs/e/a", digest(b"new"), 3)
    assert ledger.append([changed], "plan") == 1
    assert ledger.append([changed], "plan") == 0
    assert ledger.read().latest["docs/e/a"].sha256 == changed.sha256


def test_a_line_that_was_cut_off_at_any_byte_is_repaired_by_the_next_append(
    ledger: LedgerWriter, tmp_path: Path
) -> None:
    ledger.append(files("a", "b"), "plan")
    ledger.append(files("c"), "plan")
    whole = (tmp_path / PATH).read_bytes()
    begin = whole.rindex(b"\n", 0, -1) + 1
    for cut in range(begin + 1, len(whole)):
        (tmp_path / PATH).write_bytes(whole[:cut])
        assert ledger.read().torn
        ledger.append(files("a", "b"), "plan")
        ledger.append(files("c"), "plan")
        assert (tmp_path / PATH).read_bytes() == whole


def test_nothing_is_added_to_a_chain_that_somebody_broke(ledger: LedgerWriter, tmp_path: Path) -> None:
    ledger.append(files("a", "b"), "plan")
    place = tmp_path / PATH
    place.write_bytes(place.read_bytes().replace(b'"size":1', b'"size":2', 1))
    with pytest.raises(GuardrailError, match="does not carry the digest"):
        ledger.append(files("c"), "plan")


def test_nothing_is_appended_through_a_link(ledger: LedgerWriter, tmp_path: Path) -> None:
    (tmp_path / PATH).parent.mkdir(parents=True)
    (tmp_path / "elsewhere").write_bytes(b"")
    (tmp_path / PATH).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(GuardrailError):
        ledger.append(files("a"), "plan")
    assert (tmp_path / "elsewhere").read_bytes() == b""


def test_the_summary_seals_the_ledger_and_stands_in_it(
    ledger: LedgerWriter, store: EvidenceStore, tmp_path: Path
) -> None:
    ledger.append(files("a"), "plan")
    write_summary(ledger, store, SUMMARY_PATH, summary())
    document = json.loads((tmp_path / SUMMARY_PATH).read_bytes())
    chain = ledger.read()
    assert document["seal"] == {"ledger": PATH, "entries": 2, "head": chain.head, "signature": None}
    assert (chain.entries[-1].path, chain.entries[-1].kind) == (SUMMARY_PATH, SUMMARY)


def test_sealing_again_writes_the_same_bytes(ledger: LedgerWriter, store: EvidenceStore, tmp_path: Path) -> None:
    ledger.append(files("a"), "plan")
    first = write_summary(ledger, store, SUMMARY_PATH, summary())
    before = (tmp_path / PATH).read_bytes()
    assert write_summary(ledger, store, SUMMARY_PATH, summary()) == first
    assert (tmp_path / PATH).read_bytes() == before


def test_a_run_under_way_is_not_sealed_and_a_resumed_one_is_sealed_anew(
    ledger: LedgerWriter, store: EvidenceStore, tmp_path: Path
) -> None:
    running: dict[str, Any] = {"outcome": "running", "finished_at": None, "exit_code": None, "halt": None}
    write_summary(ledger, store, SUMMARY_PATH, summary(**running))
    assert json.loads((tmp_path / SUMMARY_PATH).read_bytes())["seal"] is None
    ledger.append(files("a"), "plan")
    write_summary(ledger, store, SUMMARY_PATH, summary())
    write_summary(ledger, store, SUMMARY_PATH, summary(**running))
    ledger.append(files("b"), "tasks")
    write_summary(ledger, store, SUMMARY_PATH, summary())
    seal = json.loads((tmp_path / SUMMARY_PATH).read_bytes())["seal"]
    chain = read_chain((tmp_path / PATH).read_bytes())
    assert (seal["entries"], seal["head"]) == (len(chain.entries), chain.head)
    assert chain.faults == ()


def test_a_signer_is_given_the_seal_and_says_where_the_signature_lies(
    ledger: LedgerWriter, store: EvidenceStore, tmp_path: Path
) -> None:
    seen: list[Seal] = []

    def sign(seal: Seal) -> str:
        seen.append(seal)
        return "docs/e/signature"

    ledger.append(files("a"), "plan")
    write_summary(ledger, store, SUMMARY_PATH, summary(), sign)
    assert [seal.entries for seal in seen] == [2]
    assert json.loads((tmp_path / SUMMARY_PATH).read_bytes())["seal"]["signature"] == "docs/e/signature"


def test_nothing_written_is_nothing_to_seal(ledger: LedgerWriter) -> None:
    with pytest.raises(GuardrailError, match="nothing to seal"):
        ledger.seal()
