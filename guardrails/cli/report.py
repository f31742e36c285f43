"""Show a result, or why there is none."""

import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

import click

from guardrails.errors import GuardrailError
from guardrails.reporters import reporter
from guardrails.result import Problem, Result

if TYPE_CHECKING:
    from guardrails.cli.context import Globals
    from guardrails.cli.judge import Request

ZEROED = (1, 3, 4, 5)
"""Exit codes that --exit-zero turns into 0."""


def emit(result: Result, request: "Request", globals_: "Globals") -> int:
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


def _rendered(result: Result, request: "Request", globals_: "Globals") -> str:
    if request.format != "text":
        return reporter(request.format)(result)
    from guardrails.reporters import text

    color = globals_.colored() and not request.output
    display = text.Display(color, globals_.quiet, globals_.verbose, request.all_notes)
    return text.render(result, display)


def _write_file(path: str, report: str) -> None:
    """The whole report or nothing: a reader never sees half of it. A device or pipe is written to, never replaced."""
    target = os.path.realpath(path)
    whole = not os.path.lexists(target) or os.path.isfile(target)
    partial = f"{target}.{os.getpid()}.part" if whole else target
    try:
        with open(partial, "x" if whole else "w", encoding="utf-8", errors="backslashreplace", newline="\n") as stream:
            stream.write(report)
        if whole:
            os.replace(partial, target)
    except OSError as error:
        if whole:
            with suppress(OSError):
                os.unlink(partial)
        raise GuardrailError(f"{path}: {error.strerror}", "name a file that can be written with --output") from error


def show_problem(error: GuardrailError | Problem) -> None:
    """An error that ended the command, on standard error, without any secret it quotes."""
    from guardrails.printable import printable
    from guardrails.redaction import needles, redacted
    from guardrails.settings import Secrets

    known = needles(Secrets().variables, os.environ)
    click.echo(f"error: {printable(redacted(error.message, known))}", err=True)
    if error.hint:
        click.echo(f"hint: {printable(redacted(error.hint, known))}", err=True)
