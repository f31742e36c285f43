"""Adoption over a history that was counted by hand."""

from __future__ import annotations

import csv
import io
import json
from datetime import timedelta

import pytest

from guardrails.config import Settings
from guardrails.reports import (
    NO_PROFILE,
    Adoption,
    Gap,
    Outcomes,
    adoption_report,
    executions,
    reduce_evidence,
    week_name,
)
from guardrails.reports.adoption import as_document
from guardrails.snapshot import MemorySnapshot
from tests.consensus.builder import SPEC, Bundle, Files, render
from tests.records import EVIDENCE
from tests.reports.forms import adoption_shown
from tests.reports.history import NOW, at, history, run, telemetry
from tests.sandbox import Sandbox


def adopted(files: Files, weeks: int = 4) -> Adoption:
    return adoption_report(reduce_evidence(MemorySnapshot(files), Settings()), NOW, weeks)


@pytest.fixture(scope="module")
def known() -> Adoption:
    return adopted(history())


def test_runs_are_counted_in_their_iso_weeks(known: Adoption) -> None:
    assert [(week.name, week.complete, week.total.runs) for week in known.weeks] == [
        ("2026-W05", True, 2),
        ("2026-W06", True, 1),
        ("2026-W07", True, 6),
        ("2026-W08", False, 0),
    ]
    assert (known.before, known.undated) == (0, 0)


def test_figures_are_those_worked_out_by_hand(known: Adoption) -> None:
    first, second, third, last = (week.total for week in known.weeks)
    assert [each.outcomes for each in (first, second, third)] == [
        Outcomes(conflict=2),
        Outcomes(conflict=1),
        Outcomes(ok=6),
    ]
    assert first.agreement == pytest.approx(0.8)
    assert second.agreement == pytest.approx(2 / 3)
    assert third.agreement == 1.0
    assert (third.p50_ms, third.p95_ms) == (9000, 18000)
    assert first.usd_per_run == pytest.approx(3.6)
    assert second.cost.usd == pytest.approx(3.75)
    assert third.cost.usd == pytest.approx(1.70)
    assert (third.cost.calls, third.cost.priced, third.cost.partial) == (18, 17, True)
    assert third.usd_per_run == pytest.approx((5 * 0.30 + 0.20) / 6)
    assert (last.agreement, last.p95_ms, last.cost.usd, last.usd_per_run) == (None, None, None, None)


def test_gaps_to_the_targets_are_named_and_unknown_is_a_gap(known: Adoption) -> None:
    assert [gap.what for gap in known.weeks[0].gaps] == ["runs", "agreement", "cost per run"]
    assert all(gap.missed for gap in known.weeks[0].gaps)
    (cost,) = known.weeks[2].gaps
    assert (cost.what, cost.missed, cost.why) == ("cost per run", False, "17 of 18 calls priced")
    assert known.weeks[3].gaps == (
        Gap("runs", 0, 5, missed=True),
        Gap("agreement", None, 0.90, missed=False, why="no session"),
        Gap("cost per run", None, 3.00, missed=False, why="no agent was called"),
    )


def test_two_weeks_in_a_row_raise_each_alert_once(known: Adoption) -> None:
    assert [(alert.name, alert.period) for alert in known.alerts] == [
        ("adoption-low-runs", "2026-W05/2026-W06"),
        ("adoption-low-agreement", "2026-W05/2026-W06"),
        ("adoption-high-cost", "2026-W05/2026-W06"),
    ]


def test_one_bad_week_and_a_week_under_way_raise_none() -> None:
    files = {path: data for path, data in history().items() if "20260203" not in path}
    late = adoption_report(reduce_evidence(MemorySnapshot(files), Settings()), at(2, 4), 2)
    assert late.alerts == ()


def test_runs_outside_the_weeks_are_said(known: Adoption) -> None:
    assert adopted(history(), weeks=2).before == 3
    assert "3 older runs" in adoption_shown(adopted(history(), weeks=2))


def test_a_run_of_the_sequencer_is_one_run_and_names_its_profile() -> None:
    plan, tasks = Bundle(moment=at(2, 9)), Bundle(stage="tasks", moment=at(2, 9, 10))
    name = "20260209T090000Z-4f2a9c10"
    files = {**plan.files, **telemetry(plan, run=name), **tasks.files, **telemetry(tasks, run=name)}
    summary = {
        "schemaVersion": 1, "specId": SPEC, "run": name, "profile": "cheap", "from": "plan", "to": "tasks",
        "started_at": "2026-02-09T09:00:00Z", "finished_at": None, "outcome": "halted", "exit_code": 4, "halt": None,
        "stages": [], "cost": {"usd": None, "tokens": None, "source": "unknown"},
    }  # fmt: skip
    files[f"{EVIDENCE}/runs/{SPEC}/{name}.json"] = render(summary)
    (found,) = executions(reduce_evidence(MemorySnapshot(files), Settings()))
    assert (found.name, found.profile, len(found.stages), found.failed) == (name, "cheap", 2, True)
    (row,) = adopted(files).weeks[2].rows
    assert (row.profile, row.figures.runs, row.figures.failed) == ("cheap", 1, 1)


