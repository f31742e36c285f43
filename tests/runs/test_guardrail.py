"""Each stage's guardrail: what it asks for, what fails it, and that its record is what was measured."""

from __future__ import annotations

import json
from typing import Any

import pytest

from guardrails.config import STAGES
from guardrails.evidence import locked
from guardrails.runs import Checkpoint, Closed, Opened, open_stage, pack, unpack
from guardrails.runs.halt import halt
from tests.consensus.builder import CONFLICT, put
from tests.runs.stage_world import (
    DOCS,
    SPEC,
    agreements,
    configure,
    packet,
    run_stage,
    script,
    session,
    telemetry,
    world,
)
from tests.sandbox import EVIDENCE, Sandbox

EARLIER = STAGES[:-1]
FIELDS = {
    "plan": {"baseline", "hooks"},
    "tasks": {"tool"},
    "implement": {"lock_status", "hook_status"},
    "validate": {"scenarios", "hal"},
    "audit": {"scenarios", "hal"},
    "unlock": {"unlock_status"},
}


@pytest.fixture
def ready(sandbox: Sandbox) -> Sandbox:
    """A packet whose stages were all agreed upon."""
    agreements(sandbox, *EARLIER)
    packet(sandbox)
    return sandbox


@pytest.mark.parametrize("stage", STAGES)
def test_a_sound_stage_passes_and_its_record_is_accepted(ready: Sandbox, stage: str) -> None:
    ran = run_stage(world(ready), stage)
    assert (ran.closed.status, ran.closed.exit_code, ran.closed.halt) == ("passed", 0, None), ran.rows
    record = telemetry(ready, ran.closed)
    assert record["command"] == f"spec-ops-{stage}"
    assert record["success"] is True
    assert record.keys() >= FIELDS[stage]
    for check in ("validate", "secrets"):
        judged = ready.judge(check)
        assert (judged.code, judged.document["findings"]) == (0, []), judged
    paths = [artifact["path"] for artifact in record["artifacts"]]
    assert set(paths) == {file.path for file in ran.written} - {ran.closed.telemetry and ran.closed.telemetry.path}


@pytest.mark.parametrize("stage", STAGES)
def test_what_a_stage_gave_survives_the_journal(ready: Sandbox, stage: str) -> None:
    ran = run_stage(world(ready), stage)
    assert unpack(Opened, json.loads(json.dumps(pack(ran.opened)))) == ran.opened
    assert unpack(Closed, json.loads(json.dumps(pack(ran.closed)))) == ran.closed


@pytest.mark.parametrize("stage", STAGES)
def test_executed_again_a_stage_writes_the_same_bytes(ready: Sandbox, stage: str) -> None:
    """The step was killed before it was recorded: its own files are no dirt, and nothing is measured twice."""
    configure(ready, hal={"mode": "mock"}, stages={stage: {"policy": {"final": [["date", "+%N"]]}}})
    ready.commit()
    first = run_stage(world(ready), stage)
    files = {file.path: (ready.root / file.path).read_bytes() for file in first.written}
    again = run_stage(world(ready), stage, start=first.opened.start)
    assert (again.opened, again.closed) == (first.opened, first.closed)
    assert {file.path: (ready.root / file.path).read_bytes() for file in again.written} == files


@pytest.mark.parametrize(
    ("stage", "documents"), [("plan", ()), ("tasks", ("spec.md",)), ("implement", ("spec.md", "plan.md"))]
)
def test_a_stage_begins_from_its_documents(sandbox: Sandbox, stage: str, documents: tuple[str, ...]) -> None:
    packet(sandbox, documents or ("plan.md",))
    ran = run_stage(world(sandbox), stage)
    assert ran.rows["documents"][0] == "failed"
    assert (ran.closed.exit_code, ran.closed.halt and ran.closed.halt.reason) == (1, "guardrail")
    assert telemetry(sandbox, ran.closed)["success"] is False


@pytest.mark.parametrize(
    ("stage", "documents"),
    [("plan", ("spec.md",)), ("tasks", ("spec.md", "plan.md")), ("implement", ("spec.md", "plan.md", "tasks.md"))],
)
def test_documents_of_later_stages_may_still_be_unwritten(
    sandbox: Sandbox, stage: str, documents: tuple[str, ...]
) -> None:
    packet(sandbox, documents)
    ran = run_stage(world(sandbox), stage)
    assert ran.closed.exit_code == 0, ran.rows


