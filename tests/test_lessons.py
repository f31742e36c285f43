"""Each way the predecessor failed that concerns a check, by its id; docs/lessons.md tells what each was."""

from __future__ import annotations

import json
import os
import re
import shutil
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from guardrails.agents import Usage
from guardrails.config import STAGES, Budget, Price
from guardrails.evidence import Charge, session_cost, spent, summary_document
from tests.agents.calling import agent, ask
from tests.checks.acceptance_packet import broken
from tests.checks.acceptance_packet import packet as acceptance_packet
from tests.consensus.builder import CONFLICT, SPEC, STYLES, Bundle, Files, put, without
from tests.evidence.runs import load, make_run, track
from tests.records import EVIDENCE, plan_telemetry, telemetry_path
from tests.runs.auto_world import SPEC as RUN_SPEC
from tests.runs.auto_world import Runs
from tests.runs.stage_world import agreements, packet, script, stage
from tests.sandbox import Ran, Sandbox

HEADER = "| Order | Task ID | Title | Status | Owners | PRD | Branch | PR | Last Validation | Evidence | Notes |"
RULE = "|---|---|---|---|---|---|---|---|---|---|---|"
DONE = "| 1 | T1 | Build it | Done | Code | docs/prd.md | main | - | 2026-01-31 | docs/proof.md | shipped |"


def write(sandbox: Sandbox, files: Files) -> None:
    for path, data in files.items():
        sandbox.write(path, data)


def consensus(sandbox: Sandbox, *arguments: str) -> Ran:
    return sandbox.judge("consensus check", *arguments)


def tracker(sandbox: Sandbox, *rows: str, header: str = HEADER, rule: str = RULE, name: str = "SPEC.md") -> Ran:
    sandbox.write("docs/prd.md", "x")
    sandbox.write("docs/proof.md", "x")
    sandbox.write(name, "\n".join(["# Tracker", "", header, rule, *rows, ""]))
    return sandbox.judge("lint")


def document(sandbox: Sandbox, spec: str, plan: str | None = None, tasks: str | None = None) -> Ran:
    sandbox.write("docs/prd.md", "x")
    sandbox.write("docs/proof.md", "x")
    row = "| 1 | SPEC-KIT-1 | Build it | In Progress | Code | docs/SPEC-KIT-1/spec.md | main | - | - | - | - |"
    sandbox.write("SPEC.md", "\n".join([HEADER, RULE, row, ""]))
    sandbox.write("docs/SPEC-KIT-1/spec.md", spec.encode())
    headings = ["Inputs", "Work Breakdown", "Acceptance Mapping", "Risks & Unknowns", "Exit Criteria (Done)"]
    table = "\n| Requirement (Spec) | Validation Step | Artifact |\n|---|---|---|\n| R1 | run it | log |\n"
    whole = "# Plan\n" + "".join(
        f"## {heading}\n{table if 'Mapping' in heading else 'text'}\n\n" for heading in headings
    )
    sandbox.write("docs/SPEC-KIT-1/plan.md", whole if plan is None else plan)
    rows = "| Order | Task | Owner | Status | Validation |\n|---|---|---|---|---|\n| 1 | a | Code | Backlog | - |\n"
    if tasks != "":
        sandbox.write("docs/SPEC-KIT-1/tasks.md", rows if tasks is None else tasks)
    return sandbox.judge("lint")


SOUND = "# Spec\n\n## Context\n\ntext\n\n## Objectives\n\ntext\n"


def test_the_sound_examples_of_this_file_pass(sandbox: Sandbox, tmp_path: Path) -> None:
    """Otherwise the failures below would prove nothing."""
    ran = tracker(sandbox, DONE)
    assert (ran.code, ran.rules) == (0, []), ran
    ran = document(sandbox, SOUND)
    assert (ran.code, ran.rules) == (0, []), ran
    write(sandbox, Bundle().files)
    assert consensus(sandbox).code == 0


# It passed wrongly


def test_r01_a_conflict_is_exit_4_in_every_way_it_is_asked(sandbox: Sandbox) -> None:
    files = Bundle().files
    files = put(files, Bundle().path("gemini"), consensus={"agreements": ["a"], "conflicts": [CONFLICT]})
    write(sandbox, files)
    assert consensus(sandbox).code == 4
    assert consensus(sandbox, SPEC, "--stage", "plan").code == 4
    assert sandbox.judge("guard", "--hook", "pre-push", "--source", "worktree").code == 4


