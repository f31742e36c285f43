"""Whether there is anything for a check to examine, asked before the check itself is imported; and where it examined
nothing, whether there was something that it should have examined.

Hooks start often, and few repositories have runs, archives or acceptance criteria.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from guardrails.config.layout import ACCEPTANCE, Layout
from guardrails.core.paths import within

if TYPE_CHECKING:
    from guardrails.snapshot.base import Snapshot
    from guardrails.snapshot.context import CheckContext

COMPARED = ("worktree", "index", "range", "push")
"""Kinds of source that are compared with what was there before."""
_LEDGER_FOLDERS = frozenset(("runs", "archive"))
_SESSION_FOLDERS = frozenset(("commands", "consensus"))
ATTESTATION = "_attestation.json"
"""How the name of an attestation of a session ends."""


def has_runs(context: CheckContext) -> bool:
    """Whether there are runs, archives or attested sessions, or the base has evidence to be kept, or the scope names a
    run or a SPEC; or whether what there is must be signed."""
    root, snapshot = context.settings.layout.evidence, context.snapshot
    if context.settings.signatures_required:
        return True
    if context.scope.spec is not None or context.scope.run is not None or _holds(snapshot, root, _LEDGER_FOLDERS):
        return True
    if any(entry.path.endswith(ATTESTATION) for entry in snapshot.entries(f"{root}/consensus")):
        return True
    base = _base(context)
    return base is not None and _holds(
        base, context.settings_of_base.layout.evidence, _LEDGER_FOLDERS | _SESSION_FOLDERS
    )


def _base(context: CheckContext) -> Snapshot | None:
    """What a snapshot is compared with; None where it is judged for itself."""
    return context.snapshot.base if context.snapshot.source.kind in COMPARED else None


def _holds(snapshot: Snapshot, root: str, folders: frozenset[str]) -> bool:
    return not folders.isdisjoint(snapshot.folders(root))


def declares_acceptance(context: CheckContext) -> bool:
    """Whether a SPEC declares acceptance criteria, or the configuration or the scope asks for them."""
    if context.scope.spec is not None or context.settings.acceptance.require:
        return True
    return _declares(context.snapshot, context.settings.layout)


def _declares(snapshot: Snapshot, layout: Layout) -> bool:
    places = (f"{layout.docs}/{name}" for name in snapshot.folders(layout.docs) if layout.id_of(name))
    return any(snapshot.entries(f"{place}/{ACCEPTANCE}") for place in places)


# Why a check that examined nothing should have examined something.


Idle = Callable[["CheckContext"], "str | None"]
"""What a check should have examined in a snapshot where it examined nothing; None where there was nothing."""

_RECORD = re.compile(
    r"(?P<root>.+)/(?:commands|consensus|runs|costs|archive)/(?P<spec>[^/]+?)(?:/[^/]+|_cost_summary)\.jsonl?"
)


def evidence_unread(context: CheckContext) -> str | None:
    """Evidence that lies outside of the evidence root, which itself holds none; or that the base had."""
    snapshot, layout = context.snapshot, context.settings.layout
    if any(_records(snapshot, layout.evidence)):
        return None
    beside = layout.evidence.rpartition("/")[0]
    places = [layout.docs] if within(beside, layout.docs) and beside else [layout.docs, beside]
    for path in (path for place in places for path in _records(snapshot, place)):
        match = _RECORD.fullmatch(path)
        if match and layout.id_of(match["spec"]):
            return f"{layout.evidence} (evidence.root) holds no evidence, and {match['root']} does"
    base, root = _base(context), context.settings_of_base.layout.evidence
    if base is not None and any(_records(base, root)):
        return f"{root} held evidence in {base.describe()}, and {layout.evidence} holds none now"
    return None


def _records(snapshot: Snapshot, place: str) -> Iterator[str]:
    """The paths at or below a place that may be records."""
    return (entry.path for entry in snapshot.entries(place) if entry.path.endswith((".json", ".jsonl")))


def consensus_removed(context: CheckContext) -> str | None:
    """Answers and verdicts that the base had."""
    base, place = _base(context), f"{context.settings_of_base.layout.evidence}/consensus"
    if base is not None and any(_records(base, place)):
        return f"{place} held evidence in {base.describe()}, and there is none now"
    return None


def specs_removed(context: CheckContext) -> str | None:
    """SPECs that the base had."""
    base, layout = _base(context), context.settings_of_base.layout
    if base is not None and any(map(layout.id_of, base.folders(layout.docs))):
        return f"{layout.docs} held SPECs in {base.describe()}, and there are none now"
    return None


def acceptance_removed(context: CheckContext) -> str | None:
    """Acceptance criteria that the base had."""
    base = _base(context)
    if base is not None and not declares_acceptance(context) and _declares(base, context.settings_of_base.layout):
        return f"a SPEC declared acceptance criteria in {base.describe()}, and none does now"
    return None


# Specs that no check reads.


def unread_documents(paths: Iterable[str], names: frozenset[str]) -> str | None:
    """The first of the folders of some paths that has two of the documents every SPEC has."""
    found: dict[str, int] = {}
    for path in paths:
        folder, _, name = path.rpartition("/")
        if name in names:
            found[folder] = found.get(folder, 0) + 1
            if found[folder] > 1:
                return folder
    return None


_OTHER_LAYOUTS = (
    (".specify", "specs", "spec.md"),
    ("openspec", "openspec", "spec.md"),
    (".kiro/specs", ".kiro/specs", "requirements.md"),
)
"""What marks a layout, where its specs lie, and the document that each of them has."""


def specs_of_other_layouts(snapshot: Snapshot) -> str | None:
    """Where a repository keeps specs in a layout that no check reads."""
    for marker, place, name in _OTHER_LAYOUTS:
        if snapshot.entries(marker) and any(entry.path.endswith("/" + name) for entry in snapshot.entries(place)):
            return place
    return None
