"""The result document: one JSON value, described by `schemas/result.schema.json`."""

from __future__ import annotations

import re
from typing import Any

import orjson

from guardrails import __version__
from guardrails.core.finding import Finding
from guardrails.core.result import CheckVerdict, Examined, Problem, Result
from guardrails.core.text import unsafe, utf8
from guardrails.reports.formats.text import severities

SCHEMA = "speckit.result/1"


def render(result: Result) -> str:
    """The result document, indented, in UTF-8 text that every JSON parser accepts."""
    return dump(document(result))


def document(result: Result) -> dict[str, Any]:
    """The result document as plain values. Bytes of a path that are not UTF-8 are written `\\xNN`."""
    return {
        "schema": SCHEMA,
        "tool": {"name": "speckit", "version": __version__},
        "command": utf8(result.command),
        "source": source(result),
        "verdict": result.verdict,
        "exit_code": result.exit_code,
        "examined": examined(result.examined),
        "findings": [_finding(*pair) for pair in zip(result.findings, result.fingerprints, strict=True)],
        "summary": severities(result),
        "problem": _problem(result.problem),
        "idle": [utf8(name) for name in result.idle],
        "checks": [_check(check) for check in result.checks],
    }


def source(result: Result) -> dict[str, str | None]:
    """What was judged."""
    return {"kind": result.source.kind, "rev": _optional(result.source.rev)}


def examined(seen: Examined) -> dict[str, Any]:
    """What was examined; every machine-readable format carries this same value."""
    skipped = [{"path": utf8(skip.path), "reason": utf8(skip.reason)} for skip in seen.skipped]
    return {"candidates": seen.candidates, "checked": seen.checked, "skipped": skipped}


def dump(value: Any) -> str:
    """`value` as indented JSON with a final newline.

    Characters that could disturb a terminal are written as JSON escapes: the parsed value is the same.
    """
    text = orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).decode("utf-8")
    # The serialiser has escaped C0 in strings already; the line ends that are left are its own.
    return text if text.isascii() and "\x7f" not in text else unsafe().sub(_json_escape, text)


def _json_escape(match: re.Match[str]) -> str:
    character = match[0]
    if character == "\n":
        return character
    units = character.encode("utf-16-be")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))


def _finding(finding: Finding, fingerprint: str) -> dict[str, Any]:
    return {
        "rule": finding.rule.code,
        "name": finding.rule.name,
        "severity": finding.severity,
        "path": utf8(finding.path),
        "line": finding.line,
        "column": finding.column,
        "message": utf8(finding.message),
        "hint": _optional(finding.hint),
        "spec": _optional(finding.spec),
        "stage": _optional(finding.stage),
        "fingerprint": fingerprint,
    }


def _check(check: CheckVerdict) -> dict[str, Any]:
    reason = {} if check.reason is None else {"reason": utf8(check.reason)}
    return {
        "name": utf8(check.name),
        "verdict": check.verdict,
        "checked": check.checked,
        "skipped": check.skipped,
        **reason,
    }


def _problem(problem: Problem | None) -> dict[str, str | None] | None:
    return problem and {"message": utf8(problem.message), "hint": _optional(problem.hint)}


def _optional(text: str | None) -> str | None:
    return None if text is None else utf8(text)
