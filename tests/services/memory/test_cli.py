from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

import pytest

from tests.pages import ROOT
from tests.sandbox import Ran, Sandbox
from tests.services.memory import servers
from tests.services.memory.makers import SECRET, TOKEN


def add(sandbox: Sandbox, *arguments: str, **extra: str) -> Ran:
    return sandbox.speckit("memory", "add", *arguments, **extra)


def search(sandbox: Sandbox, *arguments: str) -> Ran:
    return sandbox.speckit("memory", "search", *arguments)


class TestAdd:
    def test_remembers_and_says_so(self, sandbox: Sandbox) -> None:
        ran = add(sandbox, "Postgres is out", "--tag", "spec:SPEC-KIT-900", "--tag", "urgent", "--importance", "8")
        assert (ran.code, ran.out) == (0, "remembered as #1 [8] spec:SPEC-KIT-900 tag:urgent\n")
        assert (sandbox.root / ".git/speckit/memory.db").is_file()
        assert sandbox.git("status", "--porcelain").out == ""

    def test_knows_what_it_knows(self, sandbox: Sandbox) -> None:
        add(sandbox, "x")
        assert add(sandbox, "x").out == "known already as #1 [5]\n"
        assert add(sandbox, "x", "-q").out == ""

    def test_reads_standard_input(self, sandbox: Sandbox) -> None:
        assert sandbox.speckit("memory", "add", "-", stdin="größer\n".encode()).code == 0
        assert "größer" in search(sandbox, "größer").out

    def test_keeps_where_it_comes_from(self, sandbox: Sandbox) -> None:
        sandbox.write("docs/a.json", "{}")
        add(sandbox, "x", "--evidence", "docs/a.json")
        source = search(sandbox, "--format", "json").document["memories"][0]["source"]
        assert source["path"] == "docs/a.json"
        assert source["sha256"].startswith("44136fa3")

    @pytest.mark.parametrize(
        ("arguments", "says"),
        [
            (("",), "no text"),
            ((" \n ",), "no text"),
            (("x", "--tag", "a b"), "is not a tag"),
            (("x", "--tag", "stage:deploy"), "names no stage"),
            (("x", "--tag", "spec:nope"), "not a SPEC id"),
            (("x", "--tag", "importance:8"), "--importance"),
            (("x", "--importance", "11"), "not in the range"),
            (("x", "--importance", "high"), "not a valid integer"),
            (("x" * 100_001,), "too long"),
            (("x", "--evidence", "../out.json"), "outside the repository"),
            (("x", "--evidence", "not-there"), "cannot be read"),
            (("x", "--timeout", "0"), "range"),
            ((), "Missing argument"),
        ],
    )
    def test_refuses_what_cannot_be_remembered(self, sandbox: Sandbox, arguments: tuple[str, ...], says: str) -> None:
        ran = add(sandbox, *arguments)
        assert ran.code == 2
        assert says in ran.err
        assert not (sandbox.root / ".git/speckit/memory.db").exists()

    @pytest.mark.parametrize("data", [b"\xff\xfe", b"x" * 500_000, b"\r\n"], ids=["not UTF-8", "too much", "blank"])
    def test_refuses_such_input(self, sandbox: Sandbox, data: bytes) -> None:
        assert sandbox.speckit("memory", "add", "-", stdin=data).code == 2

    @pytest.mark.parametrize("where", ["text", "tag", "evidence"])
    @pytest.mark.parametrize("secret", [SECRET, TOKEN], ids=["the value of a variable", "a token"])
    def test_refuses_secrets_and_shows_nothing_of_them(self, sandbox: Sandbox, secret: str, where: str) -> None:
        sandbox.write(".speckit.yaml", "secrets: {env: [MY_KEY]}\n")
        sandbox.write(f"{secret}.json", "{}")
        more = {"text": (), "tag": ("--tag", f"topic:{secret}"), "evidence": ("--evidence", f"{secret}.json")}[where]
        ran = add(sandbox, f"a\nb {secret}" if where == "text" else "x", *more, MY_KEY=SECRET)
        assert ran.code == 2
        assert "holds a secret at line" in ran.err
        assert secret[:8] not in ran.err + ran.out
        assert not (sandbox.root / ".git/speckit/memory.db").exists()

    def test_a_path_outside_is_a_matter_of_configuration(self, sandbox: Sandbox) -> None:
        sandbox.write(".speckit.yaml", "memory: {path: ../outside.db}\n")
        for ran in (add(sandbox, "x"), search(sandbox, "x")):
            assert ran.code == 2
            assert "not a path inside the repository" in ran.err

    def test_the_configured_place_is_used(self, sandbox: Sandbox) -> None:
        sandbox.write(".speckit.yaml", "memory: {path: .speckit/memory.db}\n")
        assert add(sandbox, "x").code == 0
        assert (sandbox.root / ".speckit/memory.db").is_file()


