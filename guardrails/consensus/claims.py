"""What the run's own records say of its outcome, held against what follows from the outputs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from guardrails.consensus.values import KINDS, Conflict, Kind, Record

_ROUNDING = 0.01


def overstated(records: Sequence[Record], given: Kind, participation: float | None) -> Iterator[tuple[Record, str]]:
    """Records that claim a milder verdict than the outputs give, or more answers, and what they claim."""
    for record in records:
        if record.claim and KINDS.index(record.claim.kind) < KINDS.index(given):
            yield record, f"claims {record.claim.said}, the outputs give {given}"
        elif record.participation is not None and record.participation > (participation or 0.0) + _ROUNDING:
            yield (
                record,
                f"claims a participation of {record.participation:.2f}, the outputs give {participation or 0:.2f}",
            )


def omissions(records: Sequence[Record], conflicts: Sequence[Conflict]) -> Iterator[tuple[Record, str]]:
    """Syntheses that leave out conflicts which the outputs state, settled or not."""
    for record in records:
        known = {conflict.id for conflict in record.conflicts}
        left_out = [conflict.id for conflict in conflicts if conflict.id not in known]
        if left_out and record.role == "synthesis":
            yield record, f"leaves out what the outputs state as a conflict ({', '.join(left_out)})"


def withheld(records: Sequence[Record], given: Kind) -> Iterator[str]:
    """Reasons not to call it ok when a record of the run itself says, or lets see, that it was worse.

    `given` is what the outputs gave before anything was resolved: a record older than a resolution contradicts nothing.
    """
    for record in records:
        if record.admits and KINDS.index(record.admits.kind) > KINDS.index(given):
            yield f"its {record.role} says {record.admits.said}, the outputs give {given}"