def test_r02_r03_a_failed_policy_is_not_made_good_by_a_file_that_says_passed(sandbox: Sandbox) -> None:
    """Records are judged as records; no check turns their words into a verdict. A synthesis is one witness, too."""
    files = put(Bundle().files, Bundle().path("claude"), status="error", error="exit code 7")
    write(sandbox, files)
    ran = consensus(sandbox)
    assert ran.code == 5
    assert "CON007" in ran.rules  # the synthesis still claims ok


@pytest.mark.parametrize("hook", ["pre-push", "ci"])
def test_r06_untracked_files_are_dirt_at_every_gate(sandbox: Sandbox, hook: str) -> None:
    sandbox.write("a", "x")
    sandbox.commit()
    assert sandbox.judge("clean-tree").code == 0
    sandbox.write("b", "x")
    assert sandbox.judge("clean-tree").code == 1
    assert any(code.startswith("CLN") for code in sandbox.judge("guard", "--hook", hook, "--source", "HEAD").rules)


@pytest.mark.parametrize(
    "change", [{"schemaVersion": "banana"}, {"timestamp": "garbage"}, {"timestamp": "2025-99-99T00:00:00Z"}]
)
def test_r10_versions_and_time_stamps_are_judged(sandbox: Sandbox, change: dict[str, Any]) -> None:
    sandbox.write(telemetry_path("plan"), plan_telemetry(**change))
    assert sandbox.judge("validate").code == 1


def test_r11_a_synthesis_with_literal_placeholders_and_no_agents_is_never_ok(sandbox: Sandbox) -> None:
    said = {"stage": "${stage}", "specId": "${spec}", "timestamp": "${timestamp_run}", "agents": [], "status": "ok",
            "consensus": {"agreements": [], "conflicts": []}}  # fmt: skip
    sandbox.write(f"{EVIDENCE}/consensus/{SPEC}/spec-plan_2025-10-05T01:15:57Z_synthesis.json", said)
    assert consensus(sandbox).code in (1, 3, 4, 5)
    assert consensus(sandbox, "--if-any").code in (1, 3, 4, 5)
    assert "TEL006" in sandbox.judge("validate").rules


def test_r13_an_older_ok_does_not_hide_a_newer_conflict(sandbox: Sandbox) -> None:
    """In all pairs of time-stamp styles, whatever their order as text."""
    early, late = (datetime(2026, 1, day, 9, 30, tzinfo=timezone.utc) for day in (30, 31))
    for number, (old, new) in enumerate((a, b) for a in STYLES for b in STYLES):
        spec = f"SPEC-KIT-{number}"
        write(sandbox, Bundle(spec=spec, moment=early, style=old, session="a").files)
        newer = Bundle(spec=spec, moment=late, style=new, session="b")
        write(sandbox, put(newer.files, newer.path("claude"), consensus={"agreements": ["a"], "conflicts": [CONFLICT]}))
    ran = consensus(sandbox)
    conflicts = {finding["spec"] for finding in ran.document["findings"] if finding["rule"] == "CON001"}
    assert len(conflicts) == len(STYLES) ** 2


def test_r13_time_of_modification_says_nothing(sandbox: Sandbox) -> None:
    old = Bundle(moment=datetime(2026, 1, 1, tzinfo=timezone.utc), session="old")
    bad = Bundle(session="new")
    write(sandbox, put(bad.files, bad.path("claude"), consensus={"agreements": ["a"], "conflicts": [CONFLICT]}))
    write(sandbox, old.files)
    for path in without(old.files, *[p for p in old.files if "consensus" not in p]):
        os.utime(sandbox.root / path, (4e9, 4e9))
    assert consensus(sandbox).code == 4


@pytest.mark.parametrize(
    ("change", "code"),
    [
        pytest.param({"consensus": {"agreements": ["a"], "conflicts": [CONFLICT]}}, 4, id="a recorded conflict"),
        pytest.param({"specId": "SPEC-KIT-OTHER"}, 5, id="another SPEC's id"),
        pytest.param({"error": "agent execution failed", "status": "error"}, 5, id="an agent that failed"),
    ],
)
def test_r14_status_ok_is_one_witness(sandbox: Sandbox, change: dict[str, Any], code: int) -> None:
    write(sandbox, put(Bundle().files, Bundle().path("gemini"), **change))
    ran = consensus(sandbox)
    assert ran.code == code, ran


def test_r14_missing_agents_degrade(sandbox: Sandbox) -> None:
    write(sandbox, without(Bundle().files, Bundle().path("gemini")))
    assert consensus(sandbox).code == 5