def test_an_empty_document_and_a_linked_one_are_none(sandbox: Sandbox) -> None:
    packet(sandbox)
    sandbox.write(f"{DOCS}/spec.md", " \n")
    (sandbox.root / DOCS / "plan.md").unlink()
    (sandbox.root / DOCS / "plan.md").symlink_to("spec.md")
    sandbox.commit()
    ran = run_stage(world(sandbox), "tasks")
    assert ran.rows["documents"] == ("failed", f"tasks begins from {DOCS}/spec.md, which is empty (and 1 more)")


def test_a_spec_is_its_exact_id(sandbox: Sandbox) -> None:
    packet(sandbox)
    sandbox.git("mv", DOCS, f"{DOCS}2")
    sandbox.commit()
    assert run_stage(world(sandbox), "plan").rows["documents"][0] == "failed"


def test_a_finding_of_the_lint_fails_the_stage(ready: Sandbox) -> None:
    ready.write(f"{DOCS}/spec.md", "# Spec\n")
    ready.commit()
    ran = run_stage(world(ready), "plan")
    assert ran.rows["lint"][0] == "failed"
    record = telemetry(ready, ran.closed)
    assert record["baseline"]["status"] == "failed"
    assert "DOC004" in (ready.root / record["baseline"]["artifact"]).read_text(encoding="utf-8")


def test_another_specs_trouble_is_not_this_ones(ready: Sandbox) -> None:
    ready.write("docs/SPEC-KIT-DEMO2/spec.md", "# Nothing\n")
    ready.write(f"{EVIDENCE}/commands/SPEC-KIT-DEMO2/spec-plan_20260101T000000Z-a1.json", "{broken")
    ready.commit()
    assert run_stage(world(ready), "plan").closed.exit_code == 0
    assert run_stage(world(ready), "validate").closed.exit_code == 1, "the plan stage left files that nobody committed"
    ready.commit()
    assert run_stage(world(ready), "validate", nonce="4f2a9c11").closed.exit_code == 0


@pytest.mark.parametrize("missing", EARLIER)
def test_unlock_needs_every_verdict_before_it(sandbox: Sandbox, missing: str) -> None:
    agreements(sandbox, *(stage for stage in EARLIER if stage != missing))
    packet(sandbox, stages={"unlock": {"checks": []}})
    ran = run_stage(world(sandbox), "unlock", "ok")
    assert ran.closed.exit_code == 3
    assert ran.rows[f"verdict of {missing}"][0] == "failed"
    assert telemetry(sandbox, ran.closed)["unlock_status"] == "refused"


@pytest.mark.parametrize("lenient", [False, True])
@pytest.mark.parametrize("stage", ["audit", "unlock"])
def test_a_degraded_verdict_may_be_let_pass_but_never_reaches_unlock(
    sandbox: Sandbox, stage: str, lenient: bool
) -> None:
    agreements(sandbox, *EARLIER)
    [plan] = agreements(sandbox, "plan")
    (sandbox.root / plan.path("claude")).unlink()
    packet(sandbox)
    ran = run_stage(world(sandbox, allow_degraded=lenient), stage)
    passes = lenient and stage == "audit"
    assert ran.closed.exit_code == (0 if passes else 5), ran.rows
    assert ran.rows["verdict of plan"][0] == ("skipped" if passes else "failed")
    assert telemetry(sandbox, ran.closed)["overrides"] == ({"--allow-degraded": True} if lenient else {})


def test_a_conflict_is_exit_4(sandbox: Sandbox) -> None:
    agreements(sandbox, *EARLIER)
    [plan] = agreements(sandbox, "plan")
    spoilt = put(plan.files, plan.path("claude"), consensus={"agreements": ["a"], "conflicts": [CONFLICT]})
    sandbox.write(plan.path("claude"), spoilt[plan.path("claude")])
    packet(sandbox)
    ran = run_stage(world(sandbox), "audit")
    assert (ran.closed.exit_code, ran.closed.halt and ran.closed.halt.reason) == (4, "conflict")


