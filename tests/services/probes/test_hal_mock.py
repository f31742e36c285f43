"""`speckit hal mock`: a real process, asked by the real probes, in all its modes."""

from __future__ import annotations

import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from guardrails.config import HAL, MOCK_BEHAVIOURS
from guardrails.errors import GuardrailError
from guardrails.services.probes import open_mock, serving
from tests.sandbox import SPECKIT, Sandbox
from tests.services.probes.bench import KEY, ask, smoke
from tests.services.probes.hostile import hostile, says

Start = Callable[..., "tuple[str, subprocess.Popen[str]]"]


@pytest.fixture
def start(sandbox: Sandbox) -> Iterator[Start]:
    """Starts mocks; gives the address and the process of each."""
    running: list[subprocess.Popen[str]] = []

    def begin(*arguments: str) -> tuple[str, subprocess.Popen[str]]:
        process = subprocess.Popen(
            [*SPECKIT, "hal", "mock", *arguments],
            cwd=sandbox.root,
            env=sandbox.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        running.append(process)
        assert process.stdout is not None
        return process.stdout.readline().strip(), process

    yield begin
    for process in running:
        with suppress(ProcessLookupError):
            process.kill()
        process.communicate()


def test_healthy_passes_every_check(sandbox: Sandbox, start: Start) -> None:
    url, _ = start()
    ran = smoke(sandbox, "--mode", "mock", "--base-url", url)
    assert ran.code == 0, ran
    assert ran.out.count(": passed: ") == 5
    assert f"hal: passed: 4 of 4 passed; mock at {url} (--mode)" in ran.out


FAILURES = {
    "failing": {
        "health": "it answered 503",
        "list_movies": "it answered 500",
        "indexer_test": "1 of 1 indexer tests failed",
        "graphql_ping": "it reports GraphQL errors (1)",
    },
    "garbage": {
        "health": "the answer is not UTF-8",
        "list_movies": "the answer is not JSON",
        "indexer_test": "the answer is not JSON",
        "graphql_ping": "the answer is not a GraphQL response",
    },
    "slow": dict.fromkeys(("health", "list_movies", "indexer_test", "graphql_ping"), "no complete answer within 0.5 s"),
}


@pytest.mark.parametrize("mode", FAILURES)
def test_the_other_modes_fail_every_check_with_a_reason(sandbox: Sandbox, start: Start, mode: str) -> None:
    sandbox.write(".speckit.yaml", "hal: {timeout: 500ms}\n")
    url, _ = start("--mode", mode)
    ran = smoke(sandbox, "--mode", "mock", "--base-url", url)
    assert ran.code == 1, ran
    for check, reason in FAILURES[mode].items():
        assert f"{check}: failed: {reason}\n" in ran.out
    assert "\x1b" not in ran.out + ran.err


def test_every_mode_is_tested() -> None:
    assert {"healthy", *FAILURES} == set(MOCK_BEHAVIOURS)


def test_a_mock_never_passes_for_the_live_service(sandbox: Sandbox, start: Start) -> None:
    url, _ = start()
    ran = smoke(sandbox, "--mode", "live", "--base-url", url)
    assert ran.code == 1
    assert ran.out.count("a mock answered: this is not the live service") == 4


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "Ctrl-C"])
@pytest.mark.parametrize("mode", ["healthy", "slow"])
def test_it_ends_cleanly_when_told(start: Start, mode: str, number: signal.Signals) -> None:
    url, process = start("--mode", mode)
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=5) as client:
        client.sendall(b"GET /health HTTP/1.1\r\nHost: h\r\n\r\n")
        assert client.recv(10)
        process.send_signal(number)
        _, err = process.communicate(timeout=20)
    assert process.returncode == 0
    assert err == f"a mock of HAL, {mode}; Ctrl-C ends it\n"
    with pytest.raises(OSError):
        socket.create_connection((host, int(port)), timeout=1).close()


def test_a_port_that_is_taken_is_said(sandbox: Sandbox, start: Start) -> None:
    url, _ = start()
    port = url.rpartition(":")[2]
    ran = sandbox.speckit("hal", "mock", "--port", port)
    assert ran.code == 2
    assert f"port {port} cannot be used" in ran.err
    assert "Traceback" not in ran.err


@pytest.mark.parametrize("port", ["-1", "65536", "http"])
def test_what_is_no_port_is_refused(sandbox: Sandbox, port: str) -> None:
    assert sandbox.speckit("hal", "mock", "--port", port).code == 2


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET /nowhere HTTP/1.1\r\n\r\n", b" 404 "),
        (b"POST /health HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}", b" 405 "),
        (b"POST /graphql HTTP/1.1\r\nContent-Length: many\r\n\r\n", b" 200 "),
        (b"DELETE /health HTTP/1.1\r\n\r\n", b" 501 "),
        (b"\x16\x03\x01\r\n\r\n", b"400"),
    ],
    ids=["another path", "another method", "a length that is none", "an unknown method", "no HTTP"],
)
def test_other_requests_get_an_error_and_the_mock_lives_on(request_: bytes, status: bytes) -> None:
    mock = open_mock(HAL.checks, 0, "healthy")
    with serving(mock) as url, socket.create_connection(("127.0.0.1", mock.server_address[1]), timeout=5) as client:
        client.sendall(request_)
        assert status in client.recv(4096)
        assert {made.reason for made in ask(url)} == {"a mock answered: this is not the live service"}


def test_a_slow_answer_ends_with_the_mock() -> None:
    mock = open_mock(HAL.checks, 0, "slow")
    with socket.create_connection(("127.0.0.1", mock.server_address[1]), timeout=10) as client:
        with serving(mock):
            client.sendall(b"GET /health HTTP/1.1\r\n\r\n")
            assert client.recv(10)
        while client.recv(4096):
            pass


def test_two_mocks_cannot_share_a_port() -> None:
    first = open_mock(HAL.checks, 0, "healthy")
    with pytest.raises(GuardrailError):
        open_mock(HAL.checks, int(first.server_address[1]), "healthy")
    first.server_close()


def test_the_mock_is_not_sent_the_key(sandbox: Sandbox) -> None:
    with hostile(says(b"{}")) as server:
        smoke(sandbox, "--mode", "mock", "--base-url", server.url)
        assert len(server.requests) == 4
        assert not any(KEY.encode() in request for request in server.requests)
