"""Show a result, or why there is none."""

from __future__ import annotations

import io
import os
import sys
from typing import TYPE_CHECKING

import click

from guardrails.errors import GuardrailError

if TYPE_CHECKING:
    from guardrails.cli.options import Globals
    from guardrails.cli.run_checks import CheckRequest
    from guardrails.core.result import Problem, Result


ZEROED = (1, 3, 4, 5)
"""Exit codes that --exit-zero turns into 0."""


def emit(result: Result, request: CheckRequest, globals_: Globals) -> int:
    """Write the report where it was asked for, and return the exit code."""
    write_report(_rendered(result, request, globals_), request.output)
    return 0 if request.exit_zero and result.exit_code in ZEROED else result.exit_code


def write_report(report: str, output: str | None) -> None:
    """Print a text, or write it to a file as a whole."""
    if output:
        _write_file(output, report)
    else:
        sys.stdout.write(report)
        sys.stdout.flush()


def _rendered(result: Result, request: CheckRequest, globals_: Globals) -> str:
    if request.format != "text":
        from guardrails.reports.formats.choice import reporter

        return reporter(request.format)(result)
    from guardrails.reports.formats import text

    color = globals_.colored() and not request.output
    display = text.Display(color, globals_.quiet, globals_.verbose, request.all_notes)
    return text.render(result, display)


def _write_file(path: str, report: str) -> None:
    """The whole report or nothing: a reader never sees half of it. A device or pipe is written to, never replaced."""
    data = report.encode("utf-8", "backslashreplace")
    try:
        target = os.path.realpath(path)
        if not os.path.lexists(target) or os.path.isfile(target):
            from guardrails.core import atomic

            atomic.write(target, data, durable=False)
        else:
            with open(target, "wb") as stream:
                stream.write(data)
    except OSError as error:
        raise GuardrailError(f"{path}: {error.strerror}", "name a file that can be written with --output") from error


def show_problem(error: GuardrailError | Problem) -> None:
    """An error that ended the command, on standard error, without any secret it quotes."""
    from guardrails.config.settings import Secrets
    from guardrails.core.text import printable
    from guardrails.secrets.redact import Redactor

    redactor = Redactor(Secrets().variables, os.environ)
    click.echo(f"error: {printable(redactor.text(error.message))}", err=True)
    if error.hint:
        click.echo(f"hint: {printable(redactor.text(error.hint))}", err=True)


# Standard output and standard error as commands need them: in UTF-8, and no reason to end early.


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
