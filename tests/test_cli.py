"""The command line: help, exit codes, formats, and every way of ending."""

from __future__ import annotations

import errno
import json
import os
import pty
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest
from lxml import etree

from guardrails.cli import COMMANDS, cli, refusal
from guardrails.engine import all_rules, registry
from tests.formats import test_json, test_junit, test_sarif
from tests.records import plan_telemetry, telemetry_path
from tests.sandbox import SPECKIT, Sandbox

PATH = telemetry_path("plan")


def subcommands(name: str) -> list[list[str]]:
    """The command, or all commands below it where it only groups them."""
    made = cli.get_command(click.Context(cli), name)
    if not isinstance(made, click.Group):
        return [[name]]
    return [[name], *([name, below] for below in made.list_commands(click.Context(made)))]


EVERY = [command for name in COMMANDS for command in subcommands(name)]
CHECKS = ["guard", *(check.name for check in registry.CHECKS)]


@pytest.mark.parametrize("command", EVERY, ids=" ".join)
def test_every_command_teaches_by_an_example(sandbox: Sandbox, command: list[str]) -> None:
    ran = sandbox.speckit(*command, "--help")
    assert ran.code == 0
    assert "Example:" in ran.out or "Commands:" in ran.out
    assert "Commands:" in ran.out or "speckit " + " ".join(command) in ran.out.partition("Example:")[2]


def test_help_names_every_command_and_the_exit_codes(sandbox: Sandbox) -> None:
    out = sandbox.speckit("--help").out
    assert all(f"  {name} " in out for name in COMMANDS)
    assert "Exit codes" in out
    assert sandbox.speckit("-h").out == out


@pytest.mark.parametrize(
    "arguments", [["nope"], ["--nope"], ["validate", "--format", "nope"], ["explain"], ["guard", "--hook", "x"]]
)
def test_usage_errors_exit_2_with_a_message(sandbox: Sandbox, arguments: list[str]) -> None:
    ran = sandbox.speckit(*arguments)
    assert ran.code == 2
    assert "Error: " in ran.err
    assert "Traceback" not in ran.err


def test_a_misspelt_command_gets_a_suggestion(sandbox: Sandbox) -> None:
    assert "Did you mean 'validate'?" in sandbox.speckit("valdate").err


@pytest.mark.parametrize("command", CHECKS)
@pytest.mark.parametrize("form", ["json", "sarif", "junit", "github", "text"])
def test_every_check_reports_in_every_format(sandbox: Sandbox, command: str, form: str) -> None:
    sandbox.write(PATH, plan_telemetry())
    ran = sandbox.speckit(*command.split(), "--format", form)
    assert ran.code in (0, 1, 3), ran
    assert ran.out.strip()
    assert ran.err == ""
    if form == "json":
        assert [error.message for error in test_json.VALIDATOR.iter_errors(ran.document)] == []
        assert (ran.document["command"], ran.document["exit_code"]) == (command, ran.code)
    elif form == "sarif":
        assert [error.message for error in test_sarif.VALIDATOR.iter_errors(json.loads(ran.out))] == []
    elif form == "junit":
        test_junit.XSD.assertValid(etree.fromstring(ran.out.encode()))


@pytest.mark.parametrize("command", CHECKS)
@pytest.mark.parametrize("source", ["worktree", "index", "HEAD", "HEAD~1..HEAD", "push"])
def test_every_check_takes_every_source(sandbox: Sandbox, command: str, source: str) -> None:
    sandbox.write("README.md", "x")
    sandbox.commit()
    sandbox.write(PATH, plan_telemetry())
    sandbox.commit()
    ran = sandbox.judge(command, "--source", source)
    assert ran.code in (0, 1, 3), ran
    kind = {"HEAD": "commit", "HEAD~1..HEAD": "range"}.get(source, source)
    assert ran.document["source"]["kind"] == kind


@pytest.mark.parametrize(
    "command", ["footprint", "lint", "transitions", "secrets", "clean-tree", "guard", "consensus check", "accept"]
)
def test_file_names_are_ignored_by_checks_of_the_whole_repository(sandbox: Sandbox, command: str) -> None:
    sandbox.write("a.txt", "x")
    sandbox.write("LICENSE", "x")
    sandbox.commit()
    plain, named = sandbox.judge(command), sandbox.judge(command, "a.txt", "gone.txt", "docs/gone", "LICENSE")
    assert (plain.code, plain.document["examined"]) == (named.code, named.document["examined"])


