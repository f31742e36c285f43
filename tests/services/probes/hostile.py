"""HTTP servers that misbehave: each answers every request by one script, on a socket of its own."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple

_TLS = b"\x16"
"""How a client begins that wants to speak TLS. It never ends its headers."""

Script = Callable[["Connection"], None]


class Connection(NamedTuple):
    """One client: its request, read to the end of the headers, and the event that ends the test."""

    socket: socket.socket
    request: bytes
    over: threading.Event

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def header(self, name: str) -> str:
        """The value of a header of the request; empty when it is not there."""
        for line in self.request.decode("latin-1").split("\r\n"):
            key, _, value = line.partition(":")
            if key.strip().lower() == name.lower():
                return value.strip()
        return ""


class Hostile(NamedTuple):
    """A server that runs. `requests` are all it was sent."""

    url: str
    requests: list[bytes]


@contextmanager
def hostile(script: Script) -> Iterator[Hostile]:
    """Serve one script until the end of the block."""
    listener = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()
    made = Hostile(f"http://127.0.0.1:{listener.getsockname()[1]}", [])
    accepting = threading.Thread(target=_accept, args=(listener, script, over, made.requests), daemon=True)
    accepting.start()
    try:
        yield made
    finally:
        over.set()
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)  # wakes the thread, which would accept for another server else
        accepting.join(5)
        listener.close()


def _accept(listener: socket.socket, script: Script, over: threading.Event, requests: list[bytes]) -> None:
    while not over.is_set():
        try:
            client, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=_serve, args=(client, script, over, requests), daemon=True).start()


def _serve(client: socket.socket, script: Script, over: threading.Event, requests: list[bytes]) -> None:
    with client, suppress(OSError):
        request = b""
        while b"\r\n\r\n" not in request and not request.startswith(_TLS):
            chunk = client.recv(65536)
            if not chunk:
                return
            request += chunk
        requests.append(request)
        script(Connection(client, request, over))
        with suppress(OSError):
            client.shutdown(socket.SHUT_WR)
            client.settimeout(1)
            while client.recv(65536):  # closing over unread data would reset the connection
                pass


def says(body: bytes, head: str = "HTTP/1.1 200 OK\r\nContent-Type: application/json") -> Script:
    """A script that sends one answer and closes."""
    return lambda connection: connection.send(
        head.encode("latin-1") + f"\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body
    )


def sends(data: bytes) -> Script:
    """A script that sends bytes and closes."""
    return lambda connection: connection.send(data)


def resets(connection: Connection) -> None:
    """Half an answer, then a reset."""
    connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
    connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.socket.close()


def drips(head: bytes, drop: bytes) -> Script:
    """A script that sends `head`, and then `drop` again and again for as long as anybody listens."""

    def script(connection: Connection) -> None:
        connection.send(head)
        while not connection.over.wait(0.02):
            connection.send(drop)

    return script


def floods(head: bytes, drop: bytes) -> Script:
    """A script that sends `head`, and then `drop` as fast as it is taken."""

    def script(connection: Connection) -> None:
        connection.send(head)
        while not connection.over.is_set():
            connection.send(drop)

    return script
