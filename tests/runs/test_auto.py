"""`speckit auto` with agents that are real processes, and runs that are stopped and gone on with."""

from __future__ import annotations

import json
import re
import signal
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from guardrails.config import STAGES
from guardrails.consensus import identity
from guardrails.setup import SPEC
from tests.runs.auto_world import ANSWERS, CALLS, Runs, kill, until
from tests.sandbox import EVIDENCE, Sandbox

QUICK: dict[str, Any] = {"consensus": {"retries": 1, "backoff": "1ms"}}


# What passes


VOTED = {"ballot": [{"id": "s1", "vote": "agree", "because": ""}]}


def recorded(*conflicts: str) -> dict[str, Any]:
    """An answer to record: what the agents of these runs say, and conflicts."""
    decision = {"proceed": True, "because": "it can be done"}
    return {"decision": decision, "consensus": {"agreements": ["all"], "conflicts": list(conflicts)}}


def test_a_run_goes_through_six_stages_and_its_evidence_holds(sandbox: Sandbox) -> None:
    runs = Runs(sandbox, gemini="prose", claude="ansi")
    ran = runs.auto()
    assert ran.code == 0, ran
    assert f"{SPEC}: completed: 6 of 6 stages passed, {CALLS} calls" in ran.out
    summary = runs.summary
    assert (summary["outcome"], summary["exit_code"], summary["halt"]) == ("completed", 0, None)
    assert [stage["stage"] for stage in summary["stages"]] == list(STAGES)
    assert all(stage["status"] == "passed" and stage["verdict"]["verdict"] == "ok" for stage in summary["stages"])
    assert runs.paid() == ANSWERS
    sandbox.commit()
    guard = sandbox.speckit("guard", "--hook", "pre-push", "--source", "HEAD")
    assert guard.code == 0, guard


@pytest.mark.tier2
def test_an_answer_of_five_megabytes_is_taken(sandbox: Sandbox) -> None:
    runs = Runs(sandbox, gpt_pro="large")
    ran = runs.auto("--to", "plan")
    assert ran.code == 0, ran


@pytest.mark.tier2
def test_progress_is_plain_lines_on_standard_error_and_nothing_when_quiet(sandbox: Sandbox) -> None:
    runs = Runs(sandbox)
    ran = runs.auto("--to", "plan")
    assert "plan: asking gemini, claude, gpt_pro" in ran.err
    assert "\x1b" not in ran.err
    sandbox.commit()
    assert runs.auto("--to", "plan", "-q").err == ""


@pytest.mark.tier2
def test_the_json_report_is_the_summary_with_the_same_exit_code(sandbox: Sandbox) -> None:
    runs = Runs(sandbox, gemini="fail", claude="fail")
    ran = runs.auto("--format", "json")
    assert ran.document == runs.summary
    assert ran.document["exit_code"] == ran.code == 5


@pytest.mark.tier2
def test_later_stages_go_on_from_evidence_that_holds(sandbox: Sandbox) -> None:
    runs = Runs(sandbox)
    assert runs.auto("--to", "tasks").code == 0
    sandbox.commit()
    assert runs.auto("--from", "implement").code == 0
    assert runs.summary["from"] == "implement"
    assert runs.paid() == ANSWERS


# What halts


@pytest.mark.parametrize(
    ("modes", "code", "reason"),
    [
        pytest.param({"gemini": "garbage"}, 5, "degraded", id="one answers garbage"),
        pytest.param({"gemini": "crash"}, 5, "degraded", id="one crashes"),
        pytest.param({"gemini": "fail", "claude": "fail"}, 5, "degraded", id="two of three fail"),
        pytest.param({"gemini": "fail", "claude": "fail", "gpt_pro": "fail"}, 3, "undecided", id="all fail"),
        pytest.param({"claude": "absent"}, 3, "missing-tool", id="a program is missing"),
    ],
)
def test_agents_that_do_not_answer_halt_the_run(
    sandbox: Sandbox, modes: dict[str, str], code: int, reason: str
) -> None:
    runs = Runs(sandbox, **modes)
    runs.configure(**QUICK)
    ran = runs.auto()
    summary = runs.summary
    assert ran.code == code, ran
    assert (summary["exit_code"], summary["halt"]["reason"], summary["halt"]["stage"]) == (code, reason, "plan")
    assert summary["halt"]["hint"] in ran.out
    assert summary["outcome"] == "halted"


