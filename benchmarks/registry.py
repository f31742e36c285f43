"""Every benchmark by name. A new one is a module with a function from a setting to rows, and a line here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from benchmarks import (
    adoption,
    agent_calls,
    archive,
    chaos,
    clean_tree,
    footprint,
    guard,
    hostile,
    mutation_campaign,
    startup,
    status,
    tracker,
    validate,
    whole_run,
)
from benchmarks.rows import Row
from benchmarks.setting import Setting


class Benchmark(NamedTuple):
    """`usual` ones run when none is named."""

    name: str
    summary: str
    run: Callable[[Setting], Iterator[Row]]
    usual: bool = True


BENCHMARKS = (
    Benchmark("start", "speckit --version beside the least a click program does.", startup.version),
    Benchmark("one-file", "One telemetry file beside check-jsonschema.", startup.one_file),
    Benchmark("validate", "5,000 telemetry files beside check-jsonschema; peak memory.", validate.run),
    Benchmark("footprint", "50,000 evidence files beside du and git cat-file.", footprint.run),
    Benchmark("clean-tree", "A clean tree of 20,000 files beside git status.", clean_tree.run),
    Benchmark("guard", "All checks at once beside the slowest of them.", guard.run),
    Benchmark("status", "The state of 50 SPECs with 10,000 evidence files.", status.run),
    Benchmark("adoption", "Adoption over 100,000 records; peak memory; a cache.", adoption.run),
    Benchmark("tracker", "A tracker of 10,000 rows beside one of 1,000.", tracker.run),
    Benchmark("archive", "200 MB of runs packed beside tar; verified beside sha256sum; peak memory.", archive.run),
    Benchmark("agent-calls", "Three agents called at once beside three plain processes.", agent_calls.run),
    Benchmark("run", "Six stages: what a run adds to its agents; peak memory.", whole_run.run),
    Benchmark("chaos", "Runs that are killed at random moments (200, or --repeat).", chaos.run, usual=False),
    Benchmark("hostile", "Files made to exhaust readers, under guard: seconds, memory.", hostile.run, usual=False),
    Benchmark("mutations", "2,000 (or --repeat) falsified runs, each judged.", mutation_campaign.run, usual=False),
)


def named(name: str) -> Benchmark | None:
    return next((benchmark for benchmark in BENCHMARKS if benchmark.name == name), None)
