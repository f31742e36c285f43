"""Files held in memory, as a snapshot."""

from collections.abc import Callable, Iterable, Iterator, Mapping

from guardrails.core.paths import within
from guardrails.core.result import Source
from guardrails.snapshot.base import (
    READ_LIMIT,
    Blob,
    Entry,
    Growing,
    Listed,
    Snapshot,
    Weight,
    not_cheap_to_say,
    too_large,
)


class MemorySnapshot(Listed):
    """Files held in memory: for tests and for judging what is not written yet."""

    source = Source("memory")

    def __init__(self, files: Mapping[str, bytes], base: Snapshot | None = None) -> None:
        self._files = dict(files)
        self.base = base

    def entries(self, prefix: str = "") -> list[Entry]:
        return [Entry(path, "file", None, len(data)) for path, data in self._files.items() if within(path, prefix)]

    def parts(self, prefix: str, whole: Callable[[str], bool]) -> list[str]:  # noqa: ARG002
        return [path for path in self._files if within(path, prefix)]

    def weigh(self, parts: list[str]) -> Iterator[Weight]:
        for path in parts:
            folder, _, name = path.rpartition("/")
            yield Weight(folder, [len(self._files[path])], [name].__getitem__)

    def growing(self, prefixes: list[str]) -> Growing:  # noqa: ARG002
        return not_cheap_to_say

    def read(self, path: str) -> bytes | None:
        return self._files.get(path)

    def read_many(self, entries: Iterable[Entry], limit: int = READ_LIMIT) -> Iterator[Blob]:
        for entry in entries:
            data = self._files[entry.path]
            kept = data if len(data) <= limit else None
            yield Blob(entry, len(data), kept, None if kept is not None else too_large(len(data), limit))

    def describe(self) -> str:
        return "memory"
