"""The contract's table, row by row, on plain values."""

from __future__ import annotations

from typing import Any

import pytest

from guardrails.config import Consensus
from guardrails.consensus import (
    AgentOutput,
    Agreement,
    Attribution,
    Conflict,
    ConsensusQuestion,
    ConsensusVerdict,
    Current,
    FileProblem,
    Input,
    OutcomeRecord,
    Prompt,
    RecordKind,
    Resolution,
    VerdictClaim,
    ask,
    compute_verdict,
    identity,
)
from tests.consensus.builder import NOW

SPEC_MD = Input("docs/SPEC-1/spec.md", "a" * 64)
HERE = Attribution(frozenset({"SPEC-1"}), frozenset({"plan"}))
NOW_AS_THEN = Current({SPEC_MD.path: SPEC_MD.sha256}, (SPEC_MD.path,))
POLICY = Consensus()
STORAGE = Conflict(identity("storage"), "storage")


def question(*roster: str) -> ConsensusQuestion:
    return ask("SPEC-1", "plan", roster)


def agreed(*texts: str) -> tuple[Agreement, ...]:
    return tuple(Agreement(identity(text), text) for text in texts)


def answer(agent: str, **changes: Any) -> AgentOutput:
    made = AgentOutput(
        path=f"evidence/{agent}.json",
        agent=agent,
        sha256=agent,
        named=HERE._replace(agents=frozenset({agent})),
        prompt=Prompt("v1", "b" * 64),
        inputs=(SPEC_MD,),
        agreements=agreed("three milestones"),
    )
    return made._replace(**changes)


def synthesis(**changes: Any) -> OutcomeRecord:
    return OutcomeRecord("evidence/synthesis.json", "synthesis", named=HERE, **changes)


def resolution(**changes: Any) -> Resolution:
    made = Resolution("evidence/r.json", named=HERE, conflict=STORAGE.id, because="one file", by="dev", when=NOW)
    return made._replace(**changes)


def verdict(
    agents: str,
    roster: str = "gemini claude gpt_pro",
    records: tuple[OutcomeRecord, ...] = (synthesis(),),
    resolutions: tuple[Resolution, ...] = (),
    policy: Consensus = POLICY,
    **changes: Any,
) -> ConsensusVerdict:
    """The verdict over answers of `agents`, the first of them changed."""
    outputs = [answer(agent, **(changes if number == 0 else {})) for number, agent in enumerate(agents.split())]
    return compute_verdict(question(*roster.split()), outputs, records, resolutions, NOW_AS_THEN, policy)


def test_ok_when_all_of_the_roster_answered_and_nothing_is_open() -> None:
    found = verdict("gemini claude gpt_pro")
    assert (found.kind, found.participation, found.agreement, found.reasons) == ("ok", 1.0, 1.0, ())


def test_ok_when_the_only_conflict_is_settled() -> None:
    found = verdict("gemini claude gpt_pro", "gemini claude gpt_pro", (synthesis(conflicts=(STORAGE,)),),
                    (resolution(),), conflicts=(STORAGE,))  # fmt: skip
    assert (found.kind, [each.conflict for each in found.resolved]) == ("ok", [STORAGE])


def test_ok_when_the_roster_spells_an_agent_with_a_dash() -> None:
    assert verdict("gemini claude gpt_pro", "gemini claude gpt-pro GPT_PRO").kind == "ok"


@pytest.mark.parametrize(
    ("agents", "roster", "participation", "kind", "severe"),
    [
        ("gemini claude", "gemini claude gpt_pro", 0.67, "degraded", False),
        ("gemini", "gemini claude gpt_pro", 0.33, "degraded", True),
        ("gemini claude gpt_pro", "gemini claude gpt_codex gpt_pro", 0.75, "degraded", False),
        ("gemini claude", "gemini claude gpt_codex gpt_pro", 0.5, "degraded", True),
        ("kimi", "gemini claude gpt_pro", 0.0, "undecided", False),
        ("", "gemini claude gpt_pro", 0.0, "undecided", False),
        ("gemini claude", "", None, "undecided", False),
    ],
)
def test_participation(agents: str, roster: str, participation: float | None, kind: RecordKind, severe: bool) -> None:
    found = verdict(agents, roster)
    assert (found.participation, found.kind, found.severe) == (participation, kind, severe)


