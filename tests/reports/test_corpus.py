"""Real evidence of older tools: nothing ends a report, and what nobody knew is unknown."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

import pytest

from guardrails.config import Settings
from guardrails.layouts import evidence_name
from guardrails.reports import Facts, adoption_report, reduce_evidence, status_report
from guardrails.reports.adoption import as_document
from guardrails.reports.status import as_document as status_document
from guardrails.snapshot import MemorySnapshot
from tests.consensus.builder import Files
from tests.reports.forms import adoption_shown, status_shown

NOW = datetime(2025, 12, 28, tzinfo=timezone.utc)


def states(corpus: Path) -> Iterator[Files]:
    """The corpus as repositories: files that lay at one path in turn are put into one state each."""
    waiting = list(csv.DictReader((corpus / "labels.csv").read_text(encoding="utf-8").splitlines()))
    while waiting:
        files: Files = {}
        later = []
        for row in waiting:
            if row["original_path"] in files:
                later.append(row)
            else:
                files[row["original_path"]] = (corpus / row["file"]).read_bytes()
        yield files
        waiting = later


@pytest.fixture(scope="module")
def facts(corpus: Path) -> list[Facts]:
    return [reduce_evidence(MemorySnapshot(files), Settings()) for files in states(corpus)]


def test_no_file_of_it_ends_a_report(facts: list[Facts]) -> None:
    assert sum(len(each.records) for each in facts) >= 80
    assert sum(len(each.sessions) for each in facts) >= 30
    for each in facts:
        state, found = status_report(each, Settings(), NOW, 24), adoption_report(each, NOW, 14)
        assert status_shown(state, whole=True) + status_shown(state, whole=False)
        assert status_document(state)["schema"]
        assert adoption_shown(found) + adoption_shown(found, "csv")
        assert as_document(found)["weeks"]


def test_weeks_are_those_the_files_are_dated_in(facts: list[Facts]) -> None:
    found = adoption_report(facts[0], NOW, 14)
    counted = {week.name: week.total.runs for week in found.weeks}
    assert counted["2025-W40"] > 0, "29 September to 5 October"
    assert counted["2025-W41"] > counted["2025-W40"]
    assert counted["2025-W52"] > 3
    assert counted["2025-W47"] == counted["2025-W49"] == 0
    assert found.before + found.undated < sum(counted.values())


def test_costs_of_zero_for_paid_calls_are_unknown(corpus: Path, facts: list[Facts]) -> None:
    summaries = [cost for each in facts for cost in each.costs]
    zero = [cost for cost in summaries if cost.zero_for_calls]
    assert len(summaries) == 13
    assert len(zero) == 11
    assert all(cost.total.usd is None for cost in zero)
    assert all(stage.cost.usd is None for cost in zero for stage in cost.stages)
    assert sorted(cost.total.usd for cost in summaries if cost.total.usd is not None) == pytest.approx([8.22, 8.221211])


def test_every_name_is_understood_as_the_layout_does(corpus: Path) -> None:
    layout = Settings().layout
    for files in states(corpus):
        facts = reduce_evidence(MemorySnapshot(files), Settings(), tracker=False, footprint=False)
        names = [name for path in files if (name := evidence_name(layout, path))]
        assert len(facts.records) == sum(name.kind == "telemetry" and name.spec is not None for name in names)
