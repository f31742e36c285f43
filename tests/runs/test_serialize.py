"""What steps give survives a journal that keeps JSON."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path
from typing import Literal, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardrails.runs import REASONS, Closed, Halt, Opened, TreeState, pack, unpack
from guardrails.runs.halt import from_json, halt, to_json


class Part(NamedTuple):
    name: str
    share: float | None = None


class Whole(NamedTuple):
    word: Literal["yes", "no"]
    count: int
    sure: bool
    when: datetime
    parts: tuple[Part, ...] = ()
    pair: tuple[str, int] = ("", 0)


WHOLE = Whole("yes", 3, True, datetime(2026, 1, 31, 9, 30, tzinfo=timezone.utc), (Part("a", 0.5), Part("b")), ("x", 1))


def test_a_value_survives_json() -> None:
    assert unpack(Whole, json.loads(json.dumps(pack(WHOLE)))) == WHOLE


def test_what_an_older_version_did_not_remember_takes_its_default() -> None:
    kept = {"word": "no", "count": 1, "sure": False, "when": "2026-01-31T09:30:00+00:00"}
    assert unpack(Whole, kept).parts == ()


@pytest.mark.parametrize(
    "change",
    [
        {"word": "perhaps"},
        {"count": True},
        {"count": "3"},
        {"sure": 1},
        {"when": "yesterday"},
        {"parts": {"name": "a"}},
        {"parts": [{"share": 1}]},
        {"pair": ["x"]},
    ],
    ids=str,
)
def test_anything_else_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        unpack(Whole, {**pack(WHOLE), **change})


def test_what_has_no_plain_form_is_not_packed() -> None:
    with pytest.raises(ValueError, match="no plain form"):
        pack(object())


@given(
    st.builds(
        Halt,
        stage=st.text(),
        reason=st.sampled_from(REASONS),
        message=st.text(),
        hint=st.none() | st.text(),
        exit_code=st.integers(1, 255),
    )
)
def test_a_halt_survives_json(stopped: Halt) -> None:
    assert from_json(json.loads(json.dumps(to_json(stopped)))) == stopped


def test_no_halt_survives_json() -> None:
    assert from_json(to_json(None)) is None


def test_the_reasons_are_those_of_the_run_summary() -> None:
    schema = json.loads((Path(__file__).parents[2] / "schemas/run_summary.schema.json").read_text(encoding="utf-8"))
    assert list(REASONS) == schema["properties"]["halt"]["properties"]["reason"]["enum"]


@pytest.mark.parametrize("reason", REASONS)
def test_a_halt_never_exits_as_if_all_were_well(reason: str) -> None:
    codes = {"conflict": 4, "degraded": 5, "missing-tool": 3, "undecided": 3, "dirty-tree": 1, "budget": 1}
    made = halt("plan", reason, "it stopped")  # type: ignore[arg-type]
    assert made.exit_code == codes.get(reason, made.exit_code) != 0


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text() | st.sampled_from(Whole._fields), inner),
    max_leaves=12,
)


@given(JSON, st.sampled_from([Whole, Halt, Opened, Closed, TreeState]))
def test_a_journal_that_holds_anything_is_read_or_refused(value: object, kind: type[tuple[object, ...]]) -> None:
    try:
        made = unpack(kind, value)
    except ValueError:
        return
    assert isinstance(made, kind)


@pytest.mark.parametrize("share", [10**400, "1"])
def test_a_number_no_float_can_hold_is_refused(share: object) -> None:
    kept = {"word": "no", "count": 1, "sure": False, "when": "2026-01-31T09:30:00+00:00"}
    parts = [{"name": "a", "share": share}]
    with pytest.raises(ValueError, match=r"\S"):
        unpack(Whole, {**kept, "parts": parts})
