"""The tracker's part of the configuration."""

from guardrails.config_reader import Reader
from guardrails.settings import Tracker


def read_tracker(reader: Reader, default: Tracker) -> Tracker:
    """How the tracker is read, and which status may follow which."""
    statuses = tuple(reader.get(default.statuses, "tracker", "statuses"))
    return Tracker(
        columns=tuple(reader.get(default.columns, "tracker", "columns")),
        statuses=statuses,
        required="tracker" in reader.tree.get("layout", {}),
        thread=reader.get(default.thread, "tracker", "thread"),
        one_in_progress=reader.get(default.one_in_progress, "tracker", "one_in_progress"),
        transitions=_transitions(reader, default, statuses),
        evidence_after=tuple(reader.get(default.evidence_after, "tracker", "evidence_after")),
    )


def _transitions(
    reader: Reader, default: Tracker, statuses: tuple[str, ...]
) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """The configured steps. A status nobody can have would make a step that nobody can take."""
    given = reader.get(None, "tracker", "transitions")
    if given is None:
        reader.replace("tracker.transitions", {name: list(after) for name, after in default.transitions}, "default")
        return default.transitions
    for name in (*given, *(each for after in given.values() for each in after)):
        if name not in statuses:
            hint = f"use one of: {', '.join(statuses)} (tracker.statuses)"
            raise reader.fail(f"tracker.transitions: '{name}' is not a status", hint, "tracker", "transitions")
    return tuple((name, tuple(after)) for name, after in given.items())
