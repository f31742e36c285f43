"""Asking over HTTP: services that answer well, and services that do anything but."""

from __future__ import annotations

import gzip
import json
import socket

import pytest

from guardrails.errors import GuardrailError, Undecidable
from guardrails.secrets import MARK
from guardrails.services.probes import KEPT
from tests.services.probes.bench import CHECKS, KEY, VARIABLE, ask, holds_secret, live, responses
from tests.services.probes.hostile import Connection, Script, drips, floods, hostile, resets, says, sends

OK = "HTTP/1.1 200 OK\r\nContent-Type: application/json"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def health(script: Script, **changes: object) -> tuple[str, str | None]:
    """(status, reason) of the health check of a service that answers by a script."""
    with hostile(script) as server:
        (made,) = ask(server.url, checks=("health",), **changes)
    return made.status, made.reason


def test_a_service_that_answers_well_passes_and_is_kept() -> None:
    with hostile(says(b'{"status": "ok"}')) as server:
        (made,) = ask(server.url, checks=("health",))
    assert (made.status, made.reason, made.http_status, made.mode) == ("passed", None, 200, "live")
    assert made.question is not None
    assert made.question.url == server.url + "/health"
    assert made.body is not None
    assert (made.body.content, made.body.content_type) == ({"status": "ok"}, "application/json")


def test_each_check_asks_its_own_endpoint_with_the_key() -> None:
    with hostile(says(b"{}")) as server:
        ask(server.url + "/base")
    lines = sorted(request.partition(b"\r\n")[0] for request in server.requests)
    assert lines == [
        b"GET /base/api/v3/movie?page=1&limit=10 HTTP/1.1",
        b"GET /base/health HTTP/1.1",
        b"POST /base/api/v3/indexer/test HTTP/1.1",
        b"POST /base/graphql HTTP/1.1",
    ]
    assert all(b"\r\nX-Api-Key: " + KEY.encode() + b"\r\n" in request for request in server.requests)
    assert all(b"\r\nAccept-Encoding: identity\r\n" in request for request in server.requests)


def test_a_body_that_comes_in_pieces_is_put_together() -> None:
    body = b'5\r\n{"sta\r\n6\r\ntus": \r\n5\r\n"ok"}\r\n0\r\n\r\n'
    assert health(sends(CHUNKED + body)) == ("passed", None)


