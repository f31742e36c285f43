"""`speckit consensus run` and `resolve` with agents that are real processes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.runs.agents_world import AGREED, EVIDENCE, STORAGE, Cast, answer
from tests.runs.stage_world import SPEC, TRIO
from tests.sandbox import Ran, Sandbox

RUN = ("consensus", "run", "plan", SPEC)
RESOLVE = ("consensus", "resolve", "plan", SPEC)


def check(sandbox: Sandbox) -> Ran:
    return sandbox.speckit("consensus", "check", SPEC, "--stage", "plan")


class TestAgreement:
    def test_three_agents_that_agree_are_ok_and_so_says_everybody_who_recomputes_it(self, sandbox: Sandbox) -> None:
        cast = Cast(sandbox)
        ran = sandbox.speckit(*RUN)
        assert ran.code == 0, ran
        assert "plan: ok: participation 1.00, agreement 1.00" in ran.out
        assert check(sandbox).code == 0
        judged = sandbox.judge("validate")
        assert judged.code == 0, judged
        assert [cast.calls(name) for name in TRIO] == [1, 1, 1]

    def test_every_file_is_there_and_says_whom_it_is_of_and_from_what_it_was_made(self, sandbox: Sandbox) -> None:
        cast = Cast(sandbox)
        sandbox.speckit(*RUN)
        verdict, synthesis = cast.document("verdict.json"), cast.document("synthesis.json")
        assert (verdict["verdict"], verdict["usable"]) == ("ok", sorted(TRIO))
        assert [each["agent"] for each in synthesis["outputs"]] == list(TRIO)
        assert {each["text"] for each in synthesis["agreements"]} == set(AGREED)
        assert synthesis["agreements"][0]["agents"] == sorted(TRIO)
        output = cast.document("claude.json")
        assert output["inputs"][0]["path"] == f"docs/{SPEC}/spec.md"
        assert {each["path"] for each in output["inputs"]} == {each["path"] for each in verdict["inputs"]}
        assert cast.document("claude_metrics.json")["cost_usd"] is None
        costs = json.loads((sandbox.root / EVIDENCE / f"costs/{SPEC}_cost_summary.json").read_text())
        assert (costs["calls"], costs["priced_calls"], costs["total_usd"]) == (6, 0, None)

    def test_the_prompt_holds_the_documents_and_goes_by_standard_input(self, sandbox: Sandbox) -> None:
        cast = Cast(sandbox)
        sandbox.speckit(*RUN)
        assert "A microservice." in cast.prompt("gemini")
        assert "${" not in cast.prompt("gemini")

    def test_every_answer_and_the_verdict_are_remembered(self, sandbox: Sandbox) -> None:
        Cast(sandbox)
        sandbox.speckit(*RUN)
        found = sandbox.speckit("memory", "search", f"spec:{SPEC} stage:plan", "--format", "json")
        tags = [set(each["tags"]) for each in json.loads(found.out)["memories"]]
        assert all(any(f"agent:{name}" in each for each in tags) for name in TRIO)
        assert any("type:verdict" in each for each in tags)

    def test_telemetry_tells_every_call_with_the_names_of_opentelemetry(self, sandbox: Sandbox) -> None:
        cast = Cast(sandbox)
        sandbox.speckit(*RUN)
        events = cast.events()
        assert [each["event"] for each in events] == ["agent"] * 6 + ["synthesis", "verdict"]
        assert [each["call"] for each in events[:6]] == ["answer"] * 3 + ["ballot"] * 3
        assert {each["gen_ai.agent.name"] for each in events[:3]} == set(TRIO)
        assert all(each["gen_ai.usage.input_tokens"] > 0 for each in events[:3])
        assert all(each["source"] == "estimated" and each["cost_usd"] is None for each in events[:3])


class TestRecovery:
    def test_an_agent_that_failed_is_asked_again_and_the_others_are_not(self, sandbox: Sandbox) -> None:
        cast = Cast(sandbox)
        cast.does("gemini", {"raw": "I crash", "exit": 3}, {"say": answer()})
        ran = sandbox.speckit(*RUN)
        assert ran.code == 0, ran
        assert [cast.calls(name) for name in TRIO] == [2, 1, 1]
        told = [each["action"] for each in cast.events() if each["event"] == "recovery"]
        assert told == ["refresh", "retry"]
        assert cast.document("gemini.json")["attempt"] == 2
        costs = json.loads((sandbox.root / EVIDENCE / f"costs/{SPEC}_cost_summary.json").read_text())
        assert (costs["calls"], costs["failed_calls"]) == (9, 1)
        assert check(sandbox).code == 0

    def test_two_of_three_is_degraded_after_the_retries(self, sandbox: Sandbox) -> None:
        cast = Cast(sandbox)
        cast.does("gemini", {"raw": "no JSON"})
        ran = sandbox.speckit(*RUN)
        assert ran.code == 5, ran
        assert cast.calls("gemini") == 2
        assert "plan: degraded: participation 0.67" in ran.out
        assert check(sandbox).code == 5
        assert [each["action"] for each in cast.events() if each["event"] == "recovery"][-1] == "escalate"

    def test_one_of_three_is_severe_and_nobody_is_asked_again(self, sandbox: Sandbox) -> None:
        cast = Cast(sandbox)
        for name in TRIO[:2]:
            cast.does(name, {"exit": 1})
        ran = sandbox.speckit(*RUN)
        assert (ran.code, [cast.calls(name) for name in TRIO]) == (5, [1, 1, 1])
        assert "degraded (severe)" in ran.out

    def test_the_fallback_profile_is_the_last_resort(self, sandbox: Sandbox) -> None:
        cast = Cast(
            sandbox,
            consensus={"retries": 1, "backoff": "10ms", "fallback": "spare"},
            profiles={"spare": {"agents": {"gemini": {"command": ["placeholder"]}}}},
        )
        spare = cast.agent("gemini_spare", model="spare-1")
        cast.says("gemini_spare", answer())
        settings = (sandbox.root / ".speckit.yaml").read_text()
        sandbox.write(
            ".speckit.yaml",
            settings.replace("- placeholder", "\n        ".join(f"- {each}" for each in spare["command"])),
        )
        sandbox.commit()
        cast.does("gemini", {"raw": "nothing"})
        ran = sandbox.speckit(*RUN)
        assert ran.code == 0, ran
        assert (cast.calls("gemini"), cast.calls("gemini_spare")) == (2, 1)
        assert [each.get("profile") for each in cast.events() if each["event"] == "recovery"][-1] == "spare"

    def test_a_program_that_is_not_there_is_named(self, sandbox: Sandbox) -> None:
        Cast(sandbox, agents={"gemini": {"command": ["no-such-agent-anywhere"]}})
        ran = sandbox.speckit(*RUN)
        assert ran.code == 5, ran
        assert "gemini" in ran.out


class TestConflicts:
    def conflict(self, sandbox: Sandbox, **settings: Any) -> Cast:
        cast = Cast(sandbox, **settings)
        cast.says("claude", answer(conflicts=(STORAGE,)))
        return cast

    def test_a_stated_conflict_halts_with_4_everywhere(self, sandbox: Sandbox) -> None:
        cast = self.conflict(sandbox)
        ran = sandbox.speckit(*RUN)
        assert ran.code == 4, ran
        assert STORAGE in ran.out
        assert check(sandbox).code == 4
        assert cast.document("synthesis.json")["status"] == "conflict"
        assert cast.document("verdict.json")["conflicts"][0]["resolved_by"] is None

    def test_a_person_settles_it_by_number_and_says_why(self, sandbox: Sandbox) -> None:
        cast = self.conflict(sandbox)
        sandbox.speckit(*RUN)
        listed = sandbox.speckit(*RESOLVE)
        assert (listed.code, "1 open, 0 settled" in listed.out) == (4, True)
        settled = sandbox.speckit(*RESOLVE, "--conflict", "1", "--because", "one file, no server")
        assert settled.code == 0, settled
        record = cast.document("resolution.json")
        assert (record["text"], record["because"], record["by"]) == (STORAGE, "one file, no server", "Dev")
        assert sandbox.speckit(*RESOLVE).code == 0
        assert check(sandbox).code == 0
        assert sandbox.judge("validate").code == 0

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (("--conflict", "2", "--because", "x"), "no open conflict"),
            (("--conflict", "1"), "says why"),
            (("--conflict", "1", "--because", " - "), "says why"),
        ],
    )
    def test_what_settles_nothing_is_refused(self, sandbox: Sandbox, arguments: tuple[str, ...], said: str) -> None:
        cast = self.conflict(sandbox)
        sandbox.speckit(*RUN)
        ran = sandbox.speckit(*RESOLVE, *arguments)
        assert (ran.code, said in ran.err) == (2, True), ran
        assert not cast.filed("resolution.json")

    def test_the_arbiter_settles_what_it_names_with_a_reason(self, sandbox: Sandbox) -> None:
        cast = self.conflict(sandbox, consensus={"arbiter": "judge", "retries": 0}, agents={})
        settings = sandbox.root / ".speckit.yaml"
        text = settings.read_text()
        command = "".join(f"\n    - {each}" for each in cast.agent("judge")["command"])
        sandbox.write(".speckit.yaml", text.replace("agents:\n", f"agents:\n  judge:\n    command:{command}\n", 1))
        sandbox.commit()
        from guardrails.consensus import identity

        cast.says("judge", {"resolutions": [{"conflict": identity(STORAGE), "because": "the spec wants one file"}]})
        ran = sandbox.speckit(*RUN)
        assert ran.code == 0, ran
        assert cast.document("resolution.json")["by"] == "judge (arbiter)"
        assert STORAGE in cast.prompt("judge")
        assert check(sandbox).code == 0

    def test_an_arbiter_that_names_nothing_settles_nothing(self, sandbox: Sandbox) -> None:
        cast = self.conflict(sandbox, consensus={"arbiter": "gpt_codex", "retries": 0})
        cast.says("gpt_codex", {"resolutions": [{"conflict": "000000000000", "because": "all is well"}]})
        ran = sandbox.speckit(*RUN)
        assert (ran.code, cast.calls("gpt_codex")) == (4, 1), ran
        assert not cast.filed("resolution.json")


class TestHostility:
    def test_nothing_an_agent_says_is_run_or_breaks_a_record(self, sandbox: Sandbox) -> None:
        cast = Cast(sandbox)
        evil = "$(touch made) `touch made` \"quote' \x1b[31m\n\r\t\u202e\u0000 ; rm -rf ."
        cast.says("claude", answer("schema first", note=evil, conflicts=(evil,)))
        ran = sandbox.speckit(*RUN)
        assert ran.code == 4, ran
        assert "\x1b" not in ran.out + ran.err
        assert cast.document("claude.json")["output"]["note"] == evil
        assert not (sandbox.root / "made").exists()
        assert sandbox.judge("validate").code == 0

    @pytest.mark.parametrize(
        "said",
        [
            pytest.param({"specId": "SPEC-KIT-OTHER"}, id="another SPEC"),
            pytest.param({"stage": "tasks"}, id="another stage"),
            pytest.param({"agent": "gemini"}, id="another agent"),
            pytest.param({"todo": "${CONTEXT}"}, id="a placeholder that was never filled"),
            pytest.param({"status": "failed"}, id="its own failure"),
        ],
    )
    def test_an_answer_that_is_not_this_agents_to_this_question_does_not_count(
        self, sandbox: Sandbox, said: dict[str, Any]
    ) -> None:
        cast = Cast(sandbox, consensus={"retries": 0})
        cast.says("claude", answer(**said))
        ran = sandbox.speckit(*RUN)
        assert ran.code == 5, ran
        assert "claude" in ran.out

    def test_a_secret_in_an_answer_is_filed_nowhere(self, sandbox: Sandbox) -> None:
        cast = Cast(sandbox, agents={})
        cast.says("claude", answer(key="hunter2hunter2"))
        ran = sandbox.speckit(*RUN, HAL_SECRET_KAVEDARR_API_KEY="hunter2hunter2")
        assert ran.code == 0, ran
        for path in sandbox.root.rglob("*"):
            if path.is_file() and ".git" not in path.parts:
                assert b"hunter2hunter2" not in path.read_bytes(), path

    def test_prose_around_the_answer_and_colours_in_it_are_no_obstacle(self, sandbox: Sandbox) -> None:
        cast = Cast(sandbox)
        text = (
            "\x1b[32mSure!\x1b[0m Here it is:\n```json\n" + json.dumps(answer(), indent=1) + "\n```\nAnything else?\n"
        )
        cast.does("claude", {"raw": text})
        assert sandbox.speckit(*RUN).code == 0


class TestWithoutAsking:
    def test_a_dry_run_shows_the_prompts_and_does_nothing(self, sandbox: Sandbox) -> None:
        cast = Cast(sandbox)
        ran = sandbox.speckit(*RUN, "--dry-run")
        assert ran.code == 0, ran
        assert ran.out.count("=== ") >= 3
        assert "A microservice." in ran.out
        assert sum(cast.calls(name) for name in TRIO) == 0
        assert sandbox.git("status", "--porcelain").out == ""

    def test_over_budget_nobody_is_asked(self, sandbox: Sandbox) -> None:
        prices = {"m": {"input_per_mtok": 1000, "output_per_mtok": 1000}}
        cast = Cast(sandbox, budget={"usd": 0.01, "prices": prices})
        text = (sandbox.root / ".speckit.yaml").read_text()
        sandbox.write(".speckit.yaml", text.replace("    command:\n", "    model: m\n    command:\n"))
        sandbox.commit()
        ran = sandbox.speckit(*RUN)
        assert ran.code == 1, ran
        assert "budget" in ran.err
        assert sum(cast.calls(name) for name in TRIO) == 0

    def test_a_cap_without_prices_is_no_licence(self, sandbox: Sandbox) -> None:
        cast = Cast(sandbox, budget={"usd": 3})
        ran = sandbox.speckit(*RUN)
        assert (ran.code, sum(cast.calls(name) for name in TRIO)) == (1, 0), ran
        assert "allow_unknown_prices" in ran.err

    def test_what_is_no_spec_id_reaches_no_path(self, sandbox: Sandbox) -> None:
        Cast(sandbox)
        for evil in ("../evil", "SPEC-KIT-DEMO;x", "$(id)", "SPEC-*", "a\nb"):
            assert sandbox.speckit("consensus", "run", "plan", evil).code == 2