def test_the_missing_are_named() -> None:
    assert verdict("gemini kimi").missing == ("claude", "gpt_pro")


def test_an_outsider_adds_no_agreement() -> None:
    outputs = [answer("gemini", agreements=()), answer("kimi", agreements=agreed("x", "y"))]
    found = compute_verdict(question("gemini"), outputs, [synthesis()], [], NOW_AS_THEN, POLICY)
    assert (found.kind, found.agreement) == ("undecided", None)


def test_an_outsiders_conflict_counts() -> None:
    assert verdict("kimi gemini claude gpt_pro", conflicts=(STORAGE,)).kind == "conflict"


def test_agreement_counts_each_statement_once() -> None:
    found = verdict("gemini claude gpt_pro", conflicts=(STORAGE,), agreements=agreed("telemetry first"))
    assert found.agreement == pytest.approx(2 / 3)


def test_a_conflict_is_counted_once_across_outputs_and_synthesis() -> None:
    shouted = Conflict(identity(" STORAGE "), " STORAGE ")
    found = verdict("gemini claude gpt_pro", records=(synthesis(conflicts=(shouted,)),), conflicts=(STORAGE,))
    assert found.conflicts == (STORAGE,)


@pytest.mark.parametrize(
    "changes",
    [
        {"inputs": ()},
        {"prompt": Prompt("v1", None)},
        {"prompt": Prompt(None, "b" * 64)},
        {"prompt": Prompt("v2", "b" * 64)},
        {"inputs": (Input(SPEC_MD.path, "c" * 64),)},
        {"inputs": (Input("README.md", "c" * 64),)},
    ],
)
def test_conflict_wins_over_whatever_the_outputs_were_made_from(changes: dict[str, Any]) -> None:
    assert verdict("gemini claude gpt_pro", **changes).kind == "undecided"
    assert verdict("gemini claude gpt_pro", conflicts=(STORAGE,), **changes).kind == "conflict"


def test_degraded_wins_over_stale() -> None:
    later = Current({SPEC_MD.path: "f" * 64}, (SPEC_MD.path,))
    found = compute_verdict(question("a", "b", "c"), [answer("a"), answer("b")], [synthesis()], [], later, POLICY)
    assert (found.kind, found.stale) == ("degraded", ("stale: docs/SPEC-1/spec.md changed since",))


def test_stale_is_the_reason_when_nothing_else_is() -> None:
    gone = Current({}, (SPEC_MD.path,))
    found = compute_verdict(question("a"), [answer("a")], [synthesis()], [], gone, POLICY)
    assert (found.kind, found.reasons) == ("undecided", ("stale: docs/SPEC-1/spec.md is gone",))


def test_a_prompt_that_changed_makes_it_stale() -> None:
    now = NOW_AS_THEN._replace(prompts={"a": "9" * 64})
    found = compute_verdict(question("a"), [answer("a")], [synthesis()], [], now, POLICY)
    assert (found.kind, found.reasons) == ("undecided", ("stale: the prompt of a changed since",))


def test_a_spec_without_documents_cannot_be_ok() -> None:
    found = compute_verdict(question("a"), [answer("a")], [synthesis()], [], NOW_AS_THEN._replace(required=()), POLICY)
    assert found.kind == "undecided"


@pytest.mark.parametrize(
    "changes",
    [
        {"error": "agent execution failed"},
        {"problems": (FileProblem("placeholder", "holds ${stage}"),)},
        {"named": Attribution(frozenset({"SPEC-1", "SPEC-2"}), frozenset({"plan"}), frozenset({"gemini"}))},
        {"named": Attribution(frozenset({"SPEC-1"}), frozenset({"audit"}), frozenset({"gemini"}))},
        {"named": HERE},
        {"inputs": (SPEC_MD, Input(SPEC_MD.path, "c" * 64))},
    ],
)
def test_an_unusable_output_leaves_its_agent_out_and_its_conflict_unheard(changes: dict[str, Any]) -> None:
    found = verdict("gemini claude gpt_pro", conflicts=(STORAGE,), **changes)
    assert (found.kind, found.participation, found.conflicts) == ("degraded", 0.67, ())
    assert [each.output.agent for each in found.unusable] == ["gemini"]