@pytest.mark.tier2
def test_an_agent_that_hangs_is_ended_and_asked_again(sandbox: Sandbox) -> None:
    runs = Runs(sandbox, gemini="hang")
    agents = {name: runs.agent(name, mode) for name, mode in runs.modes.items()}
    agents["gemini"]["timeout"] = "500ms"
    runs.configure(agents=agents, **QUICK)
    assert runs.auto("--to", "plan").code == 5
    assert runs.paid("gemini") == 2
    assert runs.paid("claude") == 1
    assert [step["action"] for step in runs.summary["stages"][0]["retries"]] == ["refresh", "retry", "escalate"]
    told = [event["action"] for event in runs.events("plan") if event["event"] == "recovery"]
    assert told == ["refresh", "retry", "escalate"], "each step of recovery is in the telemetry"


def test_the_fallback_profile_is_asked_in_the_end(sandbox: Sandbox) -> None:
    runs = Runs(sandbox, gemini="fail")
    runs.configure(
        profiles={"other": {"agents": {"gemini": runs.agent("gpt_pro", "answer")}}},
        consensus={"retries": 1, "backoff": "1ms", "fallback": "other"},
    )
    assert runs.auto("--to", "plan").code == 0
    assert runs.paid("gemini") == 2
    assert [step["action"] for step in runs.summary["stages"][0]["retries"]] == ["refresh", "retry", "fallback"]


def test_a_dirty_tree_halts_the_run_before_anybody_is_asked(sandbox: Sandbox) -> None:
    runs = Runs(sandbox)
    sandbox.write("left.txt", "left\n")
    ran = runs.auto()
    assert (ran.code, runs.summary["halt"]["reason"]) == (1, "dirty-tree"), ran
    assert runs.paid() == 0


@pytest.mark.tier2
def test_what_somebody_else_writes_during_the_run_is_dirt(sandbox: Sandbox) -> None:
    runs = Runs(sandbox)
    policy = [["sh", "-c", "echo x > docs/evidence-of-somebody.json"]]
    runs.configure(stages={"plan": {"policy": {"final": policy}}})
    ran = runs.auto()
    assert ran.code == 1, ran
    assert "docs/evidence-of-somebody.json" in ran.out


@pytest.mark.tier2
def test_a_policy_that_fails_halts_the_run(sandbox: Sandbox) -> None:
    runs = Runs(sandbox)
    runs.configure(stages={"tasks": {"policy": {"prefilter": [["false"]]}}})
    ran = runs.auto()
    assert (ran.code, runs.summary["halt"]["stage"], runs.summary["halt"]["reason"]) == (1, "tasks", "policy"), ran
    assert runs.paid() == 3


def test_a_run_over_its_budget_halts_before_it_pays(sandbox: Sandbox) -> None:
    runs = Runs(sandbox)
    agents = {name: {**runs.agent(name, mode), "model": "m"} for name, mode in runs.modes.items()}
    prices = {"m": {"input_per_mtok": 1000.0, "output_per_mtok": 1000.0}}
    runs.configure(agents=agents, budget={"usd": 0.01, "prices": prices})
    ran = runs.auto()
    assert (ran.code, runs.summary["halt"]["reason"]) == (1, "budget"), ran
    assert runs.paid() == 0


def test_stages_that_were_not_run_are_named(sandbox: Sandbox) -> None:
    runs = Runs(sandbox)
    ran = runs.auto("--from", "tasks")
    assert ran.code == 3, ran
    assert "stage plan" in ran.out
    assert runs.paid() == 0


def test_a_secret_in_an_answer_reaches_neither_the_summary_nor_the_terminal(sandbox: Sandbox) -> None:
    runs = Runs(sandbox)
    secret = "hush-hush-0123456789"
    sandbox.write("said/plan_gemini.json", recorded(f"is it {secret}?"))
    agents = {name: runs.agent(name, mode) for name, mode in runs.modes.items()} | {"gemini": {"replay": "said"}}
    runs.configure(agents=agents, secrets={"env": ["MY_API_KEY"]})
    ran = runs.auto("--to", "plan", MY_API_KEY=secret)
    assert ran.code == 4, ran
    assert secret not in ran.out + ran.err + json.dumps(runs.summary)


@pytest.mark.tier2
def test_what_was_let_pass_does_not_reach_unlock(sandbox: Sandbox) -> None:
    runs = Runs(sandbox, gpt_codex="fail")
    runs.configure(**QUICK)
    ran = runs.auto("--allow-degraded")
    summary = runs.summary
    assert (ran.code, summary["halt"]["stage"]) == (5, "unlock"), ran
    assert summary["overrides"]["allow_degraded"] is True


