"""Run benchmarks, each with data of its own in a temporary directory that is gone afterwards."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator

from benchmarks.environment import clean_environment
from benchmarks.registry import Benchmark
from benchmarks.rows import Row
from benchmarks.setting import Setting, Sizes

Tell = Callable[[str], None]
"""Takes one line about the progress."""


def measure(benchmarks: Iterable[Benchmark], sizes: Sizes, repeat: int | None, tell: Tell) -> Iterator[Row]:
    """The rows of every benchmark, in order."""
    with tempfile.TemporaryDirectory(prefix="speckit-benchmarks-") as place:
        for benchmark in benchmarks:
            folder, home = (os.path.join(place, benchmark.name, name) for name in ("data", "home"))
            os.makedirs(folder)
            os.makedirs(home)
            tell(f"{benchmark.name}: {benchmark.summary}")
            yield from benchmark.run(Setting(os.path.realpath(folder), clean_environment(home), sizes, repeat))
