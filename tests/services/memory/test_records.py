from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardrails.config import STAGES
from guardrails.services.memory import MemorySource, entries_of_output, entries_of_verdict, entry
from guardrails.services.memory.entries import LONGEST
from tests.pages import ROOT
from tests.services.memory.makers import LAYOUT, search, store_in

SOURCE = MemorySource("docs/evidence/consensus/x_claude.json", "0a" * 32)


def examples(schema: str) -> list[dict[str, Any]]:
    """The records the schema shows, which other tests hold to be valid."""
    made: list[dict[str, Any]] = json.loads((ROOT / f"schemas/{schema}.schema.json").read_text("utf-8"))["examples"]
    return made


OUTPUT, FAILED, OLD = examples("agent_output")
VERDICT, UNDECIDED, EXPORT = examples("verdict")


class TestOutput:
    def test_says_who_answered_what_and_when(self) -> None:
        (made,) = entries_of_output(OUTPUT, SOURCE, LAYOUT)
        assert made.tags == (
            *("agent:claude", "session:20260131T093000Z-4f2a", "spec:SPEC-KIT-DEMO"),
            *("stage:plan", "status:ok", "type:output"),
        )
        assert made.importance == 8
        assert made.created == datetime(2026, 1, 31, 9, 34, 12, tzinfo=timezone.utc)
        assert made.source == SOURCE

    def test_holds_the_answer_the_agreements_and_the_conflicts(self) -> None:
        (made,) = entries_of_output(OUTPUT, SOURCE, LAYOUT)
        assert made.text.splitlines() == [
            "claude answered for plan of SPEC-KIT-DEMO",
            "agreement: three milestones",
            "conflict: SQLite or Postgres by default",
            "work_breakdown:",
            "  -",
            "    step: schema",
            "    owner: platform",
            "risks:",
            "  - clock drift between devices",
        ]

    def test_a_failed_one_says_why(self) -> None:
        (made,) = entries_of_output(FAILED, SOURCE, LAYOUT)
        assert made.text == "gemini did not answer for plan of SPEC-KIT-DEMO: no answer within 20m"
        assert "status:error" in made.tags

    def test_an_older_form_is_told_apart_as_well(self) -> None:
        (made,) = entries_of_output(OLD, SOURCE, LAYOUT)
        assert {"agent:gpt_pro", "stage:plan"} <= set(made.tags)
        assert "schema first" in made.text

    def test_a_long_answer_is_cut_and_names_its_file(self) -> None:
        (made,) = entries_of_output({**OUTPUT, "output": "word " * 1_000_000}, SOURCE, LAYOUT)
        assert LONGEST - 200 < len(made.text) <= LONGEST
        assert made.text.endswith(f"[cut here; all of it is in {SOURCE.path}]")

    def test_a_deep_answer_is_no_matter(self) -> None:
        deep: Any = "bottom"
        for _ in range(5000):
            deep = {"k": [deep]}
        (made,) = entries_of_output({**OUTPUT, "output": deep}, SOURCE, LAYOUT)
        assert made.text


class TestVerdict:
    def test_says_how_it_came_out(self) -> None:
        (made,) = entries_of_verdict(VERDICT, SOURCE, LAYOUT)
        assert made.importance == 9
        assert {"type:verdict", "verdict:degraded", "spec:SPEC-KIT-DEMO", "stage:plan"} <= set(made.tags)
        assert "verdict on plan of SPEC-KIT-DEMO: degraded" in made.text
        assert "usable: claude, gpt_pro" in made.text
        assert "unusable: gemini: no answer within 20m" in made.text
        assert "conflict: SQLite or Postgres by default (resolved by docs/" in made.text

    def test_what_is_not_known_is_called_unknown(self) -> None:
        (made,) = entries_of_verdict(UNDECIDED, SOURCE, LAYOUT)
        assert "participation: unknown" in made.text
        assert "usable: none" in made.text


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_leaves_an_entry_for_each_agent_and_for_the_verdict(tmp_path: Path, stage: str) -> None:
    store = store_in(tmp_path)
    for number, agent in enumerate(("gemini", "claude", "gpt_pro")):
        document = {**OUTPUT, "specId": "SPEC-KIT-900", "stage": stage, "agent": agent}
        store.add(entries_of_output(document, MemorySource(f"{agent}.json", f"{number:064x}"), LAYOUT))
    store.add(entries_of_verdict({**VERDICT, "specId": "SPEC-KIT-900", "stage": stage}, SOURCE, LAYOUT))
    hits = search(store, f"spec:SPEC-KIT-900 stage:{stage}")
    agents = [tag for hit in hits for tag in hit.tags if tag.startswith("agent:")]
    assert sorted(agents) == ["agent:claude", "agent:gemini", "agent:gpt_pro"]
    assert [hit.importance for hit in hits] == [9, 8, 8, 8]


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
KEYS = (
    *("specId", "stage", "agent", "session", "timestamp", "error", "output", "consensus", "verdict", "usable"),
    *("unusable", "conflicts", "severe", "participation", "status"),
)


@given(st.dictionaries(st.sampled_from(KEYS), values))
def test_any_record_leaves_an_entry_that_can_be_kept(document: dict[str, Any]) -> None:
    for make in (entries_of_output, entries_of_verdict):
        (made,) = make(document, SOURCE, LAYOUT)
        assert entry(*made) == made
        assert json.dumps(made.tags).isascii()
