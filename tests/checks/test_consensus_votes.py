"""`consensus check` on what answers say and how they vote, from files to findings."""

from __future__ import annotations

from typing import Any

import pytest

from guardrails.config import Consensus, Waiver
from guardrails.core import Result
from guardrails.errors import GuardrailError
from tests.consensus.builder import Bundle, Document, Files, codes, edit, judge, put, reseal, said, settings, without

BUNDLE = Bundle(with_verdict=False)
HOLD = {"proceed": False, "because": "the migration was never run"}


def answered(bundle: Bundle, *agents: str, **fields: Any) -> Files:
    """The bundle with other fields in what some agents wrote, voted on as it is then."""
    files = bundle.files
    for agent in agents or bundle.roster:
        files = edit(files, bundle.path(agent), lambda value: value["output"].update(fields))
    return reseal(bundle, {**files, **bundle.ballots(files)})


def honest(bundle: Bundle, files: Files, status: str) -> Files:
    """The files with a synthesis that claims no more than this."""
    return put(files, bundle.path("synthesis"), status=status)


def of(result: Result, rule: str) -> list[str]:
    return [each.message.partition(": ")[2] for each in result.findings if each.rule.code == rule]


def test_unanimous_hold_fails_and_says_who_and_why() -> None:
    result = judge(honest(BUNDLE, answered(BUNDLE, decision=HOLD), "hold"))
    assert (result.verdict, result.exit_code, codes(result)) == ("fail", 1, ["CON015"] * 3)
    assert of(result, "CON015")[0] == "claude holds: decision.proceed: false (the migration was never run)"
    assert {each.path for each in result.findings} == {BUNDLE.path(agent) for agent in BUNDLE.roster}
    assert "change what stands in the way" in (result.findings[0].hint or "")


def test_a_hold_cannot_be_waived() -> None:
    waiver = Waiver("CON015", BUNDLE.path("claude"), "we go on", "2099-01-01")
    with pytest.raises(GuardrailError, match=r"CON015 .* cannot be waived"):
        judge(answered(BUNDLE, decision=HOLD), settings(waivers=(waiver,)))


@pytest.mark.parametrize(
    ("stage", "fields"),
    [
        ("validate", {"scenarios": [{"name": "load", "status": "failed"}]}),
        ("audit", {"criteria": [{"requirement": "R1", "finding": "not held"}]}),
        ("audit", {"recommendation": {"decision": "reject", "because": "nothing was run"}}),
        ("unlock", {"pending_work": [{"item": "migration", "in_the_way": True}]}),
        ("unlock", {"decision": {"unlock": "hold", "because": "x"}}),
    ],
)
def test_what_every_stage_was_asked_for_is_heard(stage: str, fields: Document) -> None:
    bundle = BUNDLE._replace(stage=stage)
    result = judge(answered(bundle, **fields))
    assert (result.exit_code, codes(result).count("CON015")) == (1, 3)
    assert judge(answered(bundle, "gemini", **fields)).exit_code == 4


def test_a_split_is_a_conflict_that_only_a_ruling_settles() -> None:
    files = honest(BUNDLE, answered(BUNDLE, "gemini", decision=HOLD), "conflict")
    result = judge(files)
    assert (result.exit_code, codes(result)) == (4, ["CON001"])
    (conflict,) = [each for each in result.findings if each.rule.code == "CON001"]
    assert "claude, gpt_pro proceed, gemini holds" in conflict.message
    assert "with 'proceed' true or false" in (conflict.hint or "")
    assert of(result, "CON015") == ["gemini holds: decision.proceed: false (the migration was never run)"]  # a note
    text = "plan: claude, gpt_pro proceed, gemini holds"
    assert judge({**files, **BUNDLE.resolution(text)}).exit_code == 4
    assert judge({**files, **BUNDLE.resolution(text, proceed="yes")}).exit_code == 4
    assert judge({**files, **BUNDLE.resolution(text, proceed=False)}).exit_code == 1
    assert judge({**files, **BUNDLE.resolution(text, proceed=True)}).verdict == "pass"


def test_an_answer_without_a_position_is_named() -> None:
    result = judge(honest(BUNDLE, answered(BUNDLE, "gemini", decision={"unlock": "unlock"}), "undecided"))
    assert (result.exit_code, codes(result)) == (3, ["CON017"])
    assert of(result, "CON017") == ["gemini does not say whether to proceed: states no position"]


