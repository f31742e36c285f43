"""Violations of the rules about the tracker and how it changes."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from guardrails.checks.transitions.rows import TaskState, edges
from guardrails.setup.canaries.ground import SPECS, Canary, Ground, Plant

Cells = Mapping[str, str]


def _row(role: str | None = None, /, **cells: str) -> Callable[[Ground], Plant | str]:
    """The row of the SPEC with some cells changed, under a status that counts as `role`, if one is given."""

    def plant(ground: Ground) -> Plant | str:
        if role is None:
            return Plant({ground.tracker: ground.rows(ground.row(**cells))})
        status = ground.status(role)
        if status is None:
            return f"no status counts as {role}"
        return Plant({ground.tracker: ground.rows(ground.row(**{"status": status, **cells}))})

    return plant


def _two(one: Cells, other: Cells) -> Callable[[Ground], Plant]:
    def plant(ground: Ground) -> Plant:
        rows = ({"order": "1", "task": ground.spec, **one}, {"order": "2", "task": "C2", **other})
        return Plant({ground.tracker: ground.rows(*(ground.row(**row) for row in rows))})

    return plant


def _below(text: str) -> Callable[[Ground], Plant]:
    return lambda ground: Plant({ground.tracker: ground.rows(ground.row(), below=text)})


def _whole(data: bytes | None) -> Callable[[Ground], Plant]:
    return lambda ground: Plant({ground.tracker: data})


def _narrow(ground: Ground) -> Plant | str:
    status = ground.settings.tracker.statuses[0]
    if len(ground.settings.tracker.columns) < 3:
        return "no column is required that could be missing"
    return Plant({ground.tracker: f"| Task ID | Status |\n| --- | --- |\n| {ground.spec} | {status} |\n".encode()})


def _surplus(ground: Ground) -> Plant:
    text = ground.rows(ground.row()).rstrip(b"\n") + b" one too many |\n"
    return Plant({ground.tracker: text})


def _crowded(ground: Ground) -> Plant | str:
    status = ground.status("in progress")
    if status is None or not ground.settings.tracker.one_in_progress:
        return "several tasks may be in progress"
    return _two({"status": status}, {"status": status})(ground)


def _silent(ground: Ground) -> Plant | str:
    before, after = ground.status("backlog"), ground.status("in progress")
    if before is None or after is None:
        return "no status counts as backlog or as in progress"
    return Plant({ground.tracker: ground.rows(ground.row(status=after))})


def _unlisted(ground: Ground) -> Plant:
    return Plant({f"{ground.settings.layout.docs}/{SPECS[1]}/spec.md": b"# Spec\n"})


TRACKER = (
    Canary("TRK001", "pre-commit", _whole(None)),
    Canary("TRK002", "pre-commit", _whole(b"\xff\xfe|\n")),
    Canary("TRK003", "pre-commit", _whole(b"# Tracker\n\nNothing.\n")),
    Canary("TRK004", "pre-commit", _row(status="Canary status")),
    Canary("TRK005", "pre-commit", _narrow),
    Canary("TRK006", "pre-commit", _row("done", evidence="all is well")),
    Canary("TRK007", "pre-commit", _below("\n## More\n\n| Task ID | Status |\n| --- | --- |\n")),
    Canary("TRK008", "pre-commit", _below("\n## More\n\n| Task ID | Status | Notes |\n| C8 | Done | x |\n")),
    Canary("TRK009", "pre-commit", _below("\n| 9 | C9 | x | Backlog | x | x | x | x | x | x | x |\n")),
    Canary("TRK010", "pre-commit", _surplus),
    Canary("TRK011", "pre-commit", _two({}, {"order": "1"})),
    Canary("TRK012", "pre-commit", _two({"task": "C12"}, {"task": "C12"})),
    Canary("TRK013", "pre-commit", _two({}, {"task": ""})),
    Canary("TRK014", "pre-commit", _crowded),
    Canary("TRK015", "pre-commit", _row("in progress", owner="")),
    Canary("TRK016", "pre-commit", _row("done", prd="ask somebody")),
    Canary("TRK017", "pre-commit", _row(evidence="../outside/run.log")),
    Canary("TRK018", "pre-commit", _row(evidence="docs/canary/gone.log")),
    Canary("TRK019", "pre-commit", _row(validated="2025-99-99")),
    Canary("TRK020", "pre-commit", _row("done", validated="")),
    Canary("TRK021", "pre-commit", _row(branch="canary..branch")),
    Canary("TRK022", "pre-commit", _silent),
    Canary("TRK023", "pre-commit", _unlisted),
)


def _forbidden(ground: Ground) -> Plant | str:
    made = edges(ground.settings.tracker)
    statuses = [status for status in ground.settings.tracker.statuses if status]
    for before in statuses:
        for after in statuses:
            if not made.allow(_as_row(before), _as_row(after)):
                return _steps(ground, {"status": before}, {"status": after})
    return "every step may be taken"


def _as_row(status: str) -> TaskState:
    from guardrails.layouts.tracker import fold

    return TaskState("x", status, fold(status))


def _steps(ground: Ground, *rows: Cells) -> Plant:
    """Commits that each leave the SPEC's row in another state."""
    states = [{ground.tracker: ground.rows(ground.row(**row))} for row in rows]
    return Plant(states[-1], tuple(states[:-1]))


def _unproven(ground: Ground) -> Plant | str:
    before, after = ground.status("in progress"), ground.status("done")
    if before is None or after is None:
        return "no status counts as in progress or as done"
    return _steps(ground, {"status": before}, {"status": after, "evidence": "all is well"})


def _removed(ground: Ground) -> Plant:
    with_it = ground.rows(ground.row(), ground.row(order="2", task="C2"))
    return Plant({ground.tracker: ground.rows(ground.row())}, ({ground.tracker: with_it},))


def _crowded_between(ground: Ground) -> Plant | str:
    crowded = _crowded(ground)
    if isinstance(crowded, str):
        return crowded
    later = ground.rows(ground.row(), ground.row(order="2", task="C2"))
    return Plant({ground.tracker: later}, (crowded.files,))


TRANSITIONS = (
    Canary("TRN001", "pre-push", _forbidden),
    Canary("TRN002", "pre-push", _unproven),
    Canary("TRN003", "pre-push", _removed),
    Canary("TRN004", "pre-push", _crowded_between),
)