@pytest.mark.parametrize("data", [b"null", b"[]", b"7", b'"x"', b"\xff\xfe", b"", b"[" * 5000, b'{"a":'])
def test_r15_what_is_no_record_is_a_finding_and_never_a_traceback(sandbox: Sandbox, data: bytes) -> None:
    for path in (telemetry_path("plan"), Bundle().path("gemini"), Bundle().path("synthesis")):
        sandbox.write(path, data)
    for command in ("validate", "consensus check"):
        ran = sandbox.judge(command)
        assert ran.code in (1, 3, 4, 5), ran
        assert "Traceback" not in ran.out + ran.err
        assert command != "validate" or {f["path"] for f in ran.document["findings"]} >= {telemetry_path("plan")}


@pytest.mark.parametrize(
    "spec", ["SPEC-*", "*", "SPEC-KIT-DEM?", "SPEC-[K]IT-DEMO", "../SPEC-KIT-DEMO", "docs/../SPEC-KIT-DEMO"]
)
def test_r16_r30_an_argument_is_an_exact_id(sandbox: Sandbox, spec: str) -> None:
    write(sandbox, Bundle().files)
    for command in ("consensus check", "accept"):
        assert sandbox.judge(command, spec).code == 2
    assert sandbox.speckit("consensus", "check", "--stage", "*").code == 2


def test_r17_the_limit_fails_and_every_kind_of_evidence_counts(sandbox: Sandbox) -> None:
    sandbox.write(".speckit.yaml", "evidence: {warn_mb: 0.001, limit_mb: 0.002}\n")
    sandbox.write(f"{EVIDENCE}/commands/SPEC-KIT-1/only-commands.log", b"x" * 4000)
    ran = sandbox.judge("footprint")
    assert (ran.code, ran.rules) == (1, ["FPT001"])


def test_r21_a_spec_is_its_exact_id(sandbox: Sandbox) -> None:
    bad = Bundle(spec="SPEC-102R")
    write(sandbox, put(bad.files, bad.path("claude"), consensus={"agreements": ["a"], "conflicts": [CONFLICT]}))
    write(sandbox, Bundle(spec="SPEC-102").files)
    assert consensus(sandbox, "SPEC-102").code == 0
    assert consensus(sandbox, "SPEC-102R").code == 4
    sandbox.write(f"{EVIDENCE}/commands/SPEC-102R/x.log", b"x" * 100)
    message = next(f["message"] for f in sandbox.judge("footprint").document["findings"] if f["spec"] == "SPEC-102")
    assert "commands" not in message


def test_r26_a_heading_is_the_whole_heading(sandbox: Sandbox) -> None:
    assert "DOC004" in document(sandbox, SOUND.replace("## Context", "## Contextual")).rules
    assert "DOC004" in document(sandbox, SOUND.replace("## Context", "```\n## Context\n```")).rules


def test_r26_line_endings_do_not_matter_and_a_missing_file_is_said_once(sandbox: Sandbox) -> None:
    assert document(sandbox, SOUND.replace("\n", "\r\n")).code == 0
    (sandbox.root / "docs/SPEC-KIT-1/tasks.md").unlink()
    assert document(sandbox, SOUND, tasks="").rules == ["DOC001"]


@pytest.mark.parametrize(
    ("rows", "rule"),
    [
        pytest.param([DONE.replace("| Code |", "| |")], "TRK015", id="done without an owner"),
        pytest.param([DONE.replace("docs/prd.md", "")], "TRK016", id="done without a PRD"),
        pytest.param([DONE.replace("docs/proof.md", "")], "TRK006", id="done without evidence"),
        pytest.param([DONE.replace("2026-01-31", "")], "TRK020", id="done without a date"),
        pytest.param([DONE, DONE.replace("| 1 |", "| 2 |")], "TRK012", id="a task id twice"),
        pytest.param([DONE.replace("2026-01-31", "2025-99-99")], "TRK019", id="a day that does not exist"),
        pytest.param([DONE.replace("docs/proof.md", "../outside.md")], "TRK017", id="a path that leads outside"),
        pytest.param([DONE.replace("docs/proof.md", "/etc/passwd")], "TRK017", id="an absolute path"),
        pytest.param([DONE, "", DONE.replace("T1", "T2")], "TRK009", id="a row after a blank line"),
        pytest.param([], "TRK007", id="an empty table"),
    ],
)
def test_r27_what_the_old_tracker_lint_let_pass(sandbox: Sandbox, rows: list[str], rule: str) -> None:
    ran = tracker(sandbox, *rows)
    assert ran.code == 1
    assert rule in ran.rules, ran


