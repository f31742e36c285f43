"""The state of a SPEC: what its latest records say, recomputed, and what to do next."""

from __future__ import annotations

import pytest

from guardrails.config import STAGES, EvidenceSettings, Settings, Waiver
from guardrails.core import MEGABYTE
from guardrails.reports import Reach, SpecState, reduce_evidence, status_report
from guardrails.reports import reduce as reducing
from guardrails.reports.status import as_document
from guardrails.snapshot import MemorySnapshot
from tests.consensus.builder import SPEC, TRIO, Bundle, Files, put, render, without
from tests.reports.forms import status_shown
from tests.reports.history import NOW, at, costs, disputed, history, metrics, run, telemetry
from tests.sandbox import EVIDENCE, Sandbox

LATEST = Bundle(moment=at(2, 17))


def state(files: Files, settings: Settings | None = None, hours: float = 24) -> SpecState:
    used = settings or Settings()
    (found,) = status_report(reduce_evidence(MemorySnapshot(files), used, Reach(latest=True)), used, NOW, hours).specs
    return found


def whole() -> Files:
    """A SPEC of which every stage holds."""
    files: Files = {}
    for hour, stage in enumerate(STAGES):
        roster = (*TRIO[:2], "gpt_codex", TRIO[2]) if stage == "implement" else TRIO
        bundle = Bundle(stage=stage, moment=at(2, 17, 13 + hour), roster=roster)
        files |= run(bundle, [0.1] * len(roster), [1] * len(roster))
    return {**history(), **files, f"docs/{SPEC}/plan.md": b"# Plan\n", f"docs/{SPEC}/tasks.md": b"# Tasks\n"}


def test_every_stage_that_holds_is_said_to_hold() -> None:
    found = state(whole())
    assert [(stage.guardrail, stage.verdict, stage.holds) for stage in found.stages] == [("passed", "ok", True)] * 6
    assert found.next_step == "every stage holds: set its row in the tracker to Done"
    assert not found.stale


def test_the_latest_session_speaks_and_older_conflicts_do_not() -> None:
    found = state(history())
    by_stage = {stage.stage: stage for stage in found.stages}
    assert by_stage["plan"].verdict == "ok"
    assert by_stage["tasks"].verdict == "conflict"
    assert by_stage["audit"].verdict == by_stage["audit"].guardrail == "not run"
    assert found.stages[0].cost.usd == pytest.approx(0.30)


def test_agents_are_shown_with_their_model_and_what_came_of_them() -> None:
    bundle = LATEST
    files = without({**bundle.files, **metrics(bundle, (0.1, 0.1, None))}, bundle.path("gpt_pro"))
    files = put(files, bundle.path("gemini"), error="rate limit")
    files = put(files, bundle.path("gpt_pro_metrics"), status="error", error="the command was not found")
    agents = {agent.agent: agent for agent in state(files).stages[0].agents}
    assert (agents["claude"].outcome, agents["claude"].model) == ("usable", "claude-1")
    assert agents["gemini"].outcome == "unusable"
    assert "rate limit" in (agents["gemini"].reason or "")
    assert (agents["gpt_pro"].outcome, agents["gpt_pro"].reason) == ("missing", "the command was not found")
    silent = state(without(files, bundle.path("claude_metrics"))).stages[0].agents
    assert next(agent for agent in silent if agent.agent == "claude").model is None


def test_a_document_that_changed_since_makes_a_stage_stale_and_undecided() -> None:
    files = {**whole(), f"docs/{SPEC}/spec.md": b"# Spec\n\nchanged\n"}
    found = state(files).stages[0]
    assert found.verdict == "undecided"
    assert not found.holds
    assert found.sessions[0].then.kind == "ok", "what it was worth then is another question"
    assert "(stale)" in status_shown(
        status_report(reduce_evidence(MemorySnapshot(files), Settings()), Settings(), NOW, 24), whole=True
    )


@pytest.mark.parametrize(
    ("files", "step"),
    [
        pytest.param({f"{EVIDENCE}/commands/{SPEC}/notes.json": b"{}"}, "write docs for it", id="no packet"),
        pytest.param({f"docs/{SPEC}/plan.md": b"x"}, f"write docs/{SPEC}/spec.md", id="no spec.md"),
        pytest.param({f"docs/{SPEC}/spec.md": b"x"}, f"plan: speckit auto {SPEC} --from plan", id="never run"),
        pytest.param(
            run(LATEST, (0.1, 0.1, 0.1)) | telemetry(LATEST, unlock_status="failed"),
            "plan: its guardrail failed (unlock_status is failed)",
            id="a guardrail that failed",
        ),
        pytest.param(
            disputed(LATEST._replace(with_verdict=False), (0.1, 0.1, 0.1)),
            f"plan: speckit consensus resolve plan {SPEC} --conflict ",
            id="a conflict",
        ),
        pytest.param(
            without(run(LATEST, (0.1,) * 3), LATEST.path("claude")),
            "plan: consensus is degraded (2 of 3 agents answered usably (0.67)): speckit consensus run plan",
            id="an agent missing",
        ),
    ],
)  # fmt: skip
def test_the_next_step_is_the_most_pressing(files: Files, step: str) -> None:
    assert state(files).next_step.startswith(step)


def test_the_limit_of_evidence_goes_before_stages() -> None:
    settings = Settings(evidence=EvidenceSettings(warn_bytes=10, limit_bytes=100))
    found = state(history(), settings)
    assert found.weight == "over"
    assert f"speckit evidence archive {SPEC}" in found.next_step
    assert len(found.footprint.largest) == 3 if found.footprint else False
    assert state(history(), Settings(evidence=EvidenceSettings(10, MEGABYTE))).weight == "warning"


