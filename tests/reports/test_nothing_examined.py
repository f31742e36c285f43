"""No target is met by nothing: what a week did not examine is unknown, and unknown is a gap."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from guardrails.config import Budget, Settings
from guardrails.reports import (
    Adoption,
    Audit,
    AuditEvidence,
    ChecklistItem,
    Figures,
    Gap,
    Sealed,
    adoption_report,
    audit_packet,
    executions,
    playback,
    reduce_evidence,
    status_report,
)
from guardrails.reports.adoption import as_document
from guardrails.snapshot import MemorySnapshot
from tests.consensus.builder import SPEC, Bundle, Files, put, render
from tests.records import EVIDENCE
from tests.reports.forms import adoption_shown, status_shown
from tests.reports.history import NOW, at, disputed, history, metrics, run, telemetry


def summary(number: int, cost: dict[str, Any], **changes: Any) -> Files:
    """The summary of a run of the sequencer in 2026-W07."""
    name = f"20260209T0900{number:02}Z-4f2a9c10"
    record = {
        "schemaVersion": 1, "specId": SPEC, "run": name, "profile": "cheap", "from": "plan", "to": "tasks",
        "started_at": f"2026-02-09T09:00:{number:02}Z", "finished_at": None, "outcome": "halted", "exit_code": 3,
        "halt": None, "stages": [], "cost": cost, **changes,
    }  # fmt: skip
    return {f"{EVIDENCE}/runs/{SPEC}/{name}.json": render(record)}


NOBODY = {"usd": 0.0, "tokens": 0, "source": "measured", "calls": 0, "priced_calls": 0}
UNPRICED = {"usd": None, "tokens": None, "source": "unknown", "calls": 23, "priced_calls": 0}


def adopted(files: Files, now: datetime = NOW) -> Adoption:
    return adoption_report(reduce_evidence(MemorySnapshot(files), Settings()), now, 4)


def week(files: Files) -> Figures:
    return adopted(files).weeks[2].total


def gaps(files: Files) -> dict[str, Gap]:
    return {each.what: each for each in adopted(files).weeks[2].gaps}


def of_runs(moment: datetime, *runs: Files) -> Files:
    return {path: data for each in runs for path, data in each.items()}


def test_halted_runs_that_called_nobody_make_no_cost_and_meet_no_target() -> None:
    files = of_runs(NOW, *(summary(number, NOBODY) for number in range(6)), summary(9, UNPRICED))
    found = week(files)
    assert (found.called, found.cost.usd, found.cost.calls, found.cost.priced) == (1, None, 23, 0)
    assert (found.usd_per_run, found.usd_per_run_is_floor) == (None, False)
    assert not gaps(files)["cost per run"].missed
    assert gaps(files)["cost per run"].value is None
    everything = "".join(adoption_shown(adopted(files), form) for form in ("text", "csv", "html"))
    assert "$0.00" not in everything
    assert "cost per run unknown" in adoption_shown(adopted(files))


def test_only_runs_that_called_nobody_have_no_cost_at_all() -> None:
    files = of_runs(NOW, *(summary(number, NOBODY) for number in range(6)))
    assert (week(files).cost.usd, week(files).usd_per_run, week(files).called) == (None, None, 0)
    assert "cost per run" in gaps(files)


def test_runs_of_nothing_do_not_reach_the_runs_a_week() -> None:
    files = of_runs(NOW, *(summary(number, NOBODY) for number in range(6)))
    assert (week(files).runs, week(files).empty) == (0, 6)
    assert gaps(files)["runs"].value == 0
    assert "6 empty" in adoption_shown(adopted(files))


def test_replayed_runs_reach_no_target() -> None:
    files: Files = {}
    for day in range(9, 15):
        bundle = Bundle(moment=at(2, day))
        made = run(bundle, (0.1, 0.1, 0.1))
        for agent in bundle.roster:
            path = bundle.path(f"{agent}_metrics")
            made[path] = made[path].replace(b'"attempt"', b'"replayed": true, "attempt"')
        files |= made
    found = week(files)
    assert (found.runs, found.replayed, found.agreement, found.outcomes.all) == (0, 6, None, 0)
    assert set(gaps(files)) == {"runs", "agreement", "cost per run"}


def test_a_part_of_the_price_is_a_lower_bound_that_meets_no_cap() -> None:
    found = gaps(history())["cost per run"]
    assert not found.missed
    assert found.value == pytest.approx(1.70 / 6)
    assert "at least $0.28" in adoption_shown(adopted(history()))
    document = as_document(adopted(history()))["weeks"][2]["total"]
    assert document["usd_per_run_is_floor"] is True


def test_a_lower_bound_above_the_cap_has_missed_it() -> None:
    files = run(Bundle(moment=at(2, 9)), (4.00, None, None))
    assert gaps(files)["cost per run"].missed
    assert "cost per run at least $4.00 (target $3.00)" in adoption_shown(adopted(files))


def test_calls_whose_metrics_were_taken_away_are_not_priced() -> None:
    bundle = Bundle(moment=at(2, 9))
    files = run(bundle, (0.10, 9.00, 9.00))
    for agent in bundle.roster[1:]:
        del files[bundle.path(f"{agent}_metrics")]
    (found,) = executions(reduce_evidence(MemorySnapshot(files), Settings()))
    assert (found.cost.calls, found.cost.priced, found.cost.partial) == (3, 1, True)
    assert "cost per run" in gaps(files)


def test_a_summary_that_counts_more_calls_than_are_left_makes_the_rest_unknown() -> None:
    bundle, name = Bundle(moment=at(2, 9)), "20260209T090000Z-4f2a9c10"
    cost = {"usd": 0.01, "tokens": 5, "source": "measured", "calls": 9, "priced_calls": 9}
    files = {**run(bundle, (1.0, 1.0, 1.0)), **telemetry(bundle, run=name), **summary(0, cost)}
    (found,) = executions(reduce_evidence(MemorySnapshot(files), Settings()))
    assert (found.cost.usd, found.cost.calls, found.cost.partial) == (3.0, 9, True)
    dear = {**cost, "usd": 7.5}
    (found,) = executions(reduce_evidence(MemorySnapshot({**files, **summary(0, dear)}), Settings()))
    assert (found.cost.usd, found.cost.calls, found.cost.partial) == (7.5, 9, False)


def test_one_session_that_agreed_beside_many_undecided_ones_is_no_agreement() -> None:
    files = run(Bundle(moment=at(2, 9)), (0.1, 0.1, 0.1))
    for day in range(10, 15):
        bundle = Bundle(moment=at(2, day))
        made = run(bundle, (0.1, 0.1, 0.1))
        files |= {path: data for path, data in made.items() if not path.endswith("gemini.json")}
    found = gaps(files)["agreement"]
    assert (found.value, found.missed) == (1.0, False)
    assert "1 of 6 sessions" in adoption_shown(adopted(files))


def test_agreement_that_no_digest_proves_does_not_count() -> None:
    bundle = Bundle(moment=at(2, 9))
    files = run(bundle, (0.1, 0.1, 0.1))
    for agent in bundle.roster:
        files = put(files, bundle.path(agent), prompt_sha256=None, inputs=[])
    assert week(files).agreement is None
    assert not gaps(files)["agreement"].missed


def test_latency_is_of_calls_that_answered_and_says_of_how_many() -> None:
    bundle = Bundle(moment=at(2, 9))
    files = run(bundle, (0.1, 0.1, 0.1), (0, 2, 0.05))
    path = bundle.path(f"{bundle.roster[2]}_metrics")
    files[path] = (
        files[path].replace(b'"status":"ok"', b'"status":"error"').replace(b'"status": "ok"', b'"status": "error"')
    )
    found = week(files)
    assert (found.p50_ms, found.p95_ms, found.calls, found.timed) == (2000, 2000, 3, 1)
    assert "2.0 s, 1 of 3 answers" in adoption_shown(adopted(files))


def test_tokens_of_which_a_part_is_unknown_are_unknown() -> None:
    assert week(history()).cost.total_tokens is None
    assert adopted(history()).weeks[0].total.cost.tokens == 2 * 3 * 4000


def test_costs_by_stage_with_an_unpriced_call_are_at_least_that_much() -> None:
    (found,) = adopted(history()).profiles
    assert [(each.stage, each.floor) for each in found.stages if each.usd is not None] == [
        ("plan", True),
        ("tasks", False),
        ("validate", False),
    ]
    assert "\u2265 none named" in adoption_shown(adopted(history()), "html")


def test_no_alert_is_only_good_where_two_weeks_could_raise_one() -> None:
    late = {path: data for path, data in history().items() if "202601" not in path and "20260203" not in path}
    assert adopted(late).alerts == ()
    assert "none: no two complete weeks" in adoption_shown(adopted(late))
    assert 'class="good"' not in _fact(adoption_shown(adopted(late), "html"), "Alerts")


def _fact(page: str, label: str) -> str:
    return next(part for part in page.split("<div") if f">{label}<" in part)


def test_figures_on_the_page_are_green_only_where_a_target_is_reached() -> None:
    page = adoption_shown(adopted(history()), "html")
    assert "good" in _fact(page, "Runs")
    assert "good" in _fact(page, "Agreement")
    assert "warn" in _fact(page, "Cost of a run")
    assert "at least $0.28" in _fact(page, "Cost of a run")


def test_a_disputed_run_counts_in_every_figure() -> None:
    found = week(disputed(Bundle(moment=at(2, 9), with_verdict=False), (1.0, 1.0, 1.0)))
    assert (found.runs, found.called, found.outcomes.conflict, found.usd_per_run) == (1, 1, 1, 3.0)


def test_a_stage_that_was_run_alone_called_nobody_and_leaves_costs_as_they_are() -> None:
    alone = Bundle(moment=at(2, 10))
    files = {**run(Bundle(moment=at(2, 9)), (0.1, 0.1, 0.1)), **telemetry(alone)}
    found = week(files)
    assert (found.runs, found.called) == (2, 1)
    assert (found.usd_per_run, found.usd_per_run_is_floor) == (pytest.approx(0.3), False)
    assert metrics(alone, (None, None, None))


def audited(files: Files) -> Audit:
    evidence = AuditEvidence((), Sealed(0, ""))
    return audit_packet(
        reduce_evidence(MemorySnapshot(files), Settings()), Settings(), Budget(usd=3.0), evidence, NOW, SPEC
    )


def cap_item(files: Files) -> ChecklistItem:
    return next(item for item in audited(files).items if "cap" in item.what)


def test_runs_that_called_nobody_do_not_hold_a_cap() -> None:
    idle = of_runs(NOW, *(summary(number, NOBODY) for number in range(6)))
    assert cap_item(idle).state == "unknown"
    assert cap_item({**idle, **run(Bundle(moment=at(2, 9)), (0.1, 0.1, 0.1))}).why.startswith("the dearest of 1 runs")


def test_a_stage_with_an_unpriced_call_is_not_within_its_cap() -> None:
    def cost(*usd: float | None) -> bool | None:
        found = audited(run(Bundle(moment=at(2, 9)), usd))
        return next(row.within for row in found.variances if row.what == "cost")

    assert (cost(0.1, 0.1, 0.1), cost(0.1, None, None), cost(9.0, None, None)) == (True, None, False)


def test_the_agreement_of_one_agent_with_itself_is_not_within_what_is_expected() -> None:
    bundle = Bundle(moment=at(2, 9))
    files = {path: data for path, data in bundle.files.items() if not path.endswith(("gemini.json", "claude.json"))}
    (row,) = [row for row in audited(files).variances if row.what == "agreement"]
    assert (row.actual, row.within) == (None, None)


def test_rules_that_were_played_back_over_no_run_say_so() -> None:
    early = run(Bundle(moment=at(1, 5)), (0.1, 0.1, 0.1))
    found = playback(reduce_evidence(MemorySnapshot(early), Settings()), NOW, 4, 3.0, SPEC)
    assert found.runs == 0
    assert {each.alert.name for each in found.fired} == {"adoption-low-runs"}


def test_what_a_status_page_counts_nothing_of_is_not_green() -> None:
    facts = reduce_evidence(MemorySnapshot({f"docs/{SPEC}/spec.md": b"# Spec\n"}), Settings())
    page = status_shown(status_report(facts, Settings(), NOW, 24), "html")
    assert "good" not in _fact(page, "Conflicts") + _fact(page, "Stale") + _fact(page, "Over the limit")
