"""What runs cost: every call that was made is in the summary, whatever became of its run."""

from __future__ import annotations

import json
import re
import subprocess
from typing import Any

import pytest

from guardrails.setup import SPEC
from tests.runs.auto_world import ROOT, Runs, kill, until
from tests.sandbox import EVIDENCE, SPECKIT, Sandbox


def _costs(runs: Runs) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((runs.root / EVIDENCE / "costs" / f"{SPEC}_cost_summary.json").read_text())
    return document


def _answered(runs: Runs, name: str) -> bool:
    with open(runs.ledger(name)) as stream:
        return "answered" in stream.read()


def test_what_came_from_a_providers_cache_is_on_record(sandbox: Sandbox) -> None:
    runs = Runs(sandbox)
    agents = {name: runs.agent(name, mode) for name, mode in runs.modes.items()}
    agents["claude"] = {**runs.agent("claude", "envelope"), "format": "claude-json"}
    runs.configure(agents=agents)
    assert runs.auto("--to", "plan").code == 0
    made = _costs(runs)
    assert (made["calls"], made["cached_calls"], made["sessions"][0]["cached_calls"]) == (6, 2, 2)
    folder = runs.root / EVIDENCE / "consensus" / SPEC
    output = json.loads(next(folder.glob("*_claude.json")).read_text())
    assert (output["usage"]["input_tokens"], output["usage"]["cached_input_tokens"]) == (1000, 900)
    metrics = json.loads(next(folder.glob("*_claude_metrics.json")).read_text())
    assert (metrics["cached_tokens"], metrics["cache_hit"]) == (900, True)
    other = json.loads(next(folder.glob("*_gemini_metrics.json")).read_text())
    assert (other["cached_tokens"], other["cache_hit"]) == (None, None), "nobody said"
    told = {event["agent"]: event for event in runs.events("plan") if event["event"] == "agent"}
    assert told["claude"]["gen_ai.usage.cache_read.input_tokens"] == 900
    assert "2 cached" in sandbox.speckit("cost", SPEC).out


@pytest.mark.tier2
def test_calls_of_a_run_that_was_given_up_are_counted_once(sandbox: Sandbox) -> None:
    runs = Runs(sandbox, claude="fail 0.5")
    agents = {name: {**runs.agent(name, mode), "model": "m"} for name, mode in runs.modes.items()}
    price = {"m": {"input_per_mtok": 1.0, "output_per_mtok": 1.0}}
    given = {"agents": agents, "budget": {"prices": price}, "consensus": {"retries": 0, "min_agreement": 0.5}}
    runs.configure(**given)
    process = runs.start("--to", "plan")
    until(lambda: runs.paid() == 3, process)
    kill(process)
    until(lambda: _answered(runs, "claude"))
    assert not (runs.root / EVIDENCE / "costs").exists()
    ran = runs.auto("--new", "--to", "plan")
    assert ran.code == 5, ran
    made = _costs(runs)
    assert (runs.paid(), made["calls"], made["priced_calls"], made["failed_calls"]) == (6, 8, 8, 2)
    assert sorted((row["calls"], row["failed_calls"]) for row in made["sessions"]) == [(3, 1), (5, 1)]
    assert len({row["run"] for row in made["sessions"]}) == 2
    assert runs.auto("--resume").code == 5
    assert (runs.paid(), _costs(runs)["calls"]) == (7, 9)


@pytest.mark.tier2
def test_a_call_that_is_still_being_made_is_counted_and_its_cost_is_not_known(sandbox: Sandbox) -> None:
    runs = Runs(sandbox, claude="answer 20")
    process = runs.start("--to", "plan")
    until(lambda: runs.paid() == 3, process)
    until(lambda: _answered(runs, "gemini") and _answered(runs, "gpt_pro"))
    kill(process)
    runs.modes["claude"] = "answer"
    runs.configure()
    assert runs.auto("--new", "--to", "plan").code == 0
    first, second = sorted(_costs(runs)["sessions"], key=lambda row: int(row["calls"]))
    assert (first["calls"], second["calls"], first["priced_calls"]) == (3, 6, 0)


@pytest.mark.tier2
def test_the_calls_of_one_stage_alone_are_counted_too(sandbox: Sandbox) -> None:
    runs = Runs(sandbox, claude="answer 0.5")
    process = subprocess.Popen(
        [*SPECKIT, "consensus", "run", "plan", SPEC],
        cwd=runs.root,
        env=sandbox.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    until(lambda: runs.paid() == 3, process)
    kill(process)
    until(lambda: _answered(runs, "claude"))
    assert sandbox.speckit("consensus", "run", "plan", SPEC).code == 0
    made = _costs(runs)
    assert sorted((row["calls"], row["run"]) for row in made["sessions"]) == [(3, None), (6, None)]


@pytest.mark.parametrize(("cap", "level"), [(0.074, 80), (0.0662, 90), (0.1, None)])
@pytest.mark.tier2
def test_a_budget_that_is_nearly_used_up_is_said_to_be(sandbox: Sandbox, cap: float, level: int | None) -> None:
    runs = Runs(sandbox)
    wrapped = {**runs.agent("claude", "envelope"), "format": "claude-json", "model": "m"}
    price = {"m": {"input_per_mtok": 0.01, "output_per_mtok": 0.01}}
    budget = {"usd": cap, "prices": price, "reserve_usd": 0.0, "tokens_per_stage": [1, 3000]}
    runs.configure(agents=dict.fromkeys(runs.modes, wrapped), budget=budget)
    for ran in (runs.auto("--to", "plan"), sandbox.speckit("consensus", "run", "plan", SPEC)):
        assert ran.code == 0, ran
        told = [line for line in ran.err.splitlines() if "of the budget is used up" in line]
        said = f"warning: {level} % of the budget is used up: $0.06"
        assert [line.startswith(said) for line in told] == ([] if level is None else [True])
        assert "warning: plan used 6300 tokens; budget.tokens_per_stage expects 1 to 3000" in ran.err


@pytest.mark.tier2
def test_what_was_paid_before_the_budget_halted_a_stage_is_counted_once(sandbox: Sandbox) -> None:
    runs = Runs(sandbox)
    prompts = json.loads((ROOT / "prompts" / "prompts.json").read_text())
    plan = prompts["spec-plan"]
    for agent in ("claude", "gpt_pro"):
        plan[agent]["prompt"] = plan["*"]["prompt"] + "\n${PREVIOUS_OUTPUTS.gemini}"
    sandbox.write("docs/spec-kit/prompts.json", json.dumps(prompts))
    agents = {name: {**runs.agent(name, mode), "model": "m"} for name, mode in runs.modes.items()}
    prices = {"m": {"input_per_mtok": 1000.0, "output_per_mtok": 1000.0}}
    runs.configure(agents=agents, budget={"usd": 1000.0, "prices": prices})
    expected = re.findall(r"\$([0-9.]+)", runs.auto("--to", "plan", "--dry-run").out)[-1]
    runs.configure(agents=agents, budget={"usd": float(expected) / 2, "prices": prices})
    ran = runs.auto("--to", "plan")
    assert (ran.code, runs.summary["halt"]["reason"], runs.paid()) == (1, "budget", 1), ran
    made = _costs(runs)
    assert (made["calls"], made["priced_calls"]) == (1, 1)
    assert made["total_usd"] == runs.summary["cost"]["usd"] > 0
    runs.configure(agents=agents, budget={"usd": 1000.0, "prices": prices})
    assert runs.auto("--resume", "--to", "plan").code == 0
    assert (runs.paid(), _costs(runs)["calls"]) == (3, 6)
