"""Which session is the latest: by recorded times in any style, whatever the names sort like."""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardrails.consensus import (
    AgentOutput,
    Attribution,
    OutcomeRecord,
    Resolution,
    SessionActivity,
    belongs,
    group,
    latest,
)
from guardrails.core import parse_time
from tests.consensus.builder import STYLES

OLDER, NEWER = "2025-10-05T09:00:00Z", "2025-10-05T10:00:00Z"


def output(
    stamp: str | None, recorded: str | None = None, path: str = "a.json", **named: frozenset[str]
) -> AgentOutput:
    return AgentOutput(path, "gemini", "0", stamp=stamp, recorded=parse_time(recorded), named=Attribution(**named))


def record(stamp: str | None, recorded: str | None = None, path: str = "s.json") -> OutcomeRecord:
    return OutcomeRecord(path, "synthesis", stamp=stamp, recorded=parse_time(recorded))


def latest_paths(*files: AgentOutput | OutcomeRecord | SessionActivity) -> list[str]:
    outputs = [file for file in files if isinstance(file, AgentOutput)]
    records = [file for file in files if isinstance(file, OutcomeRecord)]
    witnesses = [file for file in files if isinstance(file, SessionActivity)]
    return sorted(file.path for session in latest(group(outputs, records, witnesses, [])) for file in session.files)


@pytest.mark.parametrize(("old", "new"), list(itertools.product(STYLES, STYLES)))
def test_r13_the_newer_is_the_latest_in_every_mix_of_styles(old: str, new: str) -> None:
    before = datetime(2025, 10, 5, 9, 59, 59, tzinfo=timezone.utc)
    files = [
        output((before + timedelta(seconds=1)).strftime(new), path="new"),
        output(before.strftime(old), path="old"),
    ]
    assert latest_paths(*files) == latest_paths(*reversed(files)) == ["new"]


@given(
    st.lists(
        st.tuples(st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)), st.sampled_from(STYLES)),
        min_size=1,
        max_size=8,
        unique_by=lambda row: row[0].replace(microsecond=0),
    )
)
def test_the_latest_is_the_latest_moment(rows: list[tuple[datetime, str]]) -> None:
    files = [output(when.strftime(style), path=when.replace(microsecond=0).isoformat()) for when, style in rows]
    assert latest_paths(*files) == [max(when.replace(microsecond=0) for when, _ in rows).isoformat()]


def test_files_of_one_session_belong_together_whatever_their_style() -> None:
    files = [output("2025-10-05T09:00:00Z-79", path="a"), record("2025-10-05T09_00_00Z-79", path="s")]
    assert latest_paths(*files, output("20251005T090000Z-79", path="b")) == ["a", "b", "s"]


def test_two_sessions_of_one_second_are_two() -> None:
    assert len(group([output(f"{OLDER}-a"), output(f"{OLDER}-b")], [], [], [])) == 2


def test_where_two_sessions_share_a_moment_both_are_the_latest() -> None:
    assert latest_paths(output(f"{NEWER}-a", path="a"), output(f"{NEWER}-b", path="b"), output(OLDER)) == ["a", "b"]


def test_what_is_recorded_inside_wins_over_the_name() -> None:
    assert latest_paths(output(OLDER, NEWER, "a"), output("2025-10-05T09:30:00Z", path="b")) == ["a"]


def test_a_record_written_again_later_does_not_make_its_session_newer() -> None:
    again = record(OLDER, "2025-12-24T00:00:00Z", "s")
    assert latest_paths(output(OLDER, path="a"), again, output(NEWER, path="b")) == ["b"]


def test_a_garbage_time_inside_leaves_the_name() -> None:
    assert latest_paths(output(NEWER, "${timestamp_run}", "a"), output(OLDER, path="b")) == ["a"]


def test_metrics_alone_show_that_a_later_session_took_place() -> None:
    assert latest_paths(output(OLDER, path="a"), SessionActivity("m", NEWER)) == ["m"]


def test_a_fixed_name_is_dated_by_its_content() -> None:
    assert latest_paths(record(None, NEWER, "s"), output(OLDER, path="a")) == ["s"]
    assert latest_paths(record(None, OLDER, "s"), output(NEWER, path="a")) == ["a"]


@pytest.mark.parametrize("stamp", [None, "2025-99-99T00:00:00Z"])
def test_what_is_not_dated_is_the_oldest(stamp: str | None) -> None:
    assert latest_paths(record(stamp, path="s"), output("19990101T000000Z", path="a")) == ["a"]


def test_where_nothing_is_dated_everything_is_judged() -> None:
    one = output(None, path="a", sessions=frozenset({"one"}))
    assert latest_paths(one, record(None, path="s")) == ["a", "s"]


@pytest.mark.parametrize(
    ("stamp", "belongs_here"),
    [
        ("20251005T090000Z-79", True),
        ("2025-10-05T09_00_00Z-79", True),
        ("20261231T235959Z-79", True),
        ("20251005T090000Z-80", False),
        ("20251005T090000Z", False),
        ("banana", False),
        (None, False),
    ],
)
def test_a_resolution_belongs_to_the_session_it_is_named_for(stamp: str | None, belongs_here: bool) -> None:
    session = group([output("2025-10-05T09:00:00Z-79")], [], [], [])[0]
    assert belongs(Resolution("r", stamp=stamp), session) is belongs_here


def test_a_fixed_name_is_settled_by_a_fixed_name_of_the_same_session() -> None:
    session = group([output(None, sessions=frozenset({"79"}))], [], [], [])[0]
    assert belongs(Resolution("r", named=Attribution(sessions=frozenset({"79"}))), session)
    assert not belongs(Resolution("r", named=Attribution(sessions=frozenset({"80"}))), session)
    assert not belongs(Resolution("r", stamp=OLDER), session)
