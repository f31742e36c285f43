"""`speckit bench` with recordings, with workloads, and without asking anybody."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from guardrails.errors import GuardrailError
from guardrails.runs.bench import materialise, read_workload, standard_workload
from tests.runs.agents_world import answer
from tests.runs.stage_world import SPEC, TRIO, packet
from tests.sandbox import Ran, Sandbox

ROOT = Path(__file__).parent.parent.parent
PRICES = {"small-1": {"input_per_mtok": 1, "output_per_mtok": 2}}
STAGES = ("plan", "tasks", "validate")


def recorded(sandbox: Sandbox, folder: str, said: dict[str, Any], second: str = "agree", **used: Any) -> dict[str, Any]:
    """A profile whose agents are recordings, all alike; written, not committed. `second` is their vote on the second
    statement."""
    votes = [{"id": "s1", "vote": "agree", "because": ""}, {"id": "s2", "vote": second, "because": ""}]
    for stage in STAGES:
        for name in TRIO:
            sandbox.write(f"{folder}/{stage}_{name}.json", said)
            sandbox.write(f"{folder}/{stage}_{name}.usage.json", {"model": "small-1", **used})
            sandbox.write(f"{folder}/{stage}_{name}_ballot.json", {"ballot": votes})
            ballot = {"model": "small-1", "input_tokens": 100, "output_tokens": 10}
            sandbox.write(f"{folder}/{stage}_{name}_ballot.usage.json", ballot)
    return {"agents": {name: {"replay": folder} for name in TRIO}}


def theatre(sandbox: Sandbox) -> None:
    """Three profiles of recordings: two alike, one slower and at odds."""
    used = {"input_tokens": 1000, "output_tokens": 500}
    profiles = {
        "quick": recorded(sandbox, "rec/quick", answer(), latency_ms=2000, **used),
        "same": recorded(sandbox, "rec/same", answer(), latency_ms=2000, **used),
        "slow": recorded(
            sandbox, "rec/slow", answer(conflicts=("SQLite or Postgres",)), "abstain", latency_ms=9000, usd=0.5, **used
        ),
    }
    packet(sandbox, profiles=profiles, consensus={"retries": 0}, budget={"prices": PRICES})


def bench(sandbox: Sandbox, one: str, two: str, *arguments: str) -> Ran:
    return sandbox.speckit("bench", *arguments, "--profile", one, "--profile", two, "--format", "json")


def findings(ran: Ran, stage: str = "all") -> dict[str, tuple[Any, str]]:
    return {
        row["metric"]: (row["differences"][0]["value"], row["differences"][0]["finding"])
        for row in ran.document["compared"]
        if row["stage"] == stage
    }


class TestRecordings:
    @pytest.mark.tier2
    def test_a_known_difference_is_found(self, sandbox: Sandbox) -> None:
        theatre(sandbox)
        ran = bench(sandbox, "quick", "slow", SPEC, "--stage", "plan")
        assert ran.code == 0, ran
        found = findings(ran, "plan")
        assert found["latency"] == (7000, "higher")
        assert found["agreement"] == (-0.5, "lower")
        assert found["participation"] == (0, "none")
        assert found["tokens"] == (0, "none")
        assert ran.document["replayed"] is True

    @pytest.mark.tier2
    def test_no_difference_is_none_to_see(self, sandbox: Sandbox) -> None:
        theatre(sandbox)
        ran = bench(sandbox, "quick", "same", SPEC, "--stage", "plan")
        assert {finding for _, finding in findings(ran).values()} == {"none"}

    def test_a_recording_costs_nothing_and_is_compared_by_its_price(self, sandbox: Sandbox) -> None:
        theatre(sandbox)
        ran = bench(sandbox, "quick", "same", SPEC, "--stage", "plan", "--runs", "1")
        sample = ran.document["samples"][0]
        assert (sample["usd"], sample["usd_source"], sample["replayed"]) == (0.00636, "estimated", 6)
        assert ran.document["budget"]["paid"]["usd"] == 0

    def test_recordings_that_are_not_committed_are_not_there(self, sandbox: Sandbox) -> None:
        theatre(sandbox)
        sandbox.git("rm", "-r", "-q", "--cached", "rec/slow")
        sandbox.git("commit", "-q", "--no-verify", "-m", "without")
        ran = bench(sandbox, "quick", "slow", SPEC)
        assert (ran.code, "there is no folder rec/slow" in ran.err) == (3, True), ran


class TestDryRun:
    def test_the_bill_is_what_prices_make_of_the_prompts(self, sandbox: Sandbox) -> None:
        agents = {name: {"command": ["cat"], "model": "small-1"} for name in TRIO}
        packet(sandbox, profiles={"a": {"agents": agents}, "b": {"agents": agents}}, budget={"prices": PRICES})
        ran = bench(sandbox, "a", "b", SPEC, "--dry-run", "--runs", "4", "--budget", "0.01")
        assert ran.code == 0, ran
        plan, *_ = ran.document["expected"]
        prompt = sum(
            len(each.partition("===\n")[2].encode()) for each in _prompts(sandbox)
        )  # what consensus run would send
        assert plan["calls"] == 24
        assert plan["tokens"] == pytest.approx(4 * (3 * 5000 + prompt / 4), rel=0.01)
        assert plan["usd"] == pytest.approx(4 * (3 * 5000 * 2 + prompt / 4) / 1e6, rel=0.01)
        assert ran.document["budget"] == {"usd": 0.01, "holds": False}
        assert ran.document["total_usd"] == pytest.approx(
            sum(each["usd"] for each in ran.document["expected"] if each["stage"] == "all")
        )

    def test_nobody_is_asked_and_nothing_is_written(self, sandbox: Sandbox, tmp_path: Path) -> None:
        theatre(sandbox)
        scratch = tmp_path / "tmp"
        scratch.mkdir()
        before = _files(sandbox.root)
        ran = sandbox.speckit(
            "bench", SPEC, "--profile", "quick", "--profile", "slow", "--dry-run", TMPDIR=str(scratch)
        )
        assert (ran.code, "Nobody was asked, nothing was written." in ran.out) == (0, True), ran
        assert _files(sandbox.root) == before
        assert list(scratch.iterdir()) == []

    def test_what_has_no_price_is_unknown(self, sandbox: Sandbox) -> None:
        agents = {name: {"command": ["cat"], "model": "odd-1"} for name in TRIO}
        packet(sandbox, profiles={"a": {"agents": agents}, "b": {"agents": agents}})
        ran = sandbox.speckit("bench", SPEC, "--profile", "a", "--profile", "b", "--dry-run", "--budget", "1")
        assert "No price is configured for odd-1" in ran.out
        assert "enough cannot be known" in ran.out
        assert "$" not in ran.out.partition("\n\n")[2].partition("\n\n")[0]

    def test_other_documents_in_the_working_tree_are_told(self, sandbox: Sandbox) -> None:
        theatre(sandbox)
        told = "The working tree has other documents"
        clean = bench(sandbox, "quick", "slow", SPEC, "--dry-run")
        assert clean.document["notes"] == []
        sandbox.write(f"docs/{SPEC}/spec.md", "# Spec\n\n## Context\n\nAnother.\n")
        assert told in bench(sandbox, "quick", "slow", SPEC, "--dry-run").document["notes"][0]


def _prompts(sandbox: Sandbox) -> list[str]:
    said = sandbox.speckit("consensus", "run", "plan", SPEC, "--dry-run").out
    return ["===" + each for each in said.partition("\nnobody was asked")[0].split("\n===")]


def _files(root: Path) -> dict[str, float]:
    return {str(path): os.lstat(path).st_mtime_ns for path in root.rglob("*") if path.is_file()}


class TestWorkload:
    def configure(self, sandbox: Sandbox) -> None:
        """A repository that has profiles and nothing else: no SPEC, no commit."""
        used = {"input_tokens": 1000, "output_tokens": 500}
        profiles = {
            name: recorded(sandbox, f"rec/{name}", answer(), latency_ms=1000 * factor, **used)
            for name, factor in (("quick", 1), ("slow", 3))
        }
        sandbox.write(
            ".speckit.yaml", yaml.safe_dump({"version": 1, "profiles": profiles, "layout": {"docs": "papers"}})
        )

    def test_the_standard_workload_holds_what_lint_and_accept_ask_for(self, sandbox: Sandbox) -> None:
        for path, data in read_workload(standard_workload()).items():
            sandbox.write(path, data)
        sandbox.commit()
        lint = sandbox.judge("lint")
        assert (lint.code, lint.document["findings"], lint.document["summary"]["warning"]) == (0, [], 0), lint
        guard = sandbox.judge("guard")
        assert (guard.code, guard.document["findings"]) == (0, []), guard
        assert sandbox.judge("accept").document["findings"] == []

    @pytest.mark.tier2
    def test_it_is_benchmarked_in_a_repository_of_its_own(self, sandbox: Sandbox) -> None:
        self.configure(sandbox)
        ran = bench(sandbox, "quick", "slow", "--standard", "--runs", "1")
        assert ran.code == 0, ran
        assert ran.document["spec"] == "SPEC-KIT-900"
        assert findings(ran)["latency"] == (6000, "too-few")
        # What is declared of these answers: two agents' names and the agreement hold, and none of the tables is there.
        assert [each["acceptance"] for each in ran.document["samples"][:3]] == [2 / 5, 1 / 4, 1 / 5]
        assert not (sandbox.root / "docs").exists()
        again = sandbox.speckit("bench", "SPEC-KIT-900", "--resume", "--standard", "--format", "json")
        assert again.document == ran.document
        other = sandbox.speckit("bench", "SPEC-KIT-900", "--resume")
        assert other.code == 2, other

    @pytest.mark.tier2
    def test_an_answer_as_the_prompts_ask_for_it_meets_every_criterion(self, sandbox: Sandbox) -> None:
        self.configure(sandbox)
        for stage, said in GOOD.items():
            for name in TRIO:
                sandbox.write(f"rec/quick/{stage}_{name}.json", {**said, **answer()})
        ran = bench(sandbox, "quick", "slow", "--standard", "--runs", "1")
        assert [each["acceptance"] for each in ran.document["samples"][:3]] == [1.0, 1.0, 1.0]

    def test_a_directory_is_a_workload(self, sandbox: Sandbox, tmp_path: Path) -> None:
        self.configure(sandbox)
        place = tmp_path / "load" / "docs" / "SPEC-X-1"
        place.mkdir(parents=True)
        (place / "spec.md").write_text("# Spec\n")
        ran = bench(sandbox, "quick", "slow", "--workload", str(tmp_path / "load"), "--runs", "1", "--stage", "plan")
        assert (ran.code, ran.document["spec"]) == (0, "SPEC-X-1"), ran
        (tmp_path / "load" / "docs" / "SPEC-X-2").mkdir()
        (tmp_path / "load" / "docs" / "SPEC-X-2" / "spec.md").write_text("# Spec\n")
        two = bench(sandbox, "quick", "slow", "--workload", str(tmp_path / "load"))
        assert (two.code, "has 2 SPECs" in two.err) == (2, True)

    def test_a_link_in_a_workload_is_not_followed(self, tmp_path: Path) -> None:
        (tmp_path / "outside").write_text("secret")
        (tmp_path / "load").mkdir()
        (tmp_path / "load" / "spec.md").symlink_to(tmp_path / "outside")
        with pytest.raises(GuardrailError):
            read_workload(str(tmp_path / "load"))

    def test_the_same_files_are_the_same_commit(self, sandbox: Sandbox, tmp_path: Path) -> None:
        files = {"a/b.md": b"x\r\n", ".gitignore": b"*\n"}
        one = materialise(files, str(tmp_path / "one"), sandbox.environment)
        two = materialise(files, str(tmp_path / "two"), sandbox.environment)
        assert one.commit == two.commit
        assert (tmp_path / "one" / "a" / "b.md").read_bytes() == b"x\r\n"


GOOD: dict[str, dict[str, Any]] = {
    "plan": {
        "milestones": [{"name": name, "when": "day 1", "steps": []} for name in ("design", "build", "check")],
        "risks": [
            {"risk": f"{kind} trouble", "kind": kind, "owner": "engineer", "mitigation": "care"}
            for kind in ("technical", "process", "operational")
        ],
        "metrics": [{"name": name, "target": "200 ms"} for name in ("read", "write", "sync")],
    },
    "tasks": {
        "tasks": [
            {
                "task_id": f"T{number}",
                "title": f"Part {number}",
                "milestone": ("design", "build")[number % 2],
                "owner": "engineer",
                "deliverable": "a part",
                "definition_of_done": ["tested"],
                "parallel": True,
            }
            for number in range(8)
        ],
        "touchpoints": [{"with": team, "task_id": "T1", "what": "review"} for team in ("design", "quality")],
    },
    "validate": {
        "scenarios": [
            {"name": f"{kind} test", "type": kind, "status": "skipped"} for kind in ("unit", "integration", "load")
        ],
        "kpis": [{"name": "latency", "threshold": "200 ms"}, {"name": "errors", "threshold": "1 of 100"}],
        "rollback": {"trigger": "errors above 1 of 100", "steps": ["go back"]},
        "cost_estimate": {"time": "a day", "usd": "2", "basis": "machine hours"},
    },
}
