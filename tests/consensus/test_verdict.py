"""The contract's table, row by row, on plain values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from guardrails.config import Consensus
from guardrails.consensus import (
    AgentOutput,
    Attribution,
    Conflict,
    ConsensusVerdict,
    Current,
    FileProblem,
    Input,
    OutcomeRecord,
    Position,
    Prompt,
    RecordKind,
    Resolution,
    VerdictClaim,
    compute_verdict,
    identity,
)
from tests.consensus.values import (
    HERE,
    HOLDS,
    NOW_AS_THEN,
    POLICY,
    SPEC_MD,
    STORAGE,
    agreed,
    answer,
    ballot,
    conclude,
    decided,
    question,
    resolution,
    synthesis,
)


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
    return conclude(question(*roster.split()), outputs, records, resolutions, NOW_AS_THEN, policy)


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
    found = conclude(question("gemini"), outputs)
    assert (found.kind, found.agreement) == ("undecided", None)


def test_an_outsiders_conflict_counts() -> None:
    assert verdict("kimi gemini claude gpt_pro", conflicts=(STORAGE,)).kind == "conflict"


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


def test_stale_wins_over_degraded_and_both_are_said() -> None:
    later = Current({SPEC_MD.path: "f" * 64}, (SPEC_MD.path,))
    found = conclude(question("a", "b", "c"), [answer("a"), answer("b")], current=later)
    assert (found.kind, found.stale) == ("undecided", ("stale: docs/SPEC-1/spec.md changed since",))
    assert found.shortfalls == ("2 of 3 agents answered usably (0.67)",)


def test_stale_is_the_reason_when_nothing_else_is() -> None:
    gone = Current({}, (SPEC_MD.path,))
    found = conclude(question("a"), [answer("a")], current=gone)
    assert (found.kind, found.reasons) == ("undecided", ("stale: docs/SPEC-1/spec.md is gone",))


def test_a_prompt_that_changed_makes_it_stale() -> None:
    now = NOW_AS_THEN._replace(prompts={"a": "9" * 64})
    found = conclude(question("a"), [answer("a")], current=now)
    assert (found.kind, found.reasons) == ("undecided", ("stale: the prompt of a changed since",))


def test_a_spec_without_documents_cannot_be_ok() -> None:
    found = conclude(question("a"), [answer("a")], current=NOW_AS_THEN._replace(required=()))
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
    found = conclude(question("a", "b"), outputs)
    assert (found.kind, [each.agent for each in found.usable]) == ("degraded", ["b"])


def test_the_same_output_twice_counts_once_and_is_said() -> None:
    outputs = [answer("a"), answer("a", path="evidence/again.json"), answer("b")]
    found = conclude(question("a", "b"), outputs)
    assert (found.kind, found.participation) == ("undecided", 1.0)
    assert found.reasons == ("the same output stands more than once (a)",)


def test_the_same_output_of_an_outsider_twice_does_not_matter() -> None:
    outputs = [answer("a"), answer("kimi"), answer("kimi", path="evidence/again.json")]
    assert conclude(question("a"), outputs).kind == "ok"


def record(kind: RecordKind | None, **changes: Any) -> OutcomeRecord:
    claim = VerdictClaim(kind, kind) if kind else None
    return synthesis(claim=claim, admits=claim, **changes)


@pytest.mark.parametrize(
    ("claim", "agents", "overstated"),
    [
        ("ok", "gemini claude gpt_pro", False),
        ("ok", "gemini claude", True),
        ("undecided", "gemini claude", False),
        ("degraded", "gemini claude", False),
        ("degraded", "", True),
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


# Positions.


def test_unanimous_hold_is_the_verdict() -> None:
    found = conclude(question("a", "b"), [answer("a", position=HOLDS), answer("b", position=HOLDS)])
    assert (found.kind, found.conflicts) == ("hold", ())
    assert found.reasons == (
        "every usable answer holds",
        "a holds: scenarios 1.status: failed",
        "b holds: scenarios 1.status: failed",
    )
    assert found.remedies


def test_one_that_holds_is_enough_where_nobody_else_answered() -> None:
    assert conclude(question("a", "b", "c"), [answer("a", position=HOLDS)]).kind == "hold"


def test_a_hold_needs_no_vote_and_no_statement() -> None:
    held = [answer("a", position=HOLDS, agreements=()), answer("b", position=HOLDS, agreements=())]
    assert compute_verdict(question("a", "b"), held, (), (), (), NOW_AS_THEN, POLICY).kind == "hold"


def split(**changes: Any) -> ConsensusVerdict:
    held = [answer("a"), answer("b", position=HOLDS), answer("c")]
    return conclude(question("a", "b", "c"), held, **changes)


def test_a_split_is_a_conflict_that_names_both_sides() -> None:
    found = split()
    assert (found.kind, [each.text for each in found.conflicts]) == ("conflict", ["plan: a, c proceed, b holds"])
    assert found.reasons[1:] == ("plan: a, c proceed, b holds", "b holds: scenarios 1.status: failed")


@pytest.mark.parametrize(
    ("proceed", "kind"), [(None, "conflict"), (True, "ok"), (False, "hold")], ids=("silent", "go on", "hold")
)
def test_a_split_is_settled_by_a_resolution_that_says_which(proceed: bool | None, kind: RecordKind) -> None:
    (conflict,) = split().conflicts
    found = split(resolutions=(resolution(conflict=conflict.id, text=conflict.text, proceed=proceed),))
    assert found.kind == kind


def test_of_two_resolutions_of_a_split_the_one_that_holds_counts() -> None:
    (conflict,) = split().conflicts
    both = [resolution(path=f"r{at}", conflict=conflict.id, proceed=at == 0) for at in range(2)]
    assert split(resolutions=both).kind == "hold"


def test_a_resolution_is_of_one_split_and_no_other() -> None:
    (conflict,) = split().conflicts
    held = [answer("a"), answer("b", position=HOLDS), answer("c", position=HOLDS)]
    settles = (resolution(conflict=conflict.id, proceed=True),)
    assert conclude(question("a", "b", "c"), held, resolutions=settles).kind == "conflict"


@pytest.mark.parametrize("reasons", [("states no position",), ("decision.proceed: 'true' is not understood",)])
def test_an_answer_without_a_position_is_never_ok(reasons: tuple[str, ...]) -> None:
    found = conclude(question("a", "b"), [answer("a"), answer("b", position=Position(None, reasons))])
    assert (found.kind, len(found.unclear)) == ("undecided", 1)
    silent = [answer("a", position=HOLDS), answer("b", position=Position(None, reasons))]
    assert conclude(question("a", "b"), silent).kind == "undecided"


def test_a_ruling_speaks_for_nobody_who_was_silent() -> None:
    held = [answer("a"), answer("b", position=HOLDS), answer("c", position=Position())]
    (conflict,) = conclude(question("a", "b", "c"), held).conflicts
    settles = (resolution(conflict=conflict.id, proceed=True),)
    assert conclude(question("a", "b", "c"), held, resolutions=settles).kind == "undecided"


def test_an_outsider_can_hold_and_cannot_proceed() -> None:
    assert conclude(question("a"), [answer("a"), answer("kimi", position=HOLDS)]).kind == "conflict"
    assert conclude(question("a"), [answer("a", position=HOLDS), answer("kimi")]).kind == "hold"
    assert conclude(question("a"), [answer("a"), answer("kimi", position=Position())]).kind == "ok"


# Votes.

FOUR = agreed("one", "two", "three", "four")


@pytest.mark.parametrize(
    ("a", "b", "c", "agreement", "kind", "severe"),
    [
        ("agree agree agree", "agree agree agree", "agree agree agree", 1.0, "ok", False),
        ("agree agree agree", "agree agree agree", "agree agree disagree", 2 / 3, "degraded", False),
        ("agree agree agree", "agree agree agree", "agree agree abstain", 2 / 3, "degraded", False),
        ("agree agree agree", "agree disagree agree", "agree agree abstain", 1 / 3, "degraded", True),
        ("abstain abstain abstain", "abstain abstain abstain", "abstain abstain abstain", 0.0, "degraded", True),
        ("disagree agree agree", "agree disagree agree", "agree agree disagree", 0.0, "degraded", True),
    ],
)
def test_agreement_is_counted(a: str, b: str, c: str, agreement: float, kind: RecordKind, severe: bool) -> None:
    outputs = [answer(name, agreements=agreed(f"of {name}")) for name in "abc"]
    found = conclude(question("a", "b", "c"), outputs, words={"a": a, "b": b, "c": c})
    assert (found.agreement, found.kind, found.severe) == (pytest.approx(agreement), kind, severe)
    assert found.participation == 1.0


def test_agreement_below_the_limit_is_not_rounded_up() -> None:
    outputs = [answer("a", agreements=agreed(*(f"statement {at}" for at in range(48))))]
    words = " ".join(["agree"] * 43 + ["abstain"] * 5)
    found = conclude(question("a"), outputs, words={"a": words})
    assert (found.kind, found.severe) == ("degraded", False)


def test_contradictory_statements_are_no_agreement() -> None:
    outputs = [
        answer(name, agreements=agreed(f"use {what}"))
        for name, what in zip("abc", ("one", "two", "three"), strict=True)
    ]
    words = {"a": "agree disagree disagree", "b": "disagree agree disagree", "c": "disagree disagree agree"}
    found = conclude(question("a", "b", "c"), outputs, words=words)
    assert (found.kind, found.agreement, found.severe) == ("degraded", 0.0, True)


def test_a_vote_against_a_decision_is_a_conflict_that_names_both_sides() -> None:
    outputs = [answer("a", agreements=decided("schema first")), answer("b", agreements=()), answer("c", agreements=())]
    words = {"a": "agree", "b": "disagree", "c": "abstain"}
    found = conclude(question("a", "b", "c"), outputs, words=words)
    assert found.kind == "conflict"
    assert [each.text for each in found.conflicts] == ["'schema first': a for it, b against it"]
    settles = (resolution(conflict=found.conflicts[0].id),)
    settled = conclude(question("a", "b", "c"), outputs, resolutions=settles, words=words)
    assert (settled.kind, settled.agreement) == ("ok", 1.0)


def test_who_states_a_decision_and_votes_against_it_is_heard_as_against() -> None:
    outputs = [answer("a", agreements=decided("schema first"))]
    found = conclude(question("a"), outputs, words={"a": "disagree"})
    assert [each.text for each in found.conflicts] == ["'schema first': nobody for it, a against it"]


def test_an_abstention_on_a_decision_is_no_conflict() -> None:
    outputs = [answer("a", agreements=decided("schema first")), answer("b", agreements=())]
    assert conclude(question("a", "b"), outputs, words={"b": "abstain"}).kind == "degraded"


PAIR = [answer("a"), answer("b")]
VOTED = [ballot("a", PAIR), ballot("b", PAIR)]


@pytest.mark.parametrize(
    "changes",
    [
        {"inputs": ()},
        {"inputs": (Input("evidence/a.json", "a"),)},
        {"inputs": (Input("evidence/a.json", "a"), Input("evidence/b.json", "other bytes"))},
        {"inputs": (*VOTED[0].inputs, Input("evidence/b.json", "other bytes"))},
        {"inputs": (*VOTED[0].inputs, Input("evidence/c.json", "c")), "statements": (), "votes": ()},
        {"statements": ()},
        {"statements": (VOTED[0].statements[0]._replace(text="four milestones"),)},
        {"statements": (VOTED[0].statements[0]._replace(kind="decision"),)},
        {"votes": (), "problems": (FileProblem("incomplete", "votes twice on s1"),)},
        {"votes": (), "error": "the agent failed"},
        {"votes": ()},
        {"named": HERE},
        {"named": HERE._replace(agents=frozenset({"b"}))},
        {"named": HERE._replace(agents=frozenset({"a"}), stages=frozenset({"audit"}))},
        {"named": HERE._replace(agents=frozenset({"a"}), specs=frozenset({"SPEC-2"}))},
        {"problems": (FileProblem("unreadable", "cannot be read"),)},
    ],
)
def test_a_ballot_that_is_not_on_these_answers_does_not_count(changes: dict[str, Any]) -> None:
    ballots = [VOTED[0]._replace(**changes), VOTED[1]]
    found = compute_verdict(question("a", "b"), PAIR, ballots, [synthesis()], [], NOW_AS_THEN, POLICY)
    assert (found.kind, found.participation, found.unvoted) == ("degraded", 0.5, ("a",))
    assert [each.agent for each in found.uncounted] == ["a"]


@pytest.mark.parametrize("gone", ["a", "b", "c"])
def test_an_answer_that_is_gone_takes_its_agents_part_with_it(gone: str) -> None:
    outputs = [answer(name, agreements=(*agreed(f"of {name}"), *agreed("of all"))) for name in "abc"]
    ballots = [ballot(name, outputs) for name in "abc"]
    left = [each for each in outputs if each.agent != gone]
    found = compute_verdict(question("a", "b", "c"), left, ballots, [synthesis()], [], NOW_AS_THEN, POLICY)
    assert (found.kind, found.participation, found.agreement, found.severe) == ("degraded", 0.67, 1.0, False)
    assert len(found.statements) == 3


def test_a_ballot_of_another_session_does_not_count() -> None:
    asked = question("a", "b")._replace(stamp="20260131T093000Z-4f2a")
    elsewhere = VOTED[0]._replace(named=VOTED[0].named._replace(sessions=frozenset({"20260130T093000Z-9999"})))
    found = compute_verdict(asked, PAIR, [elsewhere, VOTED[1]], [synthesis()], [], NOW_AS_THEN, POLICY)
    assert found.unvoted == ("a",)


@pytest.mark.parametrize("sha256", ["ballot of a", "other"])
def test_two_ballots_of_one_agent_leave_neither(sha256: str) -> None:
    ballots = [*VOTED, VOTED[0]._replace(path="evidence/again_ballot.json", sha256=sha256)]
    found = compute_verdict(question("a", "b"), PAIR, ballots, [synthesis()], [], NOW_AS_THEN, POLICY)
    assert (found.kind, found.unvoted) == ("degraded", ("a",))


def test_who_has_voted_anew_since_another_answer_joined_has_one_ballot() -> None:
    first = ballot("a", PAIR[:1], "disagree", path="evidence/first_ballot.json")
    again = VOTED[0]._replace(number=2, path="evidence/a_ballot_2.json")
    found = compute_verdict(question("a", "b"), PAIR, [first, again, VOTED[1]], [synthesis()], [], NOW_AS_THEN, POLICY)
    assert (found.kind, found.unvoted, found.uncounted) == ("ok", (), ())


def test_a_second_ballot_on_the_same_answers_leaves_neither() -> None:
    ballots = [ballot("a", PAIR, "disagree"), VOTED[0]._replace(number=2, path="evidence/a_ballot_2.json"), VOTED[1]]
    found = compute_verdict(question("a", "b"), PAIR, ballots, [synthesis()], [], NOW_AS_THEN, POLICY)
    assert (found.kind, found.unvoted) == ("degraded", ("a",))


def test_an_earlier_ballot_does_not_stand_in_for_a_later_one() -> None:
    later = ballot("a", PAIR[:1], number=2, path="evidence/a_ballot_2.json")
    found = compute_verdict(question("a", "b"), PAIR, [*VOTED, later], [synthesis()], [], NOW_AS_THEN, POLICY)
    assert (found.kind, found.unvoted) == ("degraded", ("a",))


def test_an_outsiders_ballot_counts_for_nothing() -> None:
    outsider = ballot("kimi", PAIR, "disagree")
    found = compute_verdict(question("a", "b"), PAIR, [*VOTED, outsider], [synthesis()], [], NOW_AS_THEN, POLICY)
    assert (found.kind, found.agreement, [each.of_roster for each in found.uncounted]) == ("ok", 1.0, [False])


def test_nobody_voted() -> None:
    found = compute_verdict(question("a", "b"), PAIR, [], [synthesis()], [], NOW_AS_THEN, POLICY)
    assert (found.kind, found.agreement, found.participation) == ("undecided", None, 0.0)
    assert found.reasons == ("nobody voted on the statements of the answers",)


def test_a_conflict_that_a_ballot_states_is_one() -> None:
    ballots = [VOTED[0]._replace(conflicts=(STORAGE,)), VOTED[1]]
    found = compute_verdict(question("a", "b"), PAIR, ballots, [synthesis()], [], NOW_AS_THEN, POLICY)
    assert (found.kind, found.conflicts) == ("conflict", (STORAGE,))


# The chain.


def chained(agent: str, before: Sequence[AgentOutput], words: str = "", **changes: Any) -> AgentOutput:
    """An answer that votes on those before it."""
    cast = ballot(agent, before, words)
    return answer(agent, previous=cast.inputs, votes=cast.votes, **changes)


CHAIN = Consensus(method="chain")


def of_chain(*outputs: AgentOutput, roster: str = "a b c", **changes: Any) -> ConsensusVerdict:
    said = changes.get("ballots", ())
    records = [synthesis(method="chain")]
    return compute_verdict(question(*roster.split()), outputs, said, records, [], NOW_AS_THEN, CHAIN)


FIRST = answer("a", agreements=agreed("one", "two"))
SECOND = chained("b", [FIRST], agreements=agreed("three"))


def test_in_a_chain_later_answers_vote_on_earlier_ones() -> None:
    found = of_chain(FIRST, SECOND, chained("c", [FIRST, SECOND], agreements=agreed("nobody sees this")))
    assert (found.kind, found.agreement, found.participation) == ("ok", 1.0, 1.0)
    assert [(each.statement.text, len(each.votes)) for each in found.statements] == [
        ("one", 3),
        ("two", 3),
        ("three", 2),
    ]


def test_in_a_chain_a_vote_against_a_remark_lowers_the_agreement() -> None:
    found = of_chain(FIRST, SECOND, chained("c", [FIRST, SECOND], "agree disagree agree"))
    assert (found.kind, found.agreement) == ("degraded", pytest.approx(2 / 3))


def test_in_a_chain_a_vote_against_a_decision_is_a_conflict() -> None:
    first = answer("a", agreements=decided("one"))
    found = of_chain(first, chained("b", [first], "disagree"), roster="a b")
    assert [each.text for each in found.conflicts] == ["'one': a for it, b against it"]


@pytest.mark.parametrize(
    "changes",
    [
        {"previous": ()},
        {"votes": None, "spoiled": (FileProblem("incomplete", "holds no ballot"),)},
        {"votes": ()},
        {"previous": (Input("evidence/a.json", "other bytes"),)},
    ],
)
def test_in_a_chain_an_answer_without_a_ballot_takes_no_part(changes: dict[str, Any]) -> None:
    found = of_chain(FIRST, SECOND._replace(**changes), roster="a b")
    assert (found.kind, found.agreement, found.unvoted) == ("undecided", None, ("b",))


def test_a_chain_of_one_agrees_with_nobody() -> None:
    assert of_chain(FIRST, roster="a").kind == "undecided"


def test_a_chain_without_its_first_answer_is_not_whole() -> None:
    third = chained("c", [answer("b", agreements=agreed("three"))])
    found = of_chain(answer("b", agreements=agreed("three")), third)
    assert (found.kind, found.participation) == ("degraded", 0.67)


def test_the_method_is_that_of_the_configuration() -> None:
    pair = [FIRST, chained("b", [FIRST])]
    assert conclude(question("a", "b"), pair, policy=CHAIN, records=[synthesis(method="chain")]).kind == "ok"
    assert conclude(question("a", "b"), pair, policy=CHAIN).kind == "undecided"  # the record says ballot
    assert conclude(question("a", "b"), PAIR, records=[synthesis(method=None)]).kind == "undecided"
