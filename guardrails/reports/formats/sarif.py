"""SARIF 2.1.0 (OASIS): for code scanning services and editors."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from guardrails import __version__
from guardrails.core.finding import Finding, Rule
from guardrails.core.result import Result
from guardrails.core.text import printable
from guardrails.git.repo import to_bytes
from guardrails.reports.formats import json, text

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
ROOT = "%SRCROOT%"
"""The base every path is relative to; the name by which services know the repository's root."""
NOT_JUDGED = (2, 3, 70)
"""Exit codes after which an empty list of results must not be taken for "all is well"."""


def render(result: Result) -> str:
    """A SARIF log of one run. `results` is always there, and a run that judged nothing says it was not successful."""
    return json.dump({"$schema": SCHEMA, "version": "2.1.0", "runs": [_run(result)]})


def _run(result: Result) -> dict[str, Any]:
    rules = {finding.rule.code: finding.rule for finding in result.findings}
    index = {code: at for at, code in enumerate(sorted(rules))}
    pairs = zip(result.findings, result.fingerprints, strict=True)
    return {
        "tool": {"driver": _driver([rules[code] for code in index])},
        "automationDetails": {"id": f"speckit/{printable(result.command).replace(' ', '-')}/"},
        "invocations": [_invocation(result)],
        "originalUriBaseIds": {ROOT: {"description": {"text": "The root of the repository."}}},
        "columnKind": "unicodeCodePoints",
        "results": [_result(finding, mark, index[finding.rule.code]) for finding, mark in pairs],
        "properties": {
            "command": printable(result.command),
            "source": json.source(result),
            "verdict": result.verdict,
            "examined": json.examined(result.examined),
            "summary": text.severities(result),
        },
    }


def _driver(rules: list[Rule]) -> dict[str, Any]:
    return {"name": "speckit", "version": __version__, "rules": [_rule(rule) for rule in rules]}


def _rule(rule: Rule) -> dict[str, Any]:
    example = "\n".join(f"    {line}" for line in rule.example.splitlines())
    return {
        "id": rule.code,
        "name": rule.name,
        "shortDescription": {"text": rule.summary},
        "fullDescription": {"text": rule.why},
        "help": {
            "text": f"{rule.why}\n\nExample:\n{rule.example}\n\nFix: {rule.fix}",
            "markdown": f"{rule.why}\n\n**Example**\n\n{example}\n\n**Fix**\n\n{rule.fix}",
        },
        "defaultConfiguration": {"level": rule.severity},
        "properties": {"tags": [rule.code[:3]], "outcome": rule.outcome},
    }


def _result(finding: Finding, fingerprint: str, index: int) -> dict[str, Any]:
    named = (("hint", finding.hint), ("spec", finding.spec), ("stage", finding.stage))
    return {
        "ruleId": finding.rule.code,
        "ruleIndex": index,
        "level": finding.severity,
        "message": _message(finding.message, finding.hint),
        "locations": [{"physicalLocation": _location(finding)}],
        "partialFingerprints": {"speckit/v1": fingerprint},
        "properties": {name: printable(value) for name, value in named if value is not None},
    }


def _message(message: str, hint: str | None) -> dict[str, str]:
    said = printable(message) + (f"\nhint: {printable(hint)}" if hint else "")
    return {"text": said.replace("](", "\\](")}  # viewers turn `[text](target)` into a link; quoted content makes none


def _location(finding: Finding) -> dict[str, Any]:
    location: dict[str, Any] = {"artifactLocation": {"uri": uri(finding.path), "uriBaseId": ROOT}}
    if finding.line is not None:
        location["region"] = {"startLine": finding.line}
        if finding.column is not None:
            location["region"]["startColumn"] = finding.column
    return location


def uri(path: str) -> str:
    """A path as a relative URI reference of its raw bytes; the repository itself is `./`."""
    if path == ".":
        return "./"
    try:
        raw = to_bytes(path)
    except UnicodeEncodeError:  # surrogates that stand for no byte: no path git gave
        raw = printable(path).encode("utf-8")
    return quote(raw)


def _invocation(result: Result) -> dict[str, Any]:
    judged = result.exit_code not in NOT_JUDGED and result.verdict != "undecided"  # --exit-zero must not hide it
    return {
        "executionSuccessful": judged,
        "exitCode": result.exit_code,
        "exitCodeDescription": result.verdict,
        "toolExecutionNotifications": _notifications(result, judged),
    }


def _notifications(result: Result, judged: bool) -> list[dict[str, Any]]:
    if result.problem:
        return [{"level": "error", "message": _message(result.problem.message, result.problem.hint)}]
    return [] if judged else [{"level": "error", "message": {"text": text.summary(result)}}]