@pytest.mark.parametrize(
    "arguments",
    [
        ["--from", "audit", "--to", "plan"],
        ["--profile", "none-such"],
        ["--resume", "--new"],
        ["--database", "nonsense"],
    ],
)
def test_what_cannot_be_meant_is_refused_and_nothing_is_written(sandbox: Sandbox, arguments: list[str]) -> None:
    runs = Runs(sandbox)
    assert runs.auto(*arguments).code == 2
    assert not (runs.root / EVIDENCE).exists()


@pytest.mark.parametrize("spec", ["SPEC-KIT-NOT-HERE", "../SPEC-1", "SPEC KIT", "$(touch x)", "*", ""])
def test_a_spec_that_is_not_there_is_refused_and_nothing_is_written(sandbox: Sandbox, spec: str) -> None:
    Runs(sandbox)
    assert sandbox.speckit("auto", spec).code == 2
    assert sandbox.git("status", "--porcelain").out == ""


# What is stopped, and gone on with


def test_a_conflict_is_settled_once_and_nobody_is_asked_twice(sandbox: Sandbox) -> None:
    runs = Runs(sandbox, gpt_codex="answer")
    sandbox.write("recorded/plan_gemini.json", recorded("SQLite or Postgres"))
    for stage in STAGES:
        sandbox.write(f"recorded/{stage}_gemini_ballot.json", VOTED)
    for stage in STAGES[1:]:
        sandbox.write(f"recorded/{stage}_gemini.json", recorded())
    agents = {name: runs.agent(name, mode) for name, mode in runs.modes.items()} | {"gemini": {"replay": "recorded"}}
    runs.configure(agents=agents)
    halted = runs.auto()
    assert halted.code == 4, halted
    assert "SQLite or Postgres" in halted.out
    again = runs.auto()
    assert again.code == 2, "what halted is gone on with only when somebody says so"
    assert "--resume" in again.err
    assert "--new" in again.err
    assert runs.auto("--resume").code == 4, "it is still not settled"
    because = 'a file\'s enough; "quotes" and $(touch x) stay text'
    settled = sandbox.speckit("consensus", "resolve", "plan", SPEC, "--conflict", "1", "--because", because)
    assert settled.code == 0, settled
    assert runs.paid() == 2
    done = runs.auto("--resume")
    assert done.code == 0, done
    assert runs.paid() == ANSWERS - 6
    assert len(runs.summaries()) == 1, "it is the same run"
    sandbox.commit()
    guard = sandbox.speckit("guard", "--hook", "pre-push", "--source", "HEAD")
    assert guard.code == 0, guard


@pytest.mark.tier2
def test_the_arbiter_settles_what_it_can_and_is_asked_once(sandbox: Sandbox) -> None:
    runs = Runs(sandbox)
    conflict, left = "SQLite or Postgres", "Thursday or Friday"
    ruling = {"resolutions": [{"conflict": identity(conflict), "because": "one file"}]}
    sandbox.write("said/plan_gemini.json", recorded(conflict))
    sandbox.write("said/plan_gemini_ballot.json", VOTED)
    sandbox.write("said/plan_judge.json", ruling)
    agents = {name: runs.agent(name, mode) for name, mode in runs.modes.items()}
    agents |= {"gemini": {"replay": "said"}, "judge": {"replay": "said"}}
    runs.configure(agents=agents, consensus={"arbiter": "judge"})
    ran = runs.auto("--to", "plan")
    assert ran.code == 0, ran
    assert [step["action"] for step in runs.summary["stages"][0]["retries"]] == ["arbitrate"]
    told = [event["action"] for event in runs.events("plan") if event["event"] == "recovery"]
    assert told == ["arbitrate", "resolve"]
    sandbox.write("said/plan_gemini.json", recorded(conflict, left))
    sandbox.commit()
    ran = runs.auto("--to", "plan")
    assert ran.code == 4, ran
    assert left in runs.summary["halt"]["message"]
    assert conflict not in runs.summary["halt"]["message"]
    sandbox.commit()
    guard = sandbox.speckit("evidence", "verify", SPEC)
    assert guard.code == 0, guard