def voted(agent: str, word: str, at: int = 0) -> Files:
    return edit(BUNDLE.files, BUNDLE.path(f"{agent}_ballot"), lambda value: value["ballot"][at].update(vote=word))


def test_agreement_that_was_not_reached_is_degraded() -> None:
    result = judge(honest(BUNDLE, voted("gemini", "abstain"), "degraded"))
    assert (result.exit_code, codes(result)) == (5, ["CON002"])
    assert "agreement is 0.50 (1 of 2 statements), less than 0.90" in said(result)
    assert "agreement on s1" in (result.findings[0].hint or "")


def test_contradictory_agreements_are_put_to_the_vote() -> None:
    files = BUNDLE.files
    for agent in BUNDLE.roster:
        stated = {"agreements": [f"the limit is that of {agent}"], "conflicts": []}
        files = put(files, BUNDLE.path(agent), consensus=stated)
    files |= BUNDLE.ballots(files)
    for agent in BUNDLE.roster:

        def change(value: Document, agent: str = agent) -> None:
            own = {each["id"] for each in value["statements"] if each["agents"] == [agent]}
            value["ballot"] = [
                {**each, "vote": "agree" if each["id"] in own else "disagree"} for each in value["ballot"]
            ]

        files = edit(files, BUNDLE.path(f"{agent}_ballot"), change)
    result = judge(honest(BUNDLE, reseal(BUNDLE, files), "degraded"))
    assert (result.exit_code, "severe" in said(result)) == (5, True)
    assert "agreement is 0.00 (0 of 3 statements)" in said(result)


def test_a_vote_against_a_decision_is_a_conflict() -> None:
    files = BUNDLE.files
    decision = {"agreements": [{"text": "schema first", "kind": "decision"}], "conflicts": []}
    files = put(files, BUNDLE.path("claude"), consensus=decision)
    files |= BUNDLE.ballots(files)
    files = edit(files, BUNDLE.path("gemini_ballot"), lambda value: value["ballot"][0].update(vote="disagree"))
    result = judge(honest(BUNDLE, reseal(BUNDLE, files), "conflict"))
    assert (result.exit_code, codes(result)) == (4, ["CON001"])
    assert "'schema first': claude, gpt_pro for it, gemini against it" in said(result)


@pytest.mark.parametrize("word", ["yes", "", "AGREE!"])
def test_a_spoiled_ballot_is_named_with_the_reason(word: str) -> None:
    result = judge(honest(BUNDLE, voted("gemini", word), "degraded"))
    assert (result.exit_code, set(codes(result))) == (5, {"CON002", "CON016"})
    assert of(result, "CON016")[0].startswith(
        "the ballot of gemini does not count: it does not satisfy the ballot schema"
    )


def test_an_agent_that_has_not_voted_is_named() -> None:
    result = judge(honest(BUNDLE, without(BUNDLE.files, BUNDLE.path("gemini_ballot")), "degraded"))
    assert (result.exit_code, set(codes(result))) == (5, {"CON002", "CON016"})
    assert of(result, "CON016") == ["gemini has not voted"]


def test_nobody_has_voted() -> None:
    files = without(BUNDLE.files, *(BUNDLE.path(f"{agent}_ballot") for agent in BUNDLE.roster))
    assert judge(honest(BUNDLE, files, "undecided")).exit_code == 3


def test_an_outsiders_ballot_is_a_note() -> None:
    theirs = edit(BUNDLE.files, BUNDLE.path("gemini_ballot"), lambda value: value.update(agent="kimi"))
    files = {**BUNDLE.files, BUNDLE.path("kimi_ballot"): theirs[BUNDLE.path("gemini_ballot")]}
    result = judge(files)
    assert (result.verdict, codes(result, "note")) == ("pass", ["CON016"])


def test_a_chain_is_judged_where_the_configuration_says_so() -> None:
    chain = Bundle(method="chain")
    assert judge(chain.files, settings(consensus=Consensus(method="chain"))).verdict == "pass"
    assert judge(chain.files).verdict != "pass"
    assert judge(BUNDLE.files, settings(consensus=Consensus(method="chain"))).verdict != "pass"


@pytest.mark.parametrize("method", ["chain", None, "show of hands"])
def test_a_record_of_another_method_is_not_waved_through(method: str | None) -> None:
    assert judge(put(BUNDLE.files, BUNDLE.path("synthesis"), method=method)).verdict != "pass"