def test_a_done_spec_is_never_stale_and_another_is_after_its_hours() -> None:
    assert state(history(), hours=24).stale
    assert not state(history(), hours=24 * 30).stale
    done = {**history(), "SPEC.md": history()["SPEC.md"].replace(b"In Progress", b"Done")}
    assert not state(done).stale
    assert state(done).age_hours == pytest.approx(99)


def test_whether_a_spec_without_dated_evidence_is_stale_is_unknown() -> None:
    found = state({path: data for path, data in history().items() if not path.startswith(EVIDENCE)})
    assert (found.latest, found.age_hours, found.stale) == (None, None, None)


def test_a_waiver_is_open_where_it_may_concern_the_spec_and_has_not_expired() -> None:
    waivers = (
        Waiver("TRK006", "SPEC.md", "agreed", "2026-12-31"),
        Waiver("TEL002", f"docs/{SPEC}/evidence/x.json", "agreed", "2026-12-31"),
        Waiver("FPT001", f"{EVIDENCE}/SPEC-OTHER-1", "agreed", "2026-12-31"),
        Waiver("TRK006", "docs/prd.md", "agreed", "2026-02-17"),
    )
    assert state(history(), Settings(waivers=waivers)).waivers == waivers[:2]


def test_costs_that_say_zero_for_paid_calls_are_unknown() -> None:
    old = {"spec_id": SPEC, "total_spent": 0.0, "call_count": 21, "per_stage": {"spec-plan": 0.0}, "budget": 2.0}
    summary = {path: render(old) for path in costs({"plan": 0.5})}
    found = state({**history(), **summary})
    assert found.cost is not None
    assert (found.cost.total.usd, found.cost.total.calls, found.cost.zero_for_calls) == (None, 21, True)
    free = costs({"plan": 0.0}, total_usd=0.0)
    measured = state({**history(), **free}).cost
    assert measured is not None
    assert measured.total.usd == 0.0, "what was measured to be free is free"


def test_the_command_shows_all_specs_or_one_and_knows_what_is_not_there(sandbox: Sandbox) -> None:
    for path, data in history().items():
        sandbox.write(path, data)
    sandbox.commit()
    table = sandbox.speckit("status")
    assert table.code == 0
    assert f"{SPEC}  In Progress  1/6" in table.out
    one = sandbox.speckit("status", SPEC, "--format", "json", "--source", "HEAD")
    (spec,) = one.document["specs"]
    assert (spec["stages"][1]["verdict"], spec["tracker"][0]["task"]) == ("conflict", "T26")
    missing = sandbox.speckit("status", "SPEC-KIT-DEM")
    assert (missing.code, "nothing is known of SPEC-KIT-DEM" in missing.err) == (3, True)
    assert sandbox.speckit("status", "SPEC-*").code == 2


def test_status_and_the_gate_never_differ(sandbox: Sandbox) -> None:
    files = {**history(), f"docs/{SPEC}/spec.md": b"# Spec\n\nchanged\n"}
    for path, data in files.items():
        sandbox.write(path, data)
    shown = sandbox.speckit("status", SPEC, "--format", "json").document["specs"][0]["stages"]
    codes = {"ok": 0, "conflict": 4, "degraded": 5, "undecided": 3}
    for stage in shown:
        if stage["verdict"] != "not run":
            gate = sandbox.speckit("consensus", "check", SPEC, "--stage", stage["stage"])
            assert gate.code == codes[stage["verdict"]], stage


def test_text_from_evidence_cannot_drive_a_terminal_or_fill_it() -> None:
    bundle = LATEST
    files = put(run(bundle, (0.1, 0.1, 0.1)), bundle.path("claude_metrics"), model_id="\x1b[31mred" + "x" * 100_000)
    text = status_shown(
        status_report(reduce_evidence(MemorySnapshot(files), Settings()), Settings(), NOW, 24), whole=True
    )
    assert "\x1b" not in text
    assert len(text) < 5_000
    document = as_document(status_report(reduce_evidence(MemorySnapshot(files), Settings()), Settings(), NOW, 24))
    assert len(str(document)) < 20_000


@pytest.mark.tier2
def test_many_specs_are_read_by_two_processes_and_come_to_the_same_as_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    files: Files = {}
    for number in range(reducing.LEAST_SPECS + 3):
        files |= {path.replace(SPEC, f"SPEC-KIT-{number:03}"): data.replace(SPEC.encode(), b"SPEC-KIT-%03d" % number)
                  for path, data in history().items()}  # fmt: skip
    by_two = reducing.reduce_evidence(MemorySnapshot(files), Settings())
    assert len(by_two.sessions) == 9 * (reducing.LEAST_SPECS + 3)
    monkeypatch.setattr(reducing, "LEAST_SPECS", 10_000)
    assert reducing.reduce_evidence(MemorySnapshot(files), Settings()) == by_two
    monkeypatch.setattr(reducing, "PARTS", 1)
    assert reducing.reduce_evidence(MemorySnapshot(files), Settings()) == by_two


def test_one_file_of_a_commit_is_looked_up_without_listing_all_of_it(sandbox: Sandbox) -> None:
    for path, data in history().items():
        sandbox.write(path, data)
    sandbox.commit()
    trace = sandbox.root / ".git" / "trace"
    assert sandbox.speckit("status", "--source", "HEAD", GIT_TRACE=str(trace)).code == 0
    listings = [line for line in trace.read_text().splitlines() if "ls-tree" in line]
    assert listings
    assert all(" -- " in line for line in listings)