@pytest.mark.tier2
def test_a_degraded_run_asks_only_those_again_who_have_not_answered(sandbox: Sandbox) -> None:
    runs = Runs(sandbox, gemini="fail")
    runs.configure(**QUICK)
    assert runs.auto().code == 5
    assert (runs.paid("gemini"), runs.paid("claude")) == (2, 1)
    runs.modes["gemini"] = "answer"
    agents = {name: runs.agent(name, mode) for name, mode in runs.modes.items()}
    sandbox.git("stash", "-uq")
    runs.configure(agents=agents, **QUICK)
    sandbox.git("stash", "pop", "-q")
    done = runs.auto("--resume")
    assert done.code == 0, done.out
    assert runs.paid("claude") == len(STAGES)
    assert runs.paid("gemini") == 2 + len(STAGES)


@pytest.mark.parametrize("failing", [("gemini",), ("gemini", "claude"), ("gemini", "claude", "gpt_pro")], ids=len)
@pytest.mark.tier2
def test_who_resumes_a_run_has_those_asked_who_are_missing_however_many_they_are(
    sandbox: Sandbox, failing: tuple[str, ...]
) -> None:
    runs = Runs(sandbox, **dict.fromkeys(failing, "fail"))
    runs.configure(consensus={"retries": 0, "backoff": "1h"})
    assert runs.auto("--to", "plan").code == (3 if len(failing) == 3 else 5)
    again = runs.auto("--resume")
    assert again.code == (3 if len(failing) == 3 else 5), again
    assert [runs.paid(name) for name in failing] == [2] * len(failing), "once more, and not for ever"
    runs.modes |= dict.fromkeys(failing, "answer")
    runs.configure(consensus={"retries": 0, "backoff": "1h"})
    done = runs.auto("--resume")
    assert done.code == 0, done
    assert [runs.paid(name) for name in ("gemini", "claude", "gpt_pro")] == [
        3 if name in failing else 1 for name in ("gemini", "claude", "gpt_pro")
    ]


@pytest.mark.tier2
def test_answers_from_documents_that_have_changed_count_no_more_and_everybody_is_asked(sandbox: Sandbox) -> None:
    runs = Runs(sandbox, gemini="fail")
    runs.configure(**QUICK)
    assert runs.auto("--to", "plan").code == 5
    document = runs.root / "docs" / SPEC / "spec.md"
    document.write_text(document.read_text() + "\nOne more thing.\n")
    runs.modes["gemini"] = "answer"
    runs.configure(**QUICK)  # commits both, and the evidence
    done = runs.auto("--resume")
    assert done.code == 0, done
    assert (runs.paid("claude"), runs.paid("gemini")) == (2, 3)
    assert runs.summary["stages"][0]["retries"][-1]["action"] == "refresh"
    sandbox.commit()
    assert sandbox.speckit("consensus", "check", SPEC).code == 0


@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.tier2)])
@pytest.mark.tier2
def test_a_run_that_is_stopped_ends_with_130_and_goes_on_where_it_was(sandbox: Sandbox, number: int) -> None:
    runs = Runs(sandbox, claude="answer 1.5 once")
    process = runs.start()
    until(lambda: runs.paid() == 3, process)
    process.send_signal(number)
    out, err = process.communicate(timeout=20)
    assert process.returncode == 130, (out, err)
    assert f"speckit auto {SPEC} --resume" in err.decode()
    assert (runs.summary["outcome"], runs.summary["exit_code"]) == ("interrupted", 130)
    done = runs.auto("--resume", "--to", "unlock")
    assert done.code == 0, done
    assert runs.paid() == ANSWERS
    assert runs.summary["outcome"] == "completed"


def test_a_run_that_was_killed_goes_on_when_it_is_started_again(sandbox: Sandbox) -> None:
    runs = Runs(sandbox, claude="answer 1 once")
    process = runs.start()
    until(lambda: runs.paid() == 3, process)
    kill(process)
    done = runs.auto()
    assert done.code == 0, done
    assert "going on with it" in done.err
    assert runs.paid() == ANSWERS
    assert len(runs.summaries()) == 1


@pytest.mark.tier2
def test_a_second_run_of_the_same_spec_is_told_who_is_at_work(sandbox: Sandbox) -> None:
    runs = Runs(sandbox, claude="answer 2")
    process = runs.start("--to", "plan")
    until(lambda: runs.paid() == 3, process)
    second = runs.auto()
    assert second.code == 2, second
    assert f"process {process.pid} (speckit auto" in second.err
    process.communicate(timeout=30)
    assert process.returncode == 0


def test_a_journal_that_is_no_database_is_undecided(sandbox: Sandbox) -> None:
    runs = Runs(sandbox)
    runs.auto("--to", "plan")
    (runs.root / ".git" / "speckit" / "runs.db").write_bytes(b"no database at all " * 100)
    ran = runs.auto("--new")
    assert ran.code == 3, ran
    assert "runs.db" in ran.err


