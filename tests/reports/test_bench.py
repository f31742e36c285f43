"""What a benchmark makes of its measurements, held against figures that were worked out by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardrails.core import Cost
from guardrails.reports import (
    MINIMUM,
    About,
    Comparison,
    Difference,
    MetricRow,
    Sample,
    Spread,
    StageProof,
    compare,
    difference,
    interval,
    spread,
)
from guardrails.reports.bench import ALL, as_document, view
from tests.reports.forms import shown
from tests.reports.history import NOW

ABOUT = About("SPEC-KIT-900", "20260131T093000Z-4f2a9c10", "HEAD", "0" * 40, 5, (), None, Cost())
NUMBERS = st.lists(st.integers(-1000, 1000), min_size=1, max_size=12)


def sample(profile: str, run: int, stage: str = "plan", **changes: Any) -> Sample:
    made = Sample(profile, run, stage, "ok", 1000.0, 500, 0.10, "measured", 1.0, 1.0, None, 3, 0, 0)
    return made._replace(**changes)


def runs(profile: str, latencies: Sequence[float | None], **changes: Any) -> list[Sample]:
    return [sample(profile, run, latency_ms=value, **changes) for run, value in enumerate(latencies, 1)]


def row(found: Comparison, stage: str, metric: str) -> MetricRow:
    (one,) = (each for each in found.rows if (each.stage, each.metric) == (stage, metric))
    return one


class TestByHand:
    """cheap waits 10, 12, 14, 16, 18 s in plan, and 1 s each in tasks; premium 30, 31, 32, 33, 100 s and 2 s each.

    plan: medians 14 and 32, quartiles 12 to 16 and 31 to 33, difference 18 s. A run of both stages: 11, 13, 15, 17,
    19 s and 32, 33, 34, 35, 102 s: medians 15 and 34, difference 19 s.
    """

    def found(self) -> Comparison:
        cheap = [10_000.0, 12_000.0, 14_000.0, 16_000.0, 18_000.0]
        premium = [33_000.0, 30_000.0, 100_000.0, 31_000.0, 32_000.0]
        samples = [*runs("cheap", cheap), *runs("premium", premium, usd=0.30)]
        samples += [*runs("cheap", [1000] * 5, stage="tasks"), *runs("premium", [2000] * 5, stage="tasks", usd=None)]
        return compare(samples, ("cheap", "premium"), ("plan", "tasks"))

    def test_medians_and_quartiles(self) -> None:
        assert row(self.found(), "plan", "latency").spreads == (
            Spread(5, 5, 14_000, 12_000, 16_000),
            Spread(5, 5, 32_000, 31_000, 33_000),
        )

    def test_the_difference_of_medians_is_found(self) -> None:
        found = row(self.found(), "plan", "latency").differences[0]
        assert (found.value, found.finding) == (18_000, "higher")

    def test_a_run_is_the_sum_of_its_stages(self) -> None:
        latency = row(self.found(), ALL, "latency")
        assert [each.median for each in latency.spreads] == [15_000, 34_000]
        assert latency.differences[0].value == 19_000
        assert row(self.found(), ALL, "cost").spreads[0].median == pytest.approx(0.20)

    def test_a_sum_of_which_a_part_is_unknown_is_unknown(self) -> None:
        cost = row(self.found(), ALL, "cost")
        assert cost.spreads[1] == Spread(5, 0, None, None, None)
        assert cost.differences[0] == Difference(None, None, None, "unknown")

    def test_agreement_of_a_run_is_the_mean_of_its_stages(self) -> None:
        samples = [sample("a", 1, agreement=0.8), sample("a", 1, "tasks", agreement=0.6), sample("b", 1)]
        agreement = row(compare(samples, ("a", "b"), ("plan", "tasks")), ALL, "agreement")
        assert agreement.spreads[0].median == pytest.approx(0.7)
        assert agreement.spreads[1].runs == 0  # b has not finished a run

    def test_the_interval_of_the_median_of_three(self) -> None:
        """The median of three draws from 1, 2, 3 is 1 when at least two of them are: 7 of 27 times, and so is 3. Far
        more than one in forty, so the interval goes from one end to the other."""
        assert interval([10, 10, 10], [11, 12, 13]) == (1, 3)

    def test_the_interval_of_the_median_of_seven(self) -> None:
        """Of 7 draws the median is the least value when 4 or more of them are it: with p = 1/7, 35 p^4 q^3 + 21 p^5
        q^2 + 7 p^6 q + p^7 = 0.0102, less than 0.025. It is one of the two least with p = 2/7: 0.1045. So the interval
        ends at the second value from below, and from above."""
        assert interval([0], [1, 2, 3, 4, 5, 6, 7]) == (2, 6)

    def test_what_never_varies_has_an_interval_of_one_point(self) -> None:
        assert interval([10] * 6, [30] * 4) == (20, 20)

    def test_how_the_runs_ended_is_counted(self) -> None:
        samples = [
            sample("a", 1),
            sample("a", 2, verdict="conflict", failed=1, replayed=3),
            sample("b", 1, verdict="degraded"),
        ]
        first, second = compare(samples, ("a", "b"), ("plan",)).outcomes
        assert first == ("plan", "a", 1, 0, 0, 1, 0, 6, 1, 3)
        assert (second.degraded, second.ok) == (1, 0)


class TestTelling:
    def test_equal_profiles_show_no_difference(self) -> None:
        values = [10.0, 11.0, 12.0, 13.0, 14.0, 15.0]
        assert difference(values, values[::-1]).finding == "none"

    def test_a_constant_is_no_different_from_itself(self) -> None:
        assert difference([3.0] * 5, [3.0] * 5) == Difference(0, 0, 0, "none")

    def test_fewer_than_the_minimum_say_nothing_however_far_apart(self) -> None:
        few = [1.0] * (MINIMUM - 1)
        assert difference(few, [900.0] * 20) == Difference(899, 899, 899, "too-few")
        assert difference([*few, 1.0], [900.0] * MINIMUM).finding == "higher"

    def test_an_unknown_value_is_not_a_known_one(self) -> None:
        assert difference([1.0] * 5, [9.0] * 4 + [None]).finding == "too-few"
        assert difference([1.0] * 5, [None] * 5) == Difference(None, None, None, "unknown")
        assert spread([None, 4.0]) == Spread(2, 1, 4.0, None, None)
        assert spread([]) == Spread(0, 0, None, None, None)


class TestProperties:
    @given(NUMBERS, NUMBERS)
    def test_the_interval_lies_within_what_is_possible(self, first: list[int], second: list[int]) -> None:
        low, high = interval(first, second, resamples=60)
        assert min(second) - max(first) <= low <= high <= max(second) - min(first)

    @given(NUMBERS, NUMBERS, st.integers(-500, 500))
    def test_what_is_added_to_one_side_is_added_to_the_interval(
        self, first: list[int], second: list[int], more: int
    ) -> None:
        low, high = interval(first, second, resamples=60)
        assert interval(first, [value + more for value in second], resamples=60) == (low + more, high + more)

    @given(NUMBERS, NUMBERS)
    def test_the_same_data_give_the_same_interval(self, first: list[int], second: list[int]) -> None:
        assert interval(first, second, resamples=60) == interval(first, second, resamples=60)

    @given(st.lists(st.one_of(st.none(), st.integers(0, 9)), max_size=12))
    def test_a_spread_counts_all_and_its_quartiles_surround_its_median(self, values: list[int | None]) -> None:
        made = spread(values)
        assert (made.runs, made.known) == (len(values), sum(value is not None for value in values))
        assert (made.median is None) == (made.known == 0)
        if made.low is not None:
            assert made.median is not None
            assert made.high is not None
            assert made.low <= made.median <= made.high


class TestShown:
    def found(self, **changes: Any) -> Comparison:
        samples = [*runs("cheap", [10_000.0] * 5, **changes), *runs("dear", [30_000.0] * 5, usd=None)]
        return compare(samples, ("cheap", "dear"), ("plan",))

    def test_text_has_medians_differences_and_findings(self) -> None:
        text = shown(view(ABOUT, self.found(), NOW))
        (line,) = (line for line in text.splitlines() if line.startswith("plan") and "latency" in line)
        assert line.split() == [
            *("plan", "latency", "10.0", "s", "[10.0", "s", "-", "10.0", "s]", "30.0", "s", "[30.0", "s", "-"),
            *("30.0", "s]", "+20.0", "s", "+20.0", "s", "to", "+20.0", "s", "higher"),
        ]

    def test_what_is_unknown_is_shown_as_unknown_and_never_as_nothing(self) -> None:
        text = shown(view(ABOUT, self.found(), NOW))
        (line,) = (line for line in text.splitlines() if line.startswith("plan") and "cost" in line)
        assert line.split()[-4:] == ["unknown"] * 4
        document = as_document(ABOUT, self.found(), ())
        (cost,) = (each for each in document["compared"] if (each["stage"], each["metric"]) == ("plan", "cost"))
        assert (cost["profiles"][1]["median"], cost["differences"][0]["value"]) == (None, None)

    def test_recorded_answers_are_marked(self) -> None:
        assert "Recorded answers were served" in shown(view(ABOUT, self.found(replayed=3), NOW))
        assert "Recorded answers" not in shown(view(ABOUT, self.found(), NOW))

    def test_acceptance_is_left_out_with_a_word_where_nobody_judged_it(self) -> None:
        text = shown(view(ABOUT, self.found(), NOW))
        assert "Acceptance is left out" in text
        assert "  acceptance" not in text
        judged = shown(view(ABOUT, self.found(acceptance=0.75), NOW))
        assert "Acceptance is left out" not in judged
        assert "acceptance     0.75" in judged

    def test_names_are_harmless_in_every_format(self) -> None:
        evil = "<script>\x1b[31m|*x*"
        found = compare([sample(evil, 1), sample("b", 1)], (evil, "b"), ("plan",))
        about = ABOUT._replace(notes=(evil,), proofs=(StageProof("plan", "a" * 64, ((evil, "1", "b" * 64),), (evil,)),))
        assert "\x1b" not in "".join(shown(view(about, found, NOW), form) for form in ("text", "markdown", "html"))
        assert "<script>" not in shown(view(about, found, NOW), "markdown")

    def test_runs_that_are_missing_are_told(self) -> None:
        found = compare(runs("a", [1.0] * 5) + runs("b", [1.0] * 2), ("a", "b"), ("plan",))
        assert "Not all of the 5 runs of each profile are done: a 5, b 2." in shown(view(ABOUT, found, NOW))
