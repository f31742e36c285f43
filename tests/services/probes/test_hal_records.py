"""What is kept of an answer."""

from __future__ import annotations

from datetime import datetime, timezone
from hashlib import sha256
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardrails.config import HAL, Layout
from guardrails.core import faults, parse_json
from guardrails.evidence import new_session
from guardrails.secrets import Redactor
from guardrails.services.probes import Asked, ProbeQuestion, Response, document, response
from tests.services.probes.bench import VARIABLE

NOW = datetime(2026, 1, 31, 9, 30, 12, 999999, tzinfo=timezone.utc)
KEY = "s3cr3t-value"


def kept(body: bytes | None, *, key: str = KEY, **changes: Any) -> Response:
    url = changes.pop("url", "http://h/api/v3/movie")
    question = ProbeQuestion(HAL.only(["list_movies"]).checks[0], "http", url, 1.5)
    asked = Asked(question, NOW, 3, http_status=200, body=body)._replace(**changes)
    return response(asked, "live", "default", Redactor((VARIABLE,), {VARIABLE: key}))


def written(made: Response) -> dict[str, Any]:
    """The record, after it was found valid and readable."""
    record = document(made, new_session(Layout(), "SPEC-KIT-900", "validate", NOW))
    assert list(faults("hal_response", record)) == []
    again: dict[str, Any] = parse_json(orjson.dumps(record))
    return again


def test_a_record_says_what_was_asked_and_what_came() -> None:
    record = written(kept(b'[{"id": 1}]', content_type="application/json; charset=utf-8"))
    session = record.pop("sessionId")
    assert session.startswith("20260131T093012Z-")
    assert record == {
        "schemaVersion": 1,
        "specId": "SPEC-KIT-900",
        "stage": "validate",
        "timestamp": "2026-01-31T09:30:12Z",
        "check": "list_movies",
        "mode": "live",
        "origin": "default",
        "transport": "http",
        "request": {"method": "GET", "url": "http://h/api/v3/movie", "timeout_ms": 1500},
        "status": "passed",
        "http_status": 200,
        "latency_ms": 3,
        "reason": None,
        "response": {
            "content_type": "application/json",
            "size": 11,
            "sha256": sha256(b'[{"id":1}]').hexdigest(),
            "truncated": False,
            "redactions": 0,
            "body": [{"id": 1}],
        },
    }


def test_no_answer_is_kept_as_none() -> None:
    record = written(kept(None, reason="the connection was refused", http_status=None, latency_ms=None))
    assert (record["status"], record["reason"], record["response"]) == ("failed", "the connection was refused", None)


def test_what_is_no_json_is_kept_as_text_with_the_digest_of_the_text() -> None:
    answer = written(kept("<p>Grüße\x1b[0m".encode()))["response"]
    assert answer["body"] == "<p>Grüße\x1b[0m"
    assert answer["sha256"] == sha256(answer["body"].encode()).hexdigest()


@pytest.mark.parametrize("body", [b"\x00\x01", "[]".encode("utf-16")], ids=["binary", "UTF-16"])
def test_what_may_hide_a_secret_is_not_kept(body: bytes) -> None:
    answer = written(kept(body))["response"]
    assert (answer["body"], answer["size"]) == (None, len(body))
    assert "sha256" not in answer


@pytest.mark.parametrize(
    ("body", "count"),
    [
        (b'["a s3cr3t-value b", {"S3CR3T-VALUE": 1}]', 2),
        (b'["\\u00733cr3t-value"]', 1),
        (b'["s3cr3t-value", "\\u00733cr3t-value"]', 2),
        (b"<p>s3cr3t-value", 1),
    ],
    ids=["plain", "escaped", "both", "no JSON"],
)
def test_secrets_are_taken_out_and_counted(body: bytes, count: int) -> None:
    record = written(kept(body))
    assert record["response"]["redactions"] == count
    assert KEY not in str(record).lower()


def test_a_secret_that_is_a_number_is_taken_out() -> None:
    assert "12345678901234567890123" not in str(written(kept(b"[12345678901234567890123]", key="1234567890")))
    assert written(kept(b"[1234567890]", key="1234567890"))["response"]["redactions"] == 1


def test_a_secret_in_the_address_is_taken_out() -> None:
    record = written(kept(b"[]", url=f"http://h/{KEY}/api/v3/movie"))
    assert record["request"]["url"] == "http://h/[secret]/api/v3/movie"


def test_an_answer_nested_as_deep_as_is_read_gives_a_record_that_can_be_read() -> None:
    for depth in (60, 62, 63, 64, 65, 500):
        assert written(kept(b"[" * depth + b"]" * depth))["response"]["size"] == 2 * depth


@pytest.mark.parametrize("media", ["", " ", ";", "\x1b[31m", "a" * 500, KEY, f"text/{KEY}", "text/x\x80", "text/ü"])
def test_any_media_type_is_kept_harmlessly(media: str) -> None:
    answer = written(kept(b"[]", content_type=media))["response"]
    shown = answer["content_type"] or ""
    assert KEY not in shown
    assert "\x1b" not in shown
    assert len(shown) <= 100


@given(st.binary(max_size=80), st.booleans(), st.none() | st.text(max_size=20))
def test_any_answer_gives_a_valid_record(body: bytes, cut: bool, media: str | None) -> None:
    written(kept(body, cut=cut, content_type=media))
