"""Keep what agents and the verdict said in the memory. A run does not fail for it: what did not work is a warning."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from guardrails.errors import GuardrailError
from guardrails.evidence.names import Session
from guardrails.evidence.store import Written
from guardrails.evidence_names import evidence_name
from guardrails.jsontext import JsonFlaw, parse
from guardrails.memory.entries import Entry, Source
from guardrails.memory.keeping import open_store, remember, server_of
from guardrails.memory.records import entries_of_output, entries_of_verdict
from guardrails.pipeline.world import World
from guardrails.snapshot.worktree import Worktree


def remember_session(world: World, session: Session, files: Sequence[Written]) -> tuple[str, ...]:
    """Remember answers and verdict of a session, each once however often it is done. Returns warnings."""
    try:
        store = open_store(world.repo, world.settings)
        entries = [entry for file in files for entry in _entries(world, file)]
        return remember(store, entries, server_of(world.repo, world.settings)).warnings
    except GuardrailError as error:
        return (f"{session.stage}: nothing was remembered: {error.message}",)


def _entries(world: World, file: Written) -> Iterator[Entry]:
    name = evidence_name(world.settings.layout, file.path)
    data = Worktree(world.repo).read(file.path)
    try:
        document = parse(data) if data is not None else None
    except JsonFlaw:
        return
    if name is None or not isinstance(document, dict):
        return
    source = Source(file.path, file.sha256)
    if name.kind == "agent_output":
        yield from entries_of_output(document, source, world.settings.layout)
    elif name.kind == "verdict":
        yield from entries_of_verdict(document, source, world.settings.layout)
