"""Time one run of the lint check over a tracker of as many rows as the argument says; print milliseconds of CPU.

A fresh process each time: the check remembers texts it has seen. What it imports is loaded by a tracker of one row
first. All is held in memory, so nothing but the check itself is timed; it runs in one thread and waits for nothing,
so its CPU time is what it takes, whoever else uses the machine.
"""

from __future__ import annotations

import gc
import json
import sys
import time
from datetime import datetime, timezone

from benchmarks import packet
from guardrails.config import Settings
from guardrails.core import Checked, Finding
from guardrails.engine import check_named
from guardrails.snapshot import CheckContext, MemorySnapshot


def main() -> None:
    count = int(sys.argv[1])
    _judge(_subject(1))
    subject = _subject(count)
    gc.disable()  # as the command does
    start = time.process_time()
    checked = _judge(subject)
    took = time.process_time() - start
    print(json.dumps({"milliseconds": took * 1000, "checked": checked}))


def _subject(count: int) -> CheckContext:
    """The tracker with an edit, its base the tracker before."""
    base = dict(packet.tracked(count))
    now = MemorySnapshot({**base, **dict([packet.edited_tracker(count)])}, MemorySnapshot(base))
    return CheckContext(now, Settings(), datetime.now(timezone.utc))


def _judge(subject: CheckContext) -> int:
    """How much was checked. An error among the findings means that the data is not what it should be."""
    observed = list(check_named("lint").run(subject))
    wrong = [each for each in observed if isinstance(each, Finding) and each.severity == "error"]
    if wrong:
        sys.exit(f"{wrong[0].path}:{wrong[0].line}: {wrong[0].rule.code} {wrong[0].message}")
    return sum(isinstance(each, Checked) for each in observed)


if __name__ == "__main__":
    main()
