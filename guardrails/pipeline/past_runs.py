"""The runs that a working tree has evidence of, read from their summaries."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from guardrails.errors import GuardrailError
from guardrails.jsontext import JsonFlaw, parse
from guardrails.layout import STAGES, Layout
from guardrails.schema import is_valid
from guardrails.snapshot import Snapshot


class PastRun(NamedTuple):
    """One run by its summary. `halted_at` is the stage and reason, None when it did not halt."""

    spec: str
    run: str
    path: str
    outcome: str
    exit_code: int | None
    started_at: str
    finished_at: str | None
    halted_at: str | None
    passed: int
    stages: int
    document: dict[str, Any]


class Unreadable(NamedTuple):
    """A summary that cannot be used, and why."""

    path: str
    problem: str


def past_runs(snapshot: Snapshot, layout: Layout, spec: str | None = None) -> Iterator[PastRun | Unreadable]:
    """Every run there is a summary of, the oldest first."""
    folder = f"{layout.evidence}/runs" + (f"/{spec}" if spec else "")
    paths = [entry.path for entry in snapshot.entries(folder) if entry.kind == "file"]
    for path in sorted(paths, key=lambda each: each.rpartition("/")[2]):
        if path.endswith(".json") and path.count("/") == layout.evidence.count("/") + 3:
            yield _read(snapshot, path)


def _read(snapshot: Snapshot, path: str) -> PastRun | Unreadable:
    data = snapshot.read(path)
    try:
        document = parse(data) if data is not None else None
    except JsonFlaw as flaw:
        return Unreadable(path, str(flaw))
    if not isinstance(document, dict) or not is_valid("run_summary", document):
        return Unreadable(path, "is not the summary of a run; 'speckit validate' says why")
    halt = document["halt"]
    return PastRun(
        spec=document["specId"],
        run=document["run"],
        path=path,
        outcome=document["outcome"],
        exit_code=document["exit_code"],
        started_at=document["started_at"],
        finished_at=document["finished_at"],
        halted_at=f"{halt['stage']} ({halt['reason']})" if halt else None,
        passed=sum(stage["status"] == "passed" for stage in document["stages"]),
        stages=STAGES.index(document["to"]) - STAGES.index(document["from"]) + 1,
        document=document,
    )


def find_run(snapshot: Snapshot, layout: Layout, name: str | None) -> PastRun | None:
    """The run of that name, or whose name begins so; without a name the latest, None when there is no run at all.

    Raises GuardrailError when there is none of that name, or more than one.
    """
    runs = [run for run in past_runs(snapshot, layout) if isinstance(run, PastRun)]
    if name is None:
        return runs[-1] if runs else None
    found = [run for run in runs if run.run == name] or [run for run in runs if run.run.startswith(name)]
    if len(found) != 1:
        said = f"{len(found)} runs begin with" if found else "there is no run"
        raise GuardrailError(f"{said} '{name}'", "'speckit runs' lists them")
    return found[0]
