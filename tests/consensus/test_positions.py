"""Whether an answer says that its stage may go on."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardrails.config import STAGES
from guardrails.consensus import position_in

YES = {"proceed": True, "because": "it can be built"}
OLDER_UNLOCK = {"decision": {"unlock": "hold", "because": "the migration was never run"}}


def proceeds(answer: Any, stage: str = "plan") -> bool | None:
    return position_in(answer, stage).proceeds


@pytest.mark.parametrize("stage", STAGES)
def test_an_answer_that_says_proceed_proceeds(stage: str) -> None:
    found = position_in({"output": {"decision": YES}}, stage)
    assert (found.proceeds, found.reasons) == (True, ("it can be built",))


@pytest.mark.parametrize(
    ("stage", "fields"),
    [
        ("validate", {"scenarios": [{"name": "load", "status": "passed"}, {"name": "smoke", "status": "Not run"}]}),
        ("validate", {"scenarios": [{"name": "it failed over", "how": "failed requests count", "status": "passed"}]}),
        (
            "audit",
            {"criteria": [{"requirement": "R1", "finding": "held"}, {"requirement": "R2", "finding": "not shown"}]},
        ),
        ("audit", {"recommendation": {"decision": "accept with conditions", "because": "one risk was not rejected"}}),
        ("audit", {"recommendation": "accept"}),
        ("unlock", {"pending_work": [{"item": "docs", "in_the_way": False}]}),
        ("unlock", {"pending_work": []}),
        ("plan", {"scenarios": [{"status": "flaky"}], "recommendation": "use one file", "criteria": ["fails fast"]}),
        ("plan", {"status": "ok", "blockers": [], "blocking": ["none"], "ready": True, "verdict": "no open question"}),
        ("plan", {"risks": [{"risk": "the index is stale", "status": "failed"}], "tests": [{"passed": False}]}),
        ("unlock", {"followups": [{"item": "docs", "status": "blocked"}], "blockers": "none"}),
    ],
)
def test_fields_that_stand_in_nobodys_way(stage: str, fields: dict[str, Any]) -> None:
    assert proceeds({"decision": YES, **fields}, stage) is True


@pytest.mark.parametrize(
    ("stage", "fields"),
    [
        ("validate", {"scenarios": [{"name": "load", "status": "failed"}]}),
        ("validate", {"scenarios": [{"name": "ok", "status": "passed"}, {"name": "load", "status": "FAILED: 3 of 5"}]}),
        ("validate", {"Scenarios": {"load": {"status": "fail"}}}),
        ("validate", {"scenarios": {"load": "failed"}}),
        ("audit", {"scenarios": [{"status": "failed"}]}),
        ("audit", {"criteria": [{"requirement": "R1", "finding": "not held"}]}),
        ("audit", {"criteria": [{"requirement": "R1", "finding": "not_held"}]}),
        ("audit", {"criteria": [{"requirement": "R1", "finding": "NotHeld"}]}),
        ("audit", {"criteria": [{"requirement": "R1", "Finding": "Not-Met (p95 is 300 s)"}]}),
        ("audit", {"criteria": [{"requirement": "R1", "finding": "not\u200b held"}]}),
        ("audit", {"criteria": {"R1": "not held"}}),
        ("audit", {"recommendation": "reject"}),
        ("audit", {"recommendation": {"decision": "REJECT", "because": "nothing was run"}}),
        ("audit", {"recommendation": "I reject it"}),
        ("unlock", {"pending_work": [{"item": "migration", "in_the_way": True}]}),
        ("unlock", {"pending_work": [{"item": "migration", "inTheWay": "yes"}]}),
        ("unlock", {"pendingWork": [{"item": "migration", "in-the-way": "true"}]}),
        ("plan", {"scenarios": [{"status": "failed"}]}),
        ("tasks", {"pending_work": [{"in_the_way": True}]}),
        ("implement", {"proceed": False}),
        ("validate", {"verdict": "block"}),
        ("tasks", {"go": False}),
        ("plan", {"blocking": True}),
        ("implement", {"status": "blocked"}),
        ("unlock", {"unlock": "hold"}),
        ("unlock", {"should_proceed": "no"}),
        ("unlock", {"blockers": ["the migration was never run"]}),
        ("unlock", {"unlock_decision": "hold"}),
        ("unlock", {"decision": {**YES, "go": False}}),
        ("unlock", {"decision": {**YES, "hold": True}}),
        ("unlock", {"decision": {**YES, "status": "on hold"}}),
        ("unlock", {"final": {"decision": {"proceed": False}}}),
        ("unlock", {"rounds": [{"decision": {"proceed": "no"}}]}),
        ("unlock", {"open_work": [{"item": "migration", "in_the_way": True}]}),
        ("unlock", {"pending_work": [{"item": "migration", "is_blocking": True}]}),
        ("validate", {"validation": {"scenarios": [{"name": "load", "status": "failed"}]}}),
        ("validate", {"tests": [{"name": "load", "result": "failed"}]}),
        ("validate", {"scenarios": [{"name": "load", "state": "failed"}]}),
        ("validate", {"scenarios": [{"name": "load", "passed": False}]}),
        ("validate", {"scenarios": [[{"name": "load", "status": "failed"}]]}),
        ("validate", {"scenarios": [{"name": "load", "status": "passed", "steps": [{"status": "failed"}]}]}),
        ("audit", {"findings": [{"requirement": "R1", "finding": "not held"}]}),
        ("audit", {"criteria": [{"requirement": "R1", "met": False}]}),
    ],
)
def test_a_field_that_stands_in_the_way_outweighs_the_decision(stage: str, fields: dict[str, Any]) -> None:
    assert proceeds({"decision": YES, **fields}, stage) is False
    assert proceeds({"output": {"decision": YES, **fields}}, stage) is False
    assert proceeds({"decision": YES, "output": fields}, stage) is False
    assert proceeds({"decision": YES, "output": f"My answer:\n\n```json\n{json.dumps(fields)}\n```\n"}, stage) is False


@pytest.mark.parametrize(
    "decision",
    [
        {"proceed": False},
        {"proceed": "false"},
        {"proceed": "no"},
        {"proceed": True, "unlock": "hold"},
        {"proceed": "hold"},
        {"Proceed": False},
        {"unlock": "hold", "because": "x"},
        {"unlock": "HOLD"},
        {"unlock": False},
        "hold",
        "Do not proceed",
        "held",
        False,
    ],
)
def test_a_decision_that_holds(decision: Any) -> None:
    assert proceeds({"decision": decision}, "unlock") is False


@pytest.mark.parametrize(
    "decision",
    [
        {"proceed": "true"},
        {"proceed": 1},
        {"proceed": None},
        {"proceed": [True]},
        {"proceed": {"value": True}},
        {"proceed": True, "unlock": "perhaps"},
        {"unlock": "unlock"},
        {"because": "fine"},
        "proceed",
        True,
        None,
        [],
        {},
    ],
)
def test_a_decision_that_is_no_yes(decision: Any) -> None:
    assert proceeds({"decision": decision}, "unlock") is None


@pytest.mark.parametrize(
    ("stage", "fields"),
    [
        ("validate", {"scenarios": [{"status": "flaky"}]}),
        ("validate", {"scenarios": [{"status": None}]}),
        ("validate", {"scenarios": [{"status": 0}]}),
        ("audit", {"criteria": [{"finding": "held in part"}]}),
        ("audit", {"recommendation": {"because": "it is fine"}}),
        ("audit", {"recommendation": "pending"}),
        ("unlock", {"pending_work": [{"in_the_way": None}]}),
        ("unlock", {"pending_work": [{"item": "migration", "severity": "blocker"}]}),
        ("unlock", {"pending_work": ["the migration, which blocks the release"]}),
        ("validate", {"scenarios": ["load - FAILED"]}),
        ("validate", {"scenarios": "all failed"}),
        ("validate", {"scenarios": {"load": {"first": {"status": "failed"}}}}),
        ("unlock", {"pending_work": [{"in_the_way": "perhaps"}]}),
    ],
)
def test_a_word_that_is_not_understood_is_no_yes(stage: str, fields: dict[str, Any]) -> None:
    found = position_in({"decision": YES, **fields}, stage)
    assert found.proceeds is None
    assert found.reasons[0].endswith("is not understood")


@pytest.mark.parametrize(
    "answer", [{}, None, "proceed", {"output": "I would proceed."}, {"consensus": {"agreements": ["proceed"]}}, [YES]]
)
def test_an_answer_without_a_position(answer: Any) -> None:
    assert position_in(answer, "plan").proceeds is None


def test_an_answer_as_text_is_read() -> None:
    assert proceeds({"output": json.dumps({"decision": YES})}) is True
    assert proceeds({"output": f"~~~\n{json.dumps({'decision': YES})}\n~~~"}) is True
    assert (
        proceeds({"output": f"```json\n{json.dumps({'decision': YES})}\n```\n```\n{json.dumps(OLDER_UNLOCK)}"}) is False
    )
    assert proceeds({"output": json.dumps({"output": json.dumps(OLDER_UNLOCK)})}) is False


@pytest.mark.parametrize(
    "text",
    [
        'I think:\n{"decision": {"proceed": false}}',
        "I think:\n\n    {'decision': {'proceed': False}}",
        '```json\n{"decision": {"proceed": false}, // so far\n}\n```',
        '> ```json\n> {"decision": {"proceed": false}}\n> ```',
        '- ```json\n  {"decision": {"proceed": false}}\n  ```',
        '```json\n[{"decision": {"proceed": false}}]\n```',
        '[{"decision": {"proceed": false}}]',
    ],
)
def test_a_text_that_holds_is_no_yes(text: str) -> None:
    assert not proceeds({"decision": YES, "output": text})


def test_reasons_are_few_and_short() -> None:
    answer = {"scenarios": [{"name": "x" * 5000, "status": f"failed {at} " + "y" * 5000} for at in range(200)]}
    found = position_in(answer, "validate")
    assert (found.proceeds, len(found.reasons), found.reasons[-1]) == (False, 11, "and 190 more")
    assert max(map(len, found.reasons)) < 400


def test_what_is_too_much_to_look_at_is_no_yes() -> None:
    answer = {"decision": YES, "scenarios": [{"status": "passed"}] * 10_001}
    assert proceeds(answer, "validate") is None
    assert proceeds({"decision": YES, "output": [{"notes": 1}] * 1001}) is None
    assert proceeds({"decision": YES, "notes": [{}] * 50_001}) is None


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(("hold", "failed", "held", "true", "")) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(("decision", "proceed", "output", "scenarios", "status", "pending_work", "in_the_way"))
            | st.text(),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(VALUES, st.sampled_from(STAGES))
def test_whatever_it_says_it_only_proceeds_by_a_true(answer: Any, stage: str) -> None:
    found = position_in(answer, stage)
    assert found.reasons or found.proceeds
    if found.proceeds:
        assert "true" in json.dumps(answer)


@given(VALUES, st.sampled_from(STAGES))
def test_what_holds_is_not_talked_out_of_it(answer: Any, stage: str) -> None:
    assert proceeds({"output": answer, "decision": {"proceed": False}}, stage) is False
