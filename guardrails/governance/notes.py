"""A memory of what was decided. That it cannot be kept is a warning: the files themselves are what counts."""

from __future__ import annotations

from collections.abc import Sequence

from guardrails.errors import GuardrailError
from guardrails.evidence.store import Written
from guardrails.git import Repo
from guardrails.settings import Settings

IMPORTANCE = 8


def note(repo: Repo, settings: Settings, text: str, tags: Sequence[str], about: Written) -> tuple[str, ...]:
    """Remember `text` about a file; returns warnings."""
    try:
        from guardrails.memory.entries import Source, entry
        from guardrails.memory.keeping import open_store, remember, server_of
        from guardrails.memory.tags import require

        named = [require(tag, settings.layout) for tag in tags]
        item = entry(text, named, IMPORTANCE, source=Source(about.path, about.sha256))
        return remember(open_store(repo, settings), [item], server_of(repo, settings)).warnings
    except GuardrailError as error:
        return (f"it is not remembered: {error.message}",)
