"""What becomes of rows from commit to commit, for any tables and any shape of history."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from hypothesis import given
from hypothesis import strategies as st

from guardrails.checks.transitions import NOTHING, TaskState, TrackerState, TransitionHistory, edges, walk
from guardrails.config import TrackerSettings
from guardrails.snapshot import HistoryStep

STATUSES = TrackerSettings().statuses
Table = dict[str, str]
TABLES = st.dictionaries(st.sampled_from(["A", "B", "C", "D"]), st.sampled_from(STATUSES))


class Tale:
    """A history whose contents are the numbers of some tables."""

    def __init__(self, steps: Sequence[HistoryStep], base: list[str | None] | None = None) -> None:
        self.steps, self.before = steps, {"base": "0"}
        self._bases = base or []

    def texts(self, blobs: Iterable[str]) -> Iterator[tuple[str, bytes | None]]:
        raise AssertionError("the pictures are given")

    def bases(self, parents: Sequence[str]) -> Sequence[str | None]:
        return self._bases

    def last_change(self, path: str) -> str | None:
        return None

    def changed_after(self, step: str, paths: Sequence[str]) -> bool:
        return False


def picture_of(table: Table | None) -> TrackerState | None:
    if table is None:
        return None
    rows = {key: TaskState(key, status, status.lower()) for key, status in table.items()}
    return TrackerState(rows, frozenset(rows), {})


def told(tables: Sequence[Table | None]) -> TransitionHistory:
    """Tables one after the other."""
    names = [None if table is None else str(number) for number, table in enumerate(tables)]
    parents = ["base", *map(str, range(1, len(tables)))]
    steps = [HistoryStep(str(at), (parents[at - 1],), names[at]) for at in range(1, len(tables))]
    tale = Tale(steps)
    tale.before = {"base": names[0]}  # type: ignore[dict-item]
    return walk(tale, lambda blob: None if blob is None else picture_of(tables[int(blob)]))


@given(st.lists(TABLES, min_size=2, max_size=8))
def test_a_change_is_told_once_with_the_last_status_that_was_known(tables: list[Table]) -> None:
    expected, known = [], dict(tables[0])
    for number, table in enumerate(tables[1:], 1):
        for key, status in table.items():
            if known.get(key) != status:
                expected.append((str(number), key, known.get(key), status))
        known.update(table)
    found = [
        (change.step.id, change.key, change.before[0].status if change.before else None, change.after.status)
        for change in told(tables).changes
    ]
    assert sorted(found, key=repr) == sorted(expected, key=repr)


@given(st.lists(TABLES, min_size=2, max_size=8))
def test_what_ever_was_there_is_known_at_the_tip_as_there_or_gone(tables: list[Table]) -> None:
    tip = told(tables).tip
    assert tip.keys() == set().union(*tables)
    assert {key for key, known in tip.items() if known.gone is None} == tables[-1].keys()


@given(TABLES, TABLES, TABLES, st.booleans())
def test_a_merge_that_takes_one_side_changes_nothing(base: Table, one: Table, other: Table, first: bool) -> None:
    tables = [base, one, other]
    steps = [
        HistoryStep("1", ("base",), "1"),
        HistoryStep("2", ("base",), "2"),
        HistoryStep("m", ("1", "2"), "1" if first else "2"),
    ]
    story = walk(Tale(steps, ["0"]), lambda blob: None if blob is None else picture_of(tables[int(blob)]))
    assert [change for change in story.changes if change.step.id == "m"] == []


@given(TABLES, TABLES)
def test_a_merge_of_the_same_twice_is_as_one(base: Table, one: Table) -> None:
    tables = [base, one]
    steps = [HistoryStep("1", ("base",), "1"), HistoryStep("2", ("base",), "1"), HistoryStep("m", ("1", "2"), "1")]
    story = walk(Tale(steps, ["0"]), lambda blob: None if blob is None else picture_of(tables[int(blob)]))
    plain = told(tables)
    assert {key for key, known in story.tip.items() if known.gone} == {k for k, v in plain.tip.items() if v.gone}
    assert len(story.changes) == 2 * len(plain.changes)


@given(st.lists(st.one_of(st.none(), TABLES), min_size=2, max_size=6))
def test_a_tracker_may_come_and_go(tables: list[Table | None]) -> None:
    tip = told(tables).tip
    assert {key for key, known in tip.items() if known.gone is None} == (tables[-1] or {}).keys()


def test_the_picture_of_nothing_has_nothing() -> None:
    assert (NOTHING.rows, NOTHING.ids, NOTHING.crowds) == ({}, frozenset(), {})


@given(st.dictionaries(st.sampled_from(STATUSES), st.lists(st.sampled_from(STATUSES)).map(tuple), min_size=1))
def test_a_step_is_allowed_when_the_table_has_it_or_does_not_speak_of_it(table: dict[str, tuple[str, ...]]) -> None:
    made = edges(TrackerSettings(transitions=tuple(table.items())))
    spoken = {*table, *(status for after in table.values() for status in after)}
    for before in STATUSES:
        for after in STATUSES:
            free = before == after or before not in table or after not in spoken
            rows = (TaskState("x", before, before.lower()), TaskState("x", after, after.lower()))
            assert made.allow(*rows) == (free or after in table[before])
