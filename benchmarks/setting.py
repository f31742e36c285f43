"""What a benchmark is given: a directory of its own, an environment, sizes, and how often to repeat."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Sizes(NamedTuple):
    """How much data is made. The limits are meant for these defaults."""

    telemetry: int = 5_000
    """telemetry files that are validated"""
    evidence: int = 50_000
    """evidence files whose footprint is measured"""
    files: int = 20_000
    """files of a clean working tree"""
    rows: int = 10_000
    """rows of the large tracker; the small one has a tenth"""
    specs: int = 40
    """SPECs of the large guarded repository; the small one has three"""
    history: int = 100_000
    """telemetry records of the history whose adoption is counted"""
    reported: int = 50
    """SPECs whose state is reported, with 200 evidence files each"""
    archived: int = 200
    """megabytes of evidence of which most is packed"""
    hostile: int = 50
    """megabytes of a file that is made to exhaust its reader"""

    def scaled(self, factor: float) -> Sizes:
        return Sizes(*(max(10, round(size * factor)) for size in self))


class Setting(NamedTuple):
    """`repeat` overrides how often each benchmark repeats its measurements."""

    folder: str
    environment: Mapping[str, str]
    sizes: Sizes = Sizes()
    repeat: int | None = None

    def times(self, usual: int) -> int:
        return self.repeat or usual
