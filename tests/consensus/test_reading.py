"""What answers, syntheses and resolutions say, in every dialect; and that no content breaks a reader."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardrails.config import Layout
from guardrails.consensus import (
    ID_LENGTH,
    AgentOutput,
    RecordContext,
    ask,
    conflicts_in,
    has_content,
    identity,
    names_stamp,
    placeholder_in,
    read_output,
    read_record,
    read_resolution,
    stated,
)
from guardrails.core import is_valid
from guardrails.layouts import EvidenceName
from tests.consensus.builder import Bundle, judge, render

CONTEXT = RecordContext(Layout(), ("gemini", "claude", "gpt_pro"))
NAME = EvidenceName("agent_output", "SPEC-1", "plan", "gemini", "20260131T093000Z-4f2a")
FAILED = ("failed", "error", "blocked", "rejected", "conflict")


def read(value: Any, agent: str = "gemini") -> AgentOutput:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return read_output("x.json", NAME._replace(agent=agent), data, CONTEXT, is_valid)


@pytest.mark.parametrize(
    "document",
    [
        {"consensus": {"conflicts": ["storage"]}},
        {"conflicts": ["storage"]},
        {"conflicts": "storage"},
        {"conflicts": {"issue": "storage"}},
        {"final_plan": {"conflicts": ["storage"]}},
        {"final_plan": {"consensus": {"conflicts": ["storage"]}}},
        {"output": {"consensus": {"conflicts": ["storage"]}}},
        {"output": {"final_plan": {"consensus": {"conflicts": ["storage"]}}}},
        {"conflicts": [{"issue": "storage", "status": "resolved", "resolution": "SQLite"}]},
        {"conflicts": [{"text": "none", "issue": "storage"}]},
        {"final_plan": [{"conflicts": ["storage"]}]},
        {"output": {"plan": {"conflicts": ["storage"]}}},
        {"consensus": {"conflict": "storage"}},
        {"consensus": {"Conflicts": ["storage"]}},
        {"consensus": {"conflicts": [{"conflict": "storage", "objections": ["to it"]}]}},
        {"unresolved_conflicts": ["storage"]},
        {"unresolved conflict": "storage"},
        {"openConflicts": ["storage"]},
        {"consensus": {"objections": ["storage"]}},
        {"consensus": {"objection": "storage"}},
        {"dis-agreements": ["storage"]},
        {"disagreement": "storage"},
        {"dissent": "storage"},
        {"output": {"risks": [[{"DISSENTS": ["storage"]}]]}},
        {"conflict_resolution": {"unresolved_conflicts": ["storage"], "conflicts": ["theme"]}},
        {"conflicts": ["none", "  Storage "], "consensus": {"conflicts": ["storage", None, ""]}},
    ],
    ids=json.dumps,
)
def test_one_conflict_is_found(document: dict[str, Any]) -> None:
    assert [conflict.id for conflict in conflicts_in(document)] == [identity("storage")]


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"conflicts": None},
        {"conflicts": []},
        {"conflicts": ["None"]},
        {"conflicts": ["none.", "N/A", " ", "-", None, False, {}, []]},
        {"conflicts": "n/a"},
        {"consensus": {"conflicts_resolved": ["storage"]}},
        {"consensus": "conflicts"},
        {"output": "conflicts: storage"},
        {"disagreements": ["No disagreements."], "objections": "none", "dissent": False, "open_conflicts": [None]},
        {"output": {"resolvedConflicts": [{"conflict": "storage", "resolution": "SQLite"}]}},
        {"conflict_resolution_strategy": {"conflict": "ask the owner"}},
        {"output": {"conflict_policy": "ask the owner", "merge_conflicts_expected": 3, "conflict" * 9: "x"}},
    ],
    ids=json.dumps,
)
def test_no_conflict_is_found(document: dict[str, Any]) -> None:
    assert conflicts_in(document) == ()


def test_a_conflict_in_an_unknown_shape_is_not_lost() -> None:
    assert [each.text for each in conflicts_in({"conflicts": [{"between": ["a", "b"]}, 7]})] == [
        '{"between": ["a", "b"]}',
        "7",
    ]


def test_an_id_is_short_and_survives_case_spacing_and_unicode_form() -> None:
    ids = {identity(text) for text in ("Stra\u00dfe  one", "STRASSE one\n", "stra\u00dfe\tone ")}
    assert len(ids) == 1
    assert len(ids.pop()) == ID_LENGTH
    assert identity("caf\u00e9") == identity("cafe\u0301") != identity("cafe")


@pytest.mark.parametrize(
    "value",
    [
        {"output": "yes"},
        {"output": ["a", "list"]},
        {"output": {"tokens_needed": 5}},
        {"validation_notes": ["done"]},
        {"consensus": {"agreements": ["fine"]}},
    ],
    ids=json.dumps,
)
def test_an_answer_with_content(value: dict[str, Any]) -> None:
    assert has_content(value)


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"agent": "gemini", "model": "m", "stage": "plan", "usage": {"input_tokens": 7}},
        {"agent": "gemini", "consensus": {"agreements": [], "conflicts": []}},
        {"output": ""},
        {"output": None, "validation_notes": ["outside the answer"]},
        {"output": {"agent": "gemini", "notes": ["...", "", None, {"a": False}]}},
    ],
    ids=json.dumps,
)
def test_an_empty_answer(value: dict[str, Any]) -> None:
    assert not has_content(value)


@pytest.mark.parametrize(
    ("members", "error"),
    [
        ({}, None),
        ({"error": None, "status": "ok", "exit_code": 0}, None),
        ({"status": "completed"}, None),
        ({"error": "late"}, "late"),
        ({"error": {"message": "rate\nlimit"}}, "rate limit"),
        ({"error": ["a"]}, "['a']"),
        ({"error": True}, "True"),
        ({"status": "Timeout"}, "status Timeout"),
        ({"status": " "}, "status blank"),
        ({"exit_code": 137}, "exit code 137"),
        ({"output": {"error": "refused"}}, "refused"),
        *(({"output": {"status": word}}, f"status {word} in its output") for word in FAILED),
        ({"output": {"Status": " FAILED "}}, "status FAILED in its output"),
        ({"output": {"status": "draft", "steps": [{"status": "blocked"}]}}, None),
        ({"output": {"status": 7, "state": "failed"}}, None),
        ({"output": "status: failed"}, None),
    ],
)
def test_errors(members: dict[str, Any], error: str | None) -> None:
    assert read({"agent": "gemini", "text": "x", **members}).error == error


@pytest.mark.parametrize(
    ("name", "signed", "agent"),
    [
        ("gemini", "gemini", "gemini"),
        ("gpt_pro", "gpt-pro", "gpt_pro"),
        ("gpt", "gpt_pro", "gpt_pro"),
        ("gpt", "claude", "gpt"),
        ("gemini_2", "gemini", "gemini_2"),
        ("gemini", "claude", "gemini"),
        ("code", "code", "code"),
    ],
)
def test_whose_answer_a_file_holds(name: str, signed: str, agent: str) -> None:
    assert read({"agent": signed, "text": "x"}, name).agent == agent


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("${stage}", "${stage}"),
        ("a ${PREVIOUS_OUTPUTS.x} b", "${PREVIOUS_OUTPUTS.x}"),
        ("${}", "${}"),
        ("$stage {x}", None),
        ("${never closed", None),
        ("}${", None),
        ("${" * 50_000, None),
    ],
    ids=lambda value: str(value)[:20],
)
def test_placeholders(text: str, found: str | None) -> None:
    assert placeholder_in(text) == found


@pytest.mark.parametrize("text", ["4f2a", "20260131T093000Z-4f2a", "2026-01-31T09:30:00Z-4f2a"])
def test_a_session_may_be_named_in_part_or_whole_in_any_style(text: str) -> None:
    assert names_stamp(text, "2026-01-31T09_30_00Z-4f2a")


@pytest.mark.parametrize("text", ["4f2", "20260131T093000Z-4f2b", "20260131T093001Z-4f2a", "20260131T093000Z", ""])
def test_another_session_is_another(text: str) -> None:
    assert not names_stamp(text, "20260131T093000Z-4f2a")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
MEMBERS = (
    "agent stage specId spec_id session timestamp prompt_version prompt_sha256 inputs outputs prompts roster synthesis "
    "status verdict error output consensus final_plan agreements conflicts missing degraded agents participation "
    "conflict text because by usage schemaVersion"
)
odd_documents = st.dictionaries(st.sampled_from(MEMBERS.split()), json_values, max_size=12)
contents = st.one_of(
    st.binary(max_size=80),
    json_values.map(lambda value: json.dumps(value).encode()),
    odd_documents.map(lambda value: json.dumps(value).encode()),
)


@given(contents)
def test_no_content_breaks_a_reader(data: bytes) -> None:
    output = read(data)
    record = read_record("y.json", "synthesis", NAME, data, CONTEXT, is_valid)
    resolution = read_resolution("z.json", NAME, data, CONTEXT)
    assert (output.agent, record.path, resolution.path) == ("gemini", "y.json", "z.json")
    assert list(stated(None, "conflicts")) == []


@given(contents, st.sampled_from(("gemini", "synthesis", "verdict", "resolution", "gemini_metrics")))
def test_no_content_breaks_the_check_or_passes_it(data: bytes, tail: str) -> None:
    bundle = Bundle()
    result = judge({**bundle.files, bundle.path(tail): data})
    assert result.exit_code in ((0,) if tail.endswith("metrics") else (0, 1, 3, 4, 5))
    assert tail != "gemini" or result.verdict != "pass"


@given(odd_documents)
def test_no_document_on_its_own_passes(document: dict[str, Any]) -> None:
    bundle = Bundle()
    for tail in ("gemini", "synthesis", "verdict"):
        files = {bundle.path(tail): render(document), bundle.spec_md: b"# Spec\n"}
        assert judge(files).verdict != "pass"


def test_the_question_has_each_agent_once() -> None:
    assert ask("SPEC-1", "plan", ["GPT-Pro", "gpt_pro", "claude"]).roster == ("gpt_pro", "claude")
