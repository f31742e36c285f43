"""`speckit cost`: what is known, and what is not shown as if it were."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardrails.config import Budget
from guardrails.errors import Undecidable
from guardrails.evidence import Charge, Spent, read_costs, session_cost, summary_document
from guardrails.reports.cost import as_document, view
from tests.reports.forms import shown
from tests.sandbox import Sandbox

SPEC = "SPEC-KIT-DEMO"
PATH = f"docs/SPEC-OPS-004-integrated-coder-hooks/evidence/costs/{SPEC}_cost_summary.json"
WHEN = datetime(2026, 1, 31, 9, 34, 12, tzinfo=timezone.utc)


def summary(*amounts: float | None) -> dict[str, Any]:
    charges = [Charge(Spent(usd, 5, 6, "unknown" if usd is None else "measured", "measured")) for usd in amounts]
    settled = session_cost("20260131T093000Z-4f2a", "plan", "r1", charges)
    return summary_document(None, SPEC, settled, "cheap", Budget(usd=2.0), WHEN).document


def test_each_stage_and_the_total_are_shown(sandbox: Sandbox) -> None:
    sandbox.write(PATH, summary(0.1, 0.25))
    ran = sandbox.speckit("cost", SPEC)
    assert ran.code == 0, ran
    assert ran.out.splitlines() == [
        f"{SPEC}: {PATH}",
        "",
        "stage  usd    tokens  source    calls  priced",
        "plan   $0.35  22      measured  2      2",
        "total  $0.35  22      measured  2      2",
        "",
        "Budget of the latest run: $0.35 of $2.00 used, 18 %.",
    ]


def test_answers_and_ballots_are_told_apart_where_that_is_known(sandbox: Sandbox) -> None:
    spent = Spent(0.1, 5, 6, "measured", "measured")
    charges = [Charge(spent), Charge(spent, ballot=True), Charge(spent, ballot=True, failed=True)]
    made = summary_document(
        None, SPEC, session_cost("20260131T093000Z-4f2a", "plan", "r1", charges), None, Budget(), WHEN
    )
    sandbox.write(PATH, made.document)
    lines = sandbox.speckit("cost", SPEC).out.splitlines()
    assert lines[2:5] == [
        "stage  usd    tokens  source    calls  ballots  priced",
        "plan   $0.30  33      measured  3      2        3",
        "total  $0.30  33      measured  3      2        3",
    ]
    assert lines[-1] == "Of 3 calls: 1 answer, 2 ballots, 1 failed."
    document = sandbox.speckit("cost", SPEC, "--format", "json").document
    assert (document["ballot_calls"], document["per_stage"]["plan"]["ballot_calls"]) == (2, 2)
    assert document["total"]["calls"] == 3


def test_a_summary_that_does_not_tell_ballots_from_answers_is_added_to_and_says_nothing_of_them() -> None:
    older = summary(0.1)
    del older["ballot_calls"], older["sessions"][0]["ballot_calls"]
    charges = [Charge(Spent(0.1, 5, 6, "measured", "measured"), ballot=True)]
    settled = session_cost("20260201T093000Z-4f2b", "tasks", "r2", charges)
    made = summary_document(json.dumps(older).encode(), SPEC, settled, None, Budget(), WHEN).document
    assert "ballot_calls" not in made
    assert [row.get("ballot_calls") for row in made["sessions"]] == [None, 1]
    document = as_document(read_costs(json.dumps(made).encode(), PATH, SPEC))
    assert (document["ballot_calls"], document["per_stage"]["plan"]["ballot_calls"]) == (None, None)
    assert document["per_stage"]["tasks"]["ballot_calls"] == 1


def test_a_lower_bound_is_said_to_be_one(sandbox: Sandbox) -> None:
    sandbox.write(PATH, summary(0.1, None))
    sandbox.commit()
    sandbox.write(PATH, summary(None))
    now, then = sandbox.speckit("cost", SPEC), sandbox.speckit("cost", SPEC, "--source", "HEAD")
    assert "The total is a lower bound: what 1 of 2 calls cost is not known." in then.out
    assert "plan   unknown" in now.out
    assert "$0.00" not in now.out


def test_programs_are_given_null_for_unknown(sandbox: Sandbox) -> None:
    sandbox.write(PATH, summary(None))
    document = sandbox.speckit("cost", SPEC, "--format", "json").document
    assert document["total"] == {
        "usd": None,
        "tokens": 11,
        "source": "unknown",
        "calls": 1,
        "priced_calls": 0,
        "lower_bound": False,
    }
    assert document["budget"] == {"usd": 2.0, "spent": None}


OLDER = {"spec_id": SPEC, "total_spent": 0.0, "budget": 2.0, "call_count": 3, "per_stage": {"spec-plan": 0.0}}


def test_zero_dollars_of_an_older_tool_are_unknown(sandbox: Sandbox) -> None:
    sandbox.write(PATH, OLDER)
    ran = sandbox.speckit("cost", SPEC)
    assert ran.code == 0, ran
    assert "plan   unknown" in ran.out
    assert "$0.00" not in ran.out
    assert "Another tool wrote this summary" in ran.out


@pytest.mark.parametrize(
    "content",
    ["{", "[]", "null", '{"specId": "x"}', {**OLDER, "spec_id": "SPEC-KIT-OTHER"}, {**OLDER, "total_spent": -1}],
)
def test_what_is_no_summary_is_undecided(content: Any, sandbox: Sandbox) -> None:
    sandbox.write(PATH, content)
    ran = sandbox.speckit("cost", SPEC)
    assert (ran.code, ran.out) == (3, "")
    assert "speckit validate" in ran.err


def test_no_summary_is_undecided_and_no_id_is_a_mistake(sandbox: Sandbox) -> None:
    assert sandbox.speckit("cost", SPEC).code == 3
    assert sandbox.speckit("cost", "../etc").code == 2
    place = sandbox.root / PATH
    place.parent.mkdir(parents=True)
    place.symlink_to("/etc/passwd")
    assert sandbox.speckit("cost", SPEC).code == 3


NUMBERS = st.none() | st.floats(0, 1e6) | st.integers(0, 10**6)
KEYS = (
    "total_usd",
    "total_spent",
    "total_tokens",
    "calls",
    "priced_calls",
    "call_count",
    "cached_calls",
    "totalCostUsd",
)


@given(
    st.dictionaries(st.sampled_from(KEYS), NUMBERS),
    st.sampled_from(["per_stage", "perStage"]),
    st.dictionaries(
        st.sampled_from(["plan", "spec-tasks", "x\x1b"]), NUMBERS | st.dictionaries(st.just("usd"), NUMBERS)
    ),
    NUMBERS | st.just({"usd": 1.0}),
)
def test_any_summary_is_shown_or_refused(values: dict[str, Any], key: str, stages: dict[str, Any], budget: Any) -> None:
    tree = {"spec_id": SPEC, **values, key: stages, "budget": budget}
    try:
        costs = read_costs(json.dumps(tree).encode(), PATH, SPEC)
    except Undecidable:
        return
    assert "\x1b" not in shown(view(costs))
    assert json.loads(json.dumps(as_document(costs)))["spec"] == SPEC
