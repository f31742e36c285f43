"""Agents that hold, agents that vote: what they say decides, whatever else is in order."""

from __future__ import annotations

import json
from typing import Any

import pytest

from guardrails.config import STAGES
from tests.runs.agents_world import Cast, answer
from tests.runs.auto_world import Runs, kill, until
from tests.runs.stage_world import SPEC, TRIO
from tests.sandbox import EVIDENCE, Ran, Sandbox

HOLDS: dict[str, dict[str, Any]] = {
    "plan": {"decision": {"proceed": False, "because": "R2 has no number"}},
    "tasks": {"decision": {"proceed": False, "because": "nobody owns T3"}},
    "implement": {"decision": {"proceed": False, "because": "the design is not settled"}},
    "validate": {"scenarios": [{"name": "load", "status": "failed"}, {"name": "search", "status": "failed"}]},
    "audit": {"criteria": [{"requirement": "R2", "finding": "not held", "basis": "load test"}]},
    "unlock": {
        "decision": {"unlock": "hold", "because": "T3 is open"}, "pending_work": [{"item": "T3", "in_the_way": True}],
    },
}  # fmt: skip
FAST = {"retries": 1, "backoff": "1ms"}


def run(cast: Cast, stage: str = "plan") -> Ran:
    return cast.sandbox.speckit("consensus", "run", stage, SPEC)


def check(cast: Cast, stage: str = "plan") -> Ran:
    return cast.sandbox.speckit("consensus", "check", SPEC, "--stage", stage)


class TestPositions:
    @pytest.mark.parametrize("stage", STAGES)
    def test_agents_that_all_hold_stop_the_stage_whatever_they_agree_on(self, sandbox: Sandbox, stage: str) -> None:
        cast = Cast(sandbox)
        for name in ("gemini", "claude", "gpt_codex", "gpt_pro"):
            cast.says(name, answer(**HOLDS[stage]))
        ran = run(cast, stage)
        assert ran.code == 1, ran
        assert f"{stage}: hold" in ran.out
        assert "gemini holds" in ran.out
        assert [cast.calls(name) for name in TRIO] == [1, 1, 1], "nobody is asked again"
        assert check(cast, stage).code == 1
        positions = cast.document("synthesis.json", stage)["positions"]
        assert all(each["proceeds"] is False and each["reasons"] for each in positions)
        status = sandbox.speckit("status", SPEC)
        assert "hold" in status.out.lower()

    @pytest.mark.tier2
    def test_a_run_halts_and_says_who_held_why_and_what_would_change_it(self, sandbox: Sandbox) -> None:
        cast = Cast(sandbox)
        for name in TRIO:
            cast.says(name, answer(decision={"proceed": False, "because": "R2 has no number"}))
        ran = sandbox.speckit("auto", SPEC)
        assert ran.code == 1, ran
        assert "halted at plan (hold, exit 1)" in ran.out
        for name in TRIO:
            assert f"{name} holds" in ran.out
        assert "R2 has no number" in ran.out
        assert "--new --from plan" in ran.out + ran.err
        shown = sandbox.speckit("runs", "show")
        assert "hold" in shown.out
        assert "R2 has no number" in shown.out
        assert sandbox.speckit("auto", SPEC, "--resume").code == 1, "nothing has changed"
        assert [cast.calls(name) for name in TRIO] == [1, 1, 1]
        assert sandbox.speckit("auto", SPEC, "--new", "--from", "unlock").code != 0
        sandbox.commit()
        guard = sandbox.speckit("guard", "--hook", "pre-push", "--source", "HEAD")
        assert guard.code == 1, guard

    def test_an_answer_without_a_decision_is_asked_for_again_with_that_reason(self, sandbox: Sandbox) -> None:
        cast = Cast(sandbox)
        silent = {key: value for key, value in answer().items() if key != "decision"}
        cast.says("claude", silent, answer())
        ran = run(cast)
        assert ran.code == 0, ran
        assert cast.calls("claude") == 2
        assert "decision" in next(each["reason"] for each in cast.events() if each.get("action") == "retry")

    def test_some_proceed_and_some_hold_is_a_conflict_that_a_person_settles(self, sandbox: Sandbox) -> None:
        cast = Cast(sandbox)
        cast.says("claude", answer(decision={"proceed": False, "because": "too early"}))
        ran = run(cast)
        assert ran.code == 4, ran
        assert "claude" in ran.out
        resolve = ("consensus", "resolve", "plan", SPEC, "--conflict", "1", "--because", "R2 is settled elsewhere")
        settled = sandbox.speckit(*resolve)
        assert settled.code == 0, settled
        assert "settled (proceed)" in settled.out
        assert cast.document("resolution.json")["proceed"] is True

    def test_a_person_may_settle_it_by_holding(self, sandbox: Sandbox) -> None:
        cast = Cast(sandbox)
        cast.says("claude", answer(decision={"proceed": False, "because": "too early"}))
        run(cast)
        resolve = ("consensus", "resolve", "plan", SPEC, "--conflict", "1", "--because", "claude is right", "--hold")
        assert sandbox.speckit(*resolve).code == 0
        assert check(cast).code == 1


