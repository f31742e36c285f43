"""The history of one file, as what judges it asks for: which commits there are, and what the file is in each.

A value and a protocol, so that judging needs no repository. `guardrails.snapshot.commits` reads both from git.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol

NOW = ""
"""The id of what is not committed yet: the index or the working tree."""


class HistoryStep(NamedTuple):
    """One commit, or what is about to be one. `blob` names the file's content in it, None when it has none."""

    id: str
    parents: tuple[str, ...]
    blob: str | None

    @property
    def name(self) -> str:
        """How messages call it."""
        return f"commit {self.id[:12]}" if self.id else "what is not committed yet"


class History(Protocol):
    """The steps of a change, parents before children. The last one is the tip that is judged as a whole.

    `before` are the parents that lie outside of the change, by id, each with the file's content in it.
    """

    @property
    def steps(self) -> Sequence[HistoryStep]: ...
    @property
    def before(self) -> dict[str, str | None]: ...
    def texts(self, blobs: Iterable[str]) -> Iterator[tuple[str, bytes | None]]:
        """(name, content) of each; None where it is larger than can be held."""

    def bases(self, parents: Sequence[str]) -> Sequence[str | None]:
        """The file's content in each best common ancestor of some steps or parents."""

    def last_change(self, path: str) -> str | None:
        """The id of the step that last changed a file or folder of the tip; None when no commit ever had it."""

    def changed_after(self, step: str, paths: Sequence[str]) -> bool:
        """Whether any of these changed in a step that is not part of the history of `step`.

        Raises Undecidable when the history that is here cannot say (a shallow clone).
        """
