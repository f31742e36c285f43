"""A pushed ref that names no commit: a tag of a file or of a directory."""

from guardrails.git import Repo
from guardrails.snapshot import Entry, Snapshot, Source
from guardrails.snapshot.listing import Listing
from guardrails.snapshot.trees import Commit, Tree


class Loose(Tree):
    """The object `id`, a "blob" or a "tree", and the `tags` that were peeled to reach it.

    It is no state of a repository, so it has no entries to judge; `files` are what it holds.
    """

    base: Snapshot | None = None

    def __init__(self, repo: Repo, object_id: str, kind: str, source: Source, tags: tuple[str, ...] = ()) -> None:
        super().__init__(repo)
        self.id = object_id
        self.kind = kind
        self.source = source
        self.tags = tags

    def files(self) -> list[Entry]:
        """Every path of a tree."""
        return Commit(self.repo, self.id).entries() if self.kind == "tree" else []

    def _list(self, prefix: str) -> Listing:  # noqa: ARG002
        return Listing([])

    def _changes(self) -> tuple[str, ...] | None:
        return None

    def describe(self) -> str:
        return f"{self.kind} {self.id[:12]}"
