"""What a check is asked to judge: a snapshot, the settings that hold for it, and how far to look."""

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from guardrails.config.layout import Layout
from guardrails.config.settings import Settings
from guardrails.snapshot.base import Snapshot


class Scope(NamedTuple):
    """What an argument named. Empty means the whole repository.

    A check that cannot find what was named says so with an error: named things must be there.
    """

    paths: tuple[str, ...] = ()
    """files relative to the root; only `validate` narrows to them"""
    spec: str | None = None
    """an exact SPEC id"""
    stage: str | None = None
    message_file: str | None = None
    """the commit message under judgement (commit-msg hook), an absolute path"""
    run: str | None = None
    """the name of one run of the sequencer; only `ledger` narrows to it"""


class RecalledMemory(NamedTuple):
    """A memory, as far as judging goes: the agents it names or comes from, in the form agents are compared in."""

    agents: frozenset[str]


Recall = Callable[[tuple[str, ...]], list[RecalledMemory]]
"""The memories that carry all of some tags."""


class CheckContext(NamedTuple):
    """`now` is injected so that checks stay pure; it carries a time zone."""

    snapshot: Snapshot
    settings: Settings
    now: datetime
    scope: Scope = Scope()
    recall: Recall | None = None
    """asks the memory, where a command gave it; memories are no part of any snapshot"""
    base_settings: Settings | None = None
    """what the base of a change is judged by, where that differs from `settings`"""

    @property
    def base_layout(self) -> Layout:
        """Where things lie in the base of a change: by the base's own configuration."""
        return (self.base_settings or self.settings).layout
