"""A repository whose tracker changes from commit to commit."""

from __future__ import annotations

import re

from tests.checks.tracker_world import HEADER
from tests.sandbox import Ran, Sandbox

SPEC = "docs/SPEC-KIT-900"
LOG = f"{SPEC}/evidence/run.log"


def task(name: str, status: str, evidence: str = "", branch: str = "", notes: str = "n") -> str:
    """One row of the tracker. The PRD is a document of no SPEC."""
    return f"| | {name} | x | {status} | me | docs/prd.md | {branch} | | 2026-01-01 | {evidence} | {notes} |\n"


class Ledger:
    """The repository, and the commit the judged range begins after."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        sandbox.write("docs/prd.md", "what is wanted\n")
        self.base = self.commit()

    def write(self, *rows: str, path: str = "SPEC.md") -> None:
        self.sandbox.write(path, HEADER + "".join(rows))

    def commit(self, *rows: str) -> str:
        """A commit whose tracker has these rows and T0."""
        self.write(task("T0", "Backlog"), *rows)
        return self.sandbox.commit()

    def begin(self, *rows: str) -> None:
        """As `commit`; what is judged begins after it."""
        self.base = self.commit(*rows)

    def judge(self, *arguments: str, **extra: str) -> Ran:
        return self.sandbox.judge("transitions", "--source", f"{self.base}..HEAD", *arguments, **extra)

    @property
    def messages(self) -> list[str]:
        """What the findings of the range say, commits by a letter."""
        return messages(self.judge())


def messages(ran: Ran) -> list[str]:
    """Code and message of each finding, without the ids of commits."""
    found = [f"{finding['rule']} {finding['message']}" for finding in ran.document["findings"]]
    return [" ".join(_placed(word) for word in text.split()) for text in found]


def _placed(word: str) -> str:
    """An id of a commit as a letter."""
    return re.sub(r"^[0-9a-f]{12}\b", "C", word)
