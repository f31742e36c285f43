"""Show a result, or why there is none."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

from guardrails.errors import GuardrailError
from guardrails.result import Result

if TYPE_CHECKING:
    from guardrails.cli.context import Globals
    from guardrails.cli.judge import Request

NEVER_ZEROED = (2, 70)


def emit(result: Result, request: Request, globals_: Globals) -> int:
    """Write the report where it was asked for, and return the exit code."""
    for f in result.findings:
        print(f.path, f.line, f.column, f.rule.code, f.severity, f.message, f.hint)
    print(result.command, result.verdict, result.examined.candidates, result.examined.checked, result.problem)
    return result.exit_code


def show_problem(error: GuardrailError) -> None:
    """An error that ended the command, on standard error."""
    click.echo(f"error: {error.message}", err=True)
    if error.hint:
        click.echo(f"hint: {error.hint}", err=True)