@pytest.mark.tier2
def test_a_completed_run_is_not_resumed_and_another_one_is_new(sandbox: Sandbox) -> None:
    runs = Runs(sandbox)
    assert runs.auto("--resume").code == 2
    assert runs.auto("--to", "plan").code == 0
    assert runs.auto("--resume").code == 2
    sandbox.commit()
    assert runs.auto("--to", "plan").code == 0
    assert len(runs.summaries()) == 2


# What is only tried


def test_a_dry_run_calls_nobody_and_writes_nothing_here(sandbox: Sandbox, tmp_path: Path) -> None:
    runs = Runs(sandbox)
    place = tmp_path / "temporary"
    place.mkdir()
    before = _listed(runs.root)
    ran = runs.auto("--dry-run", TMPDIR=str(place))
    assert ran.code == 0, ran
    assert runs.paid() == 0
    assert _listed(runs.root) == before
    folder = next(line for line in ran.out.splitlines() if line.startswith("prompts: ")).removeprefix("prompts: ")
    assert len(list(Path(folder).iterdir())) == CALLS
    assert Path(folder).parent == place
    counted = rf"{CALLS} calls \({ANSWERS} answers, {ANSWERS} ballots\)"
    assert re.search(rf"{SPEC}: {counted}, about [\d,]+ tokens, (cost unknown|[~>=]*\$)", ran.out)
    assert SPEC in (Path(folder) / "plan_claude.prompt.md").read_text()


def test_a_dry_run_says_which_kit_is_embedded_and_that_nothing_is_degraded(sandbox: Sandbox) -> None:
    runs = Runs(sandbox)
    ran = runs.auto("--dry-run", "--to", "tasks")
    assert f"kit: none; 'speckit context {SPEC}' makes one" in ran.out, ran
    assert "consensus without a kit: not degraded, all agents of 2 stages can be called" in ran.out
    assert sandbox.speckit("context", SPEC).code == 0
    sandbox.commit()
    readme = sandbox.root / f"docs/{SPEC}/context/README.md"
    ran = runs.auto("--dry-run", "--to", "tasks")
    said = re.search(r"^kit: (\S+), sha256 ([0-9a-f]{64}), current$", ran.out, re.MULTILINE)
    assert said, ran
    assert said[2] == sha256(readme.read_bytes()).hexdigest()
    assert said[1] in readme.read_text()[:500]
    assert f"consensus with kit {said[1]}: not degraded" in ran.out
    sandbox.write(f"docs/{SPEC}/plan.md", (sandbox.root / f"docs/{SPEC}/plan.md").read_text() + "\nMore.\n")
    assert "DOC008" in runs.auto("--dry-run", "--to", "tasks").out


@pytest.mark.parametrize(("absent", "word"), [(1, "degraded, exit 5"), (2, "severely degraded, exit 5")])
def test_a_dry_run_warns_of_agents_that_cannot_be_called(sandbox: Sandbox, absent: int, word: str) -> None:
    runs = Runs(sandbox, **dict.fromkeys(("claude", "gemini")[:absent], "absent"))
    ran = runs.auto("--dry-run", "--to", "plan")
    assert f"warning: plan: {3 - absent} of 3 agents can be called" in ran.out, ran
    assert word in ran.out
    assert "not degraded" not in ran.out


def _listed(root: Path) -> dict[str, int]:
    return {str(path): path.lstat().st_mtime_ns for path in root.rglob("*") if path.is_file()}


@pytest.mark.tier2
def test_runs_are_listed_and_shown(sandbox: Sandbox) -> None:
    runs = Runs(sandbox)
    assert sandbox.speckit("runs").code == 3
    assert (sandbox.speckit("runs", "show").code, sandbox.speckit("runs", "show").out) == (3, "")
    runs.auto("--to", "plan")
    name = runs.summary["run"]
    listed = sandbox.speckit("runs", "list", SPEC, "--format", "json").document
    assert [(row["run"], row["outcome"], row["passed"]) for row in listed["runs"]] == [(name, "completed", 1)]
    assert sandbox.speckit("runs", "show", name[:10], "--format", "json").document == runs.summary
    shown = sandbox.speckit("runs", "show", name)
    assert "plan: passed, ok" in shown.out
    assert sandbox.speckit("runs", "show").out == shown.out
    assert sandbox.speckit("runs", "show", "9").code == 2
    assert name in sandbox.speckit("runs").out