def test_stages_of_one_process_of_the_older_tool_are_one_run() -> None:
    files = {}
    for stage, minute in (("plan", 10), ("tasks", 20)):
        record = {
            "schemaVersion": 1, "command": f"guardrail.{stage}", "specId": SPEC, "sessionId": "705916",
            "timestamp": f"2026-02-09T09:{minute}:00Z", "success": True, "checks": [{"name": "a", "status": "passed"}],
        }  # fmt: skip
        for style in ("T09_{}_00Z", "T09-{}-00Z"):  # the same record was kept under two styles of one stamp
            stamp = f"2026-02-09{style.format(minute)}"
            files[f"docs/{SPEC}/evidence/guardrail-{stage}-{stamp}_705916.json"] = render(record)
    (found,) = executions(reduce_evidence(MemorySnapshot(files), Settings()))
    assert [each.stage for each in found.stages] == ["plan", "tasks"]


def test_replayed_answers_are_counted_apart_and_are_no_latency_or_cost() -> None:
    bundle = Bundle(moment=at(2, 9))
    files = run(bundle, (0.1, 0.1, 0.1))
    for agent in bundle.roster:
        path = bundle.path(f"{agent}_metrics")
        files[path] = files[path].replace(b'"attempt"', b'"replayed": true, "attempt"')
    total = adopted(files).weeks[2].total
    assert (total.runs, total.replayed, total.outcomes.ok, total.p95_ms, total.cost.usd) == (0, 1, 0, None, None)


def test_csv_has_a_row_for_each_week_and_profile_and_empty_cells_for_unknown(known: Adoption) -> None:
    rows = list(csv.DictReader(io.StringIO(adoption_shown(known, "csv"))))
    assert [(row["week"], row["profile"], row["runs"]) for row in rows] == [
        ("2026-W05", NO_PROFILE, "2"),
        ("2026-W06", NO_PROFILE, "1"),
        ("2026-W07", NO_PROFILE, "6"),
        ("2026-W08", "all", "0"),
    ]
    assert rows[2]["latency_p95_ms"] == "18000"
    assert rows[2]["cost_is_lower_bound"] == "yes"
    assert (rows[3]["agreement"], rows[3]["cost_usd"]) == ("", "")


@pytest.mark.parametrize("name", ["=cmd|' /C calc'!A0", "+1", "-1", "@sum(1)", "\t=1", " =1", 'a",b\n=2'])
def test_no_cell_of_csv_is_a_formula_or_breaks_out_of_its_row(name: str) -> None:
    run_ = "20260209T090000Z-4f2a9c10"
    summary = {
        "schemaVersion": 1, "specId": SPEC, "run": run_, "profile": name, "started_at": "2026-02-09T09:00:00Z",
        "outcome": "completed", "exit_code": 0, "halt": None, "stages": [{"stage": "plan", "status": "passed"}],
    }  # fmt: skip
    text = adoption_shown(adopted({f"{EVIDENCE}/runs/{SPEC}/{run_}.json": render(summary)}), "csv")
    (row,) = [row for row in csv.DictReader(io.StringIO(text)) if row["runs"] == "1"]
    assert not row["profile"].lstrip().startswith(("=", "+", "-", "@"))
    assert name.strip().split()[0][:3].replace('"', "") in row["profile"].replace('"', "").lstrip("'")


def test_text_and_json_tell_the_same(known: Adoption) -> None:
    text, document = adoption_shown(known), as_document(known)
    assert "at least $1.70, 17 of 18 calls priced" in text
    assert document["weeks"][2]["total"]["p95_ms"] == 18000
    assert document["weeks"][2]["total"]["cost"]["floor"] is True
    assert json.loads(json.dumps(document)) == document


def test_weeks_have_the_year_that_iso_gives_them() -> None:
    assert week_name(at(1, 1).date() - timedelta(days=3)) == "2026-W01"


def test_the_command_reads_any_source_and_says_when_there_is_nothing(sandbox: Sandbox) -> None:
    sandbox.commit()
    empty = sandbox.speckit("adoption")
    assert empty.code == 3
    assert "no run is recorded" in empty.err
    for path, data in history().items():
        sandbox.write(path, data)
    sandbox.commit()
    for source in ("worktree", "index", "HEAD"):
        ran = sandbox.speckit("adoption", "--until", "2026-02-18", "--format", "json", "--source", source)
        assert ran.code == 0, ran
        assert [week["total"]["runs"] for week in ran.document["weeks"]] == [2, 1, 6, 0]
    assert sandbox.speckit("adoption", "--source", "HEAD~1").code == 3
