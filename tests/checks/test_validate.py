"""`speckit validate` on real repositories."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from guardrails.config import Settings
from guardrails.core import VALUE_LIMIT, Checked, Finding, Skipped
from guardrails.engine import check_named
from guardrails.snapshot import CheckContext, MemorySnapshot
from tests.clock import NOW
from tests.examples import examples
from tests.records import EVIDENCE, plan_telemetry, telemetry_path
from tests.sandbox import Sandbox

EXAMPLES = examples(200)
PATH = telemetry_path("plan")


def judged(files: dict[str, bytes], config: Settings | None = None) -> list[Finding]:
    subject = CheckContext(MemorySnapshot(files), config or Settings(), NOW)
    return [seen for seen in check_named("validate").run(subject) if isinstance(seen, Finding)]


def codes(files: dict[str, Any]) -> list[str]:
    raw = {path: data if isinstance(data, bytes) else json.dumps(data).encode() for path, data in files.items()}
    return [found.rule.code for found in judged(raw) if found.severity == "error"]


def test_a_sound_record_passes() -> None:
    assert judged({PATH: json.dumps(plan_telemetry()).encode()}) == []


@pytest.mark.parametrize("version", [1, "1", "1.0", "2.0", "3.0"])
def test_every_version_that_was_written_is_read(version: object) -> None:
    assert codes({PATH: plan_telemetry(schemaVersion=version)}) == []


@pytest.mark.parametrize(
    ("change", "code"),
    [
        pytest.param({"schemaVersion": "banana"}, "TEL002", id="an unknown version"),
        pytest.param({"timestamp": "banana"}, "TEL002", id="a timestamp that is none"),
        pytest.param({"timestamp": "2025-99-99T00:00:00Z"}, "TEL007", id="a day that does not exist"),
        pytest.param({"timestamp": "2099-01-01T00:00:00Z"}, "TEL007", id="a time that has not come"),
        pytest.param({"specId": "SPEC-KIT-901"}, "TEL008", id="another SPEC"),
        pytest.param({"specId": "SPEC-KIT-900R"}, "TEL008", id="a SPEC whose id begins the same"),
        pytest.param({"specId": "${SPEC_ID}"}, "TEL006", id="a placeholder nobody filled in"),
        pytest.param({"baseline": {"mode": "x", "artifact": "y"}}, "TEL002", id="a baseline without a status"),
        pytest.param({"artifacts": [{"path": "docs/x", "sha256": "0" * 64}]}, "TEL010", id="a missing artifact"),
        pytest.param({"artifacts": [{"path": "../x", "sha256": "0" * 64}]}, "TEL012", id="an artifact above the root"),
        pytest.param({"artifacts": [{"path": "/etc/passwd", "sha256": "0" * 64}]}, "TEL012", id="an absolute artifact"),
    ],
)
def test_what_a_record_gets_wrong_is_found(change: dict[str, Any], code: str) -> None:
    assert code in codes({PATH: plan_telemetry(**change)})


NAMED = f"{EVIDENCE}/commands/SPEC-KIT-900/spec-plan_%s-a1b2.json"


def named(stamp: str, recorded: str) -> list[tuple[str, str, str]]:
    found = judged({NAMED % stamp: json.dumps(plan_telemetry(timestamp=recorded, sessionId="a1b2")).encode()})
    return [(finding.rule.code, finding.severity, finding.message) for finding in found]


@pytest.mark.parametrize(
    "stamp", ["20260131T093000Z", "2026-01-31T09:30:00Z", "2026-01-31T09_30_00Z", "2026-01-31T09-30-00Z"]
)
@pytest.mark.parametrize("recorded", ["2026-01-31T09:30:00Z", "2026-01-30T10:00:00Z", "2026-02-07T09:00:00Z"])
def test_a_record_that_ended_within_a_week_of_its_name_passes(stamp: str, recorded: str) -> None:
    assert named(stamp, recorded) == []


@pytest.mark.parametrize(
    ("stamp", "recorded", "said"),
    [
        ("20260131T093000Z", "2026-02-09T09:30:00Z", "9 days later"),
        ("20260131T093000Z", "2026-01-29T09:00:00Z", "2 days earlier"),
        ("2026-01-31T09:30:00Z", "2025-01-31T09:30:00Z", "365 days earlier"),
        ("20990101T000000Z", "2026-01-31T09:30:00Z", "in the future"),
        ("20269999T000000Z", "2026-01-31T09:30:00Z", "no real time"),
    ],
)
def test_a_name_that_gives_another_time_is_a_warning(stamp: str, recorded: str, said: str) -> None:
    [(code, severity, message)] = named(stamp, recorded)
    assert (code, severity) == ("TEL015", "warning")
    assert said in message


def test_a_record_named_for_another_stage_is_found() -> None:
    assert codes({telemetry_path("tasks"): plan_telemetry()}) == ["TEL008"]


def test_a_slug_names_the_same_spec() -> None:
    assert codes({PATH: plan_telemetry(specId="SPEC-KIT-900-generic-smoke")}) == []


def test_an_artifact_must_hash_to_what_was_recorded() -> None:
    report = b"all is well"
    record = plan_telemetry(artifacts=[{"path": "docs/report.md", "sha256": hashlib.sha256(report).hexdigest()}])
    assert codes({PATH: record, "docs/report.md": report}) == []
    assert codes({PATH: record, "docs/report.md": b"all is lost"}) == ["TEL009"]


def test_an_old_record_without_a_digest_only_warns() -> None:
    record = plan_telemetry(artifacts=[{"path": "/home/someone/code/docs/gone.md"}])
    found = judged({PATH: json.dumps(record).encode()})
    assert [(finding.rule.code, finding.severity) for finding in found] == [("TEL011", "warning")]


def test_an_old_absolute_path_is_recognised_by_its_end() -> None:
    record = plan_telemetry(artifacts=[{"path": "/home/someone/code/docs/here.md"}])
    assert judged({PATH: json.dumps(record).encode(), "docs/here.md": b""}) == []


@pytest.mark.parametrize(
    ("data", "code", "line"),
    [
        pytest.param(b"", "TEL004", 1, id="an empty file"),
        pytest.param(b"\xef\xbb\xbf{}", "TEL004", 1, id="a byte order mark"),
        pytest.param("{}".encode("utf-16"), "TEL004", 1, id="UTF-16"),
        pytest.param(b'{"a": NaN}', "TEL001", 1, id="NaN"),
        pytest.param(b"{}\n\ngarbage", "TEL001", 3, id="trailing garbage"),
        pytest.param(b'{"a": 1,\n"a": 1}', "TEL003", 2, id="a duplicate key"),
        pytest.param(b"[" * 200 + b"]" * 200, "TEL005", 1, id="200 levels"),
        pytest.param(b"null", "TEL002", 1, id="null"),
        pytest.param(b"[]", "TEL002", 1, id="a list"),
        pytest.param(b"7", "TEL002", 1, id="a number"),
    ],
)
def test_what_is_no_record_is_one_finding_with_its_line(data: bytes, code: str, line: int) -> None:
    found = judged({PATH: data})
    assert [(finding.rule.code, finding.line) for finding in found] == [(code, line)]


def test_a_schema_fault_carries_line_column_and_pointer() -> None:
    text = json.dumps(plan_telemetry(baseline={"mode": "run", "artifact": "x", "status": 3}), indent=2)
    [found] = judged({PATH: text.encode()})
    row = next(number for number, line in enumerate(text.splitlines(), 1) if '"status": 3' in line)
    assert (found.rule.code, found.line) == ("TEL002", row)
    assert found.column == text.splitlines()[row - 1].index("3") + 1
    assert found.message.startswith("/baseline/status: ")


@pytest.mark.parametrize("count", [150, 5000])
def test_the_findings_of_one_file_are_capped_and_it_is_said(count: int) -> None:
    path = f"{EVIDENCE}/consensus/SPEC-KIT-900/spec-plan_20260101T000000Z-a1_telemetry.jsonl"
    found = judged({path: b"x\n" * count})
    assert len(found) == 101
    assert found[-1].rule.code == "TEL005"
    assert found[-1].message == "more than 100 findings in this file; the rest were not looked for"
    assert codes({PATH: plan_telemetry(artifacts=[{"path": "docs/x"}] * 1001)}) == ["TEL005"]


def test_no_more_faults_are_looked_for_than_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    from guardrails.checks.validate import check as module

    explained: list[object] = []
    real = module.faults

    def counted(name: str, value: Any) -> Iterator[Any]:
        explained.append(value)
        return real(name, value)

    monkeypatch.setattr(module, "faults", counted)
    path = f"{EVIDENCE}/consensus/SPEC-KIT-900/spec-plan_20260101T000000Z-a1_telemetry.jsonl"
    assert len(judged({path: b"{}\n" * 5000})) == 101
    assert len(explained) <= 101


def test_a_file_of_too_many_values_or_lines_is_one_finding() -> None:
    path = f"{EVIDENCE}/consensus/SPEC-KIT-900/spec-plan_20260101T000000Z-a1_telemetry.jsonl"
    [values] = judged({PATH: b"[" + b"0," * VALUE_LIMIT + b"0]"})
    [lines] = judged({path: b"\n" * 1_000_000})
    assert (values.rule.code, values.message) == ("TEL005", "more than 500,000 values")
    assert (lines.rule.code, lines.message) == ("TEL004", "the file is empty")
    [lines] = judged({path: b"{}\n" * 100_001})
    assert (lines.rule.code, lines.message) == ("TEL005", "more than 100,000 lines")


def test_a_large_record_says_where_it_breaks_its_schema() -> None:
    record = plan_telemetry(artifacts=[{"path": "docs/x"}] * 9_999 + [{"path": 3}])
    [found] = judged({PATH: json.dumps(record).encode()})
    assert (found.rule.code, found.message) == ("TEL002", '/artifacts/9999/path: 3 is not of type "string"')
    assert (found.column or 0) > 100_000


def test_json_lines_are_judged_for_their_meaning() -> None:
    path = f"{EVIDENCE}/consensus/SPEC-KIT-900/spec-plan_20260101T000000Z-a1_telemetry.jsonl"
    line = {"specId": "${SPEC_ID}", "stage": "tasks", "agent": "gemini", "timestamp": "2099-01-01T00:00:00Z"}
    found = judged({path: b'{"agent": "gemini"}\n' + json.dumps(line).encode() + b"\n"})
    assert {(finding.rule.code, finding.line) for finding in found} == {("TEL006", 2), ("TEL007", 2), ("TEL008", 2)}


def test_json_lines_are_numbered() -> None:
    path = f"{EVIDENCE}/consensus/SPEC-KIT-900/spec-plan_20260101T000000Z-a1_telemetry.jsonl"
    found = judged({path: b'{"agent": "gemini", "stage": "plan"}\n{"agent": \n\n'})
    assert [(finding.rule.code, finding.line) for finding in found] == [("TEL001", 2), ("TEL004", 3)]


COSTS = f"{EVIDENCE}/costs/SPEC-KIT-900_cost_summary.json"


@pytest.mark.parametrize(
    ("summary", "expected"),
    [
        (
            {"spec_id": "SPEC-KIT-900", "total_spent": 0.0, "call_count": 23, "per_stage": {"spec-plan": 0.0}},
            ["CST001"],
        ),
        ({"spec_id": "SPEC-KIT-900", "total_spent": 0.5, "call_count": 1, "per_stage": {"spec-plan": 0.5}}, []),
        ({"spec_id": "SPEC-KIT-900", "total_spent": 0.0, "call_count": 0, "per_stage": {}}, []),
        (
            {"spec_id": "SPEC-KIT-900", "total_spent": 1.0, "call_count": 2, "per_stage": {"plan": 0.4, "tasks": 0.4}},
            ["CST002"],
        ),
        (
            {"spec_id": "SPEC-KIT-900", "total_spent": 0.8, "call_count": 2, "per_stage": {"plan": 0.4, "tasks": 0.4}},
            [],
        ),
    ],
)
def test_costs_must_add_up_and_paid_calls_are_not_free(summary: dict[str, Any], expected: list[str]) -> None:
    assert codes({COSTS: summary}) == expected


MADE: dict[str, Any] = {
    "schemaVersion": 1,
    "specId": "SPEC-KIT-900",
    "generatedAt": "2026-01-31T09:34:12Z",
    "runProfile": None,
    "per_stage": {
        "plan": {"usd": 0.4, "tokens": 300, "source": "measured", "calls": 2, "priced_calls": 2},
        "tasks": {"usd": None, "tokens": None, "source": "unknown", "calls": 1, "priced_calls": 0},
    },
    "total_usd": 0.4,
    "total_tokens": 300,
    "calls": 3,
    "priced_calls": 2,
    "cached_calls": 0,
    "failed_calls": 1,
    "sessions": [
        {
            "session": "a-0001",
            "stage": "plan",
            "usd": 0.4,
            "tokens": 300,
            "source": "measured",
            "calls": 2,
            "priced_calls": 2,
        }
    ],
    "budget": {"usd": 2.0, "used": 0.2, "spent": 0.4},
}
PLAN_STAGE = MADE["per_stage"]["plan"]
CONTRADICTIONS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "nothing": ({}, []),
    "half a cent": ({"total_usd": 0.404}, []),
    "no budget": ({"budget": None}, []),
    "a run that spent less than all runs": ({"budget": {"usd": 2.0, "used": 0.1, "spent": 0.2}}, []),
    "an older share": ({"utilization": 0.2}, []),
    "a total that is no sum": ({"total_usd": 0.5, "budget": None}, ["CST002"]),
    "tokens that are no sum": (
        {"per_stage": {"plan": {**PLAN_STAGE, "calls": 3}}, "total_tokens": 301, "priced_calls": 2},
        ["CST002"],
    ),
    "a stage that is not its sessions": (
        {"per_stage": {**MADE["per_stage"], "plan": {**PLAN_STAGE, "usd": 0.6}}, "total_usd": 0.6, "budget": None},
        ["CST002"],
    ),
    "more calls priced than made": ({"priced_calls": 5, "per_stage": {}, "total_usd": None}, ["CST003"]),
    "more calls failed than made": ({"failed_calls": 4}, ["CST003"]),
    "more calls cached than made": ({"cached_calls": 4}, ["CST003"]),
    "counts that are no sum": ({"calls": 4}, ["CST003"]),
    "a cost of no priced call": (
        {"per_stage": {"plan": {**PLAN_STAGE, "calls": 3, "priced_calls": 0}}, "priced_calls": 0, "total_usd": None},
        ["CST003"],
    ),
    "a session that priced too many": (
        {"sessions": [{**MADE["sessions"][0], "priced_calls": 3}]},
        ["CST003"],
    ),
    "a share of something else": ({"budget": {"usd": 2.0, "used": 0.9, "spent": 0.4}}, ["CST004"]),
    "a share of the total": ({"budget": {"usd": 2.0, "used": 0.9}}, ["CST004"]),
    "a run that spent more than all runs": ({"budget": {"usd": 2.0, "used": 0.5, "spent": 1.0}}, ["CST004"]),
    "a share of the unknown": (
        {"total_usd": None, "per_stage": {}, "budget": {"usd": 2.0, "used": 0.5}, "sessions": []},
        ["CST004"],
    ),
}


@pytest.mark.parametrize(("change", "expected"), CONTRADICTIONS.values(), ids=CONTRADICTIONS)
def test_a_cost_summary_may_not_contradict_itself(change: dict[str, Any], expected: list[str]) -> None:
    assert sorted(set(codes({COSTS: {**MADE, **change}}))) == expected


def test_an_older_share_of_the_budget_is_compared_too() -> None:
    older = {"spec_id": "SPEC-KIT-900", "total_spent": 1.0, "budget": 2.0, "per_stage": {}}
    assert codes({COSTS: {**older, "utilization": 0.5}}) == []
    assert codes({COSTS: {**older, "utilization": 0.05}}) == ["CST004"]


def test_unknown_json_is_skipped_with_a_reason_and_examines_nothing() -> None:
    subject = CheckContext(MemorySnapshot({f"{EVIDENCE}/other/SPEC-KIT-900/x.json": b"{}"}), Settings(), NOW)
    [seen] = check_named("validate").run(subject)
    assert isinstance(seen, Skipped)
    assert "no schema" in seen.reason


def test_unknown_json_must_still_be_json() -> None:
    assert codes({f"{EVIDENCE}/other/SPEC-KIT-900/x.json": b"{"}) == ["TEL001"]


def test_a_file_of_50_mb_is_a_finding(sandbox: Sandbox) -> None:
    with sandbox.write(PATH, b"").open("wb") as stream:
        stream.truncate(50 * 1024 * 1024)
    ran = sandbox.judge("validate")
    assert (ran.code, ran.rules) == (1, ["TEL005"])
    sandbox.add()
    ran = sandbox.judge("validate", "--source", "index")
    assert (ran.code, ran.rules) == (1, ["TEL005"])


def test_nothing_to_examine_is_never_a_pass(sandbox: Sandbox) -> None:
    ran = sandbox.judge("validate")
    assert (ran.code, ran.document["verdict"]) == (3, "undecided")
    ran = sandbox.judge("validate", "--if-any")
    assert (ran.code, ran.document["verdict"]) == (0, "not-applicable")
    assert "not-applicable" in sandbox.speckit("validate", "--if-any").out


def test_required_evidence_must_be_there_even_with_if_any(sandbox: Sandbox) -> None:
    sandbox.write(".speckit.yaml", "evidence: {require: [commands/SPEC-KIT-900]}\n")
    ran = sandbox.judge("validate", "--if-any")
    assert (ran.code, ran.rules) == (1, ["TEL014"])
    sandbox.write(PATH, plan_telemetry())
    assert sandbox.judge("validate", "--if-any").code == 0


def test_a_named_file_must_be_there_even_with_if_any(sandbox: Sandbox) -> None:
    ran = sandbox.judge("validate", "--if-any", "docs/gone.json")
    assert (ran.code, ran.rules) == (1, ["TEL014"])


def test_only_the_named_files_are_judged(sandbox: Sandbox) -> None:
    sandbox.write(PATH, "{")
    sandbox.write(telemetry_path("plan", "b2"), plan_telemetry())
    ran = sandbox.judge("validate", telemetry_path("plan", "b2"))
    assert (ran.code, ran.document["examined"]["checked"]) == (0, 1)
    assert sandbox.judge("validate").code == 1


def test_file_names_are_read_from_where_one_stands(sandbox: Sandbox) -> None:
    target = sandbox.write(PATH, "{")
    ran = sandbox.speckit("validate", "--format", "json", target.name, cwd=target.parent)
    assert ran.document["findings"][0]["path"] == PATH


@pytest.mark.parametrize("name", ["../outside.json", "/etc/passwd", "docs/../../outside.json"])
def test_files_outside_the_repository_are_refused(sandbox: Sandbox, name: str) -> None:
    (sandbox.root.parent / "outside.json").write_text("{}")
    ran = sandbox.judge("validate", name)
    assert ran.code == 2
    assert "outside the repository" in ran.document["problem"]["message"]


def test_links_devices_and_pipes_are_findings_and_never_opened(sandbox: Sandbox) -> None:
    (sandbox.root.parent / "secret.json").write_text("{}")
    folder = sandbox.write(PATH, plan_telemetry()).parent
    (folder / "spec-plan_20260101T000000Z-l1.json").symlink_to(sandbox.root.parent / "secret.json")
    (folder / "spec-plan_20260101T000000Z-l2.json").symlink_to("/dev/zero")
    os.mkfifo(folder / "spec-plan_20260101T000000Z-p.json")
    ran = sandbox.judge("validate")
    assert ran.rules == ["TEL013"] * 3
    assert "symlink" in ran.out
    assert "special" in ran.out


def test_a_linked_directory_is_a_finding_and_not_walked(sandbox: Sandbox, tmp_path: Path) -> None:
    outside = tmp_path / "elsewhere"
    outside.mkdir()
    (outside / "spec-plan_20260101T000000Z-x.json").write_text("{")
    sandbox.write(PATH, plan_telemetry())
    (sandbox.root / EVIDENCE / "commands" / "SPEC-KIT-901").symlink_to(outside)
    sandbox.add()
    for source in ("worktree", "index"):
        ran = sandbox.judge("validate", "--source", source)
        assert (ran.code, ran.rules) == (1, ["TEL013"])
        assert "x.json" not in ran.out


@pytest.mark.parametrize("place", ["docs", EVIDENCE, f"{EVIDENCE}/commands"])
def test_evidence_behind_a_link_is_not_taken_for_no_evidence(sandbox: Sandbox, tmp_path: Path, place: str) -> None:
    (tmp_path / "elsewhere").mkdir()
    (sandbox.root / place).parent.mkdir(parents=True, exist_ok=True)
    (sandbox.root / place).symlink_to(tmp_path / "elsewhere")
    sandbox.add()
    for source in ("worktree", "index"):
        ran = sandbox.judge("validate", "--if-any", "--source", source)
        assert (ran.code, ran.rules) == (1, ["TEL013"]), source


def test_evidence_in_a_submodule_is_not_taken_for_no_evidence(sandbox: Sandbox, tmp_path: Path) -> None:
    inner = Sandbox(tmp_path / "inner", sandbox.home)
    inner.root.mkdir()
    inner.git("init", "-q")
    inner.write("x.json", "{")
    inner.commit()
    sandbox.git("-c", "protocol.file.allow=always", "submodule", "add", "-q", str(inner.root), f"{EVIDENCE}/commands")
    assert sandbox.judge("validate", "--if-any", "--source", "index").rules == ["TEL013"]


def test_a_name_with_escapes_reaches_no_terminal_raw(sandbox: Sandbox) -> None:
    sandbox.write(f"{EVIDENCE}/commands/SPEC-KIT-900/a\x1b[31m\nb.json", "{")
    for form in ("text", "json", "github", "sarif", "junit"):
        ran = sandbox.speckit("validate", "--format", form)
        assert ran.code == 1
        assert "\x1b" not in ran.out + ran.err
        assert "\nb.json" not in ran.out


def test_a_name_that_is_not_utf8_is_judged(sandbox: Sandbox) -> None:
    folder = sandbox.root / EVIDENCE / "commands" / "SPEC-KIT-900"
    folder.mkdir(parents=True)
    with open(os.fsencode(folder) + b"/spec-\xff.json", "wb") as stream:
        stream.write(b"{")
    sandbox.add()
    for source in ("worktree", "index"):
        ran = sandbox.judge("validate", "--source", source)
        assert (ran.code, ran.rules) == (1, ["TEL001"])
        assert "\\xff" in ran.document["findings"][0]["path"]


@given(
    st.binary(max_size=300)
    | st.recursive(st.none() | st.text() | st.integers(), st.lists, max_leaves=5).map(lambda v: json.dumps(v).encode())
)
@settings(max_examples=EXAMPLES, suppress_health_check=[HealthCheck.too_slow])
def test_any_bytes_under_any_name_are_judged(data: bytes) -> None:
    names = [
        PATH,
        COSTS,
        f"{EVIDENCE}/consensus/SPEC-KIT-900/plan_synthesis.json",
        f"{EVIDENCE}/runs/SPEC-KIT-900/a.ledger.jsonl",
    ]
    seen = list(check_named("validate").run(CheckContext(MemorySnapshot(dict.fromkeys(names, data)), Settings(), NOW)))
    assert sum(isinstance(item, Checked) for item in seen) == len(names)


@given(
    st.dictionaries(
        st.sampled_from(
            ["specId", "stage", "command", "timestamp", "artifacts", "schemaVersion", "per_stage", "total_usd"]
        ),
        st.recursive(
            st.none() | st.text(max_size=30) | st.floats() | st.integers(),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
            max_leaves=6,
        ),
    )
)
@settings(max_examples=EXAMPLES, suppress_health_check=[HealthCheck.too_slow])
def test_any_record_is_judged(record: dict[str, Any]) -> None:
    sound = plan_telemetry(**{key: value for key, value in record.items() if key != "artifacts"})
    for value in (record, sound):
        data = json.dumps(value).encode()
        assert all(
            isinstance(item, (Finding, Checked, Skipped))
            for item in check_named("validate").run(
                CheckContext(MemorySnapshot({PATH: data, COSTS: data}), Settings(), NOW)
            )
        )
