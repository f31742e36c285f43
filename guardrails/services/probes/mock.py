"""A mock of HAL on this machine: the four endpoints, well, failing, slow, or answering garbage."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal, NamedTuple

from guardrails.errors import GuardrailError
from guardrails.services.probes.checks import CHECKS
from guardrails.services.probes.http import MOCK_HEADER

Behaviour = Literal["healthy", "failing", "slow", "garbage"]
BEHAVIOURS: tuple[Behaviour, ...] = ("healthy", "failing", "slow", "garbage")
_MOST = 1 << 16
"""Bytes of a request that are read."""
_DRIP = 0.1
"""Seconds between two bytes of a slow answer."""


class Reply(NamedTuple):
    """One canned answer."""

    status: int
    body: bytes
    content_type: str = "application/json"


def _reply(status: int, value: object) -> Reply:
    return Reply(status, json.dumps(value).encode())


_MOVIES = [{"id": 1, "title": "The Mock", "year": 1999}, {"id": 2, "title": "The Mock Returns", "year": 2003}]
HEALTHY = {
    "health": _reply(200, {"status": "ok", "mock": True}),
    "list_movies": _reply(200, _MOVIES),
    "indexer_test": _reply(200, {"success": True}),
    "graphql_ping": _reply(200, {"data": {"__typename": "Query"}}),
}
FAILING = {
    "health": _reply(503, {"status": "down"}),
    "list_movies": _reply(500, {"error": "the catalogue cannot be read"}),
    # Two that fail with a 200: who looks at the status alone takes them for passed.
    "indexer_test": _reply(200, {"success": False, "errors": ["the indexer does not answer"]}),
    "graphql_ping": _reply(200, {"data": None, "errors": [{"message": "no schema"}]}),
}
GARBAGE = {
    "health": Reply(200, b"\x1b[2J\x1b]0;owned\x07\xff\xfe\xc3(", "text/\x1b[31mplain"),
    "list_movies": Reply(200, b'[{"id": 1, "title": "The Mo'),
    "indexer_test": Reply(200, b"<html><body>It works!</body></html>", "text/html"),
    "graphql_ping": _reply(200, "pong"),
}
_REPLIES = {"healthy": HEALTHY, "failing": FAILING, "slow": HEALTHY, "garbage": GARBAGE}


class Mock(ThreadingHTTPServer):
    """The server. `stopping` ends slow answers, so that nobody waits for them."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, port: int, behaviour: Behaviour) -> None:
        self.behaviour: Behaviour = behaviour
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
        path = self.path.partition("?")[0]
        check = next((check for check in CHECKS.values() if check.path == path), None)
        if check is None:
            self._send(_reply(404, {"error": "no such endpoint"}))
        elif check.method != self.command:
            self._send(_reply(405, {"error": f"{check.method} only"}))
        else:
            self._send(_REPLIES[self.server.behaviour][check.name])

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


def open_mock(port: int, behaviour: Behaviour) -> Mock:
    """A mock that is bound to its port (0: any free one) and does not serve yet. Raises GuardrailError."""
    try:
        return Mock(port, behaviour)
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
