"""What each check takes for a good answer."""

from __future__ import annotations

from datetime import datetime, timezone

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardrails.config import HAL
from guardrails.core import load_schema
from guardrails.services.probes import Asked, ProbeQuestion, reason_against
from tests.examples import examples

EXAMPLES = examples(300)
CHECKS = {check.name: check for check in HAL.checks}


def asked(check: str, body: bytes, status: int | None = 200, *, cut: bool = False) -> Asked:
    question = ProbeQuestion(CHECKS[check], "http", "http://h/x", 1.0)
    return Asked(question, datetime.now(timezone.utc), 1, None, status, None, body, cut)


def test_there_is_a_check_for_each_name_the_configuration_knows() -> None:
    schema = load_schema("config")["properties"]["hal"]["properties"]["checks"]
    assert list(CHECKS) == schema["items"]["enum"]


@pytest.mark.parametrize(
    ("check", "body"),
    [
        ("health", b'{"status": "ok"}'),
        ("health", b'{"status": "Healthy", "version": 3}'),
        ("health", b'"UP"'),
        ("health", b"OK\n"),
        ("list_movies", b"[]"),
        ("list_movies", b'[{"id": 1}]'),
        ("list_movies", b'{"page": 1, "records": []}'),
        ("indexer_test", b"{}"),
        ("indexer_test", b"[]"),
        ("indexer_test", b'{"success": true, "errors": []}'),
        ("indexer_test", b'[{"id": 1, "isValid": true, "validationFailures": []}]'),
        ("graphql_ping", b'{"data": {"__typename": "Query"}}'),
        ("graphql_ping", b'{"data": {"__typename": "Query"}, "errors": []}'),
    ],
)
@pytest.mark.parametrize("status", [200, 299, None])
def test_a_good_answer_passes(check: str, body: bytes, status: int | None) -> None:
    assert reason_against(asked(check, body, status)) is None


@pytest.mark.parametrize(
    ("check", "body", "words"),
    [
        ("health", b'{"status": "down"}', "its status is down"),
        ("health", b'{"status": "kvd-123"}', "none of ok"),
        ("health", b'{"status": true}', "no status"),
        ("health", b"{}", "no status"),
        ("health", b"[]", "no status"),
        ("health", b"fine", "not JSON"),
        ("list_movies", b"{}", "no list"),
        ("list_movies", b'{"movies": null}', "no list"),
        ("list_movies", b'"movies"', "no list"),
        ("indexer_test", b'{"success": false}', "1 of 1"),
        ("indexer_test", b'{"success": 1}', "1 of 1"),
        ("indexer_test", b'{"status": "failed"}', "1 of 1"),
        ("indexer_test", b'{"errorMessage": "no"}', "1 of 1"),
        ("indexer_test", b'[{"isValid": true}, {"isValid": false}, 3]', "2 of 3"),
        ("graphql_ping", b'{"data": null}', "no __typename"),
        ("graphql_ping", b'{"data": {"__typename": 1}}', "no __typename"),
        ("graphql_ping", b'{"data": {"__typename": "Query"}, "errors": [{}]}', "errors (1)"),
        ("graphql_ping", b"[]", "not a GraphQL response"),
    ],
)
def test_an_answer_that_says_otherwise_fails_with_status_200(check: str, body: bytes, words: str) -> None:
    assert words in str(reason_against(asked(check, body)))


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "empty"),
        (b"<html>", "not JSON"),
        (b'{"a": NaN}', "not JSON"),
        (b'{"status": "ok"} x', "not JSON"),
        (b'{"a": "\xff"}', "not UTF-8"),
        (b'{"a": 1, "a": 2}', "a key twice"),
        (b"[" * 1000 + b"]" * 1000, "too deep"),
    ],
    ids=["nothing", "a page", "not a number", "trailing text", "another encoding", "a key twice", "deep nesting"],
)
def test_what_is_not_strict_json_fails(check: str, body: bytes, words: str) -> None:
    assert words in str(reason_against(asked(check, body)))


@pytest.mark.parametrize("status", [100, 199, 300, 401, 404, 500, 503])
def test_another_status_fails_whatever_the_body_says(status: int) -> None:
    assert reason_against(asked("health", b'{"status": "ok"}', status)) == f"it answered {status}"


def test_what_was_cut_is_not_judged() -> None:
    assert "longer than 1,048,576 bytes" in str(reason_against(asked("list_movies", b"[]", cut=True)))


_KEYS = st.sampled_from(["status", "data", "errors", "__typename", "movies", "success", "isValid", "errorMessage"])
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_KEYS | st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


@given(st.sampled_from(list(CHECKS)), _JSON.map(orjson.dumps) | st.binary(max_size=60))
@settings(max_examples=EXAMPLES)
def test_any_answer_passes_or_fails_for_a_reason_that_quotes_nothing(check: str, body: bytes) -> None:
    reason = reason_against(asked(check, body))
    assert reason is None or (reason.isascii() and reason.isprintable() and len(reason) < 100)
