"""`speckit stage`: what it prints, what it exits with, and what it leaves behind."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from guardrails.config import STAGES
from tests.runs.stage_world import AGENTS, SPEC, agreements, packet, script
from tests.sandbox import EVIDENCE, SPECKIT, Sandbox

HOSTILE = ["../x", "SPEC-*", "*", "SPEC-KIT-1\nSPEC-KIT-2", "$(touch pwned)", "SPEC KIT 1", "", "a" * 300, "SPEC-KIT-é"]


def everything(root: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in root.rglob("*") if path.is_file() and not path.is_symlink()}


def test_a_line_for_each_thing_and_where_the_record_lies(sandbox: Sandbox) -> None:
    packet(sandbox, stages={"plan": {"policy": [["echo", "{spec}"]]}})
    ran = sandbox.speckit("stage", "plan", SPEC)
    lines = ran.out.splitlines()
    assert ran.code == 0, ran
    assert "lint: passed" in lines
    assert "policy prefilter: passed: 1 passed" in lines
    assert "policy final: skipped: no command is configured" in lines
    assert lines[-1] == "plan: passed"
    assert lines[-2].startswith(f"telemetry: {EVIDENCE}/commands/{SPEC}/spec-plan_")
    assert (sandbox.root / lines[-2].partition(": ")[2]).is_file()


def test_a_failure_says_what_to_do(sandbox: Sandbox) -> None:
    packet(sandbox, ("plan.md",))
    ran = sandbox.speckit("stage", "plan", SPEC)
    assert ran.code == 1
    assert "plan: failed: guardrail, exit 1" in ran.out
    assert f"  hint: write docs/{SPEC}/spec.md and commit it" in ran.out
    quiet = sandbox.speckit("stage", "plan", SPEC, "-q", SPEC_OPS_ALLOW_DIRTY="1")
    assert "passed" not in quiet.out
    assert "documents: failed" in quiet.out


@pytest.mark.parametrize("stage", STAGES)
def test_one_document_for_programs(sandbox: Sandbox, stage: str) -> None:
    agreements(sandbox, *STAGES[:-1])
    packet(sandbox)
    ran = sandbox.speckit("stage", stage, SPEC, "--format", "json")
    made = ran.document
    assert (ran.code, made["exit_code"], made["status"], made["halt"]) == (0, 0, "passed", None)
    assert (made["schema"], made["spec"], made["stage"]) == ("speckit.stage/1", SPEC, stage)
    assert made["telemetry"] == made["written"][-1]["path"]
    assert {row["status"] for row in made["checks"]} <= {"passed", "failed", "skipped"}


@pytest.mark.parametrize("stage", STAGES)
def test_a_dry_run_writes_nothing_at_all(sandbox: Sandbox, stage: str) -> None:
    policy = {"prefilter": [["touch", "pwned", "{spec}"]], "final": [["touch", "{stage}"]]}
    packet(sandbox, stages={stage: {"policy": policy, "probes": ["hal"]}}, hal={"mode": "mock"})
    before = everything(sandbox.root.parent)
    ran = sandbox.speckit("stage", stage, SPEC, "--dry-run")
    assert ran.code == 0, ran
    assert everything(sandbox.root.parent) == before
    assert f"policy prefilter: touch pwned {SPEC}" in ran.out.splitlines()
    assert f"policy final: touch {stage}" in ran.out.splitlines()
    assert "hal: mock" in ran.out
    assert ("verdict of plan: must be ok" in ran.out) is (stage in ("audit", "unlock"))


def test_codes_are_those_of_the_contract(sandbox: Sandbox) -> None:
    packet(sandbox)
    assert sandbox.speckit("stage", "plan", SPEC).code == 0
    assert sandbox.speckit("stage", "plan", SPEC).code == 1, "the first left evidence that nobody committed"
    sandbox.commit()
    assert sandbox.speckit("stage", "unlock", SPEC).code == 3
    assert sandbox.speckit("stage", "nonsense", SPEC).code == 2
    assert sandbox.speckit("stage", "plan").code == 2
    assert sandbox.speckit("stage", "plan", SPEC, "--profile", "nobody's").code == 2


@pytest.mark.parametrize("spec", HOSTILE)
def test_what_is_no_spec_id_is_refused_before_anything_is_touched(sandbox: Sandbox, spec: str) -> None:
    packet(sandbox)
    before = everything(sandbox.root.parent)
    ran = sandbox.speckit("stage", "plan", spec)
    assert ran.code == 2
    assert "is not a SPEC id" in ran.err
    assert everything(sandbox.root.parent) == before


def test_a_slug_is_dropped(sandbox: Sandbox) -> None:
    packet(sandbox)
    assert f"/commands/{SPEC}/spec-plan_" in sandbox.speckit("stage", "plan", f"{SPEC}-generic-smoke").out


def test_two_at_once_are_refused_with_who_holds_the_lock(sandbox: Sandbox) -> None:
    script(sandbox, "wait", 'touch "$HOME/begun"; while ! test -e "$HOME/go"; do sleep 0.05; done')
    packet(sandbox, stages={"plan": {"policy": [["./wait"]]}})
    command = [*SPECKIT, "stage", "plan", SPEC, "--format", "json"]
    first = subprocess.Popen(command, cwd=sandbox.root, env=sandbox.environment, stdout=subprocess.PIPE)
    try:
        while not (sandbox.home / "begun").exists():
            assert first.poll() is None
        second = sandbox.speckit("stage", "tasks", SPEC)
        other = sandbox.speckit("stage", "plan", SPEC, "--dry-run")
    finally:
        (sandbox.home / "go").touch()
        out, _ = first.communicate(timeout=60)
    assert second.code == 2
    assert f"{SPEC} is locked by process {first.pid} (speckit stage plan, since " in second.err
    assert other.code == 0
    assert (first.returncode, json.loads(out)["status"]) == (0, "passed")


def test_nothing_is_left_in_the_git_directory(sandbox: Sandbox) -> None:
    packet(sandbox, stages={"plan": {"policy": [["true"]]}})
    sandbox.speckit("stage", "plan", SPEC)
    assert list((sandbox.root / ".git/speckit/stages").iterdir()) == []


def test_a_profile_may_name_other_agents(sandbox: Sandbox) -> None:
    agents = {**AGENTS, "claude": {"command": ["no-such-program"]}}
    packet(sandbox, agents=agents, profiles={"spare": {"agents": {"claude": {"command": ["cat"]}}}})
    assert sandbox.speckit("stage", "tasks", SPEC, SPEC_OPS_ALLOW_DIRTY="1").code == 3
    ran = sandbox.speckit("stage", "tasks", SPEC, "--profile", "spare", SPEC_OPS_ALLOW_DIRTY="1")
    assert ran.code == 0, ran


def test_evidence_is_not_written_through_a_link(sandbox: Sandbox, tmp_path: Path) -> None:
    packet(sandbox)
    (tmp_path / "elsewhere").mkdir()
    place = sandbox.root / EVIDENCE / "commands"
    place.parent.mkdir(parents=True)
    place.symlink_to(tmp_path / "elsewhere")
    sandbox.commit()
    ran = sandbox.speckit("stage", "plan", SPEC)
    assert (ran.code, list((tmp_path / "elsewhere").iterdir())) == (2, [])
    assert "not written through links" in ran.err


@pytest.mark.parametrize(
    "command",
    [
        ["stage", "plan"],
        ["stage", "plan", "--dry-run"],
        ["consensus", "run", "plan"],
        ["consensus", "run", "plan", "--dry-run"],
        ["consensus", "resolve", "plan"],
    ],
    ids=" ".join,
)
def test_a_spec_that_is_not_there_is_refused_and_leaves_no_trace(sandbox: Sandbox, command: list[str]) -> None:
    packet(sandbox)
    before = everything(sandbox.root)
    ran = sandbox.speckit(*command, "SPEC-KIT-TYPO")
    assert ran.code == 2, ran
    assert "SPEC-KIT-TYPO" in ran.err
    assert "hint: " in ran.err
    assert everything(sandbox.root).keys() == before.keys()