class TestVotes:
    def test_every_agent_votes_once_on_all_statements_and_is_shown_nothing_else(self, sandbox: Sandbox) -> None:
        cast = Cast(sandbox)
        cast.says("gemini", answer("schema first", {"text": "SQLite", "kind": "decision"}))
        ran = run(cast)
        assert ran.code == 0, ran
        assert [cast.ballots(name) for name in TRIO] == [1, 1, 1]
        prompt = cast.prompt("claude-ballot")
        assert "\ns1: schema first\ns2: three milestones\ns3: SQLite\n" in prompt
        assert "A microservice" not in prompt, "the documents are not sent again"
        assert (
            '{"stage": "plan", "agent": "claude", "ballot": [{"id": "s1", "vote": "agree", "because": ""}]}' in prompt
        )
        synthesis = cast.document("synthesis.json")
        assert [each["text"] for each in synthesis["statements"]] == ["schema first", "three milestones", "SQLite"]
        for statement in synthesis["statements"]:
            assert [(each["agent"], each["vote"]) for each in statement["votes"]] == [
                (name, "agree") for name in sorted(TRIO)
            ]
        assert [each["agent"] for each in synthesis["ballots"]] == sorted(TRIO)
        assert cast.document("claude_ballot_metrics.json")["call"] == "ballot"

    def test_contradictory_remarks_are_voted_down_and_the_stage_is_degraded(self, sandbox: Sandbox) -> None:
        cast = Cast(sandbox)
        stores = {"gemini": "store it in SQLite", "claude": "store it in Postgres", "gpt_pro": "store it in files"}
        for name, store in stores.items():
            cast.says(name, answer(store))
            cast.votes(name, {"vote": {other: "disagree" for other in stores.values() if other != store}})
        ran = run(cast)
        assert ran.code == 5, ran
        assert "(severe)" in ran.out
        assert cast.document("verdict.json")["agreement"] == 0.0
        assert [cast.ballots(name) for name in TRIO] == [1, 1, 1]

    def test_a_decision_that_somebody_votes_against_is_a_conflict_of_two_sides(self, sandbox: Sandbox) -> None:
        cast = Cast(sandbox)
        cast.says("gemini", answer({"text": "store it in SQLite", "kind": "decision"}))
        cast.votes("gpt_pro", {"vote": {"SQLite": "disagree"}})
        ran = run(cast)
        assert ran.code == 4, ran
        [text] = [line for line in ran.out.splitlines() if "conflict 1:" in line]
        assert "gemini" in text
        assert "gpt_pro" in text

    def test_an_abstention_is_no_agreement(self, sandbox: Sandbox) -> None:
        cast = Cast(sandbox)
        cast.votes("gpt_pro", {"vote": {"schema": "abstain"}})
        assert run(cast).code == 5
        assert cast.document("verdict.json")["agreement"] == 0.5

    def test_a_spoiled_ballot_is_asked_for_again_alone(self, sandbox: Sandbox) -> None:
        cast = Cast(sandbox)
        cast.votes("claude", {"say": {"ballot": [{"id": "s9", "vote": "agree"}]}}, {"vote": {}})
        ran = run(cast)
        assert ran.code == 0, ran
        assert [cast.calls(name) for name in TRIO] == [1, 1, 1]
        assert [cast.ballots(name) for name in TRIO] == [1, 2, 1]
        assert cast.document("claude_ballot.json")["status"] == "ok"

    @pytest.mark.parametrize("said", [{"stage": "tasks"}, {"agent": "gemini"}, {"agent": 7}])
    def test_a_ballot_of_another_stage_or_agent_is_spoiled(self, sandbox: Sandbox, said: dict[str, Any]) -> None:
        cast = Cast(sandbox, consensus={"retries": 0})
        votes = [{"id": f"s{number}", "vote": "agree", "because": ""} for number in (1, 2)]
        cast.votes("claude", {"say": {"ballot": votes, **said}})
        ran = run(cast)
        assert ran.code == 5, ran
        assert "names another" in ran.out

    def test_a_ballot_that_stays_spoiled_is_recorded_and_counts_for_nothing(self, sandbox: Sandbox) -> None:
        cast = Cast(sandbox)
        cast.votes("claude", {"say": {"ballot": []}})
        ran = run(cast)
        assert ran.code == 5, ran
        assert "claude: a spoiled ballot" in ran.out
        assert cast.document("claude_ballot.json")["status"] == "error"
        assert cast.document("verdict.json")["participation"] == 0.67

    def test_who_gave_no_answer_is_not_asked_for_a_ballot(self, sandbox: Sandbox) -> None:
        cast = Cast(sandbox, consensus={"retries": 0})
        cast.does("gemini", {"raw": "no", "exit": 3})
        assert run(cast).code == 5
        assert [cast.ballots(name) for name in TRIO] == [0, 1, 1]

    def test_answers_that_state_nothing_are_undecided_and_nobody_votes(self, sandbox: Sandbox) -> None:
        cast = Cast(sandbox)
        for name in TRIO:
            cast.says(name, {**answer(), "consensus": {"agreements": [], "conflicts": []}})
        assert run(cast).code == 3
        assert [cast.ballots(name) for name in TRIO] == [0, 0, 0]

    def test_one_agent_alone_still_votes(self, sandbox: Sandbox) -> None:
        cast = Cast(sandbox, stages={"plan": {"agents": ["claude"]}})
        assert run(cast).code == 0
        assert cast.ballots("claude") == 1

    def test_a_ballot_that_costs_too_much_halts_and_what_was_paid_is_counted(self, sandbox: Sandbox) -> None:
        cast = Cast(sandbox)
        agents = {name: cast.agent(name, model="m") for name in TRIO}
        prices = {"m": {"input_per_mtok": 0.0, "output_per_mtok": 1000.0}}
        # An answer is expected to have 4,000 tokens, and has 100; a ballot is expected to have 1,000.
        packet = {"agents": agents, "budget": {"usd": 12.5, "prices": prices}, "consensus": FAST}
        sandbox.write(".speckit.yaml", json.dumps({"version": 1, **packet}))
        sandbox.commit()
        for name in TRIO:
            cast.says(name, answer(filler="x" * 14_000))
        ran = sandbox.speckit("auto", SPEC, "--to", "plan")
        assert ran.code == 1, ran
        assert "halted at plan (budget, exit 1)" in ran.out
        assert [cast.ballots(name) for name in TRIO] == [0, 0, 0]
        costs = json.loads((sandbox.root / EVIDENCE / f"costs/{SPEC}_cost_summary.json").read_text())
        assert costs["calls"] == 3
        assert not cast.filed("verdict.json")


