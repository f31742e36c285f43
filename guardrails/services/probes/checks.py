"""The four HAL checks: what each asks, and what its answer must be. Pure.

What is said against an answer is in words of ours alone. A word of the service could be half a secret.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Literal, NamedTuple

from guardrails.core.strict_json import FlawKind, JsonFlaw, parse

# What is asked when HAL is probed, and what came back, as it came.


READ_LIMIT = 1 << 20
"""Bytes of one answer that are read. Nothing a probe asks for is longer."""


class Question(NamedTuple):
    """How one check is asked. `url` is without a query: that is fixed for each check."""

    check: str
    transport: Literal["http", "mcp"]
    method: str
    url: str | None
    tool: str | None
    timeout: float
    """seconds until the answer must be complete"""


class Asked(NamedTuple):
    """A check once it was asked. `body` is whatever the service sent, secrets included: it is judged as it is, and goes
    nowhere before a `Redactor` has seen it."""

    question: Question
    finished: datetime
    latency_ms: int | None = None
    reason: str | None = None
    """why this is no answer to judge, in words of ours alone"""
    http_status: int | None = None
    content_type: str | None = None
    body: bytes | None = None
    cut: bool = False
    """whether there was more than READ_LIMIT"""


class Check(NamedTuple):
    """One check. `judge` takes the parsed answer and gives what is wrong with it, None when nothing is."""

    name: str
    method: str
    path: str
    query: str
    payload: bytes | None
    judge: Callable[[Any], str | None]


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
}


def _health(value: Any) -> str | None:
    said = value.get("status") if isinstance(value, dict) else value
    if not isinstance(said, str):
        return "the answer has no status"
    word = said.strip().lower()
    if word in _WELL:
        return None
    return f"its status is {word}" if word in _UNWELL else "its status is none of ok, up, pass, healthy, success"


def _movies(value: Any) -> str | None:
    if isinstance(value, dict):
        value = next((value[key] for key in _LISTS if key in value), None)
    return None if isinstance(value, list) else "the answer holds no list"


def _indexer(value: Any) -> str | None:
    """One result or a list of them. An indexer that fails its test says so in a flag, or lists what failed."""
    results = value if isinstance(value, list) else [value]
    failed = sum(_indexer_failed(result) for result in results)
    return f"{failed} of {len(results)} indexer tests failed" if failed else None


def _indexer_failed(result: Any) -> bool:
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


CHECKS = {
    check.name: check
    for check in (
        Check("health", "GET", "/health", "", None, _health),
        Check("list_movies", "GET", "/api/v3/movie", "page=1&limit=10", None, _movies),
        Check("indexer_test", "POST", "/api/v3/indexer/test", "", b"{}", _indexer),
        Check("graphql_ping", "POST", "/graphql", "", b'{"query": "query { __typename }"}', _graphql),
    )
}


def reason_against(asked: Asked) -> str | None:
    """Why a check failed; None when it passed."""
    if asked.reason is not None:
        return asked.reason
    status = asked.http_status
    if status is not None and not 200 <= status <= 299:
        return f"it answered {status}"
    if asked.cut:
        return f"the answer is longer than {READ_LIMIT:,} bytes"
    body = asked.body or b""
    if asked.question.check == "health" and body.strip().lower().decode("utf-8", "replace") in _WELL:
        return None  # the plainest of health endpoints says "OK" and nothing else
    try:
        value = parse(body)
    except JsonFlaw as flaw:
        return _FLAWS[flaw.kind]
    return CHECKS[asked.question.check].judge(value)