class TestSearch:
    @pytest.fixture
    def filled(self, sandbox: Sandbox) -> Sandbox:
        for agent in ("gemini", "claude", "gpt_pro"):
            tags = ("spec:SPEC-KIT-900", "stage:plan", f"agent:{agent}")
            add(
                sandbox,
                f"{agent} sees clock drift",
                *(word for tag in tags for word in ("--tag", tag)),
                "--importance",
                "8",
            )
        add(sandbox, "degraded", "--tag", "spec:SPEC-KIT-900", "--tag", "stage:tasks", "--importance", "9")
        return sandbox

    def test_finds_one_for_each_agent(self, filled: Sandbox) -> None:
        ran = search(filled, "spec:SPEC-KIT-900 stage:plan")
        assert ran.code == 0
        assert [f"agent:{agent}" in ran.out for agent in ("gemini", "claude", "gpt_pro")] == [True] * 3
        assert "degraded" not in ran.out
        assert ran.err == ""

    def test_words_may_be_several_arguments(self, filled: Sandbox) -> None:
        assert "gemini sees" in search(filled, "spec:SPEC-KIT-900", "agent:gemini", '"clock drift"').out

    def test_json_is_one_document(self, filled: Sandbox) -> None:
        document = search(filled, "agent:claude", "--format", "json").document
        created = document["memories"][0].pop("created")
        assert created.endswith("Z")
        assert document == {
            "schema": "speckit.memory/1",
            "query": "agent:claude",
            "count": 1,
            "memories": [
                {
                    "id": 2,
                    "importance": 8,
                    "tags": ["agent:claude", "spec:SPEC-KIT-900", "stage:plan"],
                    "text": "claude sees clock drift",
                    "source": None,
                }
            ],
        }

    def test_limits(self, filled: Sandbox) -> None:
        ran = search(filled, "--limit", "2", "--format", "json")
        assert [row["importance"] for row in ran.document["memories"]] == [9, 8]
        assert "there may be more" in ran.err
        assert search(filled, "--min-importance", "9", "--format", "json").document["count"] == 1

    def test_nothing_found_is_1_as_in_grep(self, filled: Sandbox) -> None:
        ran = search(filled, "spec:SPEC-KIT-901")
        assert (ran.code, ran.out, ran.err) == (1, "", "nothing found\n")
        ran = search(filled, "nowhere", "--format", "json", "-q")
        assert (ran.code, ran.document["memories"], ran.err) == (1, [], "")

    @pytest.mark.parametrize("text", ['foo"', '"', "*", "NEAR(", "-x", "--limit", "a AND", ":", "\x1b[31m", "'"])
    def test_no_sign_is_a_mistake(self, filled: Sandbox, text: str) -> None:
        ran = search(filled, "--", text)
        assert ran.code == 1, ran

    def test_a_long_query_is_said_to_be_cut(self, filled: Sandbox) -> None:
        ran = search(filled, "clock " + "drift" * 20_000)
        assert "only its beginning" in ran.err
        assert ran.code in (0, 1)

    @pytest.mark.parametrize(
        "arguments", [("--limit", "0"), ("--min-importance", "11"), ("--format", "xml"), ("--nope",)]
    )
    def test_usage(self, filled: Sandbox, arguments: tuple[str, ...]) -> None:
        assert search(filled, *arguments).code == 2

    @pytest.mark.parametrize("mode", [(), ("--full",), ("--format", "json")], ids=["excerpt", "full", "json"])
    def test_nothing_raw_reaches_a_terminal(self, sandbox: Sandbox, mode: tuple[str, ...]) -> None:
        data = "first \x1b[31mred\x07 \u202eturned\nsecond\x9b2J\u2028end".encode()
        assert sandbox.speckit("memory", "add", "-", stdin=data).code == 0
        ran = search(sandbox, "first", *mode)
        assert ran.code == 0
        assert not set("\x1b\x07\u202e\x9b\u2028") & set(ran.out)

    def test_full_shows_every_line(self, sandbox: Sandbox) -> None:
        sandbox.speckit("memory", "add", "-", stdin=b"one\n  two\n" + b"word " * 200)
        assert "\n    one\n      two\n" in search(sandbox, "--full").out
        assert search(sandbox).out.count("word") < 100


