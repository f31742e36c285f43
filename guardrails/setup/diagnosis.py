"""What `speckit doctor` says, and what it looks at."""

from __future__ import annotations

from typing import Literal, NamedTuple

from guardrails.config.settings import Settings
from guardrails.errors import GuardrailError, Undecidable
from guardrails.git.repo import Repo
from guardrails.setup.detect import Detected
from guardrails.snapshot.worktree import Worktree

Level = Literal["ok", "warn", "fail", "unknown"]


class DoctorRow(NamedTuple):
    """One line of the report. `unknown` is neither good nor bad: the answer cannot be had here."""

    level: Level
    subject: str
    message: str
    hint: str | None = None


class DoctorContext(NamedTuple):
    """What the sections look at. `settings` is None while the configuration is broken."""

    repo: Repo
    tree: Worktree
    found: Detected
    settings: Settings | None


def row_of(subject: str, error: GuardrailError) -> DoctorRow:
    """What an error amounts to in the report."""
    level: Level = "unknown" if isinstance(error, Undecidable) else "fail"
    return DoctorRow(level, subject, error.message, error.hint)