def test_r27_a_missing_separator_row_is_found(sandbox: Sandbox) -> None:
    assert "TRK008" in tracker(sandbox, DONE, rule="").rules


@pytest.mark.parametrize(
    ("calls", "total"), [({"call_count": 3}, {"total_spent": 0.0}), ({"total_calls": 23}, {"total_cost_usd": 0})]
)
def test_r28_paid_calls_are_not_free(sandbox: Sandbox, calls: dict[str, int], total: dict[str, float]) -> None:
    summary = {"spec_id": "SPEC-KIT-900", **calls, **total, "per_stage": {"plan": 0.0}}
    sandbox.write(f"{EVIDENCE}/costs/SPEC-KIT-900_cost_summary.json", summary)
    assert sandbox.judge("validate").rules == ["CST001"]


def test_r28_what_nobody_priced_is_null_and_no_tokens_are_a_number() -> None:
    budget = Budget(prices=(Price("known", 1.0, 2.0),))
    unknown = spent(Usage(100, 0), "unheard-of", "a long prompt", "a long answer", budget)
    assert (unknown.usd, unknown.input_tokens, unknown.output_tokens, unknown.source) == (None, 100, 0, "unknown")
    settled = session_cost("20260131T093000Z-4f2a", "plan", None, [Charge(unknown)] * 27)
    made = summary_document(None, "SPEC-KIT-900", settled, None, budget, datetime(2026, 1, 31, tzinfo=timezone.utc))
    assert (made.document["total_usd"], made.document["priced_calls"], made.document["calls"]) == (None, 0, 27)
    assert made.document["per_stage"]["plan"]["usd"] is None


def test_r28_reports_show_unknown_and_never_zero_dollars(sandbox: Sandbox) -> None:
    summary = {"spec_id": SPEC, "total_spent": 0.0, "call_count": 27, "per_stage": {"spec-plan": 0.0}}
    sandbox.write(f"{EVIDENCE}/costs/{SPEC}_cost_summary.json", summary)
    write(sandbox, Bundle().files)
    ran = sandbox.speckit("status", SPEC)
    assert re.search(r"cost: +unknown", ran.out)
    assert "$0.00" not in ran.out


def test_r21_status_counts_the_agents_that_answered_and_shows_what_failed_as_failed(sandbox: Sandbox) -> None:
    write(sandbox, Bundle().files)
    record = {**plan_telemetry(), "specId": SPEC, "command": "spec-ops-tasks", "tool": {"status": "failed"}}
    sandbox.write(telemetry_path("tasks", spec=SPEC), record)
    (shown,) = sandbox.speckit("status", SPEC, "--format", "json").document["specs"]
    plan, tasks = shown["stages"][:2]
    assert [agent["outcome"] for agent in plan["agents"]] == ["usable"] * 3
    assert (tasks["guardrail"], tasks["verdict"]) == ("failed", "not run")
    assert sandbox.speckit("status", SPEC[:-1]).code == 3, "no id is matched by its beginning"


def test_r32_skipped_is_shown_as_skipped_and_examines_nothing(sandbox: Sandbox) -> None:
    sandbox.write(f"{EVIDENCE}/other/SPEC-KIT-1/notes.json", {})
    ran = sandbox.judge("validate")
    assert (ran.code, ran.document["examined"]["checked"]) == (3, 0)
    assert ran.document["examined"]["skipped"][0]["reason"]


# It could never pass


def test_r07_r09_what_the_scripts_wrote_is_read(sandbox: Sandbox) -> None:
    """Their tool status was `ready` where the gate wanted `ok`, their files `spec-plan_*` where it wanted `plan_*`."""
    record = plan_telemetry(command="spec-ops-tasks", tool={"status": "ready"})
    sandbox.write(telemetry_path("tasks"), record)
    ran = sandbox.judge("validate")
    assert (ran.code, ran.document["examined"]["checked"]) == (0, 1), ran


def test_r22_a_path_with_a_space_is_found(sandbox: Sandbox) -> None:
    sandbox.write("docs/the proof.md", "x")
    assert tracker(sandbox, DONE.replace("docs/proof.md", "docs/the proof.md")).code == 0


def test_r24_r25_nothing_is_counted_as_nothing(sandbox: Sandbox) -> None:
    ran = sandbox.judge("guard")
    assert ran.document["examined"] == {"candidates": 1, "checked": 1, "skipped": []}  # the working tree
    assert ran.document["summary"] == {"error": 0, "warning": 0, "note": 0}