def test_a_spec_that_changed_after_its_verdict_is_not_unlocked(ready: Sandbox) -> None:
    ready.write(f"{DOCS}/spec.md", (ready.root / DOCS / "spec.md").read_bytes() + b"More.\n")
    ready.commit()
    assert run_stage(world(ready), "unlock").closed.exit_code == 3


@pytest.mark.parametrize(
    ("verdict", "code", "status"),
    [
        ("ok", 0, "passed"),
        (None, 0, "skipped"),
        ("conflict", 4, "failed"),
        ("degraded", 5, "failed"),
        ("undecided", 3, "failed"),
        ("nonsense", 3, "failed"),
    ],
)
def test_the_agents_verdict_decides(ready: Sandbox, verdict: str | None, code: int, status: str) -> None:
    ran = run_stage(world(ready), "plan", verdict)
    assert (ran.closed.exit_code, ran.rows["consensus"][0]) == (code, status)


def test_a_run_without_a_verdict_does_not_pass(ready: Sandbox) -> None:
    ran = run_stage(world(ready, "20260131T093000Z-4f2a9c10"), "plan")
    assert (ran.closed.exit_code, ran.rows["consensus"]) == (3, ("failed", "no verdict was computed"))


def test_why_agents_could_not_be_asked_is_why_the_stage_failed(ready: Sandbox) -> None:
    over = halt("plan", "budget", "the next call could cost more than is left", "raise budget.usd")
    ran = run_stage(world(ready, "20260131T093000Z-4f2a9c10"), "plan", unasked=over)
    assert ran.closed.halt is not None
    assert (ran.closed.exit_code, ran.closed.halt.reason, ran.closed.halt.hint) == (1, "budget", over.hint)
    assert telemetry(ready, ran.closed)["success"] is False


def test_a_stage_that_is_tried_anew_is_measured_anew(ready: Sandbox) -> None:
    """A further attempt of a run uses the session of the first, whose files lie there."""
    name = script(ready, "judge", 'test -e "$HOME/fine"')
    configure(ready, stages={"plan": {"policy": [[f"./{name}"]]}})
    ready.commit()
    at = world(ready)
    first = run_stage(at, "plan")
    assert first.closed.halt is not None
    assert first.closed.halt.reason == "policy"
    (ready.home / "fine").touch()
    again = run_stage(at, "plan", start=first.opened.start)
    assert again.closed.halt == first.closed.halt, "executed again it is what it was"
    Checkpoint(at.repo, session("plan")).forget()
    anew = run_stage(at, "plan", own=again.written, start=first.opened.start)
    assert anew.closed.exit_code == 0, anew.rows
    assert telemetry(ready, anew.closed)["success"] is True
    assert ready.judge("validate").code == 0


def test_an_ok_at_unlock_is_recomputed(ready: Sandbox) -> None:
    """Somebody says ok, and there is no evidence of it."""
    ran = run_stage(world(ready), "unlock", "ok")
    assert ran.closed.exit_code == 3
    assert ran.rows["verdict of unlock at unlock"][0] == "failed"
    agreements(ready, "unlock")
    ready.commit()
    assert run_stage(world(ready), "unlock", "ok", nonce="4f2a9c11").closed.exit_code == 0


def test_the_lock_is_measured(ready: Sandbox) -> None:
    at = world(ready)
    ran = run_stage(at, "implement")
    assert telemetry(ready, ran.closed)["lock_status"] == "locked"
    opened = open_stage(at, session("implement", "4f2a9c11"), ran.opened.start, ran.written)
    assert opened.halt is not None
    assert (opened.halt.reason, opened.halt.message) == ("locked", "lock: nobody holds it")


def test_hooks_are_looked_at(ready: Sandbox) -> None:
    record = telemetry(ready, run_stage(world(ready), "plan").closed)
    assert record["hooks"] == {"session.start": "not installed"}
    ready.commit()
    assert ready.speckit("install").code == 0
    for stage, key in (("plan", "hooks"), ("implement", "hook_status")):
        record = telemetry(ready, run_stage(world(ready), stage, nonce="4f2a9c11").closed)
        ready.commit()
        assert record[key] == ({"session.start": "ok"} if stage == "plan" else "ok")


