"""Whether the documents and outputs of each SPEC hold what its `acceptance.yaml` declares for its stages.

The judging is imported where something is declared: hooks start often, and most repositories declare nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

from guardrails.finding import Observation
from guardrails.layout import ACCEPTANCE
from guardrails.subject import Subject


def check(subject: Subject) -> Iterator[Observation]:
    """One finding for each flaw of each criterion; nothing where nothing is declared, and nothing has to be."""
    if _concerns(subject):
        from guardrails.checks import acceptance_judging

        yield from acceptance_judging.check(subject)


def _concerns(subject: Subject) -> bool:
    snapshot, layout = subject.snapshot, subject.settings.layout
    if subject.scope.spec is not None or subject.settings.acceptance.require:
        return True
    places = (f"{layout.docs}/{name}" for name in snapshot.folders(layout.docs) if layout.id_of(name))
    return any(snapshot.entries(f"{place}/{ACCEPTANCE}") for place in places)