def test_r27_escaped_pipes_and_padded_headers_are_fine(sandbox: Sandbox) -> None:
    wide = HEADER.replace("| Title |", "|   Title    |")
    assert tracker(sandbox, DONE.replace("Build it", r"Build \| test"), header=wide).code == 0


def test_r27_a_table_in_a_code_fence_is_no_table(sandbox: Sandbox) -> None:
    fenced = "```\n" + "\n".join([HEADER, RULE, DONE.replace("Done", "Nonsense")]) + "\n```\n"
    sandbox.write("docs/prd.md", "x")
    sandbox.write("docs/proof.md", "x")
    sandbox.write("SPEC.md", f"{fenced}\n{HEADER}\n{RULE}\n{DONE}\n")
    assert sandbox.judge("lint").code == 0


@pytest.mark.parametrize("column", ["docs/prd.md", "docs/proof.md"])
def test_r34_lists_of_paths_are_read_in_every_path_column(sandbox: Sandbox, column: str) -> None:
    sandbox.write("docs/more.md", "x")
    assert tracker(sandbox, DONE.replace(column, f"{column}, docs/more.md")).code == 0
    assert "TRK018" in tracker(sandbox, DONE.replace(column, f"{column}, docs/gone.md")).rules


# It lost or endangered data


def test_r04_json_put_together_by_hand_is_found_where_it_breaks(sandbox: Sandbox) -> None:
    text = json.dumps(plan_telemetry(note="say X"), indent=2).replace("X", '"hello"')
    sandbox.write(telemetry_path("plan"), text)
    [finding] = sandbox.judge("validate").document["findings"]
    row = text.splitlines()[finding["line"] - 1]
    assert (finding["rule"], row.strip().partition(":")[0]) == ("TEL001", '"note"')
    assert row[finding["column"] - 1 :].startswith("hello")


def test_r12_any_amount_of_context_reaches_an_agent(tmp_path: Path) -> None:
    """An argument of more than 128 KiB is refused by the system; a prompt is none."""
    prompt = "'$(touch made)'\0\n" * 30_000
    done = ask(tmp_path, agent(tmp_path, "echo"), prompt)
    assert (done.problem, done.answer.value) == (
        None,
        {"bytes": len(prompt), "nul": 30_000, "lines": 30_000, "argv": []},
    )
    assert not (tmp_path / "made").exists()


def test_r33_empty_cells_keep_their_columns(sandbox: Sandbox) -> None:
    """An empty owner cell must not make the PRD the owner."""
    ran = tracker(sandbox, "| 1 | T1 | | In Progress | | docs/prd.md | | | | | |")
    assert "TRK015" in ran.rules
    ran = tracker(sandbox, "| 1 | T1 | | Backlog | | | | | | | |")
    assert ran.rules == []


# By reading only


def test_metrics_and_syntheses_are_not_taken_for_agents(sandbox: Sandbox) -> None:
    files = without(Bundle().files, Bundle().path("gemini"))
    files[Bundle().path("gemini_metrics")] = Bundle().files[Bundle().path("gemini")]
    write(sandbox, files)
    assert consensus(sandbox).code == 5


def test_one_place_says_what_the_limits_are(sandbox: Sandbox) -> None:
    out = sandbox.speckit("config").out
    assert [line.split("=")[1].split()[0] for line in out.splitlines() if "_mb" in line] == ["15.0", "25.0"]


# The guardrails of stages


def test_r01_a_conflict_of_an_earlier_stage_ends_audit_and_unlock_with_4(sandbox: Sandbox) -> None:
    plan = agreements(sandbox, *STAGES[:-1])[0]
    spoilt = put(plan.files, plan.path("claude"), consensus={"agreements": ["a"], "conflicts": [CONFLICT]})
    write(sandbox, spoilt)
    packet(sandbox)
    for name in ("audit", "unlock"):
        ran = stage(sandbox, name)
        assert (ran.code, ran.document["halt"]["reason"], ran.document["exit_code"]) == (4, "conflict", 4)


