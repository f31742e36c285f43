"""Forwarding to real MCP server processes, sound ones and others. What is kept here is never lost by it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from guardrails.errors import Undecidable
from guardrails.services.memory import (
    MemoryServer,
    MemoryServerRefusal,
    MemorySource,
    MemoryStore,
    ask,
    catch_up,
    remember,
)
from tests.services.memory import servers
from tests.services.memory.makers import SECRET, found, note, store_in

pytest.importorskip("mcp", reason="the MCP library is not installed")


def server(mode: str, folder: Path, start: float = 30.0, answer: float = 30.0) -> MemoryServer:
    return MemoryServer((sys.executable, servers.__file__, mode, str(folder / "told")), str(folder), start, answer)


def told(folder: Path) -> list[str]:
    """The texts a server took."""
    return [row["content"] for row in servers.recorded(str(folder / "told"))]


@pytest.fixture
def store(tmp_path: Path) -> MemoryStore:
    return store_in(tmp_path)


class TestSound:
    @pytest.mark.tier2
    def test_takes_what_is_kept(self, store: MemoryStore, tmp_path: Path) -> None:
        entries = [note("first", "stage:plan", importance=8, source=MemorySource("a.json", "0a" * 32)), note("second")]
        done = remember(store, entries, server("sound", tmp_path))
        assert (done.forwarded, done.warnings) == (2, ())
        assert servers.recorded(str(tmp_path / "told")) == [
            {"content": "first", "tags": ["stage:plan"], "importance": 8, "source": "a.json"},
            {"content": "second", "tags": [], "importance": 5, "source": ""},
        ]

    def test_is_told_everything_once(self, store: MemoryStore, tmp_path: Path) -> None:
        remember(store, [note("a"), note("b")], server("plain", tmp_path))
        done = remember(store, [note("b"), note("c")], server("plain", tmp_path))
        assert (done.forwarded, told(tmp_path)) == (1, ["a", "b", "c"])
        assert remember(store, [note("c")], server("plain", tmp_path)).forwarded == 0
        assert catch_up(store, server("plain", tmp_path)) == 0

    def test_is_told_what_it_missed(self, store: MemoryStore, tmp_path: Path) -> None:
        remember(store, [note("a")])
        remember(store, [note("b")], server("crash", tmp_path))
        assert catch_up(store, server("plain", tmp_path)) == 2
        assert told(tmp_path) == ["a", "b"]

    def test_is_told_no_secret(self, store: MemoryStore, tmp_path: Path) -> None:
        remember(store, [note(f"a\n{SECRET}")], server("plain", tmp_path))
        assert told(tmp_path) == ["a\n[secret] KEY (plain)"]

    @pytest.mark.tier2
    def test_is_asked(self, store: MemoryStore, tmp_path: Path) -> None:
        remember(store, [note("a", "n:1"), note("b", "n:2"), note("c", "n:2")], server("sound", tmp_path))
        assert ask(server("sound", tmp_path), "n:2", ["n:2"], 5) == ("b", "c")
        assert ask(server("sound", tmp_path), "n:3", ["n:3"], 5) == ()

    def test_is_not_believed_to_keep_to_the_limit(self, tmp_path: Path) -> None:
        assert ask(server('answers ["a", "b", "c"]', tmp_path), "x", [], 2) == ("a", "b")

    @pytest.mark.parametrize("mode", ["garbage between", "talkative"])
    def test_may_say_more_than_it_is_asked(self, store: MemoryStore, tmp_path: Path, mode: str) -> None:
        assert remember(store, [note("a"), note("b")], server(mode, tmp_path)).warnings == ()
        assert told(tmp_path) == ["a", "b"]

    def test_is_given_only_what_it_declares(self, store: MemoryStore, tmp_path: Path) -> None:
        remember(store, [note("a", source=MemorySource("a.json", "0a" * 32))], server("plain", tmp_path))
        assert servers.recorded(str(tmp_path / "told")) == [{"content": "a", "tags": [], "importance": 5}]

    @pytest.mark.parametrize(
        ("answer", "items"),
        [
            ("", ()),
            ("two words", ("two words",)),
            ('["a", "b"]', ("a", "b")),
            ('{"results": [{"content": "a"}, {"memory": {"text": "b"}}], "count": 2}', ("a", "b")),
            ('{"results": []}', ()),
            ('[{"id": 1}]', ('{"id": 1}',)),
            ("[" * 5000, ("[" * 5000,)),
        ],
    )
    def test_may_answer_in_several_forms(self, tmp_path: Path, answer: str, items: tuple[str, ...]) -> None:
        assert ask(server(f"answers {answer}", tmp_path), "x", [], 20) == items


BAD = {
    "crash at start": "cannot be talked to",
    "crash": "cannot be talked to",
    "error: no room": "reports an error: no room",
    "error of the protocol": "cannot be talked to",
    "says it failed": "reports an error",
    "wrong form": "cannot be talked to",
    "no tools": "has no tool store_memory; it has none",
    "wants more": "wants mood for store_memory",
}


class TestBad:
    @pytest.mark.parametrize(("mode", "says"), BAD.items(), ids=BAD.keys())
    def test_is_a_warning_and_loses_nothing(
        self, store: MemoryStore, tmp_path: Path, mode: str, says: str, capfd: pytest.CaptureFixture[str]
    ) -> None:
        done = remember(store, [note("kept"), note("too")], server(mode, tmp_path))
        assert [kept.new for kept in done.kept] == [True, True]
        assert done.forwarded == 0
        (warning,) = done.warnings
        assert warning.startswith(f"the memory server {says}")
        assert "speckit memory forward" in warning
        assert sorted(found(store, "")) == ["kept", "too"]
        assert capfd.readouterr() == ("", "")

    @pytest.mark.parametrize("mode", ["hang at start", "garbage only"])
    @pytest.mark.tier2
    def test_one_that_never_starts_is_given_up(self, store: MemoryStore, tmp_path: Path, mode: str) -> None:
        done = remember(store, [note("kept")], server(mode, tmp_path, start=0.5))
        assert "did not start within 0.5 s" in done.warnings[0]
        assert found(store, "") == ["kept"]

    def test_one_that_never_answers_is_given_up_at_once(self, store: MemoryStore, tmp_path: Path) -> None:
        done = remember(store, [note(f"n {number}") for number in range(50)], server("hang", tmp_path, answer=0.5))
        assert "did not answer store_memory within 0.5 s (0 of 50 forwarded)" in done.warnings[0]

    @pytest.mark.tier2
    def test_what_it_took_before_is_not_sent_again(self, store: MemoryStore, tmp_path: Path) -> None:
        entries = [note(text) for text in "abcd"]
        done = remember(store, entries, server("hang at the third", tmp_path, answer=2))
        assert "(2 of 4 forwarded)" in done.warnings[0]
        assert catch_up(store, server("plain", tmp_path)) == 2
        assert told(tmp_path) == ["a", "b", "c", "d"]

    @pytest.mark.tier2
    def test_one_that_does_not_want_to_end_is_ended(self, store: MemoryStore, tmp_path: Path) -> None:
        assert remember(store, [note("a")], server("stubborn", tmp_path)).forwarded == 1
        assert not running(str(tmp_path))

    @pytest.mark.parametrize(
        "command", [("no-such-program-anywhere",), ("/",), (os.devnull,), ("a\0b",), ("",)], ids=repr
    )
    def test_one_that_cannot_be_started(self, store: MemoryStore, tmp_path: Path, command: tuple[str, ...]) -> None:
        done = remember(store, [note("a")], MemoryServer(command, str(tmp_path)))
        assert done.warnings[0].startswith("the memory server cannot be")
        assert found(store, "") == ["a"]

    def test_catching_up_says_that_it_failed(self, store: MemoryStore, tmp_path: Path) -> None:
        remember(store, [note("a")])
        with pytest.raises(Undecidable, match="0 of 1 forwarded"):
            catch_up(store, server("crash", tmp_path))

    @pytest.mark.parametrize("mode", ["crash", "error: no room", "no tools"])
    def test_a_search_is_refused(self, tmp_path: Path, mode: str) -> None:
        with pytest.raises(MemoryServerRefusal):
            ask(server(mode, tmp_path), "x", [], 20)

    def test_a_database_that_fails_meanwhile_is_named_as_what_it_is(self, store: MemoryStore, tmp_path: Path) -> None:
        class Gone(MemoryStore):
            def forwarded(self, memory: object) -> None:
                raise Undecidable("the disk is full")

        done = remember(Gone(*store), [note("a")], server("plain", tmp_path))
        assert done.warnings[0].startswith("the disk is full")


def running(marker: str) -> bool:
    """Whether a process with this in its command line is there, in a moment's time."""
    for _ in range(50):
        shown = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
        if not any(marker in line and "servers.py" in line for line in shown.splitlines()):
            return False
        time.sleep(0.1)
    return True
