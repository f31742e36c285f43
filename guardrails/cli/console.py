"""Standard output and standard error as commands need them: in UTF-8, and no reason to end early."""

from __future__ import annotations

import io
import os
import sys

from guardrails.errors import GuardrailError


class Console(io.TextIOWrapper):
    """A stream whose reader may leave (`| head`): the command then goes on unheard, so that what it does and the exit
    code it gives stay whole. Raises GuardrailError when what is `needed` cannot be written for another reason."""

    needed = True

    def write(self, text: str, /) -> int:
        try:
            return super().write(text)
        except OSError as error:
            self._unheard(error)
            return len(text)

    def flush(self) -> None:
        try:
            super().flush()
        except OSError as error:
            self._unheard(error)

    def _unheard(self, error: OSError) -> None:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.fileno())  # what is buffered still goes somewhere
        os.close(nowhere)
        if self.needed and not isinstance(error, BrokenPipeError):
            raise GuardrailError(f"the output cannot be written: {error.strerror}", "make room") from error


def prepare() -> None:
    """Take both streams over. Consoles in other encodings die on the first character they lack; a stream that was
    closed before we began is one that nobody wanted to read."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        raw = open(os.devnull, "wb") if stream is None else stream.detach()  # noqa: SIM115  it lives as long as we do
        needed = name == "stdout"
        made = Console(raw, encoding="utf-8", errors="backslashreplace", line_buffering=not needed or raw.isatty())
        made.needed = needed
        setattr(sys, name, made)
