"""`speckit bench` with agents that are real processes, in clones that git really makes."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from guardrails.runs.bench import Trial, order
from tests.runs.agents_world import Cast, answer
from tests.runs.stage_world import DOCS, SPEC, TRIO
from tests.sandbox import SPECKIT, Ran, Sandbox

BOTH = ("--profile", "cheap", "--profile", "dear")
PRICES = {
    "small-1": {"input_per_mtok": 0.1, "output_per_mtok": 0.4},
    "large-1": {"input_per_mtok": 5, "output_per_mtok": 20},
}
STORAGE = "SQLite or Postgres by default"


def usage(said: dict[str, Any], usd: float) -> dict[str, Any]:
    """An answer as one of the tools wraps it: with what it cost."""
    return {
        "type": "result",
        "is_error": False,
        "result": json.dumps(said),
        "total_cost_usd": usd,
        "usage": {"input_tokens": 3000, "output_tokens": 1000},
    }


class Stage(Cast):
    """Two profiles, cheap and dear, each with three agents of its own; nobody else can be called."""

    def __init__(self, sandbox: Sandbox, **settings: Any) -> None:
        self.folder = sandbox.root.parent / "agents"
        profiles = {
            profile: {"agents": {name: self.agent(f"{profile}_{name}", model=model) for name in TRIO}}
            for profile, model in (("cheap", "small-1"), ("dear", "large-1"))
        }
        budget = {"prices": PRICES, **settings.pop("budget", {})}
        super().__init__(sandbox, profiles={**profiles, **settings.pop("profiles", {})}, budget=budget, **settings)
        for profile in ("cheap", "dear"):
            self.profile_does(profile, {"say": answer()})

    def profile_does(self, profile: str, *behaviours: dict[str, Any]) -> None:
        for name in TRIO:
            self.does(f"{profile}_{name}", *behaviours)

    def paid(self, profile: str) -> list[int]:
        return [self.calls(f"{profile}_{name}") for name in TRIO]

    @property
    def total(self) -> int:
        return sum(self.paid("cheap") + self.paid("dear"))


def bench(sandbox: Sandbox, *arguments: str) -> Ran:
    return sandbox.speckit("bench", SPEC, *BOTH, "--format", "json", *arguments)


def compared(ran: Ran, stage: str, metric: str) -> dict[str, Any]:
    (found,) = (row for row in ran.document["compared"] if (row["stage"], row["metric"]) == (stage, metric))
    return dict(found)


class TestRunning:
    @pytest.mark.tier2
    def test_each_profile_is_asked_as_often_and_the_tree_is_left_as_it_was(self, sandbox: Sandbox) -> None:
        stage = Stage(sandbox)
        before = sandbox.git("rev-parse", "HEAD").out + sandbox.git("for-each-ref").out
        ran = bench(sandbox, "--runs", "2")
        assert ran.code == 0, ran
        assert stage.paid("cheap") == stage.paid("dear") == [6, 6, 6]
        assert sum(map(stage.calls, TRIO)) == 0
        assert sandbox.git("status", "--porcelain", "--ignored").out == ""
        assert sandbox.git("worktree", "list").out.count("\n") == 1
        assert sandbox.git("rev-parse", "HEAD").out + sandbox.git("for-each-ref").out == before
        assert sandbox.speckit("cost", SPEC).code == 3

    @pytest.mark.tier2
    def test_a_row_for_each_stage_and_metric_with_every_sample_behind_it(self, sandbox: Sandbox) -> None:
        stage = Stage(sandbox)
        stage.says("dear_claude", answer(conflicts=(STORAGE,)))
        stage.votes("dear_claude", {"vote": {"schema": "abstain"}})
        ran = bench(sandbox, "--runs", "1")
        assert ran.code == 0, ran
        found = ran.document
        assert (found["schema"], found["stages"]) == ("speckit.bench/1", ["plan", "tasks", "validate"])
        assert [(each["profile"], each["run"], each["stage"]) for each in found["samples"]] == [
            (profile, 1, name) for profile in ("cheap", "dear") for name in found["stages"]
        ]
        assert [each["verdict"] for each in found["samples"]] == ["ok"] * 3 + ["conflict"] * 3
        agreement = compared(ran, "plan", "agreement")
        assert [each["median"] for each in agreement["profiles"]] == [1.0, 0.5]
        assert agreement["differences"][0]["finding"] == "too-few"
        tokens = compared(ran, "all", "tokens")["profiles"][0]["median"]
        assert tokens == sum(each["tokens"] for each in found["samples"][:3])

    def test_prices_and_what_tools_say_make_the_cost(self, sandbox: Sandbox) -> None:
        stage = Stage(sandbox)
        settings = sandbox.root / ".speckit.yaml"
        text = settings.read_text().replace("model: large-1", "format: claude-json\n        model: large-1")
        sandbox.write(".speckit.yaml", text)
        sandbox.commit()
        stage.profile_does("dear", {"say": usage(answer(), 0.25)})
        for name in TRIO:
            stage.votes(f"dear_{name}", {"vote": {}, "usd": 0.05})
        ran = bench(sandbox, "--runs", "1", "--stage", "plan")
        assert ran.code == 0, ran
        cheap, dear = ran.document["samples"]
        assert (dear["usd"], dear["usd_source"], dear["tokens"]) == (pytest.approx(0.90), "measured", 13200)
        assert (cheap["usd_source"], 0 < cheap["usd"] < 0.01) == ("estimated", True)
        assert ran.document["budget"]["paid"]["usd"] == pytest.approx(0.90 + cheap["usd"])

    def test_a_cost_that_nobody_knows_is_unknown(self, sandbox: Sandbox) -> None:
        Stage(sandbox, budget={"prices": {"small-1": PRICES["small-1"]}})
        ran = bench(sandbox, "--runs", "1", "--stage", "plan")
        assert [each["usd"] is None for each in ran.document["samples"]] == [False, True]
        assert compared(ran, "plan", "cost")["differences"][0]["finding"] == "unknown"
        assert ran.document["budget"]["paid"]["floor"] is True

    @pytest.mark.tier2
    def test_a_retry_is_part_of_what_a_profile_takes(self, sandbox: Sandbox) -> None:
        stage = Stage(sandbox)
        stage.does("dear_gemini", {"raw": "I crash", "exit": 3}, {"say": answer()})
        ran = bench(sandbox, "--runs", "1", "--stage", "plan")
        cheap, dear = ran.document["samples"]
        assert (cheap["calls"], dear["calls"], dear["failed"], dear["participation"]) == (6, 9, 1, 1.0)

    def test_no_profile_is_measured_as_another(self, sandbox: Sandbox) -> None:
        stage = Stage(sandbox, consensus={"retries": 0, "backoff": "10ms", "fallback": "cheap"})
        stage.does("dear_gemini", {"exit": 1})
        ran = sandbox.speckit(
            "bench", SPEC, *BOTH, "--runs", "1", "--stage", "plan", "--format", "json", SPECKIT_PROFILE="dear"
        )
        assert stage.paid("cheap") == [1, 1, 1]
        assert stage.paid("dear") == [1, 1, 1]
        assert [each["verdict"] for each in ran.document["samples"]] == ["ok", "degraded"]

    @pytest.mark.tier2
    def test_the_evidence_of_each_run_is_kept_apart(self, sandbox: Sandbox) -> None:
        Stage(sandbox)
        ran = bench(sandbox, "--runs", "2", "--stage", "plan")
        place = sandbox.root / ".git" / "speckit" / "bench" / SPEC / ran.document["benchmark"]
        assert sorted(each.name for each in (place / "evidence").iterdir()) == ["r001p1", "r001p2", "r002p1", "r002p2"]
        assert len(list((place / "evidence" / "r001p1").rglob("*_verdict.json"))) == 1
        assert list((place / "trees").iterdir()) == []

    def test_turns_go_there_and_back(self) -> None:
        assert order(2, 3) == (Trial(1, 1), Trial(1, 2), Trial(2, 2), Trial(2, 1), Trial(3, 1), Trial(3, 2))
        assert order(3, 5)[: len(order(3, 2))] == order(3, 2)


class Running:
    """A benchmark in a process of its own, which a test may end."""

    def __init__(self, sandbox: Sandbox, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [*SPECKIT, "bench", SPEC, *arguments],
            cwd=sandbox.root,
            env=sandbox.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )

    def end(self, number: int) -> tuple[int, str]:
        self.process.send_signal(number)
        _, err = self.process.communicate(timeout=60)
        return self.process.returncode, err.decode()


def until(holds: Callable[[], bool]) -> None:
    for _ in range(1200):
        if holds():
            return
        time.sleep(0.05)
    raise AssertionError("it never came to that")


class TestResuming:
    @pytest.mark.tier2
    def test_killed_in_the_middle_it_pays_nothing_twice(self, sandbox: Sandbox) -> None:
        stage = Stage(sandbox)
        stage.does("dear_claude", {"say": answer()}, {"say": answer(), "sleep": 2}, {"say": answer()})
        running = Running(sandbox, *BOTH, "--runs", "2", "--stage", "plan", "--stage", "tasks")
        until(lambda: stage.calls("dear_claude") == 2)  # the first profile is done, the second in its second stage
        assert running.end(signal.SIGKILL)[0] == -signal.SIGKILL
        ran = sandbox.speckit("bench", SPEC, "--resume", "--format", "json")
        assert ran.code == 0, ran
        assert stage.paid("cheap") == stage.paid("dear") == [4, 4, 4]
        assert len(ran.document["samples"]) == 8
        slow = [each for each in ran.document["samples"] if each["latency_ms"] >= 2000]
        assert [(each["profile"], each["run"], each["stage"]) for each in slow] == [("dear", 1, "tasks")]

    @pytest.mark.tier2
    def test_an_interrupt_says_how_to_go_on(self, sandbox: Sandbox) -> None:
        stage = Stage(sandbox)
        stage.does("cheap_gemini", {"say": answer(), "sleep": 1}, {"say": answer()})
        running = Running(sandbox, *BOTH, "--runs", "1", "--stage", "plan")
        until(lambda: stage.calls("cheap_gemini") == 1)
        code, said = running.end(signal.SIGINT)
        assert (code, f"speckit bench {SPEC} --resume" in said) == (130, True), said
        assert "Traceback" not in said
        assert sandbox.speckit("bench", SPEC, "--resume").code == 0
        assert stage.paid("cheap") == stage.paid("dear") == [1, 1, 1]

    @pytest.mark.tier2
    def test_what_is_done_is_shown_again_for_nothing_and_can_be_extended(self, sandbox: Sandbox) -> None:
        stage = Stage(sandbox)
        first = bench(sandbox, "--runs", "1", "--stage", "plan")
        again = sandbox.speckit("bench", SPEC, "--resume", "--format", "json")
        assert (again.document, stage.total) == (first.document, 6)
        more = sandbox.speckit("bench", SPEC, "--resume", "--runs", "3", "--format", "json")
        assert (more.code, stage.total) == (0, 18), more
        assert more.document["samples"][0] == first.document["samples"][0]
        fewer = sandbox.speckit("bench", SPEC, "--resume", "--runs", "2")
        assert (fewer.code, "has 3 runs" in fewer.err) == (2, True)

    @pytest.mark.tier2
    def test_a_profile_that_is_another_by_now_is_not_gone_on_with(self, sandbox: Sandbox) -> None:
        stage = Stage(sandbox)
        bench(sandbox, "--runs", "1", "--stage", "plan")
        text = (sandbox.root / ".speckit.yaml").read_text()
        sandbox.write(".speckit.yaml", text.replace("large-1", "large-2"))
        ran = sandbox.speckit("bench", SPEC, "--resume", "--runs", "2")
        assert (ran.code, stage.total) == (2, 6), ran
        assert "profile 'dear' is not what it was" in ran.err

    def test_a_record_that_cannot_be_read_is_not_made_anew(self, sandbox: Sandbox) -> None:
        stage = Stage(sandbox)
        name = bench(sandbox, "--runs", "1", "--stage", "plan").document["benchmark"]
        record = sandbox.root / ".git" / "speckit" / "bench" / SPEC / name / "done" / "r001p1_plan.json"
        record.write_text(record.read_text()[:-40])
        ran = sandbox.speckit("bench", SPEC, "--resume")
        assert (ran.code, stage.total) == (2, 6), ran
        assert "cannot be read" in ran.err

    def test_there_may_be_nothing_to_resume(self, sandbox: Sandbox) -> None:
        Stage(sandbox)
        ran = sandbox.speckit("bench", SPEC, "--resume")
        assert (ran.code, "there is no benchmark" in ran.err) == (2, True)


class TestRefusing:
    def test_a_second_one_of_the_same_spec_is_refused(self, sandbox: Sandbox) -> None:
        stage = Stage(sandbox)
        stage.does("cheap_gemini", {"say": answer(), "sleep": 3})
        running = Running(sandbox, *BOTH, "--runs", "1", "--stage", "plan")
        until(lambda: stage.calls("cheap_gemini") == 1)
        second = bench(sandbox, "--runs", "1", "--stage", "plan")
        assert (second.code, "is locked by process" in second.err) == (2, True), second
        assert running.end(signal.SIGINT)[0] == 130

    @pytest.mark.tier2
    def test_the_budget_is_of_all_runs_together(self, sandbox: Sandbox) -> None:
        stage = Stage(sandbox)
        dry = bench(sandbox, "--runs", "1", "--stage", "plan", "--dry-run").document
        cap = 0.8 * sum(each["usd"] for each in dry["expected"] if each["stage"] == "all")
        ran = bench(sandbox, "--runs", "3", "--stage", "plan", "--budget", str(cap))
        assert ran.code == 1, ran
        assert "of the budget" in ran.err
        assert f"speckit bench {SPEC} --resume" in ran.err
        assert len(ran.document["samples"]) < 6
        paid = stage.total
        assert ran.document["budget"]["paid"]["usd"] <= cap
        more = sandbox.speckit("bench", SPEC, "--resume", "--budget", "100", "--format", "json")
        assert (more.code, stage.total, len(more.document["samples"])) == (0, 18, 6)
        assert paid < 18

    def test_prompts_that_differ_are_nothing_to_compare(self, sandbox: Sandbox) -> None:
        stage = Stage(sandbox, profiles={"turned": {"stages": {"plan": {"agents": ["gpt_pro", "claude", "gemini"]}}}})
        prompt = "${SPEC_ID} ${STAGE} ${CONTEXT} ${PREVIOUS_OUTPUTS}"
        prompts = {"version": "1", "spec-plan": {"version": "1", "claude": {"role": "r", "prompt": prompt}}}
        sandbox.write("docs/spec-kit/prompts.json", prompts)
        sandbox.commit()
        ran = sandbox.speckit("bench", SPEC, "--profile", "cheap", "--profile", "turned", "--stage", "plan")
        assert (ran.code, stage.total) == (2, 0), ran
        assert "claude is not asked the same by cheap (1), turned (1)" in ran.err

    def test_a_profile_with_other_agents_is_compared_as_far_as_they_are_the_same(self, sandbox: Sandbox) -> None:
        Stage(sandbox, profiles={"pair": {"stages": {"plan": {"agents": ["gemini", "gpt_codex"]}}}})
        ran = sandbox.speckit(
            *("bench", SPEC, "--profile", "cheap", "--profile", "pair", "--stage", "plan", "--runs", "1"),
            *("--format", "json"),
        )
        assert ran.code == 0, ran
        (proof,) = ran.document["identical"]
        assert [each["agent"] for each in proof["prompts"]] == ["gemini"]
        assert proof["only_in_one_profile"] == ["cheap: claude", "cheap: gpt_pro", "pair: gpt_codex"]

    @pytest.mark.tier2
    def test_an_agent_that_writes_documents_spoils_its_own_run_and_no_more(self, sandbox: Sandbox) -> None:
        script = f"cat >/dev/null; echo changed >> {DOCS}/spec.md; echo '{json.dumps(answer())}'"
        vandal = {"agents": {"gemini": {"command": ["sh", "-c", script]}}}
        Stage(sandbox, profiles={"vandal": vandal})
        ran = sandbox.speckit(
            "bench", SPEC, "--profile", "cheap", "--profile", "vandal", "--runs", "1", "--stage", "plan"
        )
        assert (ran.code, "are not what every profile is to be asked about" in ran.err) == (3, True), ran
        assert "changed" not in (sandbox.root / DOCS / "spec.md").read_text()
        assert sandbox.git("status", "--porcelain").out == ""

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            pytest.param((SPEC, "--profile", "cheap"), "two profiles or more", id="one profile"),
            pytest.param((SPEC, "--profile", "cheap", "--profile", "cheap"), "named twice", id="the same twice"),
            pytest.param((*BOTH,), "name a SPEC", id="nothing to benchmark"),
            pytest.param((SPEC, *BOTH, "--budget", "nan"), "no amount", id="no amount"),
            pytest.param((SPEC, *BOTH, "--standard", "--workload", "."), "two workloads", id="two workloads"),
            pytest.param((SPEC, "--resume", "--dry-run"), "--dry-run", id="resume and dry run"),
            pytest.param((SPEC, "--profile", "cheap", "--profile", "nope"), "no profile 'nope'", id="no such profile"),
            pytest.param(("../..", *BOTH), "not a SPEC id", id="a path for an id"),
            pytest.param(("SPEC-KIT-NONE", *BOTH), "has no spec.md", id="no such SPEC"),
            pytest.param((SPEC, *BOTH, "--workload", "none"), "no such directory", id="no such workload"),
        ],
    )
    def test_what_cannot_be_benchmarked_is_refused(
        self, sandbox: Sandbox, arguments: tuple[str, ...], said: str
    ) -> None:
        stage = Stage(sandbox)
        ran = sandbox.speckit("bench", *arguments)
        assert (ran.code, said in ran.err, stage.total) == (2, True, 0), ran

    def test_a_program_that_is_missing_is_known_before_anybody_is_paid(self, sandbox: Sandbox) -> None:
        stage = Stage(sandbox, profiles={"gone": {"agents": {"gemini": {"command": ["no-such-agent-anywhere"]}}}})
        ran = sandbox.speckit("bench", SPEC, "--profile", "cheap", "--profile", "gone")
        assert (ran.code, stage.total) == (3, 0), ran
        assert "no-such-agent-anywhere" in ran.err


def surroundings(sandbox: Sandbox, kind: str) -> Sandbox:
    """The same repository as it is found elsewhere."""
    place = sandbox.root.parent / f"a {kind} place"
    if kind == "linked":
        sandbox.git("worktree", "add", "-q", "--detach", str(place))
    elif kind == "shallow":
        sandbox.commit("one more")
        sandbox.git("clone", "-q", "--depth=1", f"file://{sandbox.root}", str(place))
    else:
        sandbox.git("config", "--global", "clone.defaultRemoteName", "upstream")
        sandbox.git("config", "--global", "clone.rejectShallow", "true")
        sandbox.git("config", "--global", "protocol.file.allow", "never")
        sandbox.git("config", "--global", "core.hooksPath", str(sandbox.write("hooks/post-checkout", "").parent))
        hook = sandbox.write("hooks/post-checkout", "#!/bin/sh\nexit 1\n")
        hook.chmod(0o755)
        return sandbox
    return Sandbox(place, sandbox.home)


@pytest.mark.parametrize("kind", ["linked", "shallow", "oddly configured"])
def test_it_runs_in_a_working_tree_that_is(kind: str, sandbox: Sandbox) -> None:
    stage = Stage(sandbox)
    ran = bench(surroundings(sandbox, kind), "--runs", "1", "--stage", "plan")
    assert ran.code == 0, ran
    assert (stage.total, len(ran.document["samples"])) == (6, 2)


@pytest.mark.tier2
def test_killed_again_and_again_it_still_pays_once_for_each_call(sandbox: Sandbox) -> None:
    stage = Stage(sandbox)
    for number, profile in enumerate(("cheap", "dear"), 1):
        for name in TRIO:
            stage.does(f"{profile}_{name}", {"say": answer(), "sleep": 0.1 * number})
    arguments: tuple[str, ...] = (*BOTH, "--runs", "2", "--stage", "plan")
    for kill in (1, 5, 7, 8, 11):
        running = Running(sandbox, *arguments)
        until(partial(lambda least: stage.total >= least, kill))
        running.end(signal.SIGKILL)
        arguments = ("--resume",)
    ran = sandbox.speckit("bench", SPEC, "--resume", "--format", "json")
    assert ran.code == 0, ran
    assert (stage.total, len(ran.document["samples"])) == (12, 4)
    assert {each["verdict"] for each in ran.document["samples"]} == {"ok"}


@pytest.mark.tier2
def test_an_unfinished_one_is_told_before_another_begins(sandbox: Sandbox) -> None:
    stage = Stage(sandbox)
    bench(sandbox, "--runs", "1", "--stage", "plan", "--budget", "0")
    assert stage.total == 0
    ran = bench(sandbox, "--runs", "1", "--stage", "plan")
    assert (ran.code, "is not finished" in ran.err) == (0, True), ran
