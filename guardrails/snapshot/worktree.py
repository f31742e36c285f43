"""The working tree, as a snapshot."""

from functools import cached_property

from guardrails.core.result import Source
from guardrails.snapshot.base import Snapshot
from guardrails.snapshot.files import DiskFiles


class Worktree(DiskFiles):
    """The files on disk, compared with HEAD."""

    source = Source("worktree")

    @cached_property
    def base(self) -> Snapshot | None:
        from guardrails.snapshot.index import Commit  # most checks of the working tree compare it with nothing

        assert self.repo is not None
        revision = self.repo.head()
        return Commit(self.repo, revision) if revision else None

    def describe(self) -> str:
        return "the working tree"
