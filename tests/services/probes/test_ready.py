"""`speckit ready`: real programs and real MCP servers, sound and otherwise."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from guardrails.config import Layout
from guardrails.core import MEGABYTE, faults
from guardrails.layouts import evidence_name
from tests.sandbox import EVIDENCE, Ran, Sandbox
from tests.services.probes.bench import KEY, VARIABLE, everything, holds_secret

HERE = Path(__file__).parent
PYTHON = sys.executable
AGENTS = ("gemini", "claude", "gpt_pro", "gpt_codex")


def server(behaviour: str, *more: str, file: str = "mcp_server.py") -> list[str]:
    return [PYTHON, str(HERE / file), behaviour, *more]


def configure(sandbox: Sandbox, *tools: dict[str, Any], **more: Any) -> None:
    """Agents that answer, the tools, and whatever else. JSON is YAML."""
    agents = {name: {"command": [PYTHON]} for name in AGENTS}
    sandbox.write(".speckit.yaml", {"agents": agents, "readiness": list(tools), **more})


def rows(ran: Ran) -> dict[tuple[str, str], dict[str, Any]]:
    return {(probe["kind"], probe["name"]): probe for probe in ran.document["probes"]}


def ready(sandbox: Sandbox, *arguments: str, **environment: str) -> Ran:
    return sandbox.speckit("ready", "--format", "json", *arguments, **environment)


class TestSound:
    def test_what_answers_passes_with_what_it_said(self, sandbox: Sandbox) -> None:
        configure(
            sandbox,
            {"name": "python", "command": [PYTHON, "--version"], "required": True},
            {"name": "server", "mcp": server("library"), "required": True, "timeout": "30s"},
            {"name": "by hand", "mcp": server("sound"), "timeout": "30s"},
        )
        ran = ready(sandbox)
        assert ran.code == 0, ran
        assert ran.document["verdict"] == "pass"
        assert ran.err == ""
        found = rows(ran)
        assert {probe["status"] for probe in found.values()} == {"passed", "skipped"}
        assert found["command", "python"]["message"].startswith("answers: Python 3")
        assert found["mcp", "server"]["message"].startswith("answers: hal ")
        assert found["mcp", "server"]["message"].endswith(", 4 tools")
        assert found["mcp", "by hand"]["latency_ms"] >= 0
        assert found["agent", "gemini"]["required"]
        assert found["command", "git"]["status"] == found["disk", "evidence"]["status"] == "passed"
        assert found["http", "hal"]["message"] == "HAL is off (default)"

    def test_the_defaults_name_ace_ripgrep_codegraphcontext_and_hal(self, sandbox: Sandbox) -> None:
        ran = ready(sandbox, PATH=os.defpath + os.pathsep + str(sandbox.home))
        named = {probe["name"]: probe for probe in ran.document["probes"]}
        assert {"ace", "ripgrep", "codegraphcontext", "hal"} <= named.keys()
        assert named["ace"]["status"] == named["codegraphcontext"]["status"] == "warned"
        assert "readiness:" in named["ace"]["hint"]

    def test_recorded_answers_are_an_agent(self, sandbox: Sandbox) -> None:
        agents = {name: {"replay": "recorded"} for name in AGENTS}
        sandbox.write(".speckit.yaml", {"agents": agents, "readiness": [{"name": "p", "command": [PYTHON, "-V"]}]})
        ran = ready(sandbox)
        assert ran.code == 1
        assert rows(ran)["agent", "claude"]["message"] == "there is no folder recorded"
        sandbox.write("recorded/plan_claude.json", {})
        assert ready(sandbox).code == 0

    def test_all_are_asked_at_once(self, sandbox: Sandbox, tmp_path: Path) -> None:
        """Each waits for all others, so one after another none would end."""
        meet = (
            "import os, sys, time; open(sys.argv[1] + sys.argv[2], 'w').close()\n"
            "while not all(os.path.exists(sys.argv[1] + n) for n in '01234567'): time.sleep(0.05)"
        )
        place = str(tmp_path / "guest-")
        configure(
            sandbox, *({"name": n, "command": [PYTHON, "-c", meet, place, n], "timeout": "30s"} for n in "01234567")
        )
        assert {probe["status"] for probe in ready(sandbox).document["probes"]} == {"passed", "skipped"}


BAD = {
    "hangs": (server("mute"), "did not initialize within 1.5 s; it was ended"),
    "crashes": ([PYTHON, "-c", "raise SystemExit(1)"], "cannot be talked to"),
    "prints garbage": ([PYTHON, "-c", "print('}{ \\x07 hello')"], "cannot be talked to"),
    "prints garbage for ever": ([PYTHON, "-c", "while True: print('x' * 65536)"], "did not initialize within 1.5 s"),
    "is too slow": ([PYTHON, "-c", "import time; time.sleep(60)"], "did not initialize within 1.5 s"),
    "is missing": (["no-such-program-anywhere"], "cannot be started: No such file or directory"),
    "is a directory": (["/"], "cannot be started: Permission denied"),
}
SLOW = ("prints garbage for ever", "hangs")


class TestServers:
    @pytest.mark.parametrize(
        ("command", "words"),
        [pytest.param(*row, id=name, marks=[pytest.mark.tier2] if name in SLOW else []) for name, row in BAD.items()],
    )
    def test_one_that_does_not_answer_is_a_warning_with_a_reason(
        self, sandbox: Sandbox, command: list[str], words: str
    ) -> None:
        hangs = "within" in words  # the others end by themselves, however busy the machine is
        configure(sandbox, {"name": "server", "mcp": command, "timeout": "1500ms" if hangs else "60s"})
        ran = ready(sandbox)
        assert ran.code == 0, ran
        probe = rows(ran)["mcp", "server"]
        assert probe["status"] == "warned"
        assert words in probe["message"]
        assert probe["hint"]
        assert f"warned: server: {probe['message']}" in ran.err

    @pytest.mark.tier2
    def test_one_that_is_required_fails_and_one_that_is_not_there_is_undecided(self, sandbox: Sandbox) -> None:
        configure(sandbox, {"name": "server", "mcp": server("mute"), "timeout": "1s", "required": True})
        assert (ready(sandbox).code, ready(sandbox).document["verdict"]) == (1, "fail")
        configure(sandbox, {"name": "server", "mcp": ["no-such-program-anywhere"], "required": True})
        assert (ready(sandbox).code, ready(sandbox).document["verdict"]) == (3, "undecided")

    @pytest.mark.parametrize("behaviour", [pytest.param("hangs", marks=pytest.mark.tier2), "crashes", "answers"])
    def test_it_ends_with_all_it_started(self, sandbox: Sandbox, tmp_path: Path, behaviour: str) -> None:
        """Its child ignores being asked to end."""
        file = tmp_path / "child"
        family = server(behaviour, str(file), file="mcp_family.py")
        configure(sandbox, {"name": "server", "mcp": family, "timeout": "5s" if behaviour == "hangs" else "60s"})
        ran = ready(sandbox)
        assert ran.code == 0, ran
        assert rows(ran)["mcp", "server"]["status"] == ("passed" if behaviour == "answers" else "warned")
        assert not alive(int(file.read_text()))

    def test_warnings_are_shown_even_when_quiet(self, sandbox: Sandbox) -> None:
        configure(sandbox, {"name": "ace", "mcp": ["no-such-program-anywhere"]})
        ran = sandbox.speckit("ready", "-q")
        assert ran.code == 0
        assert "warned  mcp ace: cannot be started" in ran.out
        assert "hint: install no-such-program-anywhere" in ran.out
        assert "passed" not in ran.out

    @pytest.mark.parametrize("behaviour", ["chatty", "library"])
    @pytest.mark.tier2
    def test_no_secret_of_theirs_is_shown_or_kept(self, sandbox: Sandbox, behaviour: str) -> None:
        talker = [
            PYTHON,
            "-c",
            f"import os, sys; print(os.environ['{VARIABLE}']); sys.exit('no ' + {KEY!r} + '\\x1b[2J')",
        ]
        configure(
            sandbox,
            {"name": "server", "mcp": server(behaviour), "env": [VARIABLE]},
            {"name": "talker", "command": talker, "env": [VARIABLE]},
        )
        for arguments in (("SPEC-KIT-900", "--format", "json"), ("SPEC-KIT-900",)):
            ran = sandbox.speckit("ready", *arguments, **{VARIABLE: KEY})
            assert ran.code == 0, ran
            assert "[secret]" in ran.out
            assert not holds_secret((ran.out + ran.err).encode())
            assert "\x1b" not in ran.out
        assert not any(holds_secret(data) for path, data in everything(sandbox.root / "docs"))


class TestProgramsAndMachine:
    def test_a_missing_agent_of_a_roster_is_undecided_and_says_what_it_means(self, sandbox: Sandbox) -> None:
        configure(sandbox, {"name": "p", "command": [PYTHON, "-V"]})
        config = json.loads((sandbox.root / ".speckit.yaml").read_text())
        config["agents"]["claude"] = {"command": ["no-such-program-anywhere"]}
        sandbox.write(".speckit.yaml", config)
        ran = ready(sandbox)
        assert ran.code == 3
        assert rows(ran)["agent", "claude"]["message"] == "there is no program no-such-program-anywhere"
        trio, four = ran.document["escalation"]
        assert trio.startswith(
            "plan, tasks, validate, audit, unlock: 2 of 3 agents can be called (not claude): degraded"
        )
        assert "retries the missing once after 30 s" in trio
        assert four.startswith("implement: 3 of 4")
        config["agents"]["gemini"] = {"command": ["no-such-program-anywhere"]}
        sandbox.write(".speckit.yaml", config)
        assert "severely degraded, exit 5" in ready(sandbox).document["escalation"][0]

    def test_an_agent_on_no_roster_is_only_a_warning(self, sandbox: Sandbox) -> None:
        configure(sandbox, {"name": "p", "command": [PYTHON, "-V"]})
        config = json.loads((sandbox.root / ".speckit.yaml").read_text())
        config["agents"]["spare"] = {"command": ["no-such-program-anywhere"]}
        sandbox.write(".speckit.yaml", config)
        ran = ready(sandbox)
        assert ran.code == 0
        assert rows(ran)["agent", "spare"]["status"] == "warned"

    def test_an_agent_of_a_roster_that_nobody_configured_fails(self, sandbox: Sandbox) -> None:
        configure(sandbox, {"name": "p", "command": [PYTHON, "-V"]}, stages={"plan": {"agents": ["nobody"]}})
        ran = ready(sandbox)
        assert ran.code == 1
        assert "agents.nobody.command" in rows(ran)["agent", "nobody"]["hint"]

    def test_a_command_that_fails_or_hangs_is_told_by_how(self, sandbox: Sandbox) -> None:
        configure(
            sandbox,
            {"name": "fails", "command": [PYTHON, "-c", "import sys; sys.exit('no index')"], "required": True},
            {"name": "hangs", "command": [PYTHON, "-c", "import time; time.sleep(60)"], "timeout": "500ms"},
        )
        ran = ready(sandbox)
        assert ran.code == 1
        assert rows(ran)["command", "fails"]["message"] == "exit 1: no index"
        assert rows(ran)["command", "hangs"]["message"] == "no answer within 0.5 s; it was ended"

    def test_a_variable_is_told_by_its_name(self, sandbox: Sandbox) -> None:
        configure(sandbox, {"name": "tool", "env": ["TOOL_TOKEN"], "required": True})
        ran = ready(sandbox)
        assert (ran.code, rows(ran)["secret", "TOOL_TOKEN"]["status"]) == (1, "failed")
        ran = ready(sandbox, TOOL_TOKEN="a-value-nobody-sees")
        assert (ran.code, rows(ran)["secret", "TOOL_TOKEN"]["message"]) == (0, "set, for tool")
        assert "a-value-nobody-sees" not in ran.out

    def test_evidence_over_the_limit_fails_and_near_it_warns(self, sandbox: Sandbox) -> None:
        configure(sandbox, {"name": "p", "command": [PYTHON, "-V"]}, evidence={"warn_mb": 0.0005, "limit_mb": 0.001})
        sandbox.write(f"{EVIDENCE}/commands/SPEC-KIT-900/a.log", "x" * 1000)
        assert ready(sandbox).code == 0
        assert rows(ready(sandbox, "SPEC-KIT-900"))["limit", "footprint of SPEC-KIT-900"]["status"] == "warned"
        sandbox.write(f"{EVIDENCE}/commands/SPEC-KIT-900/b.log", "x" * 1000)
        assert ready(sandbox).code == 1
        assert ready(sandbox, "SPEC-KIT-901").code == 0, "another SPEC has room"

    @pytest.mark.skipif(shutil.disk_usage("/").free > 1_000_000 * MEGABYTE, reason="there is room for anything")
    def test_more_room_than_there_is_fails(self, sandbox: Sandbox) -> None:
        configure(sandbox, {"name": "p", "command": [PYTHON, "-V"]}, evidence={"limit_mb": 1_000_000})
        ran = ready(sandbox)
        assert ran.code == 1
        assert rows(ran)["disk", "evidence"]["hint"] == "make room on this disk"

    def test_hal_is_asked_as_it_is_configured(self, sandbox: Sandbox) -> None:
        configure(sandbox, hal={"mode": "mock"})
        assert rows(ready(sandbox))["http", "hal"]["message"] == "a mock answers (mock)"
        configure(sandbox, hal={"mode": "mock", "required": True})
        assert (ready(sandbox).code, rows(ready(sandbox))["http", "hal"]["status"]) == (1, "failed")
        configure(sandbox, hal={"mode": "live", "mcp": server("sound"), "required": True})
        ran = ready(sandbox, **{VARIABLE: KEY})
        assert (ran.code, rows(ran)["mcp", "hal"]["status"]) == (0, "passed")
        configure(sandbox, hal={"mode": "live"})
        assert "no address is configured" in rows(ready(sandbox))["http", "hal"]["message"]


class TestRecord:
    def test_with_a_spec_the_answers_become_evidence_that_validate_accepts(self, sandbox: Sandbox) -> None:
        configure(sandbox, {"name": "ace", "mcp": ["no-such-program-anywhere"]})
        ran = ready(sandbox, "SPEC-KIT-900-smoke")
        path = ran.document["record"]
        name = evidence_name(Layout(), path)
        assert name is not None
        assert (name.kind, name.spec, name.stage) == ("tasks_telemetry", "SPEC-KIT-900", "tasks")
        document = json.loads((sandbox.root / path).read_bytes())
        assert list(faults("tasks_telemetry", document)) == []
        assert document["output_tokens"] is document["latency_ms"] is None
        assert document["agent_participation"] == {"roster": list(AGENTS[:3]), "usable": [], "ratio": None}
        assert ("ace", "warned") in {(row["name"], row["status"]) for row in document["readiness"]}
        ran = sandbox.judge("validate")
        assert (ran.code, ran.document["examined"]["checked"]) == (0, 1)

    def test_two_records_of_one_second_are_two_files(self, sandbox: Sandbox) -> None:
        """R29."""
        configure(sandbox, {"name": "p", "command": [PYTHON, "-V"]})
        paths = {ready(sandbox, "SPEC-KIT-900").document["record"] for _ in range(3)}
        assert len(paths) == 3
        assert sandbox.judge("validate").document["examined"]["checked"] == 3

    def test_without_a_spec_nothing_is_written(self, sandbox: Sandbox) -> None:
        configure(sandbox, {"name": "p", "command": [PYTHON, "-V"]})
        assert ready(sandbox).document["record"] is None
        assert not (sandbox.root / "docs").exists()

    @pytest.mark.parametrize("spec", ["../x", "SPEC-*", "spec"])
    def test_what_is_no_id_is_exit_2(self, sandbox: Sandbox, spec: str) -> None:
        assert ready(sandbox, spec).code == 2


def alive(pid: int) -> bool:
    """Whether a process runs. One that was killed may need a moment to be gone."""
    for _ in range(100):
        try:
            os.kill(pid, 0)
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return False
        except (ProcessLookupError, FileNotFoundError):
            return False
        time.sleep(0.02)
    return True
