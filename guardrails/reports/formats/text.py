"""Text for people: a line for each finding and its hint, then one line that says what was examined."""

from collections.abc import Iterator
from typing import NamedTuple

from guardrails.core.finding import Finding, Severity
from guardrails.core.result import Result, Source
from guardrails.core.text import plural, printable

SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")
REASONS = 5
"""Reasons for skipping that are listed unless all skipped paths are."""

_RED, _YELLOW, _CYAN, _GREEN, _BOLD = "31", "33", "36", "32", "1"
_OF_SEVERITY = {"error": _RED, "warning": _YELLOW, "note": _CYAN}
_OF_VERDICT = {"pass": _GREEN, "not-applicable": _YELLOW, "undecided": _YELLOW}
_PLACES = {"worktree": "the working tree", "index": "the index", "memory": "memory"}
_AT_REVISION = {"commit": "commit", "range": "the range", "push": "the push of"}


class Display(NamedTuple):
    """How to show a result. None of it changes the verdict.

    `quiet` leaves out what a reader of the findings can do without; `verbose` lists every skipped path and every
    note; without `notes` they are only counted.
    """

    color: bool = False
    quiet: bool = False
    verbose: bool = False
    notes: bool = True


def render(result: Result, display: Display | None = None) -> str:
    """The result as lines, each ended by a newline. Only the colour codes written here are control characters."""
    lines = list(_lines(result, display or Display()))
    return "\n".join(lines) + "\n" if lines else ""


def _lines(result: Result, display: Display) -> Iterator[str]:
    notes = display.notes or display.verbose
    shown = [finding for finding in result.findings if notes or finding.severity != "note"]
    for finding in shown:
        yield line(finding, display.color)
        if finding.hint:
            yield f"  hint: {printable(finding.hint)}"
    yield from _problem(result, display.color)
    # Without findings or a problem to show for it, a verdict that is not "pass" must still be said.
    if display.quiet and (result.verdict == "pass" or shown or result.problem):
        return
    if not display.quiet:
        yield from _skipped(result, display.verbose)
        if result.idle and result.examined.checked:
            yield f"  nothing to examine for {', '.join(map(printable, result.idle))}"
        if result.verdict == "undecided" and not (result.problem or result.examined.candidates or shown):
            yield "  hint: 'speckit doctor' says what is looked for, and where"
    hidden = len(result.findings) - len(shown)
    yield summary(result, display.color) + (" (-v shows notes)" if hidden else "")


def line(finding: Finding, color: bool = False) -> str:
    """`path:line:column: CODE message`; what is not known is left out, and the severity is said unless it is error."""
    severity = "" if finding.severity == "error" else f" {finding.severity}:"
    code = _paint(finding.rule.code, _OF_SEVERITY[finding.severity], color)
    return f"{_paint(place(finding), _BOLD, color)}: {code}{severity} {printable(finding.message)}"


def place(finding: Finding) -> str:
    """`path`, `path:line` or `path:line:column`."""
    where = printable(finding.path)
    for number in (finding.line, finding.column):
        if number is None:
            break
        where += f":{number}"
    return where


def summary(result: Result, color: bool = False) -> str:
    """One line: command, verdict, what was examined, and how many findings of each severity."""
    verdict = _paint(result.verdict, _OF_VERDICT.get(result.verdict, _RED), color)
    return f"{printable(result.command)}: {verdict}: {_examined(result)}; {_counts(result)}"


def _examined(result: Result) -> str:
    examined = result.examined
    if examined.candidates:
        return f"{examined.checked} of {examined.candidates} checked in {_where(result.source)}"
    return "nothing was judged" if result.problem else f"nothing to examine in {_where(result.source)}"


def _where(source: Source) -> str:
    named = _PLACES.get(source.kind)
    if named:
        return named
    return f"{_AT_REVISION[source.kind]} {printable(source.rev)}" if source.rev else f"the {source.kind}"


def severities(result: Result) -> dict[Severity, int]:
    """How many findings there are of each severity."""
    counts = dict.fromkeys(SEVERITIES, 0)
    for finding in result.findings:
        counts[finding.severity] += 1
    return counts


def _counts(result: Result) -> str:
    counts = severities(result)
    return ", ".join(plural(counts[name], name) for name in SEVERITIES if name != "note" or counts[name])


def _problem(result: Result, color: bool) -> Iterator[str]:
    if result.problem:
        yield f"{_paint('error', _RED, color)}: {printable(result.problem.message)}"
        if result.problem.hint:
            yield f"hint: {printable(result.problem.hint)}"


def _skipped(result: Result, every: bool) -> Iterator[str]:
    skipped = result.examined.skipped
    if every:
        for skip in skipped:
            yield f"  skipped {printable(skip.path)}: {printable(skip.reason)}"
        return
    counts: dict[str, int] = {}
    for skip in skipped:
        counts[skip.reason] = counts.get(skip.reason, 0) + 1
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    for reason, count in ordered[:REASONS]:
        yield f"  skipped {count}: {printable(reason)}"
    rest = ordered[REASONS:]
    if rest:
        yield f"  skipped {sum(count for _, count in rest)}: other reasons (-v lists all)"


def _paint(text: str, code: str, color: bool) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if color else text
