"""Asking over MCP: real server processes, sound and otherwise."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from guardrails.services.probes import Response
from tests.services.probes.bench import CHECKS, KEY, VARIABLE, ask, holds_secret, live, responses

SERVER = str(Path(__file__).parent / "mcp_server.py")


def over_mcp(behaviour: str, timeout: float = 20.0) -> tuple[Response, ...]:
    made = ask(None, mcp=(sys.executable, SERVER, behaviour), timeout=timeout)
    assert [each.check for each in made] == CHECKS
    assert {each.mode for each in made} == {"live"}
    return made


def test_a_sound_server_answers_by_the_tools_named_like_the_checks() -> None:
    made = over_mcp("sound")
    assert [(each.status, each.reason) for each in made] == [("passed", None)] * 4
    for each in made:
        assert each.question is not None
        assert (each.question.transport, each.question.tool, each.question.url) == ("mcp", each.check, None)
        assert each.http_status is None
        assert each.latency_ms is not None


@pytest.mark.tier2
def test_a_server_made_with_the_library_is_understood() -> None:
    health, movies, indexer, graphql = over_mcp("library")
    assert [made.status for made in (health, movies, indexer)] == ["passed"] * 3
    assert movies.body is not None
    assert [movie["title"] for movie in movies.body.content] == ["A", "B"]
    assert (graphql.status, graphql.reason) == ("failed", "the tool reports an error")
    assert not any(holds_secret(repr(made).encode()) for made in (health, movies, indexer, graphql))


@pytest.mark.tier2
def test_a_server_sees_the_key_by_its_name_and_nothing_else_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTHER_SECRET", "not-for-the-server")
    health = over_mcp("library")[0]
    assert health.body is not None
    seen = set(health.body.content["seen"])
    assert VARIABLE in seen
    assert "PATH" in seen
    assert "OTHER_SECRET" not in seen
    assert health.body.content["key"] == "[secret]"


MISBEHAVED = {
    "dies": "did not answer",
    "garbage": "the answer is not JSON",
    "huge": "longer than 1,048,576 bytes",
    "refuses": "did not answer",
    "complains": "the tool reports an error",
    "malformed": "did not answer",
    "toolless": "has no such tool",
}


@pytest.mark.parametrize(("behaviour", "words"), MISBEHAVED.items(), ids=MISBEHAVED.keys())
def test_a_server_that_misbehaves_is_a_failed_check(
    behaviour: str, words: str, capfd: pytest.CaptureFixture[str]
) -> None:
    made = over_mcp(behaviour)
    assert {each.status for each in made} == {"failed"}
    assert words in str(made[0].reason)
    assert not holds_secret(repr(made).encode())
    assert capfd.readouterr() == ("", ""), "what a server writes beside the protocol reaches no terminal"


def test_a_server_that_says_more_than_the_protocol_is_heard_all_the_same(capfd: pytest.CaptureFixture[str]) -> None:
    assert {each.status for each in over_mcp("chatty")} == {"passed"}
    assert capfd.readouterr() == ("", "")


@pytest.mark.tier2
def test_a_tool_that_hangs_ends_at_the_deadline() -> None:
    made = over_mcp("hangs", timeout=2.0)
    assert {each.status for each in made} == {"failed"}
    assert made[0].reason == "no complete answer within 2 s"


def test_a_server_that_never_gets_ready_ends_at_the_deadline() -> None:
    made = over_mcp("mute", timeout=0.5)
    assert {each.reason for each in made} == {"the MCP server was not ready within 0.5 s"}


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (("no-such-program-anywhere",), "cannot be started: No such file or directory"),
        ((sys.executable, "-c", "raise SystemExit(1)"), "the MCP server"),
        ((sys.executable, "-c", "print('hello')"), "the MCP server"),
        ((str(Path(__file__).parent),), "the MCP server"),
        (("a\0b",), "the MCP server"),
        (("",), "the MCP server"),
    ],
    ids=["no program", "one that fails", "one that says hello", "a directory", "a NUL", "no name"],
)
def test_a_command_that_is_no_server_is_a_failed_check(command: tuple[str, ...], words: str) -> None:
    made = ask(None, mcp=command, checks=("health",), timeout=10.0)
    assert made[0].status == "failed"
    assert words in str(made[0].reason)


def test_without_a_key_no_server_is_started(tmp_path: Path) -> None:
    mark = tmp_path / "started"
    command = (sys.executable, "-c", f"open({str(mark)!r}, 'w')")
    made = responses(live(None, mcp=command))
    assert {each.reason for each in made} == {f"{VARIABLE} is not set"}
    assert not mark.exists()


def test_the_key_of_these_tests_is_one_that_a_search_finds() -> None:
    assert holds_secret(f"x {KEY} y".encode())
