"""The audit packet and the reconciliation of costs, over a history that was counted by hand."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from guardrails.config import Settings
from guardrails.reports import CostLine, Reconciliation, reconcile, reduce_evidence, timeless
from guardrails.snapshot import MemorySnapshot
from tests.consensus.builder import SPEC, Bundle, Files, put, render
from tests.reports.forms import shown
from tests.reports.history import at, costs, history, run
from tests.sandbox import EVIDENCE, Ran, Sandbox

FOLDER = f"docs/{SPEC}/evidence/tasks_audit"
EPOCH = "1771416000"  # 2026-02-18T12:00:00Z


def reconciled(files: Files) -> Reconciliation:
    return reconcile(reduce_evidence(MemorySnapshot(files), Settings()), SPEC)


def lines(files: Files) -> dict[str, CostLine]:
    found = reconciled(files)
    return {line.stage: line for line in (*found.lines, found.total)}


def test_costs_that_are_the_same_to_the_cent_agree() -> None:
    known = {path: data for path, data in history().items() if "20260212" not in path}
    found = reconciled(known | costs({"plan": 5.504, "tasks": 3.2, "validate": 3.75}, calls=24, priced_calls=24))
    assert found.agrees
    assert [line.stage for line in found.lines] == ["plan", "tasks", "validate"]
    assert found.total.metrics is not None
    assert found.total.metrics.usd == pytest.approx(4 + 5 * 0.30 + 3.2 + 3.75)


def test_differences_are_listed_to_the_cent() -> None:
    found = lines(history() | costs({"plan": 1.7, "tasks": 3.19, "validate": 3.75}))
    assert found["plan"].differences == ("metrics $5.70, cost summary $1.70: $4.00 apart",)
    assert found["tasks"].differences == ("metrics $3.20, cost summary $3.19: $0.01 apart",)
    assert found["validate"].state == "agrees"
    assert found["total"].state == "differs"


def test_half_a_cent_is_the_border() -> None:
    assert lines(history() | costs({"tasks": 3.2049}))["tasks"].state == "agrees"
    assert lines(history() | costs({"tasks": 3.2051}))["tasks"].state == "differs"


def test_unknown_equals_nothing_not_even_zero() -> None:
    unknown = lines(history() | costs({"tasks": None}))["tasks"]
    assert (unknown.state, unknown.differences) == ("differs", ("metrics $3.20, cost summary unknown",))
    missing = lines(history())["tasks"]
    assert missing.differences == ("the cost summary does not count it",)
    both = run(Bundle(moment=at(2, 9)), (None, None, None))
    found = lines(both | costs({"plan": None}))
    assert (found["plan"].state, found["total"].state) == ("unknown", "unknown")
    assert not reconciled(both | costs({"plan": None})).agrees


def test_a_summary_by_sessions_is_held_against_each_and_archived_ones_against_nothing() -> None:
    bundle = Bundle(moment=at(2, 9))
    measured = {"tokens": 12000, "source": "measured", "calls": 3, "priced_calls": 3}
    rows = [
        {"session": bundle.stamp, "stage": "plan", "run": None, "usd": 0.3, **measured},
        {"session": "20260101T090000Z-aaaa", "stage": "plan", "run": None, "usd": 9.0, **measured},
    ]
    files = run(bundle, (0.1, 0.1, 0.1)) | costs({"plan": 9.3}, sessions=rows, calls=6, priced_calls=6)
    found = reconciled(files)
    assert found.agrees
    assert found.archived == ("20260101T090000Z-aaaa",)
    rows[0]["usd"] = 0.31
    (line,) = reconciled(run(bundle, (0.1, 0.1, 0.1)) | costs({"plan": 9.31}, sessions=rows)).lines
    assert (line.session, line.state) == (bundle.stamp, "differs")


def test_event_lines_that_tell_of_more_calls_than_metrics_are_a_difference() -> None:
    bundle = Bundle(moment=at(2, 9))
    base = {"schemaVersion": "2.0", "event": "agent", "specId": SPEC, "stage": "plan", "session": bundle.stamp}
    told = [base | {"agent": agent, "cost_usd": 0.1, "source": "measured"} for agent in (*bundle.roster, "gemini")]
    path = bundle.path("telemetry").replace(".json", ".jsonl")
    events = {path: b"".join(json.dumps(line).encode() + b"\n" for line in told)}
    found = lines(run(bundle, (0.1, 0.1, 0.1)) | events | costs({"plan": 0.4}, calls=4, priced_calls=4))["plan"]
    assert found.differences[0] == "metrics $0.30, event lines $0.40: $0.10 apart"
    assert "metrics tell of 3 calls, event lines of 4" in found.differences


def test_an_agent_that_was_asked_again_has_metrics_of_its_last_attempt_alone() -> None:
    bundle = Bundle(moment=at(2, 9))
    base = {"schemaVersion": "2.0", "event": "agent", "specId": SPEC, "stage": "plan", "session": bundle.stamp}
    asked = [(agent, 1) for agent in bundle.roster] + [("gemini", 2)]
    told = [base | {"agent": name, "attempt": number, "cost_usd": 0.1, "source": "measured"} for name, number in asked]
    path = bundle.path("telemetry").replace(".json", ".jsonl")
    events = {path: b"".join(json.dumps(line).encode() + b"\n" for line in told)}
    files = put(run(bundle, (0.1, 0.1, 0.1)), bundle.path("gemini_metrics"), attempt=2)
    found = lines(files | events | costs({"plan": 0.4}, calls=4, priced_calls=4))
    assert (found["plan"].state, found["total"].state) == ("agrees", "agrees")
    assert found["plan"].repeated is not None
    assert found["plan"].repeated.usd == pytest.approx(0.1)


@pytest.fixture
def audited(sandbox: Sandbox) -> Sandbox:
    for path, data in (history() | costs({"plan": 1.7, "tasks": 3.2, "validate": 3.75})).items():
        sandbox.write(path, data)
    sandbox.commit()
    return sandbox


def audit(sandbox: Sandbox, *arguments: str, epoch: str = EPOCH) -> Ran:
    return sandbox.speckit("audit", SPEC, *arguments, SOURCE_DATE_EPOCH=epoch)


def filed(sandbox: Sandbox) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((sandbox.root / FOLDER).iterdir())}


def test_the_packet_tells_what_holds_and_what_a_person_has_to_sign(audited: Sandbox) -> None:
    ran = audit(audited, "--format", "json", "--dry-run")
    assert ran.code == 1
    document: dict[str, Any] = ran.document
    states = {item["what"]: item["state"] for item in document["items"]}
    assert states["Every stage's guardrail passed"] == "holds"
    assert states["No conflict is open"] == "fails"
    assert states["Costs agree to the cent"] == "fails"
    assert states["Every run is sealed"] == "unknown", "no run left a ledger"
    assert states["Evidence satisfies its schemas"] == "holds"
    assert [row["stage"] for row in document["conflicts"]] == ["tasks", "validate"]
    assert {row["role"] for row in document["signatures"]} >= {"Finance", "Spec-Kit maintainer"}
    assert not (audited.root / FOLDER).exists(), "a dry run files nothing"


@pytest.mark.tier2
def test_a_second_run_gives_the_same_bytes_apart_from_the_time(audited: Sandbox) -> None:
    audit(audited)
    first = filed(audited)
    assert [name.rpartition(".")[2] for name in first] == ["html", "json", "md"]
    again = audit(audited, epoch="1771416099")
    assert again.err.count("unchanged: ") == 3
    assert filed(audited) == first
    for path in (audited.root / FOLDER).iterdir():
        path.unlink()
    audit(audited, epoch="1771416099")
    second = filed(audited)
    assert first.keys() == second.keys()
    assert all(first[name] != second[name] for name in first), "the time differs"
    assert all(timeless(first[name], b"generated") == timeless(second[name], b"generated") for name in first)


@pytest.mark.tier2
def test_a_signed_packet_is_kept_unless_it_is_asked_for(audited: Sandbox) -> None:
    audit(audited)
    (packet,) = (audited.root / FOLDER).glob("*.md")
    signed = packet.read_text().replace("| Finance |", "| Finance (signed) |")
    packet.write_text(signed)
    assert "kept: " in audit(audited, epoch="1771419999").err
    assert packet.read_text() == signed
    assert "written: " in audit(audited, "--replace").err
    assert packet.read_text() != signed


@pytest.mark.tier2
def test_other_evidence_makes_another_packet_and_reports_are_not_evidence_of_themselves(audited: Sandbox) -> None:
    audit(audited)
    before = set(filed(audited))
    audited.speckit("qa", SPEC, SOURCE_DATE_EPOCH=EPOCH)
    audit(audited)
    assert set(filed(audited)) == before
    audited.write(f"{EVIDENCE}/commands/{SPEC}/notes.json", b"{}")
    audit(audited)
    assert len(filed(audited)) == 2 * len(before)


def test_of_a_revision_it_is_shown_and_not_filed(audited: Sandbox) -> None:
    assert audit(audited, "--source", "HEAD").code == 1
    assert not (audited.root / FOLDER).exists()
    assert audited.speckit("audit", "SPEC-KIT-NONE").code == 3
    assert audited.speckit("audit", "../../etc").code == 2
    assert audit(audited, "--exit-zero").code == 0


def test_nothing_from_evidence_is_markup_in_it() -> None:
    from datetime import datetime, timezone

    from guardrails.config import Budget
    from guardrails.reports import AuditEvidence, Sealed, audit_packet
    from guardrails.reports.audit import view

    bundle = Bundle(moment=at(2, 9), with_verdict=False)
    hostile = "<img src=x onerror=alert(1)> | [a](http://b) ![c](d) `e` @f"
    said = {"agreements": ["a"], "conflicts": [hostile]}
    files = put(run(bundle, (0.1, 0.1, 0.1)), bundle.path("gemini"), consensus=said)
    facts = reduce_evidence(MemorySnapshot(files), Settings())
    evidence = AuditEvidence((), Sealed(0, "0" * 64))
    found = audit_packet(facts, Settings(), Budget(), evidence, datetime(2026, 2, 18, tzinfo=timezone.utc), SPEC)
    text = shown(view(found, 0.9), "markdown")
    assert "<img" not in text
    assert not re.search(r"(?<!\\)\]\(|(?<!\\)`|(?<!\\)!\[", text)
    assert "http://" not in text
    (row,) = [line for line in text.splitlines() if "onerror" in line]
    assert row.replace("\\|", "").count("|") == 5, "no cell of its own"


def test_an_archived_session_alone_is_nothing_to_agree_with() -> None:
    assert not reconciled(history() | {"docs/x": render({})}).agrees
