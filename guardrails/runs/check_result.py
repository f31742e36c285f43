"""What became of one thing a stage examined, and what all of them together amount to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from guardrails.runs.halt import Halt, Reason, halt

CheckStatus = Literal["passed", "failed", "skipped"]


class CheckResult(NamedTuple):
    """`message` says what was found, `reason` what a failure of it halts by. `needed`: a stage whose configuration
    says `required` fails when this is skipped."""

    name: str
    status: CheckStatus
    message: str | None = None
    hint: str | None = None
    reason: Reason = "guardrail"
    warnings: tuple[str, ...] = ()
    needed: bool = True


_GRAVITY = (70, 2, 4, 5, 1, 3)
"""Exit codes, worst first."""


def enforced(rows: Sequence[CheckResult], required: bool) -> tuple[CheckResult, ...]:
    """The rows of a stage; where it is required, what was skipped has failed."""
    return tuple(_enforced(row) if required and row.needed else row for row in rows)


def _enforced(row: CheckResult) -> CheckResult:
    if row.status != "skipped":
        return row
    hint = row.hint or "make it run, or take `required` from the stage"
    return row._replace(status="failed", message=f"required, and skipped: {row.message or row.name}", hint=hint)


def failures(rows: Sequence[CheckResult]) -> tuple[CheckResult, ...]:
    return tuple(row for row in rows if row.status == "failed")


def halted(stage: str, rows: Sequence[CheckResult]) -> Halt | None:
    """The halt of the worst failure, the first of several that are equally bad; None when nothing failed."""
    stops = [halt(stage, row.reason, f"{row.name}: {row.message}", row.hint) for row in failures(rows)]
    return min(stops, key=lambda stop: _GRAVITY.index(stop.exit_code), default=None)
