"""Records of any shape: what anybody may have written never ends a report, and never becomes a number it is not."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardrails.core import LONGEST, number, unsafe
from guardrails.core.fields import text
from guardrails.layouts import EvidenceName, read_cost_summary
from guardrails.reports import (
    ExaminedPart,
    outcome_of,
    read_content,
    read_events,
    read_metrics,
    read_run,
    read_usage,
    record_of,
)
from guardrails.reports.formats import escaped, plain, written

_WORDS = """agent status cost_usd source per_stage plan spec-plan total_usd calls sessions stages stage session usage
checks name hooks session.start baseline policy hal summary scenarios success exit_code event agents halt seal head cost
timestamp budget x"""
KEYS = st.sampled_from(_WORDS.split())
LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20)
JSON = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5), max_leaves=25
)
OBJECTS = st.dictionaries(KEYS, JSON, max_size=8)
NAME = EvidenceName("telemetry", "SPEC-KIT-1", "plan", "claude", "20260131T093000Z-4f2a")


@given(JSON | OBJECTS)
def test_no_value_ends_a_reader_or_becomes_an_impossible_amount(value: Any) -> None:
    costs, run = read_cost_summary(value, "a", "SPEC-KIT-1"), read_run("a", NAME, value)
    calls = [read_metrics("a", NAME, value), read_usage("a", "claude", value), *read_events("a", [value]).calls]
    record = record_of("a", NAME, read_content("plan", value))
    amounts = [costs.total.usd, run.cost.usd, *(row.cost.usd for row in costs.stages), *(call.usd for call in calls)]
    assert all(usd is None or (usd >= 0 and math.isfinite(usd)) for usd in amounts)
    for found in (costs, run, record, *calls):
        assert json.loads(json.dumps(plain(found))) == plain(found)


@given(OBJECTS)
def test_a_zero_that_nobody_measured_is_never_a_price(value: dict[str, Any]) -> None:
    for call in (
        read_metrics("a", NAME, {**value, "cost_usd": 0, "source": "estimated"}),
        read_metrics("a", NAME, {"cost_usd": 0}),
    ):
        assert call.usd is None
    free = read_metrics("a", NAME, {**value, "cost_usd": 0, "cost_source": "measured"})
    assert free.usd == 0


@pytest.mark.parametrize("value", [True, "3", -1, float("inf"), float("nan"), 1e300, None, [], {}])
def test_what_is_no_amount_is_unknown(value: Any) -> None:
    assert number(value) is None


def test_a_text_is_one_line_that_a_report_can_hold() -> None:
    assert text("  a\n\tb ") == "a b"
    assert text(" \n") is None
    assert text(7) is None
    assert len(text("x" * 10_000_000) or "") == LONGEST


@given(st.lists(st.sampled_from(("passed", "failed", "skipped", "unknown")), max_size=6))
def test_an_outcome_is_passed_only_if_nothing_failed_or_is_unknown(words: list[Any]) -> None:
    found = outcome_of(tuple(ExaminedPart(str(at), word, word) for at, word in enumerate(words)))
    if found == "passed":
        assert set(words) <= {"passed", "skipped"}
        assert "passed" in words
    if not words:
        assert found == "unknown"


@pytest.mark.parametrize(
    ("record", "outcome"),
    [
        pytest.param({"baseline": {"status": "passed"}, "hooks": {"session.start": "ok"}}, "passed", id="all passed"),
        pytest.param({"baseline": {"status": "passed"}}, "unknown", id="a field is missing"),
        pytest.param(
            {"baseline": {"status": "passed"}, "hooks": {"session.start": "banana"}}, "unknown", id="no such word"
        ),
        pytest.param(
            {"checks": [{"name": "a", "status": "passed"}], "success": True}, "passed", id="the other dialect"
        ),
        pytest.param(
            {"checks": [{"name": "a", "status": "failed"}], "success": True}, "failed", id="success is a claim"
        ),
        pytest.param(
            {"checks": [{"name": "a", "status": "passed"}], "exit_code": 4}, "failed", id="the exit code counts"
        ),
        pytest.param({"checks": [{"name": "a", "status": "skipped"}]}, "skipped", id="skipped passes nothing"),
        pytest.param({"checks": []}, "unknown", id="nothing was examined"),
        pytest.param({"checks": [], "lock_status": "unlocked"}, "failed", id="a lock that was not held"),
    ],
)
def test_a_guardrail_passed_only_if_all_it_states_did(record: dict[str, Any], outcome: str) -> None:
    assert record_of("a", NAME, read_content("plan", record)).outcome == outcome


@given(st.text(max_size=40))
def test_a_cell_of_markdown_is_text(value: str) -> None:
    shown = escaped(value)
    assert "\n" not in shown
    assert "<" not in shown
    assert all(shown[at - 1] == "\\" for at, mark in enumerate(shown) if mark in "|`[]*_")


@pytest.mark.parametrize(
    ("text", "read"),
    [
        pytest.param("plain ünd 日本", "plain ünd 日本", id="text of any script stays as it is"),
        pytest.param("a\x1b[31m\x9b\x7f", "a\x1b[31m\x9b\x7f", id="controls are the same value"),
        pytest.param("\u202etxt\U000e0041", "\u202etxt\U000e0041", id="what reorders or hides is the same value"),
        pytest.param("x\udcff.log", "x\\xff.log", id="bytes that are not UTF-8 are said in letters"),
    ],
)
def test_a_document_is_sound_json_and_disturbs_no_terminal(text: str, read: str) -> None:
    made = written({text: [text]})
    assert json.loads(made) == {read: [read]}
    assert not unsafe().search(made.replace("\n", ""))
    made.encode("utf-8")
