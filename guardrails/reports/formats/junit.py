"""JUnit XML, in the dialect of Jenkins' junit-10.xsd: for CI systems that show tests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from guardrails.core.finding import Finding
from guardrails.core.result import Result
from guardrails.core.text import plural, printable
from guardrails.reports.formats.text import line, summary


class _Trouble(NamedTuple):
    """What is wrong with a test case: the element that says so, its type, a line, and the details."""

    kind: str
    type: str
    message: str
    details: str


def render(result: Result) -> str:
    """One suite: a case that says what was examined, and a failed case for each rule and file with errors."""
    root = Element("testsuites", name="speckit")
    suite = SubElement(root, "testsuite", name=f"speckit {printable(result.command)}")
    _add_properties(suite, result)
    troubles = [_add_case(suite, "examined", result.command, _unexamined(result))]
    for (code, path), findings in _by_rule_and_file(result).items():
        troubles.append(_add_case(suite, path, code, _failure(findings)))
    if said := [text for finding in result.findings if finding.severity != "error" for text in _lines(finding)]:
        SubElement(suite, "system-out").text = "\n".join(said)
    _count(root, suite, troubles)
    indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{tostring(root, encoding="unicode")}\n'


def _add_properties(suite: Element, result: Result) -> None:
    properties = SubElement(suite, "properties")
    for name, value in _facts(result):
        SubElement(properties, "property", name=name, value=printable(value))


def _facts(result: Result) -> Iterator[tuple[str, str]]:
    yield "source.kind", result.source.kind
    if result.source.rev is not None:
        yield "source.rev", result.source.rev
    yield "verdict", result.verdict
    yield "exit_code", str(result.exit_code)
    yield "examined.candidates", str(result.examined.candidates)
    yield "examined.checked", str(result.examined.checked)
    for skip in result.examined.skipped:
        yield "examined.skipped", f"{skip.path}: {skip.reason}"


def _add_case(suite: Element, name: str, classname: str, trouble: _Trouble | None) -> _Trouble | None:
    case = SubElement(suite, "testcase", name=printable(name), classname=f"speckit.{printable(classname)}")
    if trouble is None:
        return None
    child = SubElement(case, trouble.kind, type=trouble.type, message=trouble.message)
    child.text = trouble.details
    return trouble


def _unexamined(result: Result) -> _Trouble | None:
    """Why the case "examined" does not pass: it passes only when something was."""
    said = summary(result)
    if result.problem:
        hint = f"\nhint: {printable(result.problem.hint)}" if result.problem.hint else ""
        message = printable(result.problem.message)
        return _Trouble("error", f"exit {result.exit_code}", message, f"{message}{hint}\n{said}")
    if result.verdict == "undecided":
        return _Trouble("error", "undecided", said, said)
    return None if result.examined.checked else _Trouble("skipped", result.verdict, said, said)


def _by_rule_and_file(result: Result) -> dict[tuple[str, str], list[Finding]]:
    """Errors by (code, path): names that stay the same from run to run, so that CI can follow a test."""
    groups: dict[tuple[str, str], list[Finding]] = {}
    for finding in result.findings:
        if finding.severity == "error":
            groups.setdefault((finding.rule.code, finding.path), []).append(finding)
    return groups


def _failure(findings: list[Finding]) -> _Trouble:
    rule = findings[0].rule
    message = printable(findings[0].message) if len(findings) == 1 else plural(len(findings), "finding")
    return _Trouble("failure", rule.name, message, "\n".join(text for finding in findings for text in _lines(finding)))


def _lines(finding: Finding) -> Iterator[str]:
    yield line(finding)
    if finding.hint:
        yield f"  hint: {printable(finding.hint)}"


def _count(root: Element, suite: Element, troubles: list[_Trouble | None]) -> None:
    kinds = [trouble.kind if trouble else "passed" for trouble in troubles]
    totals = {"tests": len(kinds), "failures": kinds.count("failure"), "errors": kinds.count("error")}
    for name, count in totals.items():
        root.set(name, str(count))
        suite.set(name, str(count))
    suite.set("skipped", str(kinds.count("skipped")))
