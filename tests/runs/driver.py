"""Drives a made-up run on a real journal: `python -m tests.runs.driver URL LOG PAUSE [CONFLICTS]`.

Every step that is taken is a line in LOG, so what was done twice shows. Prints how it ended.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence

from guardrails.runs import Done, Halt, HistoryRecord, Retry, Run, StageSettled, workflow
from tests.runs.histories import Play, request, settled


def main(url: str, log: str, pause: str, conflicts: str = "0") -> None:
    def judge(stage: str, times: int) -> StageSettled:
        return settled(stage, "conflict" if stage == "tasks" and times < int(conflicts) else "ok")

    def tell(line: str) -> None:
        with open(log, "a", encoding="utf-8") as stream:
            stream.write(line + "\n")

    def take(step: Run | Retry, history: Sequence[HistoryRecord]) -> HistoryRecord:
        time.sleep(float(pause))
        tell(f"{step.stage}.{step.action}")
        return Play(asked, judge, history)._taken(step)

    def finish(step: Halt | Done, history: Sequence[HistoryRecord]) -> None:
        tell(f"finish {len(history)}")

    place, hands = workflow.JournalLocation(url, "owner"), workflow.StepHandlers(take, finish)
    with workflow.journal(place) as journal:
        known = journal.known("SPEC-KIT-DEMO")
        latest = journal.recall("SPEC-KIT-DEMO", known[-1]) if known else None
    asked = latest.request if latest is not None else request()
    if latest is not None and known[-1].open:
        end = workflow.go_on(place, asked, hands)
    else:
        asked = asked._replace(attempt=len(known) + 1)
        end = workflow.begin(place, asked, latest.history if latest is not None else (), hands)
    print(end.exit_code if isinstance(end, Halt) else 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
