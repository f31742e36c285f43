"""What a service is asked, what came back, and whether that is what it must be. Pure.

What is said against an answer is in words of ours alone. A word of the service could be half a secret.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Literal, NamedTuple

from guardrails.config.settings import Expectation, JsonType, NamedExpectation, ProbeCheck, Scalar
from guardrails.core.strict_json import FlawKind, JsonFlaw, parse_json

READ_LIMIT = 1 << 20
"""Bytes of one answer that are read. Nothing a probe asks for is longer."""


class ProbeQuestion(NamedTuple):
    """How one check is asked. `url` is without the query: that is never recorded."""

    check: ProbeCheck
    transport: Literal["http", "mcp"]
    url: str | None
    timeout: float
    """seconds until the answer must be complete"""

    @property
    def method(self) -> str:
        """The method of HTTP or of MCP."""
        return self.check.method if self.transport == "http" else "tools/call"

    @property
    def tool(self) -> str | None:
        """The MCP tool; None over HTTP."""
        return None if self.transport == "http" else self.check.tool or self.check.name


class Asked(NamedTuple):
    """A check once it was asked. `body` is whatever the service sent, secrets included: it is judged as it is, and goes
    nowhere before a `Redactor` has seen it."""

    question: ProbeQuestion
    finished: datetime
    latency_ms: int | None = None
    reason: str | None = None
    """why this is no answer to judge, in words of ours alone"""
    http_status: int | None = None
    content_type: str | None = None
    body: bytes | None = None
    cut: bool = False
    """whether there was more than READ_LIMIT"""


JudgeAnswer = Callable[[Any], "str | None"]
"""Takes the parsed answer and gives what is wrong with it, None when nothing is."""

_WELL = frozenset({"ok", "up", "pass", "passed", "healthy", "success"})
_UNWELL = frozenset(
    {"error", "down", "fail", "failed", "failing", "unhealthy", "degraded", "warn", "warning", "starting"}
)
_LISTS = ("movies", "records", "items", "results", "data")
_FLAGS = ("success", "ok", "valid", "isValid")
_FLAWS: dict[FlawKind, str] = {
    "syntax": "the answer is not JSON",
    "encoding": "the answer is not UTF-8",
    "empty": "the answer is empty",
    "duplicate": "the answer gives a key twice",
    "depth": "the answer is nested too deep",
    "size": "the answer has too many values",
}


def _health(value: Any) -> str | None:
    said = value.get("status") if isinstance(value, dict) else value
    if not isinstance(said, str):
        return "the answer has no status"
    word = said.strip().lower()
    if word in _WELL:
        return None
    return f"its status is {word}" if word in _UNWELL else "its status is none of ok, up, pass, healthy, success"


def _list(value: Any) -> str | None:
    if isinstance(value, dict):
        value = next((value[key] for key in _LISTS if key in value), None)
    return None if isinstance(value, list) else "the answer holds no list"


def _no_failures(value: Any) -> str | None:
    """One result or a list of them. What fails says so in a flag, or lists what failed."""
    results = value if isinstance(value, list) else [value]
    failed = sum(_failed(result) for result in results)
    return f"{failed} of {len(results)} indexer tests failed" if failed else None


def _failed(result: Any) -> bool:
    if not isinstance(result, dict):
        return True
    if any(result.get(flag, True) is not True for flag in _FLAGS):
        return True
    if result.get("errors") or result.get("validationFailures") or result.get("errorMessage"):
        return True
    return "status" in result and _health(result) is not None


def _graphql(value: Any) -> str | None:
    if not isinstance(value, dict):
        return "the answer is not a GraphQL response"
    errors = value.get("errors")
    if errors:
        return f"it reports GraphQL errors ({len(errors)})" if isinstance(errors, list) else "it reports GraphQL errors"
    data = value.get("data")
    named = isinstance(data, dict) and isinstance(data.get("__typename"), str)
    return None if named else "the answer has no __typename"


NAMED: dict[NamedExpectation, JudgeAnswer] = {
    "healthy": _health,
    "list": _list,
    "no-failures": _no_failures,
    "graphql": _graphql,
}
"""What a configuration may ask for by a name."""

_TYPES: dict[JsonType, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "number": (int, float),
    "integer": (int,),
    "boolean": (bool,),
    "null": (type(None),),
}


class _Missing:
    """Nothing stands at a place: even null would be something."""


def _against(expected: Expectation, value: Any) -> str | None:
    """What is wrong at one place. The place is named as the configuration writes it."""
    found, where = _at(value, expected.at), expected.at or "the answer"
    if isinstance(found, _Missing):
        return f"{where} is missing"
    if expected.type and not _has_type(found, expected.type):
        return f"{where} is not of type {expected.type}"
    if expected.one_of and not any(_same(found, each) for each in expected.one_of):
        return f"{where} is not what is expected"
    if expected.min_items is not None and not (isinstance(found, list) and len(found) >= expected.min_items):
        return f"{where} is not a list of {expected.min_items} or more"
    return None


def tokens(pointer: str) -> list[str]:
    """The parts of a JSON Pointer, unescaped."""
    return [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]


def _at(value: Any, pointer: str) -> Any:
    for token in tokens(pointer):
        if isinstance(value, dict) and token in value:
            value = value[token]
        elif isinstance(value, list) and token.isascii() and token.isdigit() and int(token[:9]) < len(value):
            value = value[int(token[:9])]
        else:
            return _Missing()
    return value


def _has_type(value: Any, kind: JsonType) -> bool:
    return isinstance(value, _TYPES[kind]) and (kind == "boolean" or not isinstance(value, bool))


def _same(found: Any, expected: Scalar) -> bool:
    """Equal as JSON has it: 1 and 1.0 are one number, 1 and true are two things."""
    return isinstance(found, bool) == isinstance(expected, bool) and bool(found == expected)


def reason_against(asked: Asked) -> str | None:
    """Why a check failed; None when it passed."""
    if asked.reason is not None:
        return asked.reason
    check, status = asked.question.check, asked.http_status
    if status is not None and (not 200 <= status <= 299 or (check.status and status not in check.status)):
        return f"it answered {status}"
    if asked.cut:
        return f"the answer is longer than {READ_LIMIT:,} bytes"
    if not check.expect:
        return None
    body = asked.body or b""
    if check.expect == "healthy" and body.strip().lower().decode("utf-8", "replace") in _WELL:
        return None  # the plainest of health endpoints says "OK" and nothing else
    try:
        value = parse_json(body)
    except JsonFlaw as flaw:
        return _FLAWS[flaw.kind]
    if isinstance(check.expect, str):
        return NAMED[check.expect](value)
    return next((wrong for each in check.expect if (wrong := _against(each, value))), None)
