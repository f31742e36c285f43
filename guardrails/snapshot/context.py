"""What a check is asked to judge: a snapshot, the settings that hold for it, and how far to look."""

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from guardrails.config.settings import PolicyJudge, Settings
from guardrails.snapshot.base import Snapshot

CHANGES = ("index", "range", "push")
"""Kinds of source that are a change to something."""


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


class PolicyBase(NamedTuple):
    """What a change is compared with, where the files that say how it is judged are not the same in both."""

    snapshot: Snapshot
    settings: Settings
    merged: tuple[Snapshot, ...] = ()
    """what is merged by the change besides: what one of them has loosened already, the change does not"""
    judge: PolicyJudge = "both"
    problem: str | None = None
    """why its configuration cannot be read; `settings` are those of the change then"""


class CheckContext(NamedTuple):
    """`now` is injected so that checks stay pure; it carries a time zone."""

    snapshot: Snapshot
    settings: Settings
    now: datetime
    scope: Scope = Scope()
    recall: Recall | None = None
    """asks the memory, where a command gave it; memories are no part of any snapshot"""
    base: PolicyBase | None = None
    """the base of a change to how it is judged; None for a change to anything else, and where the tip alone judges"""

    @property
    def settings_of_base(self) -> Settings:
        """What the base of a change is read by: the base's own configuration."""
        return self.base.settings if self.base else self.settings
