"""What `speckit bench` writes for programs satisfies its schemas, and the schemas refuse what it must never say."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from guardrails.core import faults, is_valid, read_resource
from tests.runs.agents_world import answer
from tests.runs.stage_world import SPEC
from tests.runs.test_bench import BOTH, PRICES, STORAGE, Stage, bench
from tests.sandbox import Sandbox


def problems(name: str, document: Any) -> list[str]:
    return [fault.message for fault in faults(name, document)]


def example(name: str, number: int = 0) -> Any:
    return copy.deepcopy(json.loads(read_resource("schemas", f"{name}.schema.json"))["examples"][number])


@pytest.mark.tier2
def test_a_finished_benchmark(sandbox: Sandbox) -> None:
    stage = Stage(sandbox)
    stage.says("dear_claude", answer(conflicts=(STORAGE,)))
    ran = bench(sandbox, "--runs", "1", "--stage", "plan", "--stage", "tasks")
    assert ran.code == 0, ran
    assert problems("bench", ran.document) == []


def test_one_that_its_budget_ended(sandbox: Sandbox) -> None:
    Stage(sandbox)
    ran = bench(sandbox, "--runs", "4", "--stage", "plan", "--budget", "0.2")
    assert ran.code == 1, ran
    assert problems("bench", ran.document) == []
    assert ran.document["budget"]["usd"] == 0.2
    assert any(each["runs"] < each["asked"] for each in ran.document["profiles"])


def test_one_of_which_costs_are_unknown_and_agents_fail(sandbox: Sandbox) -> None:
    stage = Stage(sandbox, budget={"prices": {"small-1": PRICES["small-1"]}})
    stage.profile_does("dear", {"say": "no JSON at all", "exit": 3})
    ran = bench(sandbox, "--runs", "1", "--stage", "plan")
    assert problems("bench", ran.document) == []
    (dear,) = [each for each in ran.document["samples"] if each["profile"] == "dear"]
    assert (dear["usd"], dear["usd_source"]) == (None, "unknown")
    assert dear["failed"] == dear["calls"] > 0
    assert any("dear" in note and "failed" in note for note in ran.document["notes"]), "a failing run is not dropped"


@pytest.mark.parametrize("priced", [True, False])
def test_an_estimate(priced: bool, sandbox: Sandbox) -> None:
    stage = Stage(sandbox, budget={"prices": PRICES if priced else {}})
    ran = bench(sandbox, "--dry-run")
    assert ran.code == 0, ran
    assert problems("bench_estimate", ran.document) == []
    assert (ran.document["total_usd"] is not None) == priced
    assert stage.total == 0
    assert not (Path(sandbox.root) / ".git" / "speckit" / "bench").exists()


@pytest.mark.parametrize("style", ["text", "markdown"])
def test_an_estimate_is_readable(style: str, sandbox: Sandbox) -> None:
    Stage(sandbox)
    ran = sandbox.speckit("bench", SPEC, *BOTH, "--dry-run", "--format", style)
    assert ran.code == 0, ran
    assert "Nobody was asked" in ran.out


@pytest.mark.parametrize(
    ("way", "value"),
    [
        (("samples", 0, "usd_source"), "unknown"),
        (("compared", 0, "differences", 0, "finding"), "unknown"),
        (("compared", 0, "differences", 0, "finding"), "better"),
        (("samples", 0, "agreement"), 1.5),
        (("samples", 0, "verdict"), "passed"),
        (("profiles",), []),
        (("schema",), "speckit.bench/2"),
        (("commit",), "HEAD"),
        (("identical", 0, "context_sha256"), "abc"),
        (("more",), 1),
    ],
)
def test_the_schema_refuses(way: tuple[Any, ...], value: Any) -> None:
    document = example("bench")
    assert is_valid("bench", document)
    inside = document
    for step in way[:-1]:
        inside = inside[step]
    inside[way[-1]] = value
    assert not is_valid("bench", document)
