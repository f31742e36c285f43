"""What every snapshot can answer once it can list its entries."""

from functools import cached_property

from guardrails.git import Repo
from guardrails.snapshot import Entry, Snapshot, parents


class Listed:
    """Lookups over `entries`, which each kind of snapshot brings itself."""

    base: Snapshot | None = None
    repo: Repo | None = None

    def entries(self, prefix: str = "") -> list[Entry]:
        raise NotImplementedError

    @cached_property
    def _by_path(self) -> dict[str, Entry]:
        return {entry.path: entry for entry in self.entries()}

    @cached_property
    def _directories(self) -> frozenset[str]:
        return frozenset(parent for path in self._by_path for parent in parents(path))

    def folders(self, prefix: str) -> list[str]:
        start = len(prefix) + 1
        return sorted({row.path[start:].partition("/")[0] for row in self.entries(prefix) if "/" in row.path[start:]})

    def entry(self, path: str) -> Entry | None:
        return self._by_path.get(path)

    def exists(self, path: str) -> bool:
        return path in self._by_path or path in self._directories
