"""Writing the ledger of a run: appended to as files are written, sealed by the run's summary.

Everything here may be done again after a kill: an entry that is there already is not written twice, a line that was
cut off is cut away before the next is added, and the seal of the same summary is the same seal.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from guardrails.checks.ledger.entries import SUMMARY, Chain, LedgerEntry, digest, line_of, read_chain, unsealed
from guardrails.core.timestamps import stamped
from guardrails.errors import GuardrailError
from guardrails.evidence.store import EvidenceStore, WrittenFile

UNDER_WAY = "running"


def signature_path(ledger: str) -> str:
    """Where the signature over the seal of a ledger lies."""
    return ledger.removesuffix(".jsonl") + ".sig"


class Seal(NamedTuple):
    """What closes a ledger: where it lies, how many entries it has, and the digest of the last."""

    ledger: str
    entries: int
    head: str

    @property
    def signature_path(self) -> str:
        """Where the signature over it lies: beside the ledger."""
        return signature_path(self.ledger)

    def document(self, signature: str | None = None) -> dict[str, Any]:
        """The `seal` of a run summary. `signature` is the path of the signature over it."""
        return {"ledger": self.ledger, "entries": self.entries, "head": self.head, "signature": signature}


Signer = Callable[[Seal], str | None]
"""Signs a seal, and says where the signature lies; None when it was not signed."""


LedgerKind = str | None | Callable[[str], str | None]
"""The kind of files, or what says it of a path."""


class LedgerWriter:
    """The ledger at `path`. The caller holds the SPEC's lock."""

    def __init__(self, store: EvidenceStore, path: str) -> None:
        self._store = store
        self.path = path

    def read(self) -> Chain:
        """What was appended so far; nothing when there is no file yet."""
        return read_chain(self._store.read(self.path) or b"")

    def append(
        self,
        written: Sequence[WrittenFile],
        stage: str | None = None,
        kind: LedgerKind = None,
        at: datetime | None = None,
    ) -> int:
        """Add an entry for each file, unless the latest entry of its path has the same digest. Returns how many.

        `at` is when the files were written: the session's start or another remembered moment, never now, so that the
        same step done again adds the same bytes. On disk when this returns.
        """
        chain = self._sound()
        latest, head, number = chain.latest, chain.head, len(chain.entries)
        moment = None if at is None else stamped(at)
        lines = []
        for file in written:
            known = latest.get(file.path)
            if known is not None and (known.sha256, known.size) == (file.sha256, file.size):
                continue
            number += 1
            what = kind(file.path) if callable(kind) else kind
            entry = LedgerEntry(number, file.path, file.sha256, file.size, head, what, stage, moment)
            line = line_of(entry)
            latest[file.path], head = entry, digest(line)
            lines.append(line + b"\n")
        if lines or chain.torn:
            self._store.extend(self.path, chain.sound, b"".join(lines))
        return len(lines)

    def seal(self) -> Seal:
        """The seal of what was appended so far. Raises GuardrailError when nothing was."""
        chain = self._sound()
        if chain.head is None or chain.torn:
            raise GuardrailError(f"{self.path}: nothing to seal", "a run seals what it wrote")
        return Seal(self.path, len(chain.entries), chain.head)

    def _sound(self) -> Chain:
        """The chain to build upon. A line that was cut off is no fault; anything else is somebody's doing."""
        chain = self.read()
        if chain.faults:
            fault = chain.faults[0]
            hint = "'speckit evidence verify' says more; restore the ledger from git"
            raise GuardrailError(f"{self.path}:{fault.line}: {fault.message}; nothing is added to it", hint)
        return chain


def write_summary(
    ledger: LedgerWriter, store: EvidenceStore, path: str, document: dict[str, Any], sign: Signer | None = None
) -> WrittenFile:
    """Write a run's summary to `path`: of a run under way with `seal` null, of any other with the seal of its ledger.

    `document` is the summary in the form of its schema; its `seal` is set here. The summary has an entry of its own in
    the ledger, so that it cannot be edited either. Done again with the same document it writes the same bytes.
    """
    document = {**document, "seal": None}
    bare = unsealed(document)
    ledger.append([WrittenFile(path, digest(bare), len(bare))], kind=SUMMARY)
    if document.get("outcome") != UNDER_WAY:
        seal = ledger.seal()
        signature = sign(seal) if sign else None
        if signature is None:  # of an earlier seal there may be one
            store.discard(seal.signature_path)
        document["seal"] = seal.document(signature)
    return store.record(path, "run_summary", document, replace=True)