HOSTILE = {
    "a redirect elsewhere": (
        says(b"", "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/stolen"),
        "it answered 302, a redirect, and these are not followed",
    ),
    "an error with a good body": (says(b'{"status": "ok"}', "HTTP/1.1 500 Oops"), "it answered 500"),
    "a status that does not exist": (says(b'{"status": "ok"}', "HTTP/1.1 999 Hm"), "no HTTP status"),
    "a packed body": (
        says(gzip.compress(b"0" * 10_000_000), OK + "\r\nContent-Encoding: gzip"),
        "the answer is packed",
    ),
    "a body that is not UTF-8": (says(b'{"status": "\xff\xfe"}'), "not UTF-8"),
    "terminal escapes": (says(b"\x1b[2J\x1b]0;owned\x07"), "not JSON"),
    "a body shorter than it was said": (sends(OK.encode() + b"\r\nContent-Length: 99\r\n\r\n{"), "incomplete"),
    "a broken chunk": (sends(CHUNKED + b"zz\r\n"), "incomplete, or not HTTP"),
    "another protocol": (sends(b"220 mail.example ESMTP\r\n"), "not HTTP"),
    "nothing at all": (sends(b""), "incomplete, or not HTTP"),
    "a reset": (resets, "the connection broke off"),
    "huge headers": (sends(b"HTTP/1.1 200 OK\r\nX: " + b"a" * 5_000_000), "not HTTP"),
    "headers without an end": (floods(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n" * 1000), "not HTTP"),
    "a body without an end": (floods(CHUNKED, b"400\r\n" + b"a" * 1024 + b"\r\n"), "longer than 1,048,576 bytes"),
    "a line end in a header": (sends(b"HTTP/1.1 200 OK\r\nA: b\rc\r\n\r\n"), "not HTTP"),
    "a mock": (says(b'{"status": "ok"}', OK + "\r\nX-Speckit-Mock: healthy"), "a mock answered"),
}


@pytest.mark.parametrize(("script", "words"), HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_answer_is_a_failed_check_with_a_reason(script: Script, words: str) -> None:
    status, reason = health(script)
    assert status == "failed"
    assert words in str(reason)


SLOW = {
    "silence": drips(b"", b""),
    "a body that drips": drips(CHUNKED, b"1\r\n \r\n"),
    "headers that drip": drips(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"),
    "a status line that drips": drips(b"HTTP/1.1 200 ", b"O"),
    "answers that are none yet": drips(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
}


@pytest.mark.parametrize("script", SLOW.values(), ids=SLOW.keys())
def test_a_slow_answer_ends_at_the_deadline(script: Script) -> None:
    assert health(script, timeout=0.4) == ("failed", "no complete answer within 0.4 s")


@pytest.mark.tier2
def test_a_good_answer_that_is_complete_after_the_deadline_is_none() -> None:
    def script(connection: Connection) -> None:
        connection.send(CHUNKED)
        for piece in [b'{"status": "ok"', *[b" "] * 15, b"}"]:
            connection.over.wait(0.1)
            connection.send(b"%x\r\n%b\r\n" % (len(piece), piece))
        connection.send(b"0\r\n\r\n")

    assert health(script) == ("passed", None)
    assert health(script, timeout=0.5)[0] == "failed", "no single pause was as long as the limit"


def test_one_that_hangs_does_not_take_the_others_with_it() -> None:
    def script(connection: Connection) -> None:
        if b"/health" in connection.request:
            connection.over.wait(30)
        else:
            says(b"[]")(connection)

    with hostile(script) as server:
        made = ask(server.url, timeout=0.5)
    assert [each.check for each in made] == CHECKS
    assert [each.status for each in made] == ["failed", "passed", "passed", "failed"]


def test_nobody_there_is_a_failed_check() -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
    (made,) = ask(url, checks=("health",))
    assert (made.status, made.reason, made.body) == ("failed", "the connection was refused", None)


def test_a_host_without_a_name_is_a_failed_check() -> None:
    (made,) = ask("http://hal.invalid", checks=("health",))
    assert made.status == "failed"


def test_tls_with_somebody_who_speaks_none_is_a_failed_check() -> None:
    with hostile(sends(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as server:
        (made,) = ask(server.url.replace("http:", "https:"), checks=("health",))
    assert (made.status, made.reason) == ("failed", "no secure connection could be made")


def test_a_redirect_is_not_followed_and_its_target_not_asked() -> None:
    with hostile(says(b'{"status": "ok"}')) as target:
        head = f"HTTP/1.1 307 Temporary Redirect\r\nLocation: {target.url}/health"
        status, _ = health(says(b"", head))
    assert status == "failed"
    assert target.requests == []


@pytest.mark.parametrize("size", [KEPT, KEPT + 1, 300_000])
def test_a_long_answer_is_kept_in_part(size: int) -> None:
    body = b'["' + b"a" * (size - 4) + b'"]'
    with hostile(says(body)) as server:
        (made,) = ask(server.url, checks=("list_movies",))
    assert made.status == "passed"
    assert made.body is not None
    assert (made.body.size, made.body.truncated) == (size, size > KEPT)
    assert made.body.content == (json.loads(body) if size <= KEPT else body[:KEPT].decode())


@pytest.mark.parametrize("key", [KEY, "k3y-" * 200], ids=["a usual key", "a long one"])
@pytest.mark.parametrize("shift", [0, 7, 13])
def test_no_part_of_a_secret_is_left_where_an_answer_was_cut(key: str, shift: int) -> None:
    body = b"x" * shift + key.encode() * (2 * 1_048_576 // len(key))
    with hostile(says(body)) as server:
        (made,) = responses(live(server.url, checks=("health",)), **{VARIABLE: key})
    assert made.body is not None
    assert made.body.truncated
    left = str(made.body.content).replace(MARK, "").strip("x")
    assert MARK.startswith(left), "at most the mark itself is cut"


@pytest.mark.parametrize("key", ["", "   ", "abc", "line\nbreak-in-it", "schlüssel-äöü"])
def test_a_key_that_cannot_be_sent_fails_without_asking_and_is_not_shown(key: str) -> None:
    with hostile(says(b'{"status": "ok"}')) as server:
        made = responses(live(server.url), **{VARIABLE: key})
    assert server.requests == []
    assert {each.status for each in made} == {"failed"}
    for each in made:
        assert VARIABLE in str(each.reason)
        assert not key.strip() or key.strip() not in str(each)


def test_without_an_address_it_cannot_be_known() -> None:
    with pytest.raises(Undecidable, match="no address") as caught:
        ask(None)
    assert caught.value.exit_code == 3
    assert isinstance(caught.value, GuardrailError)


def echoes(connection: Connection) -> None:
    """Give the key back in every place of an answer."""
    key = connection.header("X-Api-Key")
    assert key
    escaped = "".join(f"\\u{ord(char):04x}" for char in key)
    text = json.dumps({"status": key, key: [key], "escaped": "@"}).replace("@", escaped)
    head = f"HTTP/1.1 200 {key}\r\nContent-Type: text/{key}; a={key}\r\nSet-Cookie: {key}\r\nX-{len(key)}: {key}"
    says(text.encode(), head)(connection)


def test_a_service_that_gives_the_key_back_has_it_taken_out() -> None:
    with hostile(echoes) as server:
        made = ask(server.url)
    for each in made:
        assert not holds_secret(repr(each).encode())
        assert each.body is not None
        assert each.body.redactions >= 3
