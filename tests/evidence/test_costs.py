"""The cost summary: of all sessions, each counted once, however often it is settled."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardrails.config import STAGES, Budget, Layout, Price
from guardrails.core import faults
from guardrails.evidence import Charge, Spent, cost_path, session_cost, summary_document
from guardrails.layouts import SessionCost
from tests.sandbox import Sandbox

SPEC = "SPEC-KIT-DEMO"
WHEN = datetime(2026, 1, 31, 9, 34, 12, tzinfo=timezone.utc)
BUDGET = Budget(usd=2.0, tokens_per_stage=(10, 20), prices=(Price("m", 1, 2, "2026-01"), Price("n", 1, 2)))


def charge(usd: float | None, **more: Any) -> Charge:
    return Charge(Spent(usd, 5, 6, "unknown" if usd is None else "measured", "measured"), **more)


def settle(previous: bytes | None, settled: SessionCost, budget: Budget = BUDGET) -> bytes:
    made = summary_document(previous, SPEC, settled, "cheap", budget, WHEN).document
    assert list(faults("cost_summary", made)) == []
    return orjson.dumps(made)


PLAN = session_cost(
    "20260131T093000Z-4f2a", "plan", "r1", [charge(0.1), charge(0.2, failed=True), charge(0.0, cached=True)]
)
TASKS = session_cost("20260131T094000Z-5e1b", "tasks", "r1", [charge(0.3), charge(None)])
AGAIN = session_cost("20260201T093000Z-6c3d", "plan", "r2", [charge(1.5)])


def test_a_first_session_makes_the_summary() -> None:
    made = json.loads(settle(None, PLAN))
    assert made["per_stage"] == {
        "plan": {"usd": 0.3, "tokens": 33, "source": "measured", "calls": 3, "priced_calls": 3}
    }
    assert (made["total_usd"], made["total_tokens"], made["calls"], made["priced_calls"]) == (0.3, 33, 3, 3)
    assert (made["failed_calls"], made["cached_calls"], made["prices_version"]) == (1, 1, "2026-01")
    assert made["budget"] == {"usd": 2.0, "used": 0.15, "spent": 0.3, "tokens_per_stage": [10, 20]}
    assert (made["generatedAt"], made["runProfile"]) == ("2026-01-31T09:34:12Z", "cheap")


def test_a_session_settled_twice_is_counted_once() -> None:
    first = settle(None, PLAN)
    second = settle(first, TASKS)
    assert settle(first, PLAN) == first
    assert settle(second, TASKS) == second


def test_another_run_adds_to_the_total_and_has_a_cap_of_its_own() -> None:
    made = json.loads(settle(settle(settle(None, PLAN), TASKS), AGAIN))
    assert made["per_stage"]["plan"]["usd"] == 1.8
    assert made["per_stage"]["tasks"]["usd"] == 0.3
    assert (made["total_usd"], made["calls"], made["priced_calls"]) == (2.1, 6, 5)
    assert (made["budget"]["spent"], made["budget"]["used"]) == (1.5, 0.75)
    assert [each["session"] for each in made["sessions"]] == [PLAN.session, TASKS.session, AGAIN.session]


def test_what_is_not_known_stays_null() -> None:
    made = json.loads(settle(None, session_cost("s1-0000", "audit", None, [charge(None), charge(0.0)])))
    assert made["per_stage"]["audit"]["usd"] is None
    assert made["per_stage"]["audit"]["source"] == "unknown"
    assert (made["total_usd"], made["budget"]["used"]) == (None, None)
    assert made["total_tokens"] == 22


def test_without_caps_there_is_no_budget() -> None:
    assert json.loads(settle(None, PLAN, Budget()))["budget"] is None
    assert json.loads(settle(None, PLAN, Budget(usd=0.0)))["budget"]["used"] is None
    only = json.loads(settle(None, PLAN, Budget(tokens_per_stage=(1, 2))))["budget"]
    assert only == {"usd": None, "used": None, "spent": 0.3, "tokens_per_stage": [1, 2]}


OTHERS = {
    "of an older tool": b'{"spec_id": "SPEC-KIT-DEMO", "total_spent": 0.5, "per_stage": {"spec-plan": 0.5}}',
    "not JSON": b"{",
    "null": b"null",
    "a list": b"[]",
    "of another SPEC": settle(None, PLAN).replace(b"SPEC-KIT-DEMO", b"SPEC-KIT-OTHER"),
    "with a row that is none": settle(None, PLAN).replace(b'"plan","run"', b'"plann","run"'),
}


@pytest.mark.parametrize("previous", OTHERS.values(), ids=OTHERS)
def test_a_summary_of_another_form_is_not_added_to_and_that_is_said(previous: bytes) -> None:
    made = summary_document(previous, SPEC, PLAN, None, BUDGET, WHEN)
    assert made.document["sessions"] == summary_document(None, SPEC, PLAN, None, BUDGET, WHEN).document["sessions"]
    assert len(made.notes) == 1
    assert "not added to" in made.notes[0]


def test_what_is_written_passes_validation(sandbox: Sandbox) -> None:
    free = session_cost("20260131T095000Z-7d4e", "audit", "r1", [charge(0.0, replayed=True)])
    for document in (settle(settle(None, PLAN), TASKS), settle(None, free), settle(settle(None, free), AGAIN)):
        sandbox.write(cost_path(Layout(), SPEC), document)
        assert sandbox.judge("validate").rules == []


CALLS = st.lists(
    st.builds(
        charge,
        st.none() | st.integers(0, 300_000).map(lambda number: number / 1_000_000),
        failed=st.booleans(),
        cached=st.booleans(),
    ),
    max_size=5,
)
ROWS = st.builds(
    session_cost,
    st.sampled_from(["a-0001", "b-0002", "c-0003", "d-0004"]),
    st.sampled_from(STAGES),
    st.sampled_from([None, "r1", "r2"]),
    CALLS,
)


@given(st.lists(ROWS, min_size=1, max_size=6))
def test_any_sessions_in_any_order_add_up(rows: list[SessionCost]) -> None:
    data: bytes | None = None
    for each in rows:
        data = settle(data, each)
        assert settle(data, each) == data
    assert data is not None
    made = json.loads(data)
    last = {each.session: each for each in rows}
    assert made["calls"] == sum(each.cost.calls for each in last.values())
    stages = made["per_stage"].values()
    cents = sum(round((each["usd"] or 0) * 1_000_000) for each in stages)
    assert cents == round((made["total_usd"] or 0) * 1_000_000)
    assert made["priced_calls"] == sum(each["priced_calls"] for each in stages)
    if made["total_usd"] == 0:
        assert made["priced_calls"] == made["calls"]
