"""The settings of runs: agents, profiles, policy, budget, each out of the configuration or its default."""

from __future__ import annotations

import pytest

from guardrails.config import AGENTS, STAGES, LoadedForRun, Price, load_for_run, require_callable
from guardrails.errors import GuardrailError

NAME = ".speckit.yaml"


def load(text: str, **environ: str) -> LoadedForRun:
    return load_for_run(text.encode(), NAME, environ)


def test_without_a_file_the_defaults_hold() -> None:
    run = load_for_run(None, NAME, {}).run
    assert run.agents == AGENTS
    assert [stage.name for stage in run.stages] == list(STAGES)
    assert run.stage("implement").roster == ("gemini", "claude", "gpt_codex", "gpt_pro")
    assert run.budget.usd is None


def test_another_command_keeps_nothing_of_the_default_agent() -> None:
    agent = load("agents: {claude: {command: [mine, '{model}'], model: m1, timeout: 90s}}").run.agent("claude")
    assert (agent.command, agent.format, agent.env, agent.timeout) == (("mine", "{model}"), "json", (), 90.0)


def test_a_model_alone_changes_the_model_alone() -> None:
    agent = load("agents: {claude: {model: m1}}").run.agent("claude")
    assert (agent.command, agent.format, agent.model) == (AGENTS[1].command, "claude-json", "m1")


def test_a_profile_is_laid_over_agents_and_stages() -> None:
    text = """
    agents: {claude: {model: dear}}
    stages: {plan: {agents: [claude], timeout: 5m, checks: [lint]}}
    profiles: {cheap: {agents: {claude: {model: small}}, stages: {plan: {timeout: 1m}}}}
    """
    run = load(text).run.under("cheap")
    assert (run.profile, run.agent("claude").model) == ("cheap", "small")
    assert run.agent("claude").command == AGENTS[1].command
    plan = run.stage("plan")
    assert (plan.roster, plan.timeout, plan.checks) == (("claude",), 60.0, ("lint",))


def test_the_environment_names_a_profile_and_its_roster_counts_for_checks_too() -> None:
    text = "profiles: {cheap: {stages: {plan: {agents: [claude]}}}}"
    loaded = load(text, SPECKIT_PROFILE="cheap")
    assert loaded.run.profile == "cheap"
    assert loaded.settings.roster("plan") == ("claude",)
    assert load(text).settings.roster("plan") == ("gemini", "claude", "gpt_pro")


def test_policy_is_one_layer_or_two() -> None:
    one = load("stages: {plan: {policy: [[check, '{spec}']]}}").run.stage("plan")
    assert (one.prefilter, one.final) == ((("check", "{spec}"),), ())
    two = load("stages: {plan: {policy: {prefilter: [[a]], final: [[b], [c]]}}}").run.stage("plan")
    assert (two.prefilter, two.final) == ((("a",),), (("b",), ("c",)))


def test_prices_are_found_by_model_and_an_unknown_one_has_none() -> None:
    budget = load("budget: {usd: 3, prices: {m1: {input_per_mtok: 1, output_per_mtok: 5}}}").run.budget
    assert budget.price("m1") == Price("m1", 1, 5)
    assert budget.price("m2") is None
    assert budget.price(None) is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("agents: {a: {command: ['']}}", "names no program"),
        ("agents: {a: {command: [x], output: file}}", "{output}"),
        ("agents: {a: {command: [x], input: file}}", "{prompt}"),
        ("agents: {a: {command: [x], timeout: 0s}}", "no time to wait"),
        ("agents: {a: {command: [x], timeout: 48h}}", "no time to wait"),
        ("consensus: {backoff: 48h}", "no time to wait"),
        ("consensus: {fallback: nowhere}", "no profile 'nowhere'"),
        ("budget: {tokens_per_stage: [6000, 4000]}", "above the most"),
        ("readiness: [{name: x}]", "asks for nothing"),
        ("prompts: {foundation: [a//b]}", "'a//b'"),
        ("agents: {a: {replay: a/./b}}", "a/./b"),
    ],
)
def test_what_cannot_be_is_refused_with_its_line(text: str, said: str) -> None:
    with pytest.raises(GuardrailError) as caught:
        load(text)
    assert said in caught.value.message
    assert caught.value.message.startswith(f"{NAME}:1:")


def test_a_profile_that_is_not_there_gets_a_suggestion() -> None:
    with pytest.raises(GuardrailError) as caught:
        load("profiles: {cheap: {}}", SPECKIT_PROFILE="chaep")
    assert caught.value.hint == "did you mean 'cheap'?"


def test_an_agent_nobody_configured_cannot_be_called() -> None:
    run = load("stages: {plan: {agents: [nobody]}}").run
    with pytest.raises(GuardrailError, match="nobody"):
        require_callable(run, run.stage("plan").roster)
