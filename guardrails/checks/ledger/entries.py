"""The ledger of a run as values: what each line says, and whether each line follows from the one before. Pure.

Every line carries the digest of the line before it, so nothing can be changed, left out or moved without changing all
that follows, up to the head; and the run's summary seals the head. That is integrity, not authenticity: whoever can
write the repository can compute all of it anew. Only a signature says who sealed it.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any, Literal, NamedTuple

import orjson

from guardrails.core.limits import LEDGER_FAULTS
from guardrails.core.schema import is_valid
from guardrails.core.strict_json import LINE_LIMIT, JsonFlaw, parse_json, record_bytes

SUMMARY = "run_summary"
"""Kind of the entry of a run's own summary. Its digest is that of the summary with `seal` null (see `unsealed`)."""
FaultKind = Literal["malformed", "sequence", "link"]


class LedgerEntry(NamedTuple):
    """One line: a file the run wrote. `previous` is the digest of the line before, None in the first."""

    sequence: int
    path: str
    sha256: str
    size: int
    previous: str | None
    kind: str | None = None
    stage: str | None = None
    timestamp: str | None = None


class ChainFault(NamedTuple):
    """Why a line cannot stand where it stands."""

    line: int
    kind: FaultKind
    message: str


class Chain(NamedTuple):
    """A ledger as it was read. `numbers` are the lines of the entries; `head` is the digest of the last whole line.

    `sound` counts the bytes up to the first fault or torn line: what may be built upon. `torn` says that the last line
    has no end, as when its writer was killed.
    """

    entries: tuple[LedgerEntry, ...]
    numbers: tuple[int, ...]
    head: str | None
    faults: tuple[ChainFault, ...]
    torn: bool
    sound: int

    @property
    def latest(self) -> dict[str, LedgerEntry]:
        """The entry that holds for each path: a file that was written again has another entry."""
        return {entry.path: entry for entry in self.entries}


def line_of(entry: LedgerEntry) -> bytes:
    """The bytes of an entry, without the line feed: what its digest is taken over."""
    members: dict[str, Any] = {
        "schemaVersion": 1, "sequence": entry.sequence, "path": entry.path, "sha256": entry.sha256, "size": entry.size,
        "previous": entry.previous,
    }  # fmt: skip
    optional = (("kind", entry.kind), ("stage", entry.stage), ("timestamp", entry.timestamp))
    return orjson.dumps(members | {name: value for name, value in optional if value is not None})


def digest(data: bytes) -> str:
    return sha256(data).hexdigest()


def read_chain(data: bytes) -> Chain:
    """What a ledger says and where it does not hold together. Never fails: everything that is wrong is a fault.

    One of more than LINE_LIMIT lines is not read; of the faults, no more are kept than say that there are too many.
    """
    if data.count(b"\n") > LINE_LIMIT:
        return Chain((), (), None, (ChainFault(1, "malformed", f"more than {LINE_LIMIT:,} lines"),), False, 0)
    lines = data.split(b"\n")
    torn = lines.pop() != b""
    entries: list[LedgerEntry] = []
    numbers: list[int] = []
    faults: list[ChainFault] = []
    sound, previous = 0, None
    for number, line in enumerate(lines, 1):
        entry = _entry(line)
        if isinstance(entry, str):
            faults.append(ChainFault(number, "malformed", entry))
        else:
            faults += _misplaced(entry, number, previous)
            entries.append(entry)
            numbers.append(number)
        del faults[LEDGER_FAULTS + 1 :]
        previous = digest(line)
        if not faults:
            sound += len(line) + 1
    return Chain(tuple(entries), tuple(numbers), previous, tuple(faults), torn, sound)


def _entry(line: bytes) -> LedgerEntry | str:
    """The entry of a line, or why it is none."""
    try:
        value = parse_json(line)
    except JsonFlaw as flaw:
        return f"not an entry: {flaw.message}"
    if not is_valid("ledger_entry", value):
        return "not an entry: it does not satisfy ledger_entry.schema.json"
    named = {name: value.get(name) for name in LedgerEntry._fields}
    return LedgerEntry(**named)


def _misplaced(entry: LedgerEntry, number: int, previous: str | None) -> list[ChainFault]:
    found = []
    if entry.sequence != number:
        found.append(ChainFault(number, "sequence", f"entry {entry.sequence} stands where {number} belongs"))
    if entry.previous != previous:
        found.append(ChainFault(number, "link", "does not carry the digest of the line before it"))
    return found


def unsealed(document: dict[str, Any]) -> bytes:
    """The bytes of a run summary with `seal` null: what the ledger's entry for it is about.

    The seal names the head of the ledger, and the ledger's last entry is the summary's: one of the two has to do
    without the other.
    """
    return record_bytes({**document, "seal": None})


def seal_bytes(ledger: str, entries: int, head: str) -> bytes:
    """The bytes of a seal that are signed, as one line of JSON: the head stands for every file of the run."""
    return orjson.dumps({"ledger": ledger, "entries": entries, "head": head}) + b"\n"