def test_output_goes_to_a_file(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.write(PATH, "{")
    target = tmp_path / "out.sarif"
    ran = sandbox.speckit("validate", "--format", "sarif", "--output", str(target))
    assert (ran.code, ran.out) == (1, "")
    assert json.loads(target.read_text())["runs"][0]["results"]
    ran = sandbox.speckit("validate", "--output", str(tmp_path / "no" / "where"))
    assert ran.code == 2
    assert "--output" in ran.err


def test_exit_zero_turns_findings_into_0_but_never_usage_errors(sandbox: Sandbox) -> None:
    assert sandbox.speckit("validate", "--exit-zero").code == 0
    sandbox.write(PATH, "{")
    assert sandbox.speckit("validate", "--exit-zero").code == 0
    sandbox.write(".speckit.yaml", "nope: 1")
    assert sandbox.speckit("validate", "--exit-zero").code == 2


def test_a_configuration_error_is_said_in_the_format_that_was_asked_for(sandbox: Sandbox) -> None:
    sandbox.write(".speckit.yaml", "version: 1\nevidense: {}\n")
    ran = sandbox.judge("validate")
    assert (ran.code, ran.document["exit_code"], ran.document["verdict"]) == (2, 2, "undecided")
    assert ".speckit.yaml:2:1" in ran.document["problem"]["message"]
    assert "did you mean 'evidence'?" in ran.document["problem"]["hint"]
    sarif = json.loads(sandbox.speckit("validate", "--format", "sarif").out)
    assert sarif["runs"][0]["invocations"][0]["executionSuccessful"] is False
    assert sarif["runs"][0]["results"] == []


def test_an_internal_error_is_exit_70_with_a_report_file(sandbox: Sandbox) -> None:
    """The crash is provoked by a module that cannot be imported as it should."""
    broken = sandbox.home / "broken" / "orjson.py"
    broken.parent.mkdir()
    broken.write_text("raise RuntimeError('token=hunter2-secret')\n")
    path = f"{broken.parent}{os.pathsep}{sandbox.environment['PYTHONPATH']}"
    sandbox.write(PATH, plan_telemetry())
    for form in ("text", "sarif"):
        ran = sandbox.speckit("validate", "--format", form, process=True, PYTHONPATH=path)
        assert ran.code == 70, ran
        assert "Traceback" not in ran.out + ran.err
        assert "hunter2" not in ran.out + ran.err
    reports = list((sandbox.root / ".git" / "speckit").iterdir())
    assert reports
    text = reports[0].read_text()
    assert "RuntimeError" in text
    assert "hunter2" not in text
    assert str(reports[0].parent) in ran.out + ran.err
    assert sandbox.git("status", "--porcelain").out.strip() == "?? docs/"


@pytest.mark.tier2
def test_ctrl_c_exits_130_without_a_traceback(sandbox: Sandbox) -> None:
    read, write = os.pipe()  # a push waits for what git writes, and nobody writes
    process = subprocess.Popen(
        [*SPECKIT, "validate", "--source", "push"],
        cwd=sandbox.root,
        env=sandbox.environment,
        stdin=read,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    time.sleep(1.0)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    os.close(write)
    os.close(read)
    assert process.returncode == 130
    assert b"Traceback" not in err


def test_a_reader_that_goes_away_changes_nothing(sandbox: Sandbox) -> None:
    for number in range(300):
        sandbox.write(telemetry_path("plan", f"s{number}"), "{")
    process = subprocess.Popen(
        [*SPECKIT, "validate"],
        cwd=sandbox.root,
        env=sandbox.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == b""
    assert process.wait(20) == 1


@pytest.mark.parametrize(
    ("environ", "arguments", "colored"),
    [
        ({}, [], False),
        ({"NO_COLOR": ""}, ["--color", "always"], True),
        ({"NO_COLOR": "", "FORCE_COLOR": "1"}, [], True),
        ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, [], False),
        ({"NO_COLOR": "", "FORCE_COLOR": "1"}, ["--color", "never"], False),
    ],
)
def test_colour_follows_the_usual_variables(
    sandbox: Sandbox, environ: dict[str, str], arguments: list[str], colored: bool
) -> None:
    sandbox.write(PATH, "{")
    assert ("\x1b[" in sandbox.speckit("validate", *arguments, **environ).out) is colored
    assert ("\x1b[" in sandbox.speckit(*arguments, "validate", **environ).out) is colored


def test_a_terminal_gets_colour_and_its_input_is_not_waited_for(sandbox: Sandbox) -> None:
    sandbox.write(PATH, "{")
    sandbox.commit()
    parent, child = pty.openpty()
    process = subprocess.Popen(
        [*SPECKIT, "validate", "--source", "push"],
        cwd=sandbox.root,
        env={**sandbox.environment, "NO_COLOR": "", "TERM": "xterm"},
        stdin=child,
        stdout=child,
        stderr=child,
    )
    assert process.wait(20) == 1
    os.close(child)
    out = os.read(parent, 1 << 16)
    os.close(parent)
    assert b"\x1b[" in out


def test_quiet_says_only_findings(sandbox: Sandbox) -> None:
    sandbox.write(PATH, plan_telemetry())
    assert sandbox.speckit("-q", "validate").out == ""
    assert sandbox.speckit("validate", "-q").out == ""
    assert "not-applicable" in sandbox.speckit("-q", "lint", "--if-any").out


def test_output_survives_an_ascii_console(sandbox: Sandbox) -> None:
    sandbox.write(f"{Path(PATH).parent}/caf\u00e9-\u2713.json", "{")
    ran = sandbox.speckit("validate", process=True, PYTHONIOENCODING="ascii", LC_ALL="C")
    assert ran.code == 1
    assert "caf\u00e9-\u2713" in ran.out


@pytest.mark.parametrize("rule", all_rules(), ids=lambda rule: rule.code)
def test_every_rule_is_explained(sandbox: Sandbox, rule: object) -> None:
    from guardrails.cli import text

    shown = text(rule)  # type: ignore[arg-type]
    assert all(part in shown for part in ("Why\n", "Example\n", "How to fix or configure it\n"))


def test_explain_takes_codes_and_names_and_suggests(sandbox: Sandbox) -> None:
    assert sandbox.speckit("explain", "tel001").out == sandbox.speckit("explain", "evidence-malformed").out
    ran = sandbox.speckit("explain", "TEL01")
    assert ran.code == 2
    assert "did you mean TEL0" in ran.err


def test_rules_lists_all_or_a_family(sandbox: Sandbox) -> None:
    assert len(sandbox.speckit("rules").out.splitlines()) == len(all_rules())
    assert {line[:3] for line in sandbox.speckit("rules", "tel").out.splitlines()} == {"TEL"}
    assert len(json.loads(sandbox.speckit("rules", "--format", "json").out)) == len(all_rules())
    assert sandbox.speckit("rules", "XYZ").code == 2


def test_config_shows_values_and_origins_but_no_secret(sandbox: Sandbox) -> None:
    sandbox.write(".speckit.yaml", "hal:\n  secret_env: MY_HAL_KEY\n")
    ran = sandbox.speckit("config", MY_HAL_KEY="s3cr3t-value", SPEC_OPS_ALLOW_DIRTY="1")
    assert ran.code == 0
    assert "MY_HAL_KEY" in ran.out
    assert ".speckit.yaml:2" in ran.out
    assert "environment SPEC_OPS_ALLOW_DIRTY" in ran.out
    assert "s3cr3t" not in ran.out
    named = sandbox.home / "other.yaml"
    named.write_text("evidence: {warn_mb: 1}\n")
    assert f"({named}:1)" in sandbox.speckit("config", SPECKIT_CONFIG=str(named)).out
    assert f"({named}:1)" in sandbox.speckit("config", "--config", str(named)).out
    assert sandbox.speckit("config", "--config", "nowhere").code == 2


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_are_printed(sandbox: Sandbox, shell: str) -> None:
    assert "_SPECKIT_COMPLETE" in sandbox.speckit("completion", shell).out


def test_completion_completes_commands(sandbox: Sandbox) -> None:
    ran = sandbox.speckit(_SPECKIT_COMPLETE="bash_complete", COMP_WORDS="speckit va", COMP_CWORD="1")
    assert "validate" in ran.out


def test_the_source_can_come_from_the_environment(sandbox: Sandbox) -> None:
    sandbox.write(PATH, "{")
    assert sandbox.judge("validate", SPECKIT_SOURCE="index").code == 3
    assert sandbox.judge("validate", "--source", "worktree", SPECKIT_SOURCE="index").code == 1


@pytest.mark.parametrize("command", CHECKS)
def test_a_check_writes_nothing(sandbox: Sandbox, command: str) -> None:
    sandbox.write("SPEC.md", "# x\n")
    sandbox.write(PATH, plan_telemetry())
    sandbox.commit()
    sandbox.write(PATH, "{")

    def state() -> list[tuple[str, int, float]]:
        files = [path for path in sandbox.root.rglob("*") if path.is_file()]
        return sorted((str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in files)

    before = state()
    for source in ("worktree", "index", "HEAD"):
        sandbox.judge(command, "--source", source)
    assert state() == before


def test_python_m_guardrails_is_the_same_command() -> None:
    ran = subprocess.run([sys.executable, "-m", "guardrails", "--version"], capture_output=True, text=True, check=True)
    assert ran.stdout.startswith("speckit, version ")


def streams(sandbox: Sandbox, line: str) -> subprocess.CompletedProcess[bytes]:
    """A line of a shell in which `$speckit` is the command."""
    shell = f"speckit='{shlex.join(SPECKIT)}'; {line}"
    return subprocess.run(
        ["sh", "-c", shell], cwd=sandbox.root, env=sandbox.environment, capture_output=True, timeout=120
    )


@pytest.mark.skipif(sys.platform == "win32", reason="a shell's pipes")
@pytest.mark.parametrize(
    ("command", "code"), [("rules", 0), ("config", 0), ("--help", 0), ("doctor", 1), ("lint", 3), ("runs", 3)]
)
def test_a_reader_that_leaves_changes_no_exit_code(sandbox: Sandbox, command: str, code: int) -> None:
    plain = sandbox.speckit(command)
    assert plain.code == code
    ran = streams(sandbox, f"{{ PYTHONUNBUFFERED=1 $speckit {command}; echo $? >&2; }} | true")
    assert ran.stderr.decode().splitlines()[-1] == str(code)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is full")
@pytest.mark.parametrize("command", ["rules", "lint", "--help", "doctor"])
def test_output_that_has_no_room_is_said_and_is_no_internal_error(sandbox: Sandbox, command: str) -> None:
    ran = streams(sandbox, f"$speckit {command} > /dev/full")
    assert ran.returncode == 2
    assert b"error: the output cannot be written: No space left on device\nhint: make room" in ran.stderr
    assert streams(sandbox, "$speckit bogus 2> /dev/full").returncode == 2


@pytest.mark.skipif(sys.platform == "win32", reason="a shell's streams")
@pytest.mark.parametrize("command", ["lint", "rules", "runs", "guard"])
def test_streams_that_are_closed_change_no_exit_code(sandbox: Sandbox, command: str) -> None:
    assert streams(sandbox, f"$speckit {command} >&- 2>&-").returncode == sandbox.speckit(command).code


def test_what_the_system_refuses_is_said_and_is_no_internal_error(sandbox: Sandbox) -> None:
    refused = refusal(OSError(errno.ENOSPC, "No space left on device", "a/b"))
    assert refused is not None
    assert refused.message == "a/b: No space left on device"
    assert refusal(OSError(errno.EBADF, "Bad file descriptor")) is None
    (sandbox.root / ".git" / "speckit").write_text("in the way")
    sandbox.write("docs/SPEC-A-1/spec.md", "# A\n")
    ran = sandbox.speckit("security", "SPEC-A-1")
    assert (ran.code, "Traceback" in ran.err, "internal" in ran.err) == (2, False, False)
    assert "speckit/locks: Not a directory" in ran.err


@pytest.mark.parametrize("group", ["consensus", "evidence", "hal", "memory"])
def test_a_group_without_a_command_shows_its_commands(sandbox: Sandbox, group: str) -> None:
    ran = sandbox.speckit(group)
    assert (ran.code, ran.out) == (2, "")
    assert "\nCommands:\n" in ran.err
    assert "\\n" not in ran.err


def test_a_configuration_that_is_not_there_is_said_to_be_missing(sandbox: Sandbox) -> None:
    ran = sandbox.speckit("--config", "nope.yaml", "lint")
    assert (ran.code, "nope.yaml: No such file or directory" in ran.out + ran.err) == (2, True)
    ran = sandbox.speckit("--config", ".git", "lint")
    assert (ran.code, ".git: not a regular file" in ran.out + ran.err) == (2, True)
