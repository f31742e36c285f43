"""Why a stage, and the run with it, goes no further."""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args

from guardrails.runs.serialize import pack, unpack

Reason = Literal[
    "conflict",
    "hold",
    "degraded",
    "undecided",
    "guardrail",
    "policy",
    "dirty-tree",
    "budget",
    "missing-tool",
    "hal",
    "acceptance",
    "locked",
    "usage",
    "internal",
]
"""As schemas/run_summary.schema.json has them."""
REASONS: tuple[Reason, ...] = get_args(Reason)

_CODES: dict[Reason, int] = {
    "conflict": 4,
    "degraded": 5,
    "undecided": 3,
    "missing-tool": 3,
    "usage": 2,
    "locked": 2,
    "internal": 70,
}


class Halt(NamedTuple):
    """`message` says what is wrong, in a sentence; `hint` what to do next; `exit_code` is never 0."""

    stage: str
    reason: Reason
    message: str
    hint: str | None
    exit_code: int


def halt(stage: str, reason: Reason, message: str, hint: str | None = None) -> Halt:
    """A halt with the exit code of its reason."""
    return Halt(stage, reason, message, hint, _CODES.get(reason, 1))


def to_json(stopped: Halt | None) -> object:
    """A halt as values that JSON can hold."""
    return pack(stopped)


def from_json(value: object) -> Halt | None:
    """The halt that `to_json` gave. Raises ValueError for anything else."""
    return None if value is None else unpack(Halt, value)