@pytest.mark.parametrize(
    ("agent", "why"),
    [
        ({"command": ["no-such-program"]}, "there is no program no-such-program"),
        ({"command": ["./not-there"]}, "there is no program ./not-there"),
        ({"replay": "recordings"}, "there is no folder recordings"),
    ],
)
@pytest.mark.parametrize(("stage", "run", "code"), [("plan", None, 0), ("tasks", None, 3), ("plan", "a run", 3)])
def test_tools_are_looked_for(
    sandbox: Sandbox, agent: dict[str, Any], why: str, stage: str, run: str | None, code: int
) -> None:
    packet(sandbox, agents={name: {"command": ["cat"]} for name in ("gemini", "gpt_pro")} | {"claude": agent})
    ran = run_stage(world(sandbox, run), stage)
    assert ran.rows["tools"] == ("failed" if code else "skipped", f"claude: {why}")
    assert ran.closed.exit_code == code
    if stage == "tasks":
        assert telemetry(sandbox, ran.closed)["tool"]["status"] == "missing"


def test_another_profile_may_answer_for_a_missing_agent(sandbox: Sandbox) -> None:
    profiles = {"spare": {"agents": {"claude": {"command": ["cat"]}}}}
    agents = {name: {"command": ["cat"]} for name in ("gemini", "gpt_pro")} | {"claude": {"command": ["no-such"]}}
    packet(sandbox, agents=agents, profiles=profiles, consensus={"fallback": "spare"})
    assert run_stage(world(sandbox, "a run"), "plan", "ok").closed.exit_code == 0


@pytest.mark.parametrize(("key", "names"), [("checks", ["lint", "lnit"]), ("probes", ["hal9000"])])
def test_a_name_that_nobody_knows_is_a_usage_error(sandbox: Sandbox, key: str, names: list[str]) -> None:
    packet(sandbox, stages={"plan": {key: names}})
    ran = run_stage(world(sandbox), "plan")
    assert (ran.closed.exit_code, ran.closed.halt and ran.closed.halt.reason) == (2, "usage")
    assert sandbox.judge("validate").code == 0


def test_what_is_skipped_fails_a_stage_that_is_required(sandbox: Sandbox) -> None:
    packet(sandbox, stages={"plan": {"required": True}})
    ran = run_stage(world(sandbox), "plan")
    assert ran.rows["hooks"][0] == "failed"
    assert (ran.rows["hooks"][1] or "").startswith("required, and skipped")
    assert ran.closed.exit_code == 1


def test_a_stage_whose_checks_find_nothing_is_undecided(sandbox: Sandbox) -> None:
    packet(sandbox, stages={"plan": {"checks": ["validate", "footprint"]}})
    ran = run_stage(world(sandbox), "plan")
    assert (ran.closed.exit_code, ran.rows["checks"][0]) == (3, "failed")


def test_the_record_says_which_run_it_belongs_to(ready: Sandbox) -> None:
    name = "20260131T093000Z-4f2a9c10"
    assert telemetry(ready, run_stage(world(ready, name), "plan", "ok").closed)["run"] == name
    ready.commit()
    assert "run" not in telemetry(ready, run_stage(world(ready), "plan", nonce="4f2a9c11").closed)


def test_what_the_consensus_wrote_is_an_artifact_of_its_session(ready: Sandbox) -> None:
    from guardrails.evidence import EvidenceStore

    at = world(ready)
    store = EvidenceStore(at.repo.root)
    mine = store.write(f"{EVIDENCE}/consensus/{SPEC}/{session('plan').name}_notes.md", b"x\n")
    others = store.write(f"{EVIDENCE}/costs/{SPEC}_notes.md", b"y\n")
    from guardrails.runs import TreeState

    start = TreeState(at.repo.head())
    ran = run_stage(at, "plan", "ok", (mine, others), start)
    assert ran.closed.exit_code == 0, ran.rows
    paths = [artifact["path"] for artifact in telemetry(ready, ran.closed)["artifacts"]]
    assert mine.path in paths
    assert others.path not in paths


def test_nobody_else_gets_in_while_a_stage_runs(ready: Sandbox) -> None:
    at = world(ready)
    with locked(at.repo, SPEC, "speckit auto"):
        ran = ready.speckit("stage", "plan", SPEC)
    assert ran.code == 2
    assert "(speckit auto, since " in ran.err
    assert ready.git("status", "--porcelain").out == ""
