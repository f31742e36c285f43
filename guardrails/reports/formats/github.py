"""GitHub Actions: annotations as workflow commands, then the whole text report in the log.

Commands and their escapes: "Workflow commands for GitHub Actions" in GitHub's documentation.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from guardrails.core.finding import Finding
from guardrails.core.result import Result
from guardrails.core.text import plural, printable
from guardrails.reports.formats.text import SEVERITIES
from guardrails.reports.formats.text import render as render_text

LIMIT = 10
"""Annotations of one level that GitHub shows for a step; it drops the rest without a word."""
LONGEST = 2000
"""Characters of a message that go into an annotation. The runner cuts at 4096, and a cut must not hide our words."""

_LEVELS = {"error": "error", "warning": "warning", "note": "notice"}


class _Annotation(NamedTuple):
    """One annotation; `severity` in our words, `properties` in the order they are written."""

    severity: str
    properties: tuple[tuple[str, str], ...]
    message: str


def render(result: Result) -> str:
    """Annotations, errors first and at most ten of a level; then the report, in which no command is obeyed."""
    made = list(_annotations(result))
    commands = [command for severity in SEVERITIES for command in _commands(made, severity)]
    return "".join(command + "\n" for command in commands) + _inert(_broken_up(render_text(result)))


def _annotations(result: Result) -> Iterator[_Annotation]:
    if result.problem:
        title = (("title", f"speckit {result.command}"),)
        yield _Annotation("error", title, _message(result.problem.message, result.problem.hint))
    for finding in result.findings:
        yield _Annotation(finding.severity, _properties(finding), _message(finding.message, finding.hint))


def _properties(finding: Finding) -> tuple[tuple[str, str], ...]:
    where: list[tuple[str, str]] = []
    if finding.path != ".":  # the repository as a whole is no file to annotate
        where.append(("file", finding.path))
        if finding.line is not None:
            where.append(("line", str(finding.line)))
            if finding.column is not None:
                where.append(("col", str(finding.column)))
    return (*where, ("title", f"{finding.rule.code} {finding.rule.name}"))


def _message(message: str, hint: str | None) -> str:
    said = _cut(printable(message))
    return f"{said}\nhint: {_cut(printable(hint))}" if hint else said


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."


def _commands(annotations: list[_Annotation], severity: str) -> Iterator[str]:
    """The commands of one level. When there are more than are shown, the last one says so."""
    of_level = [annotation for annotation in annotations if annotation.severity == severity]
    shown = of_level[:LIMIT]
    more = len(of_level) - len(shown)
    if more:
        words = f"{plural(more, f'more {severity}')} not shown here; the log has all"
        shown[-1] = shown[-1]._replace(message=f"{shown[-1].message}\n{words}")
    for annotation in shown:
        yield _command(annotation)


def _command(annotation: _Annotation) -> str:
    properties = ",".join(f"{name}={_property(value)}" for name, value in annotation.properties)
    return f"::{_LEVELS[annotation.severity]} {properties}::{_data(annotation.message)}"


def _data(text: str) -> str:
    return _broken_up(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(value: str) -> str:
    return _data(printable(value)).replace(":", "%3A").replace(",", "%2C")


def _inert(report: str) -> str:
    """`report` so that the runner prints it without obeying: a path in it may begin with `::`.

    The token that ends the pause is a digest of what it encloses, so nothing enclosed can contain it.
    """
    from hashlib import sha256

    token = "speckit-" + sha256(report.encode("utf-8")).hexdigest()[:32]
    return f"::stop-commands::{token}\n{report}::{token}::\n"


def _broken_up(text: str) -> str:
    """`text` without `##[`, the older form of commands: the runner obeys it anywhere in a line, the log viewer
    colours and folds by it even where commands are paused."""
    return text.replace("##[", r"#\x23[")