def test_r02_a_policy_that_exits_7_fails_whatever_its_file_says(sandbox: Sandbox) -> None:
    said = f"{EVIDENCE}/commands/{SPEC}/baseline.md"
    name = script(sandbox, "audit.sh", f'mkdir -p "$(dirname {said})"; echo "status: passed" > {said}; exit 7')
    packet(sandbox, stages={"plan": {"policy": [[f"./{name}"]]}})
    ran = stage(sandbox, "plan", SPEC_OPS_ALLOW_DIRTY="1")
    record = json.loads((sandbox.root / ran.document["telemetry"]).read_text(encoding="utf-8"))
    assert (ran.code, record["success"], record["policy"]["prefilter"]["exit_code"]) == (1, False, 7)


def test_r03_either_policy_layer_fails_the_stage(sandbox: Sandbox) -> None:
    for layer in ("prefilter", "final"):
        packet(sandbox, stages={"plan": {"policy": {layer: [["false"]]}}})
        ran = stage(sandbox, "plan")
        assert (ran.code, ran.document["halt"]["reason"]) == (1, "policy")


@pytest.mark.parametrize("name", STAGES)
def test_r06_every_stage_asks_whether_the_tree_is_clean(sandbox: Sandbox, name: str) -> None:
    agreements(sandbox, *STAGES[:-1])
    packet(sandbox)
    sandbox.write("left behind.txt", "x")
    ran = stage(sandbox, name)
    assert (ran.code, ran.document["halt"]["reason"]) == (1, "dirty-tree")


@pytest.mark.tier2
def test_r07_what_a_stage_writes_its_readers_accept(sandbox: Sandbox) -> None:
    agreements(sandbox, *STAGES[:-1])
    packet(sandbox)
    for name in STAGES:
        assert stage(sandbox, name).code == 0
        sandbox.commit()
    ran = sandbox.judge("validate")
    assert (ran.code, ran.document["findings"]) == (0, [])


@pytest.mark.tier2
def test_r08_statuses_are_what_was_found(sandbox: Sandbox) -> None:
    """The same stages, once where all is in place and once where nothing is."""
    packet(sandbox)
    records = []
    for commands in ("cat", "no-such-program"):
        settings = {name: {"command": [commands]} for name in ("gemini", "claude", "gpt_codex", "gpt_pro")}
        packet(sandbox, agents=settings)
        found = {}
        for name in ("tasks", "implement", "unlock"):
            ran = stage(sandbox, name)
            sandbox.commit()
            found.update(json.loads((sandbox.root / ran.document["telemetry"]).read_text(encoding="utf-8")))
        records.append((found["tool"]["status"], found["hook_status"], found["unlock_status"], found["lock_status"]))
        agreements(sandbox, *STAGES[:-1])
        assert sandbox.speckit("install").code == 0
    assert records == [
        ("ready", "not installed", "refused", "locked"),
        ("missing", "ok", "unlocked", "locked"),
    ]


@pytest.mark.tier2
def test_r10_r32_hal_is_what_the_probes_found_and_a_mock_is_a_mock(sandbox: Sandbox) -> None:
    agreements(sandbox, *STAGES[:-1])
    for required, mode, code, status in (
        (False, "off", 0, "skipped"),
        (True, "off", 1, "skipped"),
        (False, "mock", 0, "passed"),
        (True, "mock", 1, "passed"),
        (False, "live", 1, "failed"),
    ):
        nobody = {"base_url": "http://127.0.0.1:1"} if mode == "live" else {}
        packet(sandbox, hal={"mode": mode, "required": required, **nobody})
        ran = stage(sandbox, "validate")
        record = json.loads((sandbox.root / ran.document["telemetry"]).read_text(encoding="utf-8"))
        assert (ran.code, record["success"]) == (code, code == 0), (mode, required)
        assert (record["hal"]["mode"], record["hal"]["summary"]["status"]) == (mode, status)


@pytest.mark.parametrize("spec", ["../SPEC-1", "SPEC-KIT-DEMO/../..", "SPEC-1; touch pwned", "SPEC-1 $(touch pwned)"])
def test_r30_r35_a_stage_takes_nothing_but_an_id(sandbox: Sandbox, spec: str) -> None:
    packet(sandbox, stages={"plan": {"policy": [["sh", "-c", 'echo "$1"', "sh", "{spec}"]]}})
    ran = sandbox.speckit("stage", "plan", spec)
    assert ran.code == 2
    assert sandbox.git("status", "--porcelain", "--ignored").out == ""
    assert not list(sandbox.root.parent.rglob("pwned"))