class TestChain:
    def test_agents_vote_within_their_answers_on_those_before_them(self, sandbox: Sandbox) -> None:
        cast = Cast(sandbox, consensus={**FAST, "method": "chain"})
        agreed = [{"id": f"s{number}", "vote": "agree", "because": ""} for number in (1, 2)]
        for name in TRIO[1:]:
            cast.says(f"{name}-ballot", answer(ballot=agreed))
        ran = run(cast)
        assert ran.code == 0, ran
        assert [cast.calls(name) + cast.ballots(name) for name in TRIO] == [1, 1, 1]
        assert "s1: schema first" in cast.prompt("claude-ballot")
        assert "A microservice" in cast.prompt("claude-ballot"), "it answers, too"
        record = cast.document("gpt_pro.json")
        assert len(record["previous"]) == 2
        assert [each["vote"] for each in record["ballot"]] == ["agree", "agree"]

    def test_an_answer_that_does_not_vote_is_asked_for_again_and_so_are_those_after_it(self, sandbox: Sandbox) -> None:
        cast = Cast(sandbox, consensus={**FAST, "method": "chain"})
        agreed = [{"id": f"s{number}", "vote": "agree", "because": ""} for number in (1, 2)]
        cast.says("claude-ballot", answer(), answer(ballot=agreed))
        cast.says("gpt_pro-ballot", answer(ballot=agreed))
        ran = run(cast)
        assert ran.code == 0, ran
        assert [cast.calls(name) + cast.ballots(name) for name in TRIO] == [1, 2, 2]


class TestKilled:
    @pytest.mark.tier2
    def test_a_run_that_is_killed_while_its_agents_vote_pays_for_every_call_once(self, sandbox: Sandbox) -> None:
        runs = Runs(sandbox)
        modes = {**runs.modes, "claude": "answer 0.3"}
        runs.configure(agents={name: runs.agent(name, mode) for name, mode in modes.items()})
        process = runs.start("--to", "plan")
        until(lambda: runs.ballots() == 3, process)
        kill(process)
        ran = runs.auto("--to", "plan")
        assert ran.code == 0, ran
        assert (runs.paid(), runs.ballots()) == (3, 3)
        assert runs.summary["cost"]["calls"] == 6
        assert sandbox.speckit("consensus", "check", SPEC, "--stage", "plan").code == 0