class TestUndecided:
    def test_without_a_database(self, sandbox: Sandbox) -> None:
        ran = search(sandbox, "x")
        assert (ran.code, ran.out) == (3, "")
        assert "there is no memory yet" in ran.err
        assert "hint:" in ran.err

    def test_with_a_damaged_one(self, sandbox: Sandbox) -> None:
        sandbox.write(".git/speckit/memory.db", "garbage " * 1000)
        for ran in (search(sandbox, "x"), add(sandbox, "x")):
            assert ran.code == 3
            assert "damaged" in ran.err
            assert "hint: move it away" in ran.err
            assert "Traceback" not in ran.err

    def test_outside_a_repository(self, sandbox: Sandbox) -> None:
        assert sandbox.speckit("memory", "search", "x", cwd=sandbox.home).code == 2


class TestWorktrees:
    def test_share_one_memory(self, sandbox: Sandbox) -> None:
        sandbox.commit()
        linked = sandbox.root.parent / "linked"
        sandbox.git("worktree", "add", "-q", str(linked))
        assert sandbox.speckit("memory", "add", "from there", cwd=linked).code == 0
        assert "from there" in search(sandbox, "from").out


class TestForward:
    @pytest.fixture
    def told(self, sandbox: Sandbox) -> Path:
        """Where the configured server notes what it is told."""
        pytest.importorskip("mcp", reason="the MCP library is not installed")
        return self.configure(sandbox, "sound")

    @staticmethod
    def configure(sandbox: Sandbox, mode: str) -> Path:
        told = sandbox.home / "told"
        command = [sys.executable, servers.__file__, mode, str(told)]
        sandbox.write(".speckit.yaml", f"memory: {{mcp: {json.dumps(command)}}}\n")
        return told

    @pytest.mark.tier2
    def test_adding_tells_the_server(self, sandbox: Sandbox, told: Path) -> None:
        ran = add(sandbox, "x", "--tag", "a:1")
        assert (ran.code, ran.out, ran.err) == (0, "remembered as #1 [5] a:1, forwarded\n", "")
        assert servers.recorded(str(told))[0]["content"] == "x"

    def test_a_server_that_fails_is_a_warning_and_is_told_later(self, sandbox: Sandbox, told: Path) -> None:
        self.configure(sandbox, "crash")
        ran = add(sandbox, "x")
        assert (ran.code, ran.out) == (0, "remembered as #1 [5]\n")
        assert ran.err.startswith("warning: the memory server cannot be talked to")
        assert sandbox.speckit("memory", "forward").code == 3
        self.configure(sandbox, "plain")
        assert sandbox.speckit("memory", "forward").out == "1 forwarded\n"
        assert sandbox.speckit("memory", "forward").out == "nothing to forward\n"
        assert len(servers.recorded(str(told))) == 1

    def test_what_a_server_says_is_escaped(self, sandbox: Sandbox, told: Path) -> None:
        self.configure(sandbox, "error: no \x1b[31mroom\nleft")
        assert r"reports an error: no \x1b[31mroom\nleft" in add(sandbox, "x").err
        self.configure(sandbox, "answers a \x1b[31mred one")
        ran = search(sandbox, "--mcp", "x")
        assert (ran.code, ran.out) == (0, "1.\n    a \\x1b[31mred one\n")

    def test_a_secret_in_its_words_is_not_shown(self, sandbox: Sandbox, told: Path) -> None:
        self.configure(sandbox, f"error: what is {TOKEN}?")
        for ran in (add(sandbox, "x"), search(sandbox, "--mcp", "x")):
            assert "[secret] GitHub Token" in ran.err
            assert TOKEN not in ran.err

    @pytest.mark.tier2
    def test_a_server_that_hangs_is_given_up(self, sandbox: Sandbox, told: Path) -> None:
        self.configure(sandbox, "hang at start")
        ran = add(sandbox, "x", "--timeout", "0.5")
        assert ran.code == 0
        assert "did not start within 0.5 s" in ran.err
        assert search(sandbox, "x").code == 0

    @pytest.mark.parametrize(
        ("mode", "code", "shown"),
        [
            ('answers ["here and there"]', 0, "1.\n    here and there\n"),
            ("answers []", 1, ""),
            ("no tools", 3, ""),
        ],
    )
    def test_the_server_can_be_searched(self, sandbox: Sandbox, told: Path, mode: str, code: int, shown: str) -> None:
        self.configure(sandbox, mode)
        ran = search(sandbox, "--mcp", "a:1")
        assert (ran.code, ran.out) == (code, shown)

    def test_its_answers_as_json(self, sandbox: Sandbox, told: Path) -> None:
        self.configure(sandbox, 'answers ["a", "b"]')
        document = search(sandbox, "--mcp", "x", "--format", "json").document
        assert document == {"schema": "speckit.memory/1", "query": "x", "count": 2, "answers": ["a", "b"]}

    @pytest.mark.parametrize("command", [("forward",), ("search", "--mcp", "x")])
    def test_without_a_server_there_is_nobody_to_ask(self, sandbox: Sandbox, command: tuple[str, ...]) -> None:
        ran = sandbox.speckit("memory", *command)
        assert ran.code == 2
        assert "memory.mcp" in ran.err

    def test_without_the_library_it_is_kept_here_and_said(self, sandbox: Sandbox) -> None:
        self.configure(sandbox, "sound")
        shadow = sandbox.home / "shadow"
        shadow.mkdir()
        (shadow / "mcp.py").write_text("raise ImportError('no mcp')")
        path = f"{shadow}{os.pathsep}{ROOT}"
        ran = add(sandbox, "x", PYTHONPATH=path)
        assert (ran.code, ran.out) == (3, "remembered as #1 [5]\n")
        assert "mcp cannot be imported" in ran.err
        assert "speckit-guardrails[auto]" in ran.err
        assert search(sandbox, "x").code == 0
        for command in (("forward",), ("search", "--mcp", "x")):
            assert sandbox.speckit("memory", *command, process=True, PYTHONPATH=path).code == 3


def test_help_says_what_the_codes_mean(sandbox: Sandbox) -> None:
    text = " ".join(search(sandbox, "--help").out.split())
    assert "Exits 0 when something was found and 1 when nothing was, as grep does" in text


def test_searching_changes_nothing(sandbox: Sandbox) -> None:
    add(sandbox, "x")
    folder = sandbox.root / ".git/speckit"
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    search(sandbox, "x")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_memory_can_be_moved_with_its_repository(sandbox: Sandbox, tmp_path: Path) -> None:
    add(sandbox, "x")
    moved = tmp_path / "moved"
    shutil.copytree(sandbox.root, moved)
    assert sandbox.speckit("memory", "search", "x", cwd=moved).code == 0
