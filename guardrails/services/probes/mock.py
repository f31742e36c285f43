"""A mock of a service on this machine: healthy, failing, slow, or answering garbage."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from guardrails.config.settings import Expectation, JsonType, MockBehaviour, NamedExpectation, ProbeCheck
from guardrails.errors import GuardrailError
from guardrails.services.probes.checks import tokens
from guardrails.services.probes.http import CHECK_HEADER, MOCK_HEADER

_MOST = 1 << 16
"""Bytes of a request that are read."""
_DRIP = 0.1
"""Seconds between two bytes of a slow answer."""
_MOST_ITEMS = 1000
"""Items of a list that is made up."""


class Reply(NamedTuple):
    """One canned answer."""

    status: int
    body: bytes
    content_type: str = "application/json"


def _reply(status: int, value: object) -> Reply:
    return Reply(status, json.dumps(value).encode())


class _Answers(NamedTuple):
    """What a mock answers where the name of an expectation says what is asked for."""

    healthy: Reply
    failing: Reply
    garbage: Reply


_NAMED: dict[NamedExpectation, _Answers] = {
    "healthy": _Answers(
        _reply(200, {"status": "ok", "mock": True}),
        _reply(503, {"status": "down"}),
        Reply(200, b"\x1b[2J\x1b]0;owned\x07\xff\xfe\xc3(", "text/\x1b[31mplain"),
    ),
    "list": _Answers(
        _reply(200, []),
        _reply(500, {"error": "the catalogue cannot be read"}),
        Reply(200, b'[{"id": 1, "title": "The Mo'),
    ),
    # Two that fail with a 200: who looks at the status alone takes them for passed.
    "no-failures": _Answers(
        _reply(200, {"success": True}),
        _reply(200, {"success": False, "errors": ["the indexer does not answer"]}),
        Reply(200, b"<html><body>It works!</body></html>", "text/html"),
    ),
    "graphql": _Answers(
        _reply(200, {"data": {"__typename": "Query"}}),
        _reply(200, {"data": None, "errors": [{"message": "no schema"}]}),
        _reply(200, "pong"),
    ),
}
_EXAMPLES: dict[JsonType, Any] = {
    "object": {},
    "array": [],
    "string": "mock",
    "number": 1.5,
    "integer": 1,
    "boolean": True,
    "null": None,
}


def answer(check: ProbeCheck, behaviour: MockBehaviour) -> Reply:
    """What a mock answers to a check. A slow one would answer as a healthy one does."""
    answers = _answers(check)
    if behaviour == "failing":
        return answers.failing
    if behaviour == "garbage":
        return answers.garbage
    status = check.status[0] if check.status else 200
    return answers.healthy._replace(status=status, body=check.example or answers.healthy.body)


def _answers(check: ProbeCheck) -> _Answers:
    if isinstance(check.expect, str):
        return _NAMED[check.expect]
    return _Answers(
        _reply(200, _example(check.expect)),
        _reply(503, {"error": "the mock fails"}),
        Reply(200, b'{"mock": "garb'),
    )


def _example(expected: Sequence[Expectation]) -> Any:
    """A value of which the expectations hold, as far as they don't contradict each other."""
    made: Any = None
    for each in sorted(expected, key=lambda each: each.at.count("/")):
        made = _placed(made, tokens(each.at), each)
    return made


def _placed(value: Any, path: Sequence[str], expected: Expectation) -> Any:
    """`value` with what is expected at `path`."""
    if not path:
        return _expected(expected) if value is None else value
    token, rest = path[0], path[1:]
    if token.isdigit() and not isinstance(value, dict):
        items = list(value) if isinstance(value, list) else []
        index = min(int(token[:9]), _MOST_ITEMS - 1)
        items += [None] * (index + 1 - len(items))
        items[index] = _placed(items[index], rest, expected)
        return items
    fields = dict(value) if isinstance(value, dict) else {}
    fields[token] = _placed(fields.get(token), rest, expected)
    return fields


def _expected(expected: Expectation) -> Any:
    if expected.one_of:
        return expected.one_of[0]
    if expected.min_items is not None:
        return [None] * min(expected.min_items, _MOST_ITEMS)
    return _EXAMPLES[expected.type or "string"]


class Mock(ThreadingHTTPServer):
    """The server. `stopping` ends slow answers, so that nobody waits for them."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, checks: Sequence[ProbeCheck], port: int, behaviour: MockBehaviour) -> None:
        self.checks = checks
        self.behaviour: MockBehaviour = behaviour
        self.stopping = threading.Event()
        super().__init__(("127.0.0.1", port), _Handler)

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away is its own business."""


class _Handler(BaseHTTPRequestHandler):
    server: Mock
    timeout = 30
    """seconds a client may take to say what it wants"""

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "0")
        self.rfile.read(min(int(length) if length.isascii() and length.isdigit() else 0, _MOST))
        self._answer()

    def _answer(self) -> None:
        path, asked_by = self.path.partition("?")[0], self.headers.get(CHECK_HEADER)
        checks = [check for check in self.server.checks if check.endpoint == path]
        check = next((check for check in checks if check.name == asked_by), None)
        check = check or next((check for check in checks if check.method == self.command), None)
        if not checks:
            self._send(_reply(404, {"error": "no such endpoint"}))
        elif check is None or check.method != self.command:
            self._send(_reply(405, {"error": f"{checks[0].method} only"}))
        else:
            self._send(answer(check, self.server.behaviour))

    def _send(self, reply: Reply) -> None:
        self.send_response(reply.status)
        self.send_header("Content-Type", reply.content_type)
        self.send_header("Content-Length", str(len(reply.body)))
        self.send_header(MOCK_HEADER, self.server.behaviour)
        self.end_headers()
        write = self._drip if self.server.behaviour == "slow" else self.wfile.write
        write(reply.body)

    def _drip(self, body: bytes) -> None:
        """All but the last byte, one at a time and then none: the client's patience decides."""
        for number in range(len(body) - 1):
            if self.server.stopping.wait(_DRIP):
                return
            self.wfile.write(body[number : number + 1])
        self.server.stopping.wait(3600)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  named by the base class
        """Nothing: what clients send is not for the terminal."""


def open_mock(checks: Sequence[ProbeCheck], port: int, behaviour: MockBehaviour) -> Mock:
    """A mock of a service with these checks, bound to its port (0: any free one) and not serving yet.

    Raises GuardrailError.
    """
    try:
        return Mock(checks, port, behaviour)
    except OSError as error:
        raise GuardrailError(f"port {port} cannot be used: {error.strerror}", "name another with --port") from error


@contextmanager
def serving(mock: Mock) -> Iterator[str]:
    """Serve in the background; gives the address, and stops for good at the end."""
    serve: Callable[[], None] = lambda: mock.serve_forever(poll_interval=0.05)  # noqa: E731
    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield mock.url
    finally:
        mock.stopping.set()
        mock.shutdown()
        thread.join()
        mock.server_close()