def test_two_different_outputs_of_one_agent_leave_neither() -> None:
    outputs = [answer("a"), answer("a", path="evidence/again.json", sha256="other"), answer("b")]
    found = compute_verdict(question("a", "b"), outputs, [synthesis()], [], NOW_AS_THEN, POLICY)
    assert (found.kind, [each.agent for each in found.usable]) == ("degraded", ["b"])


def test_the_same_output_twice_counts_once_and_is_said() -> None:
    outputs = [answer("a"), answer("a", path="evidence/again.json"), answer("b")]
    found = compute_verdict(question("a", "b"), outputs, [synthesis()], [], NOW_AS_THEN, POLICY)
    assert (found.kind, found.participation) == ("undecided", 1.0)
    assert found.reasons == ("the same output stands more than once (a)",)


def test_the_same_output_of_an_outsider_twice_does_not_matter() -> None:
    outputs = [answer("a"), answer("kimi"), answer("kimi", path="evidence/again.json")]
    assert compute_verdict(question("a"), outputs, [synthesis()], [], NOW_AS_THEN, POLICY).kind == "ok"


def record(kind: RecordKind | None, **changes: Any) -> OutcomeRecord:
    claim = VerdictClaim(kind, kind) if kind else None
    return synthesis(claim=claim, admits=claim, **changes)


@pytest.mark.parametrize(
    ("claim", "agents", "overstated"),
    [
        ("ok", "gemini claude gpt_pro", False),
        ("ok", "gemini claude", True),
        ("undecided", "gemini claude", True),
        ("degraded", "gemini claude", False),
        ("conflict", "gemini claude", False),
        (None, "gemini claude", False),
        ("ok", "", True),
    ],
)
def test_a_record_that_claims_more_than_the_outputs_give(
    claim: RecordKind | None, agents: str, overstated: bool
) -> None:
    assert bool(verdict(agents, records=(record(claim),)).overstated) is overstated


def test_a_record_that_leaves_out_a_conflict_claims_more() -> None:
    found = verdict("gemini claude gpt_pro", records=(record("conflict"),), conflicts=(STORAGE,))
    assert [said for _, said in found.overstated] == [f"leaves out what the outputs state as a conflict ({STORAGE.id})"]


def test_a_verdict_of_before_a_resolution_contradicts_nothing() -> None:
    before = record("conflict", conflicts=(STORAGE,))
    found = verdict("gemini claude gpt_pro", records=(before,), resolutions=(resolution(),), conflicts=(STORAGE,))
    assert (found.kind, found.overstated) == ("ok", ())


def test_a_record_that_says_worse_than_the_outputs_is_not_waved_through() -> None:
    found = verdict("gemini claude gpt_pro", records=(record("degraded"),))
    assert (found.kind, found.reasons) == ("undecided", ("its synthesis says degraded, the outputs give ok",))


@pytest.mark.parametrize(
    "changes",
    [
        {"problems": (FileProblem("incomplete", "does not say why"),)},
        {"conflict": "0" * 12},
        {"text": "another"},
        {"named": Attribution(frozenset({"SPEC-2"}), frozenset({"plan"}))},
        {"conflict": None, "text": None},
    ],
)
def test_a_resolution_that_settles_nothing(changes: dict[str, Any]) -> None:
    found = verdict("gemini claude gpt_pro", resolutions=(resolution(**changes),), conflicts=(STORAGE,))
    assert (found.kind, found.resolved) == ("conflict", ())


@pytest.mark.parametrize("changes", [{"conflict": None, "text": "Storage "}, {"conflict": "storage"}])
def test_a_resolution_may_name_its_conflict_by_its_words(changes: dict[str, Any]) -> None:
    stated = (synthesis(conflicts=(STORAGE,)),)
    found = verdict("gemini claude gpt_pro", records=stated, resolutions=(resolution(**changes),), conflicts=(STORAGE,))
    assert found.kind == "ok"


def test_the_policy_sets_the_limits() -> None:
    lenient = Consensus(min_agreement=0.9, degraded_below=0.3)
    assert verdict("gemini", policy=lenient).severe is False
    assert verdict("gemini claude gpt_pro", policy=Consensus(min_agreement=1.1)).kind == "degraded"
