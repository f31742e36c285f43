"""What git lists of an index or a tree: a record for each path, sorted by path, taken apart only where it is asked for.

Fifty thousand records are split off in a few milliseconds; fifty thousand paths, ids and modes would take many.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator
from operator import itemgetter
from typing import NamedTuple

from guardrails.git import to_bytes, to_text
from guardrails.snapshot import Entry, Kind

AFTER_SLASH = b"0"
"""What follows `/` in the order of bytes: the end of everything below a folder."""
SUBMODULE = b"160000"
_MODES: dict[bytes, Kind] = {b"100644": "file", b"100755": "file", b"120000": "symlink", SUBMODULE: "submodule"}

Whole = Callable[[str], bool]
"""Whether all that lies below a folder is weighed together."""


class Part(NamedTuple):
    """The records from `start` to before `end`, which lie below `folder`."""

    folder: str
    start: int
    end: int


class Listing(NamedTuple):
    """`records` are `<mode> … <id> …<TAB><path>`, sorted by path; id and path begin at the same place in each."""

    records: list[bytes]
    id_at: slice = slice(7, 47)
    path_at: slice = slice(50, None)
    submodules: bool = False
    """whether one of the records may be a submodule"""

    def path(self, index: int) -> bytes:
        return self.records[index][self.path_at]

    def text(self, index: int) -> str:
        return to_text(self.path(index))

    def entry(self, index: int) -> Entry:
        record = self.records[index]
        object_id = record[self.id_at].decode("ascii")
        return Entry(to_text(record[self.path_at]), _MODES.get(record[:6], "special"), object_id)

    def ids(self, part: Part) -> Iterator[bytes]:
        return map(itemgetter(self.id_at), self.records[part.start : part.end])

    def span(self, prefix: str) -> tuple[int, int]:
        """From where to where the records lie that are below a folder; all of them for no folder."""
        if not prefix:
            return 0, len(self.records)
        path = to_bytes(prefix)
        first = self._bisect(path + b"/", 0, len(self.records))
        return first, self._bisect(path + AFTER_SLASH, first, len(self.records))

    def find(self, path: str) -> int | None:
        """Where the record of a path stands."""
        wanted = to_bytes(path)
        index = self._bisect(wanted, 0, len(self.records))
        return index if index < len(self.records) and self.path(index) == wanted else None

    def _bisect(self, path: bytes, start: int, end: int) -> int:
        return bisect_left(self.records, path, start, end, key=itemgetter(self.path_at))

    def below(self, prefix: str) -> Iterator[int]:
        """Where the records at or below a path stand."""
        itself = self.find(prefix) if prefix else None
        if itself is not None:
            yield itself
        yield from range(*self.span(prefix))

    def folders(self, prefix: str) -> list[str]:
        """The names of the folders directly below one."""
        return sorted(to_text(name) for name, _, _ in self._children(prefix, *self.span(prefix)) if name is not None)

    def parts(self, prefix: str, whole: Whole) -> Iterator[Part]:
        """Everything at or below a path: folders that are weighed whole, and what lies between them."""
        itself = self.find(prefix)
        if itself is not None:
            yield Part(prefix.rpartition("/")[0], itself, itself + 1)
        waiting = [Part(prefix, *self.span(prefix))]
        while waiting:  # a stack, not recursion: a hostile tree may be deeper than Python's
            part = waiting.pop()
            if whole(part.folder):
                yield from [part] if part.start < part.end else []
                continue
            for name, start, end in self._children(*part):
                if name is None:
                    yield Part(part.folder, start, end)
                else:
                    folder = f"{part.folder}/{to_text(name)}" if part.folder else to_text(name)
                    waiting.append(Part(folder, start, end))

    def _children(self, prefix: str, index: int, end: int) -> Iterator[tuple[bytes | None, int, int]]:
        """(name, from, to) of each folder directly below one, and of each run of files between them (no name)."""
        begin = len(to_bytes(prefix)) + 1 if prefix else 0
        files = index
        while index < end:
            path = self.path(index)
            slash = path.find(b"/", begin)
            if slash < 0:
                index += 1
                continue
            if files < index:
                yield None, files, index
            after = self._bisect(path[:slash] + AFTER_SLASH, index, end)
            yield path[begin:slash], index, after
            index = files = after
        if files < index:
            yield None, files, index
