"""The exceptions a user may see. Everything else is an internal error (exit 70)."""

from __future__ import annotations

from typing import ClassVar


class GuardrailError(Exception):
    """A usage or configuration error: nothing was judged (exit 2).

    `message` says what and where, `hint` what to do or run next.
    """

    exit_code: ClassVar[int] = 2

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class Undecidable(GuardrailError):
    """The answer cannot be known here: a tool or an object is missing (exit 3)."""

    exit_code: ClassVar[int] = 3