def test_r29_two_records_of_one_second_are_two_files(sandbox: Sandbox) -> None:
    agents = {name: {"replay": "recorded"} for name in ("gemini", "claude", "gpt_pro", "gpt_codex")}
    sandbox.write("recorded/plan_claude.json", {})
    sandbox.write(".speckit.yaml", {"agents": agents, "readiness": [{"name": "git", "command": ["git", "--version"]}]})
    paths = {sandbox.speckit("ready", SPEC, "--format", "json").document["record"] for _ in range(3)}
    assert len(paths) == 3
    assert sandbox.judge("validate").document["examined"]["checked"] == 3


# Declared criteria: the same lessons, where acceptance is judged


def test_r26_r31_criteria_are_compared_by_whole_words() -> None:
    files = acceptance_packet()
    plan = "docs/SPEC-KIT-900/plan.md"
    files[plan] = files[plan].replace(b"## Timeline", b"## Timelines")
    assert broken(files) == ["timeline"]
    tasks = "docs/SPEC-KIT-900/tasks.md"
    files = acceptance_packet()
    files[tasks] = files[tasks].replace(b"T1 and T3 run in parallel.", b"A rerun in parallelism.")
    assert broken(files) == ["parallel"]


def test_r32_a_criterion_that_cannot_be_judged_does_not_pass() -> None:
    files = acceptance_packet()
    del files["docs/SPEC-KIT-900/tasks.md"]
    assert broken(files) == ["tasks", "touchpoints", "parallel"]


def test_r33_an_empty_cell_is_not_filled_by_its_neighbour() -> None:
    files = acceptance_packet()
    plan = "docs/SPEC-KIT-900/plan.md"
    files[plan] = files[plan].replace(b"| technical | measure it first |", b"|  | measure it first |")
    assert broken(files) == ["risks"]


# Runs


def test_r01_a_run_that_meets_a_conflict_exits_4_and_so_says_its_summary(sandbox: Sandbox) -> None:
    runs = Runs(sandbox)
    decision = {"proceed": True, "because": "nothing is in the way"}
    said = {"decision": decision, "consensus": {"agreements": ["a"], "conflicts": [CONFLICT]}}
    sandbox.write("said/plan_gemini.json", said)
    runs.configure(agents={**{n: runs.agent(n, m) for n, m in runs.modes.items()}, "gemini": {"replay": "said"}})
    assert runs.auto().code == 4
    assert (runs.summary["exit_code"], runs.summary["halt"]["reason"]) == (4, "conflict")
    assert runs.auto("--resume").code == 4, "asking again does not settle it"


def test_r11_when_every_agent_fails_the_synthesis_names_them_and_is_not_ok(sandbox: Sandbox) -> None:
    runs = Runs(sandbox, gemini="fail", claude="fail", gpt_pro="fail")
    assert runs.auto("--to", "plan").code == 3
    (path,) = (sandbox.root / EVIDENCE / "consensus" / RUN_SPEC).glob("*_synthesis.json")
    written = path.read_text()
    synthesis = json.loads(written)
    assert synthesis["status"] != "ok"
    assert (synthesis["stage"], synthesis["outputs"]) == ("plan", [])
    assert [each["agent"] for each in synthesis["missing"]] == ["claude", "gemini", "gpt_pro"]
    assert "${" not in written


@pytest.mark.tier2
def test_r12_a_run_gives_its_agents_three_hundred_kilobytes(sandbox: Sandbox) -> None:
    runs = Runs(sandbox)
    sandbox.write("product-requirements.md", "# Requirements\n\n" + "x" * 79 + "\n" + ("y" * 79 + "\n") * 3800)
    runs.configure(prompts={"context_bytes": 400_000})
    assert runs.auto("--to", "plan").code == 0
    calls = sandbox.root / ".git" / "speckit" / "calls"
    prompts = [path for path in calls.rglob("prompt*") if "-ballot-" not in path.parent.name]
    assert len(prompts) == 3
    assert all(path.stat().st_size > 300_000 for path in prompts)


@pytest.mark.parametrize(
    "spec", ["SPEC KIT-1", "SPEC-1 ../..", "SPEC-KIT-DEMO/../..", "SPEC-*", "-SPEC-1", "SPEC-1\nSPEC-2"]
)
def test_r16_r23_r30_a_run_takes_nothing_but_an_id(sandbox: Sandbox, spec: str) -> None:
    Runs(sandbox)
    assert sandbox.speckit("auto", spec).code == 2
    assert sandbox.git("status", "--porcelain").out == ""


def test_r24_a_stage_without_agents_is_undecided_and_said_to_be(sandbox: Sandbox) -> None:
    runs = Runs(sandbox)
    runs.configure(stages={"plan": {"agents": []}})
    ran = runs.auto("--to", "plan")
    assert ran.code == 3, ran
    assert "no roster" in ran.out + ran.err


@pytest.mark.tier2
def test_r25_a_run_counts_in_numbers_that_add_up(sandbox: Sandbox) -> None:
    runs = Runs(sandbox)
    runs.auto("--to", "tasks")
    cost, stages = runs.summary["cost"], runs.summary["stages"]
    assert cost["calls"] == sum(stage["cost"]["calls"] for stage in stages) == 12
    assert (cost["usd"], cost["priced_calls"], cost["source"]) == (None, 0, "unknown"), "unknown is never 0"


@pytest.mark.tier2
def test_r29_two_runs_never_have_the_same_names(sandbox: Sandbox) -> None:
    from guardrails.runs import new_name

    assert len({new_name() for _ in range(1000)}) == 1000
    runs = Runs(sandbox)
    runs.auto("--to", "plan")
    first = {str(path) for path in (sandbox.root / EVIDENCE).rglob("*") if path.is_file()}
    before = {path: Path(path).read_bytes() for path in first if "/costs/" not in path}
    sandbox.commit()
    runs.auto("--to", "plan")
    assert len(runs.summaries()) == 2
    assert {path: Path(path).read_bytes() for path in before} == before, "nothing of the first was written over"


# Evidence that is moved away


def test_r18_an_archive_removes_what_it_packed_and_says_what_it_measured(sandbox: Sandbox) -> None:
    runs = [make_run(sandbox.root, number, padding=b"a line of a log\n" * 5000) for number in range(5)]
    track(sandbox)
    before = sum(path.stat().st_size for path in (sandbox.root / EVIDENCE).rglob("*") if path.is_file())
    ran = sandbox.speckit("evidence", "archive", "--spec", SPEC)
    after = sum(path.stat().st_size for path in (sandbox.root / EVIDENCE).rglob("*") if path.is_file())
    assert (ran.code, after < before) == (0, True), ran
    assert not any((sandbox.root / path).exists() for path in (runs[0].ledger, *runs[0].files[:-1]))
    manifest = load(sandbox.root, f"{EVIDENCE}/archive/{SPEC}/manifest.json")
    assert manifest["archives"][0]["bytes_before"] == before
    assert manifest["archives"][-1]["bytes_after"] == pytest.approx(after, abs=200), "but for these very numbers"


@pytest.mark.parametrize("status", ["In Progress", "Backlog"])
def test_r18_active_specs_are_left_alone(sandbox: Sandbox, status: str) -> None:
    runs = [make_run(sandbox.root, number) for number in range(5)]
    track(sandbox, status)
    assert sandbox.speckit("evidence", "archive", "--spec", SPEC).code == 0
    assert all((sandbox.root / path).exists() for run in runs for path in run.all)
    assert not (sandbox.root / EVIDENCE / "archive").exists()


def test_r19_nothing_but_git_is_needed(sandbox: Sandbox, tmp_path: Path) -> None:
    for number in range(4):
        make_run(sandbox.root, number)
    track(sandbox)
    git = shutil.which("git")
    assert git
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "git").symlink_to(git)
    ran = sandbox.speckit("evidence", "archive", "--spec", SPEC, PATH=str(tmp_path / "bin"))
    assert (ran.code, "packed" in ran.out) == (0, True), ran


def test_r20_the_plan_is_said_before_the_first_step(sandbox: Sandbox) -> None:
    runs = [make_run(sandbox.root, number) for number in range(4)]
    track(sandbox)
    said = sandbox.speckit("evidence", "archive", "--spec", SPEC, "--dry-run").out
    assert all(f"would remove {path}" in said for path in (*runs[0].files[:-1], runs[0].ledger, runs[0].summary))
    assert all((sandbox.root / path).exists() for run in runs for path in run.all)
    lines = sandbox.speckit("evidence", "archive", "--spec", SPEC).out.splitlines()
    assert [line.split()[0] for line in lines] == ["keeping"] * 3 + ["packing", "packed", f"{SPEC}:"]


@pytest.mark.parametrize("spec", ["SPEC KIT 900", "SPEC-KIT-900 ../..", "/", "..", "", "SPEC-*"])
def test_r23_what_is_no_id_removes_nothing(sandbox: Sandbox, spec: str) -> None:
    run = make_run(sandbox.root)
    track(sandbox)
    assert sandbox.speckit("evidence", "archive", "--spec", spec, "--keep", "1", "--active").code == 2
    assert all((sandbox.root / path).exists() for path in run.all)
